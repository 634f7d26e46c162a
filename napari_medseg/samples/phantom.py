"""What a phantom is: an image made in code, with labels that are exact."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from napari_medseg.volume import Volume


@dataclass(frozen=True, eq=False)
class Phantom:
    """An image made in code and what is in it.

    Parameters
    ----------
    volume : Volume
        The image, ``(C, *S)``.
    labels : ndarray
        ``(*S)``, uint8, on the image's grid; 0 is the background.
    classes : tuple
        ``(value, name, colour)`` of every class.
    """

    volume: Volume
    labels: np.ndarray
    classes: tuple[tuple[int, str, str], ...]


@dataclass(frozen=True)
class Sample:
    """An entry of the list of samples: its name, a title for people, and how it is made.

    ``make(seed=0)`` gives the same `Phantom` for the same seed, another patient for another.
    """

    name: str
    title: str
    make: Callable[..., Phantom]
