"""Evidence without gradients: probabilities, uncertainty, and what covering a part changes."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from itertools import product

import torch
from torch import Tensor

from napari_medseg.engine.readout import entropy
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.explain.classes import class_names
from napari_medseg.explain.gradients import channel_names
from napari_medseg.explain.overlay import Overlay
from napari_medseg.explain.passing import classes_of, looking, probabilities_of, run
from napari_medseg.explain.table import Table
from napari_medseg.explain.targets import Region, Target, target_of
from napari_medseg.explain.view import View
from napari_medseg.progress import Report, Step, silent

_CELLS = 12  # along the longest side of a view, where no size is given
_AT_ONCE = 1 << 19  # voxels in a batch of covered images


def probabilities(segmenter: Segmenter, view: View, *, report: Report = silent) -> Overlay:
    """Return the probability of every class."""
    found = probabilities_of(run(segmenter, view, report=report).logits, segmenter.card.activation)
    values, place = view.placed(found)
    return Overlay(
        name="probabilities",
        words="probability of each class",
        values=values,
        place=place,
        kind="share",
        channels=class_names(segmenter),
        notes=view.notes,
    )


def uncertainty(segmenter: Segmenter, view: View, *, report: Report = silent) -> Overlay:
    """Return how unsure the model is, 0 to 1: the normalised entropy of its probabilities."""
    activation = segmenter.card.activation
    found = probabilities_of(run(segmenter, view, report=report).logits, activation)
    maps = torch.stack([entropy(one, activation) for one in found])[:, None]
    values, place = view.placed(maps)
    return Overlay(
        name="uncertainty",
        words="how unsure the model is: 0 sure, 1 as unsure as can be (entropy)",
        values=values,
        place=place,
        kind="share",
        channels=("uncertainty",),
        notes=view.notes,
    )


def occlusion(
    segmenter: Segmenter,
    view: View,
    value: int,
    *,
    region: Region = None,
    box: Sequence[slice] | None = None,
    cell: float | None = None,
    report: Report = silent,
) -> Overlay:
    """Return how much less probable a class becomes when a part of the image is covered.

    Parameters
    ----------
    segmenter, view
        The model and what it sees; of several slices, the one of ``view.at``.
    value : int
        Label value of the class.
    region : ndarray, "here" or None
        Where the class is asked about, see `target_of`; None is where the model finds it.
    box : sequence of slice or None
        Part of the image ``*S`` that is covered bit by bit; None is that of the view, or all of
        the view.
    cell : float or None
        Side of what is covered at a time, in mm; None is a twelfth of the longest side of the
        part.
    report : Report
        Called before every batch; may raise `Cancelled`.

    Returns
    -------
    Overlay
        Per cell, the mean probability over the region minus that with the cell set to 0 (the
        mean, where images are normalised). Positive: the cell speaks for the class.

    Raises
    ------
    ValueError
        If class, region or box do not lie in the view.

    Source: Zeiler & Fergus 2014, Visualizing and Understanding Convolutional Networks,
    arXiv:1311.2901, section 4.2.
    """
    view = view.one_window().alone()
    view = view if box is None else view.within(box)
    logits = run(segmenter, view, report=report).logits
    target = target_of(segmenter, view, logits, value, region)
    maps = _lost(segmenter, view, logits, target, _cells(view, cell), report)
    values, place = view.placed(maps[None, None])
    return Overlay(
        name=f"occlusion for {target.name}",
        words=f"how much less probable {target.name} becomes when this part is covered",
        values=values,
        place=place,
        kind="signed",
        unit="probability",
        channels=(target.name,),
        notes=(*view.notes, *target.notes),
    )


def modality_importance(
    segmenter: Segmenter, view: View, *, report: Report = silent
) -> tuple[Overlay, Table]:
    """Return what leaving out each channel of the image changes.

    A channel is left out by setting it to 0: to networks that can do without one it is missing
    then, to others it says the mean everywhere.

    Returns
    -------
    Overlay
        Per channel, the probability of the model's answer with all channels minus that without
        this one.
    Table
        Per channel, the mean of that where something was found, and the share of voxels whose
        answer changes.

    Raises
    ------
    ValueError
        If the model takes one channel only.
    """
    channels = view.image.shape[1]
    if channels < 2:
        raise ValueError("this model takes a single channel; there is nothing to leave out")
    activation = segmenter.card.activation
    with_all = probabilities_of(run(segmenter, view, report=report).logits, activation)
    answers, answer = classes_of(with_all, activation), with_all.argmax(1, keepdim=True)
    inside = view.covered()
    found = inside & answers[:, int(activation == "softmax") :].any(1)  # not the background
    maps, rows = [], []
    for channel, name in enumerate(channel_names(segmenter, channels)):
        image = view.image.clone()
        image[:, channel] = 0
        left = run(segmenter, dataclasses.replace(view, image=image), report=report).logits
        without = probabilities_of(left, activation)
        drop = (with_all.gather(1, answer) - without.gather(1, answer))[:, 0]
        changed = (classes_of(without, activation) != answers).any(1)
        maps.append(drop)
        where = found if found.any() else inside
        rows.append((name, float(drop[where].mean()), float(changed[inside].float().mean())))
    values, place = view.placed(torch.stack(maps, dim=1))
    overlay = Overlay(
        name="importance of each channel",
        words="probability of the answer that is lost without this channel of the image",
        values=values,
        place=place,
        kind="signed",
        unit="probability",
        channels=tuple(str(row[0]) for row in rows),
        notes=view.notes,
    )
    table = Table(
        "importance of each channel",
        "what leaving out a channel of the image changes",
        ("channel", "probability lost where something is found", "share of voxels that change"),
        tuple(rows),
        measure="probability lost where something is found",
        definition="the channel is set to 0, which is the mean or, if the model can, missing",
    )
    return overlay, table


def _lost(
    segmenter: Segmenter,
    view: View,
    logits: Tensor,
    target: Target,
    counts: Sequence[int],
    report: Report,
) -> Tensor:
    """Return what covering each cell takes from the probability over the target's region."""
    there, activation = target.region[0], segmenter.card.activation
    whole = _mean_probability(logits, activation, target.channel, there)[0]
    maps, cells = torch.zeros(tuple(counts)), list(_cells_in(view, counts))
    left = _probabilities_without(segmenter, view, [part for _, part in cells], target, report)
    for (index, _), probability in zip(cells, left, strict=True):
        maps[index] = whole - probability
    return maps


