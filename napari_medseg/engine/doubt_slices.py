"""What is odd from slice to slice: a slice unlike both its neighbours, an area that jumps."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from napari_medseg.engine.doubt_place import Place, around, pause
from napari_medseg.packed import Box, bounding_box

_FEWEST = 6  # slices an object must have: with fewer, every change is large
_UNLIKE = 0.25  # of the area: what a slice has or lacks against both neighbours
_SPIKE = 3.0  # times the usual change
_STEP = 0.3  # of the area


def odd_slices(
    labels: np.ndarray, *, axis: int = 0, tick: Callable[[], None] = pause
) -> Iterator[Place]:
    """Find slices that do not go with their neighbours.

    Parameters
    ----------
    labels : ndarray
        ``(D, H, W)``, integers; a 2D image has no neighbouring slices, and no odd ones.
    axis : int
        Along which the slices lie.
    tick : callable
        Called before each class; may raise `Cancelled`.
    """
    from scipy import ndimage

    if labels.ndim != 3:
        return
    for label, box in enumerate(ndimage.find_objects(labels), 1):
        if box is None or box[axis].stop - box[axis].start < _FEWEST:
            continue
        tick()
        mask = np.moveaxis(labels[box] == label, axis, 0)
        for score, first, last, different, reason, kind in _odd(
            mask, box[axis], labels.shape[axis]
        ):
            where = bounding_box(different)
            if where is None:
                continue
            rest = [b for a, b in enumerate(box) if a != axis]
            inside = [
                slice(b.start + w.start, b.start + w.stop) for b, w in zip(rest, where, strict=True)
            ]
            inside.insert(axis, slice(box[axis].start + first, box[axis].start + last + 1))
            wider = around(inside, labels.shape)
            yield Place(
                _middle(different, where, rest, axis, box, first), wider, label, score, reason, kind
            )


Odd = tuple[float, int, int, np.ndarray, str, str]


def _odd(mask: np.ndarray, extent: slice, side: int) -> Iterator[Odd]:
    """Yield score, first and last slice, what differs in the plane, reason, and kind."""
    areas = mask.sum((1, 2))
    singles = set()
    for index in range(1, len(mask) - 1):
        odd = (mask[index] != mask[index - 1]) & (mask[index] != mask[index + 1])
        count, area = int(odd.sum()), max(int(areas[index - 1]), int(areas[index + 1]))
        if areas[index - 1] and areas[index + 1] and count > max(_UNLIKE * area, 3):
            singles.add(index)
            missing = not areas[index]
            reason = (
                "the label is missing on this slice, not on its neighbours"
                if missing
                else "this slice is unlike both its neighbours"
            )
            score = 0.9 if missing else min(0.45 + 0.5 * count / area, 0.9)
            yield score, index, index, odd, reason, "slice"
    yield from _jumps(mask, areas, extent, side, singles)


def _jumps(
    mask: np.ndarray, areas: np.ndarray, extent: slice, side: int, singles: set[int]
) -> Iterator[Odd]:
    """Yield where the outline changes far more than around there, in the middle or at an end."""
    nothing = np.zeros_like(mask[:1])
    padded = np.concatenate([nothing, mask, nothing])
    changes = (padded[1:] != padded[:-1]).sum((1, 2)).astype(float)  # before slice i
    for index, change in enumerate(changes):
        low, high = max(index - 1, 0), min(index, len(areas) - 1)
        if {index - 1, index} & singles:
            continue
        at_border = (index == 0 and extent.start == 0) or (
            index == len(mask) and extent.stop == side
        )
        near = [
            c
            for i, c in enumerate(changes)
            if i != index and abs(i - index) <= 3 and not {i - 1, i} & singles
        ]
        area = max(int(areas[low]), int(areas[high]), 1)
        if at_border or not near or change < _STEP * areas.max():
            continue
        usual = float(np.median(near))
        if change < _SPIKE * max(usual, 1.0) or change < _STEP * area:
            continue
        different = padded[index + 1] != padded[index]
        ends = index in (0, len(mask))
        reason = "the label ends abruptly" if ends else "the area jumps between two slices"
        score = min(0.35 + 0.05 * change / max(usual, 1.0), 0.75)
        yield score, low, high, different, reason, "jump"


def _middle(
    different: np.ndarray, where: Box, rest: list[slice], axis: int, box: Box, first: int
) -> tuple[int, ...]:
    """Return the voxel nearest to the middle of what differs, on the first slice."""
    at = np.argwhere(different[where])
    nearest = at[np.abs(at - at.mean(0)).sum(1).argmin()]
    found = [int(n) + w.start + b.start for n, w, b in zip(nearest, where, rest, strict=True)]
    found.insert(axis, box[axis].start + first)
    return tuple(found)
