"""Computing answers to prompts, in a thread of its own: nothing of the viewer is touched here."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from napari_medseg.editing.scope import intersection, union
from napari_medseg.interact.prompts import POINTED, Prompt
from napari_medseg.packed import Box, shape_of, within
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
    """Answer the new prompts of a question: those together that came while others were computed."""
    done: list[Turn] = []
    earlier = question.earlier
    for new in together(question, interaction):
        turns = (*question.turns, *done)
        labels = overlaid(question.labels, turns) if turns else question.labels
        prompts = (*earlier, *new)
        region = interaction.region(labels, prompts, len(new))
        found = interaction.answer(
            labels,
            prompts,
            together=len(new),
            locked=question.locked,
            may_change=_free(question, region, new),
            report=report,
        )
        done.append(Turn.of(new, found.box, labels[found.box], found.labels, found.notes))
        earlier = prompts
        yield done[-1]


def together(question: Question, interaction: Interaction) -> list[tuple[Prompt, ...]]:
    """Return the new prompts in groups that one answer is for: points and scribbles side by side.

    A box or lasso is answered alone, and so is what cannot be answered. Each prompt of a group but
    the last one says that it is answered with the next, so that it can be done again.
    """
    groups: list[list[Prompt]] = []
    regions: list[Box] = []  # of the last group, none if it is closed
    for prompt in question.new:
        region = None
        if prompt.kind in POINTED and prompt.value not in question.locked:
            with contextlib.suppress(ValueError):  # said when it is answered
                region = interaction.region(question.labels, [prompt])
        more = [*regions, region] if region is not None else []
        whole = union(more) if regions else None
        if whole is not None and _voxels(whole) <= sum(map(_voxels, more)):
            groups[-1].append(prompt)
            regions = more
        else:
            groups.append([prompt])
            regions = more[-1:]
    return [
        (*(prompt.replace(with_next=True) for prompt in group[:-1]), group[-1]) for group in groups
    ]


def _voxels(box: Box) -> int:
    return math.prod(shape_of(box))


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


def _free(question: Question, region: Box, prompts: Sequence[Prompt]) -> np.ndarray | None:
    """Return where an answer may change labels ``(*S)``; None where it may everywhere.

    What a person painted stays, but for the pieces of it that the prompts touch.
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
    for prompt in prompts:
        own, touched = prompt.voxels(question.ground.grid)
        under = intersection(own, shared)
        if under is not None:
            numbers = np.unique(pieces[within(under, shared)][touched[within(under, own)]])
            kept &= ~np.isin(pieces, numbers[numbers > 0])
    free = np.ones(question.labels.shape, bool)
    free[shared] = ~kept
    return free
