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


def world_affine(shape: tuple[int, ...], spacing: tuple[float, ...]) -> np.ndarray:
    """Place an array ``(D, H, W)`` with its centre at the origin of RAS+ mm.

    D runs inferior to superior, H anterior to posterior, W right to left, as in every `Volume`.
    """
    (d, h, w), (sd, sh, sw) = shape, spacing
    return np.array(
        [
            [0, 0, -sw, sw * (w - 1) / 2],
            [0, -sh, 0, sh * (h - 1) / 2],
            [sd, 0, 0, -sd * (d - 1) / 2],
            [0, 0, 0, 1],
        ],
        dtype=float,
    )
