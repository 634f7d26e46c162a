"""Computing answers to prompts, in a thread of its own: nothing of the viewer is touched here."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from napari_medseg.editing.scope import intersection
from napari_medseg.interact.prompts import Prompt
from napari_medseg.packed import Box, within
from napari_medseg.progress import Report, Step, silent
from napari_medseg.widgets.interact.question import Ground, Known, Question, Reply
from napari_medseg.widgets.interact.turns import Turn, overlaid
from napari_medseg.widgets.notices import sentence
from napari_medseg.widgets.segmenting import loaded_model, whole_volume

if TYPE_CHECKING:
    from napari_medseg.interact.interaction import Interaction

Work = Callable[[Question, "Interaction", Report], Iterable[Turn]]


def met(ground: Ground, report: Report = silent) -> Reply:
    """Load what is asked about `ground`, while a person still draws; failures are told later."""
    try:
        return Reply(_meet(ground, None, report))
    except (ValueError, OSError, MemoryError):
        return Reply(None)  # the first prompt meets it again, and says so


def readied(known: Known, middle: tuple[float, ...], report: Report = silent) -> Reply:
    """Compute what an answer near the voxel `middle` needs, while a person still draws."""
    interaction = known.interaction
    with contextlib.suppress(ValueError, OSError, MemoryError):  # the first prompt says so
        interaction.prepare(report)
        if middle:
            click = Prompt.drawn(interaction.volume, [middle], 1)
            nothing = np.broadcast_to(np.uint8(0), interaction.volume.shape)
            interaction.features(interaction.region(nothing, [click]), report)
    return Reply(known)


def run(work: Work, question: Question, report: Report = silent) -> Reply:
    """Do a piece of work for a question; what is wrong with it is said in a sentence."""
    known = None
    turns: list[Turn] = []
    try:
        known = _meet(question.ground, question.known, report)
        turns.extend(work(question, known.interaction, report))
    except (ValueError, OSError, MemoryError) as error:
        return Reply(known, tuple(turns), sentence(error))
    return Reply(known, tuple(turns))


def answers(question: Question, interaction: Interaction, report: Report) -> Iterator[Turn]:
    """Answer the new prompts of a question, one after the other."""
    done: list[Turn] = []
    for place in range(len(question.new)):
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
        done.append(Turn.of(prompts[-1:], found.box, labels[found.box], found.labels, found.notes))
        yield done[-1]


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
    own, touched = prompt.voxels(question.ground.grid)
    under = intersection(own, shared)
    if under is not None:
        numbers = np.unique(pieces[within(under, shared)][touched[within(under, own)]])
        kept &= ~np.isin(pieces, numbers[numbers > 0])
    free = np.ones(question.labels.shape, bool)
    free[shared] = ~kept
    return free
