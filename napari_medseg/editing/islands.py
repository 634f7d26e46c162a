"""The parts of a class that lie far enough apart to be worked on alone, each in a small box.

Three hundred specks make the box of a label as large as the volume; the boxes of its parts are
small. A coarse map of which blocks hold the label tells them apart, in one pass over the volume.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from napari_medseg.packed import Box, bounding_box, shape_of, within
from napari_medseg.progress import Report, Step, silent

_BLOCK = (8, 16, 16)
_MANY = 200  # parts; more of them are joined, as each takes a while of its own
_SMALL = 1 << 21  # voxels; labels of this size are not worth a map
_TILE = {2: 1024, 3: 128}  # voxels along a side; what is worked on at once lies in the cache

Change = Callable[[np.ndarray], np.ndarray]  # mask -> mask, of the same shape


@dataclass(frozen=True, eq=False)
class Island:
    """A part of a class: `mask` holds its voxels in `box`, and no other part's."""

    box: Box
    mask: np.ndarray


def islands(
    labels: np.ndarray, label: int, margin: Sequence[int] = (), report: Report = silent
) -> Iterator[Island]:
    """Yield the parts of `label`, which lie more than twice `margin` from each other.

    Parameters
    ----------
    labels : ndarray
        ``(*S)`` integers, 2D or 3D.
    label : int
        The class.
    margin : sequence of int
        Voxels along each axis by which a box reaches beyond its part; none by default.
    report : Report
        Called before each part.
    """
    margin = tuple(margin) or (0,) * labels.ndim
    report(Step(0, 0, "object"))
    if labels.size <= _SMALL:
        mask = labels == label
        inner = bounding_box(mask)
        if inner is not None:
            box = grown(inner, margin, labels.shape)
            yield Island(box, mask[box])
        return
    parts, boxes, block = _map(labels, label, margin)
    for done, coarse in enumerate(boxes):
        report(Step(done, len(boxes), "object"))
        loose = _in_voxels(coarse, block, labels.shape)
        own = labels[loose] == label
        others = (parts[coarse] > 0) & (parts[coarse] != done + 1)
        if others.any():
            own &= ~_magnified(others, block, own.shape)
        inner = bounding_box(own)
        assert inner is not None  # the map says that it holds a voxel
        tight = _shifted(inner, loose)
        box = grown(tight, margin, labels.shape)
        mask = np.zeros(shape_of(box), bool)
        mask[within(tight, box)] = own[inner]
        yield Island(box, mask)


def reshaped(
    labels: np.ndarray,
    label: int,
    change: Change,
    reach: Sequence[int],
    *,
    overwrite: bool = False,
    report: Report = silent,
) -> np.ndarray:
    """Return `labels` with the shape of one class changed by a local operation.

    Parameters
    ----------
    labels : ndarray
        ``(*S)`` integers.
    label : int
        The class.
    change : callable
        ``mask -> mask``; what it answers at a voxel depends only on what lies within `reach`, and
        it leaves an empty mask empty.
    reach : sequence of int
        Voxels along each axis.
    overwrite : bool
        Whether the class may take voxels of other classes.
    report : Report
        Called before each part.
    """
    edited = labels.copy()
    for island in islands(labels, label, reach, report):
        for tile, halo in tiles(island.mask.shape, reach):
            mask = island.mask[halo]
            if not mask.any():
                continue
            report(Step(0, 0, "part"))
            inside = within(tile, halo)
            write(
                edited,
                _shifted(tile, island.box),
                mask[inside],
                change(mask)[inside],
                label,
                overwrite,
            )
    return edited


def write(
    edited: np.ndarray, box: Box, old: np.ndarray, new: np.ndarray, label: int, overwrite: bool
) -> None:
    """Change a class in `box` of `edited` from the mask `old` to the mask `new`.

    What it loses becomes background; it gains background, and other classes only if `overwrite`.
    """
    part = edited[box]
    gained = new & ~old
    if not overwrite:
        gained &= part == 0
    np.copyto(part, 0, where=old & ~new, casting="unsafe")
    np.copyto(part, label, where=gained, casting="unsafe")


