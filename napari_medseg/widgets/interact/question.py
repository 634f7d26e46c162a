"""What computing answers to prompts needs and gives: plain values between two threads."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_medseg.interact.prompts import Prompt
from napari_medseg.packed import Box
from napari_medseg.session import LoadedModel
from napari_medseg.volume import Volume
from napari_medseg.widgets.interact.turns import Turn

if TYPE_CHECKING:
    from napari_medseg.engine.segmenter import Segmenter
    from napari_medseg.interact.interaction import Interaction


@dataclass(frozen=True, eq=False)
class Ground:
    """The image prompts are given on, and the model that knows something of it.

    Parameters
    ----------
    key : hashable
        What is equal where an `Interaction` can be used again.
    volumes : tuple of Volume or None
        One for each channel, or one with all.
    model : Path or None
        A checkpoint; None if the image is all there is.
    device : str
        What it computes on.
    segmenter : Segmenter or None
        The model, if it is in memory already.
    middle : tuple of float
        The voxel in the middle of what one sees; empty if one sees no slice.
    """

    key: Hashable
    volumes: tuple[Volume | None, ...]
    model: Path | None = None
    device: str = "auto"
    segmenter: Segmenter | None = None
    middle: tuple[float, ...] = ()

    @property
    def grid(self) -> Volume:
        """The grid of the image."""
        return next(volume for volume in self.volumes if volume is not None)


@dataclass(frozen=True, eq=False)
class Known:
    """An `Interaction` to ask again, for what ground it was made, and the model it has."""

    key: Hashable
    interaction: Interaction
    loaded: LoadedModel | None = None


@dataclass(frozen=True, eq=False)
class Question:
    """Prompts to answer, and all that the answer depends on.

    Parameters
    ----------
    labels : ndarray
        ``(*S)``; read only.
    turns : tuple of Turn
        Answers that are not in the labels yet.
    earlier : tuple of Prompt
        All prompts so far that hold, those of the turns among them.
    new : tuple of Prompt
        The ones to answer.
    locked : frozenset of int
        Classes that stay as they are.
    painted : tuple of (box, ndarray of bool), or None
        Where a person painted or confirmed.
    """

    ground: Ground
    known: Known | None
    labels: np.ndarray
    turns: tuple[Turn, ...]
    earlier: tuple[Prompt, ...]
    new: tuple[Prompt, ...]
    locked: frozenset[int] = frozenset()
    painted: tuple[Box, np.ndarray] | None = None


@dataclass(frozen=True, eq=False)
class Reply:
    """What came of a question.

    Parameters
    ----------
    known : Known or None
        To be asked again.
    turns : tuple of Turn
        One for each prompt that was answered, in order.
    reason : str
        Why the prompt after those could not be answered, as a sentence for people; or empty.
    """

    known: Known | None
    turns: tuple[Turn, ...] = ()
    reason: str = ""
