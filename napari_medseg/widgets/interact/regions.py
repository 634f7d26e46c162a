"""Larger answers, as previews, too: the model asked about a part, a slice carried on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from napari_medseg.editing.scope import intersection
from napari_medseg.interact.drawing import nearest
from napari_medseg.interact.prompts import Prompt
from napari_medseg.packed import Box, within
from napari_medseg.progress import Report
from napari_medseg.volume import Volume
from napari_medseg.widgets.interact.question import Question
from napari_medseg.widgets.interact.turns import Turn, overlaid

if TYPE_CHECKING:
    from napari_medseg.interact.interaction import Interaction


def segment_here(
    prompt: Prompt, question: Question, interaction: Interaction, report: Report
) -> Iterator[Turn]:
    """Let the model segment inside a drawn box, or the object under any other prompt.

    Inside a box its classes become what it finds; around a click only the object is added.
    """
    from napari_medseg.interact.region import segment_at, segment_box

    segmenter, volume = interaction.segmenter, interaction.volume
    if segmenter is None:
        raise ValueError("a model is needed for this; choose one first")
    if prompt.kind == "box":
        found = segment_box(segmenter, volume, _in_depth(prompt, volume), report=report)
    else:
        middle = nearest(prompt.indices(volume).mean(axis=0))
        inside = np.clip(middle, 0, np.asarray(volume.shape) - 1)
        found = segment_at(segmenter, volume, inside.tolist(), report=report)
    before = overlaid(question.labels, question.turns, found.box)
    after = found.labels.astype(before.dtype)
    others = ~np.isin(before, interaction.values) if prompt.kind == "box" else after == 0
    held = (others & (after == 0)) | _held(question, found.box, before)
    after[held] = before[held]
    yield Turn.of((), found.box, before, after, found.notes)


def carry_on(
    index: int,
    axis: int,
    value: int,
    question: Question,
    interaction: Interaction,
    report: Report,
) -> Iterator[Turn]:
    """Carry a class of a slice to its neighbours, as far as the image bears it out."""
    from napari_medseg.interact.propagate import propagate

    labels = overlaid(question.labels, question.turns)
    free = None
    if question.painted is not None:
        box, mask = question.painted
        free = np.ones(labels.shape, bool)
        free[box] = ~mask
    found = propagate(
        labels,
        interaction.volume,
        index,
        axis,
        value=value,
        interaction=interaction,
        may_change=free,
        locked=question.locked,
        report=report,
    )
    ends = [f"{why[:1].upper()}{why[1:]}." for why in dict.fromkeys(found.reasons) if why]
    notes = " ".join([f"Slices {found.first} to {found.last}.", *ends])
    yield Turn.of((), found.box, labels[found.box], found.labels, (notes,))


def _in_depth(prompt: Prompt, volume: Volume) -> Box:
    """Return the box a person drew; one drawn on a slice reaches as far across as it is wide."""
    box, _ = prompt.voxels(volume)
    axis = prompt.plane(volume)
    if axis is None:
        return box
    wide = max(
        (s.stop - s.start) * mm
        for a, (s, mm) in enumerate(zip(box, volume.spacing, strict=True))
        if a != axis
    )
    reach = round(wide / volume.spacing[axis] / 2)
    start, stop = box[axis].start - reach, box[axis].stop + reach
    deep = slice(max(start, 0), min(stop, volume.shape[axis]))
    return (*box[:axis], deep, *box[axis + 1 :])


def _held(question: Question, box: Box, labels: np.ndarray) -> np.ndarray:
    """Return where labels of a box may not change: locked classes, and what a person painted."""
    held = np.isin(labels, list(question.locked))
    shared = None if question.painted is None else intersection(question.painted[0], box)
    if shared is not None and question.painted is not None:
        held[within(shared, box)] |= question.painted[1][within(shared, question.painted[0])]
    return held
