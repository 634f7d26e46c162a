"""What computing answers to prompts needs and gives: asked in the GUI thread, run in another."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_medseg.editing.scope import intersection
from napari_medseg.interact.prompts import Prompt
from napari_medseg.packed import Box, within
from napari_medseg.progress import Report, Step, silent
from napari_medseg.session import LoadedModel
from napari_medseg.volume import Volume
from napari_medseg.widgets.interact.turns import Turn, overlaid
from napari_medseg.widgets.notices import sentence
from napari_medseg.widgets.segmenting import loaded_model, whole_volume

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
    """

    key: Hashable
    volumes: tuple[Volume | None, ...]
    model: Path | None = None
    device: str = "auto"
    segmenter: Segmenter | None = None


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


def met(ground: Ground, report: Report = silent) -> Reply:
    """Load what is asked about `ground`, while a person still draws; failures are told later."""
    try:
        return Reply(_meet(ground, None, report))
    except (ValueError, OSError, MemoryError):
        return Reply(None)  # the first prompt meets it again, and says so


def readied(known: Known, report: Report = silent) -> Reply:
    """Compute what every answer needs, while a person still draws."""
    try:
        known.interaction.prepare(report)
    except (ValueError, OSError, MemoryError):
        return Reply(None)
    return Reply(known)


def answer(question: Question, report: Report = silent) -> Reply:
    """Answer the new prompts of a question, one after the other."""
    known = None
    turns: list[Turn] = []
    try:
        known = _meet(question.ground, question.known, report)
        for place in range(len(question.new)):
            turns.append(_turn(question, known.interaction, turns, place, report))
    except (ValueError, OSError, MemoryError) as error:
        return Reply(known, tuple(turns), sentence(error))
    return Reply(known, tuple(turns))


def _meet(ground: Ground, known: Known | None, report: Report) -> Known:
    """Return what answers questions about `ground`: `known` itself, or one that is made now."""
    if known is not None and known.key == ground.key:
        return known
    loaded = None
    if ground.model is not None:
        loaded = loaded_model(ground.model, ground.device, ground.segmenter, report)
    report(Step(0, 0, "image", "reading the image …"))
    from napari_medseg.interact.interaction import Interaction

    segmenter = None if loaded is None else loaded.segmenter
    return Known(ground.key, Interaction(whole_volume(ground.volumes), segmenter), loaded)


def _turn(
    question: Question,
    interaction: Interaction,
    done: list[Turn],
    place: int,
    report: Report,
) -> Turn:
    prompts = (*question.earlier, *question.new[: place + 1])
    turns = (*question.turns, *done)
    labels = overlaid(question.labels, turns) if turns else question.labels
    found = interaction.answer(
        labels,
        prompts,
        locked=question.locked,
        may_change=_free(question, interaction.region(labels, prompts), prompts[-1]),
        report=report,
    )
    return Turn.of(prompts[-1:], found.box, labels[found.box], found.labels, found.notes)


def _free(question: Question, region: Box, prompt: Prompt) -> np.ndarray | None:
    """Return where an answer may change labels ``(*S)``; None where it may everywhere.

    What a person painted stays, but for the pieces of it that the prompt touches.
    """
    shared = None if question.painted is None else intersection(question.painted[0], region)
    if shared is None or question.painted is None:
        return None
    box, mask = question.painted
    kept = mask[within(shared, box)].copy()
    if not kept.any():
        return None
    from scipy import ndimage

    pieces, _ = ndimage.label(kept)
    own, touched = prompt.voxels(whole_grid(question))
    under = intersection(own, shared)
    if under is not None:
        numbers = np.unique(pieces[within(under, shared)][touched[within(under, own)]])
        kept &= ~np.isin(pieces, numbers[numbers > 0])
    free = np.ones(question.labels.shape, bool)
    free[shared] = ~kept
    return free


def whole_grid(question: Question) -> Volume:
    """Return the grid of the image that a question is about."""
    return next(volume for volume in question.ground.volumes if volume is not None)