def _probabilities_without(
    segmenter: Segmenter,
    view: View,
    parts: Sequence[tuple[slice, ...]],
    target: Target,
    report: Report,
) -> Tensor:
    """Return the mean probability over the target's region with each part covered."""
    at_once, activation = max(1, _AT_ONCE // math.prod(view.size)), segmenter.card.activation
    left = []
    with looking(segmenter, view, report, batch=min(at_once, len(parts))) as outer:
        for first in range(0, len(parts), at_once):
            outer(Step(first, len(parts), "cell"))
            batch = _covered(view.image, parts[first : first + at_once])
            answer = segmenter.network(batch.to(segmenter.device)).float().cpu()
            left.append(_mean_probability(answer, activation, target.channel, target.region[0]))
    return torch.cat(left)


def _covered(image: Tensor, parts: Sequence[tuple[slice, ...]]) -> Tensor:
    """Copy ``(1, C, *S)`` once per part, with that part set to 0."""
    batch = image.repeat(len(parts), *[1] * (image.ndim - 1))
    for one, part in zip(batch, parts, strict=True):
        one[(slice(None), *part)] = 0
    return batch


def _mean_probability(logits: Tensor, activation: str, channel: int, there: Tensor) -> Tensor:
    """Average a class's probability over a region: ``(B, K, *S), (*S) -> (B,)``."""
    return probabilities_of(logits, activation)[:, channel][:, there].mean(1)


def _cells(view: View, cell: float | None) -> tuple[int, ...]:
    """Return into how many cells each side of the view is cut."""
    sides = [n * mm for n, mm in zip(view.size, view.voxel_mm, strict=True)]
    part = view.crop or [slice(0, n) for n in view.size]
    longest = max((p.stop - p.start) * mm for p, mm in zip(part, view.voxel_mm, strict=True))
    wanted = longest / _CELLS if cell is None else cell
    if not wanted > 0:
        raise ValueError(f"cells must be larger than 0 mm, got {cell}")
    cells = (max(1, min(n, round(s / wanted))) for n, s in zip(view.size, sides, strict=True))
    return tuple(cells)


def _cells_in(
    view: View, counts: Sequence[int]
) -> Iterator[tuple[tuple[int, ...], tuple[slice, ...]]]:
    """Yield the index of every cell in the image and the view's box, and its voxels of the view."""
    allowed = view.covered()[0]
    if view.crop is not None:
        inside = torch.zeros_like(allowed)
        inside[view.crop] = True
        allowed = allowed & inside
    edges = [
        [round(i * side / count) for i in range(count + 1)]
        for side, count in zip(view.size, counts, strict=True)
    ]
    for index in product(*map(range, counts)):
        part = tuple(slice(e[i], e[i + 1]) for e, i in zip(edges, index, strict=True))
        if allowed[part].any():
            yield index, part
