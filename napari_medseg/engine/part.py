"""A part of an image: the windows it needs, all others left out, and where its answer goes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from torch import Tensor

from napari_medseg.engine.grid import Grid
from napari_medseg.engine.plan import Plan
from napari_medseg.engine.sliding_window import Consume

Box = tuple[slice, ...]
"""One slice with start and stop per axis of ``*S``."""


def checked_box(box: Sequence[slice] | None, shape: Sequence[int]) -> Box:
    """Return `box` with plain starts and stops inside `shape` ``(*S)``; None is everything.

    Raises
    ------
    ValueError
        If it has another number of axes, a step, or holds no voxel.
    """
    if box is None:
        return tuple(slice(0, size) for size in shape)
    if len(box) != len(shape):
        raise ValueError(
            f"the box has {len(box)} axes, the image has {len(shape)}; give one slice per axis"
        )
    if any(b.step not in (None, 1) for b in box):
        raise ValueError("a box takes every voxel; leave the step of its slices out")
    inside = [slice(*b.indices(size)[:2]) for b, size in zip(box, shape, strict=True)]
    if any(b.start >= b.stop for b in inside):
        raise ValueError(
            f"the box holds no voxel of the image of {'x'.join(map(str, shape))} voxels; "
            "draw it on the image"
        )
    return tuple(inside)


def network_box(grid: Grid, box: Box) -> Box:
    """Return the network's voxels from which the logits of `box` are interpolated."""
    needed = []
    for part, n, m in zip(box, grid.input_shape, grid.shape, strict=True):
        ends = (np.array([part.start, part.stop - 1]) + 0.5) * m / n - 0.5
        low, high = np.floor(ends.clip(0, m - 1)).astype(int)
        needed.append(part if n == m else slice(int(low), min(int(high) + 2, m)))
    return tuple(needed)


def touching(
    plan: Plan, image: Box, needed: Box, *, keep_batches: bool = False
) -> tuple[Plan, Box] | None:
    """Return the windows of `plan` that touch `needed`, and the voxels they cover.

    The windows lie where those of the whole image lie and are added up in the same order, so
    that a voxel in `needed` gets the same logits whether the rest is computed or not.

    Parameters
    ----------
    plan : Plan
        For the voxels of `image`.
    image : tuple of slice
        What is run at most, on the network's grid.
    needed : tuple of slice
        Which of its voxels are asked for.
    keep_batches : bool
        Take whole batches of slices as they are for the image, not just the slices asked for.

    Returns
    -------
    tuple or None
        The plan for the part and the part on the network's grid; None if nothing is touched.
    """
    tiling, window, part = plan.tiling, list(plan.window), []
    for axis, (whole, wanted) in enumerate(zip(image, needed, strict=True)):
        start, stop = max(whole.start, wanted.start), min(whole.stop, wanted.stop)
        if start >= stop:
            return None
        if axis == plan.slice_axis and not keep_batches:  # slices know nothing of each other
            part.append(slice(start, stop))
            batches = -(-(stop - start) // window[axis])
            window[axis] = -(-(stop - start) // batches)
            continue
        offset, side = whole.start - tiling.before[axis], window[axis]  # of the padded image
        seen = [
            first + offset
            for first in tiling.starts[axis]
            if first + offset < stop and first + offset + side > start
        ]
        part.append(slice(max(seen[0], whole.start), min(seen[-1] + side, whole.stop)))
    size = tuple(b.stop - b.start for b in part)
    return dataclasses.replace(plan, size=size, window=tuple(window), order=tiling.order), tuple(
        part
    )


def placed(consume: Consume, box: Box, start: Sequence[int] = (0, 0, 0)) -> Consume:
    """Return a consumer of blocks that hands on what lies in `box`, counted from its corner.

    Parameters
    ----------
    consume : callable
        Takes the blocks of the box.
    box : tuple of slice
        On the grid of the blocks.
    start : sequence of int
        Where on that grid the blocks' own origin lies.
    """

    def cut(logits: Tensor, corner: tuple[int, ...]) -> None:
        at: list[slice] = [slice(None)]
        inside = []
        for c, s, b, n in zip(corner, start, box, logits.shape[1:], strict=True):
            low, high = max(c + s, b.start), min(c + s + n, b.stop)
            if low >= high:
                return
            at.append(slice(low - c - s, high - c - s))
            inside.append(low - b.start)
        consume(logits[tuple(at)], tuple(inside))

    return cut