def loose_boxes(labels: np.ndarray, label: int) -> list[Box]:
    """Return boxes of the parts of `label`, a little larger than need be; no object is cut."""
    _, boxes, block = _map(labels, label, (0,) * labels.ndim)
    return [_in_voxels(box, block, labels.shape) for box in boxes]


def grown(box: Box, margin: Sequence[int], shape: Sequence[int]) -> Box:
    """Return `box` with `margin` voxels more on all sides, cut at the borders of `shape`."""
    return tuple(
        slice(max(b.start - m, 0), min(b.stop + m, n))
        for b, m, n in zip(box, margin, shape, strict=True)
    )


def tiles(shape: Sequence[int], reach: Sequence[int]) -> Iterator[tuple[Box, Box]]:
    """Yield boxes that fill an array, and the same grown by `reach`."""
    whole = tuple(slice(0, n) for n in shape)
    side = _TILE[len(shape)]
    if all(n <= side + 2 * r for n, r in zip(shape, reach, strict=True)):
        yield whole, whole
        return
    sides = [max(side, 2 * r) for r in reach]
    steps = (range(0, n, side) for n, side in zip(shape, sides, strict=True))
    for corner in itertools.product(*steps):
        tile = tuple(
            slice(c, min(c + side, n)) for c, side, n in zip(corner, sides, shape, strict=True)
        )
        yield tile, grown(tile, reach, shape)


def _map(
    labels: np.ndarray, label: int, margin: Sequence[int]
) -> tuple[np.ndarray, list[Box], tuple[int, ...]]:
    """Return which part each block belongs to (0 is none), the parts' boxes, and a block's size."""
    from scipy import ndimage

    block = _BLOCK[-labels.ndim :]
    held = _held(labels, label, block)
    while True:
        # blocks join if their neighbourhoods touch: more than twice the margin lies between parts
        around = [2 * -(-m // b) + 1 for m, b in zip(margin, block, strict=True)]
        near = ndimage.maximum_filter(held, around, mode="constant")
        parts, count = ndimage.label(near, np.ones((3,) * held.ndim))
        if count <= _MANY or held.size == 1:
            parts *= held
            return parts, ndimage.find_objects(parts), block
        for axis in range(held.ndim):
            held = np.logical_or.reduceat(held, np.arange(0, held.shape[axis], 2), axis)
        block = tuple(2 * side for side in block)


def _held(labels: np.ndarray, label: int, block: Sequence[int]) -> np.ndarray:
    """Return which blocks hold a voxel of `label`."""
    starts = [np.arange(0, n, b) for n, b in zip(labels.shape, block, strict=True)]
    rows = []
    for start in starts[0]:
        row = np.zeros(labels.shape[1:], bool)
        for plane in labels[start : start + block[0]]:
            row |= plane == label
        for axis in range(row.ndim):
            row = np.logical_or.reduceat(row, starts[axis + 1], axis)
        rows.append(row)
    return np.stack(rows)


def _in_voxels(coarse: Box, block: Sequence[int], shape: Sequence[int]) -> Box:
    return tuple(
        slice(c.start * b, min(c.stop * b, n)) for c, b, n in zip(coarse, block, shape, strict=True)
    )


def _magnified(blocks: np.ndarray, block: Sequence[int], shape: Sequence[int]) -> np.ndarray:
    for axis, size in enumerate(block):
        blocks = np.repeat(blocks, size, axis)
    return blocks[tuple(slice(0, n) for n in shape)]


def _shifted(inner: Box, outer: Box) -> Box:
    return tuple(
        slice(o.start + i.start, o.start + i.stop) for i, o in zip(inner, outer, strict=True)
    )
