"""What a drawn shape covers on a grid of voxels: strokes, boxes and closed lines, as masks.

Coordinates are those of voxel centres, in array order; voxel ``i`` reaches from ``i - 0.5`` to
``i + 0.5``. Masks come with the box of the grid they lie in.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from napari_medseg.packed import Box, bounding_box, moved

_EXACT = 1e-6  # voxels: rounding of coordinates that went to mm and back


def stroke(
    line: np.ndarray,
    radius: float,
    spacing: Sequence[float],
    shape: Sequence[int],
    *,
    plane: int | None = None,
) -> tuple[Box, np.ndarray] | None:
    """Return the voxels a line touches, and those near it.

    Parameters
    ----------
    line : ndarray
        ``(N, axes)``; its points in order. One point is a dot.
    radius : float
        mm; voxels whose centre is as near to one that is touched belong to it.
    spacing : sequence of float
        mm along each axis.
    shape : sequence of int
        The grid ``(*S)``.
    plane : int or None
        Axis along which the stroke has no thickness: it lies in one slice.

    Returns
    -------
    tuple of (tuple of slice, ndarray of bool), or None
        Cut at the grid; None if nothing of it lies on the grid.
    """
    touched = _touched(line)
    reach = np.floor(radius / np.asarray(spacing) + _EXACT).astype(int)
    if plane is not None:
        reach[plane] = 0
    near = (touched >= -reach) & (touched < np.asarray(shape) + reach)
    touched = touched[near.all(axis=1)]
    if not len(touched):
        return None
    low = touched.min(axis=0) - reach
    marks = np.zeros(touched.max(axis=0) + reach + 1 - low, bool)
    marks[tuple((touched - low).T)] = True
    if radius > 0:
        marks = _thickened(marks, radius, spacing)
    return _cut(marks, low, shape)


def cuboid(corners: np.ndarray, shape: Sequence[int]) -> tuple[Box, np.ndarray] | None:
    """Return the voxels with their centre between two corners ``(2, axes)``; at least one."""
    low, high = corners.min(axis=0), corners.max(axis=0)
    first, last = np.ceil(low - _EXACT).astype(int), np.floor(high + _EXACT).astype(int)
    middle = nearest((low + high) / 2)
    thin = first > last
    first, last = np.where(thin, middle, first), np.where(thin, middle, last)
    inside = tuple(
        slice(max(int(a), 0), min(int(b) + 1, n))
        for a, b, n in zip(first, last, shape, strict=True)
    )
    if any(s.start >= s.stop for s in inside):
        return None
    return inside, np.ones([s.stop - s.start for s in inside], bool)


def polygon(
    line: np.ndarray, shape: Sequence[int], *, plane: int | None = None
) -> tuple[Box, np.ndarray] | None:
    """Return the voxels inside a closed line, its own among them where it is very thin.

    What the line goes around more than once is inside, too (the non-zero winding rule), as a hand
    that draws a loop means it.

    Parameters
    ----------
    line : ndarray
        ``(N, axes)``; the last point joins the first.
    shape : sequence of int
        The grid ``(*S)``.
    plane : int or None
        The axis of the slice it is drawn on, in 3D.
    """
    axes = [a for a in range(len(shape)) if a != plane]
    corner = np.clip(nearest(line.min(axis=0)), 0, shape)
    size = np.clip(nearest(line.max(axis=0)) + 1, 0, shape) - corner
    if not size.all():
        return None
    flat = line[:, axes] - corner[axes]
    mask = np.zeros(size[axes], bool)
    for flips in itertools.product((1, -1), repeat=2):  # voxels on the line are inside on all sides
        turned = tuple(slice(None, None, f) for f in flips)
        ends = (size[axes] - 1) * (np.array(flips) < 0)
        mask |= _wound(ends + flat * flips, tuple(size[axes]))[turned]
    if not mask.any():
        touched = _touched(flat)
        mask[tuple(touched[((touched >= 0) & (touched < mask.shape)).all(axis=1)].T)] = True
    if plane is not None:
        mask = np.expand_dims(mask, plane)
    return _cut(mask, corner, shape)


def nearest(coordinates: np.ndarray) -> np.ndarray:
    """Return the voxels that coordinates lie in, as int64; halves go up."""
    return np.floor(coordinates + 0.5 + _EXACT).astype(np.int64)


def _touched(line: np.ndarray) -> np.ndarray:
    """Return the voxels ``(n, axes)`` that a line goes through, each once."""
    pieces = [line[:1]]
    for start, stop in itertools.pairwise(line):
        steps = max(1, int(np.ceil(2 * np.abs(stop - start).max())))
        pieces.append(start + np.linspace(0, 1, steps + 1)[1:, None] * (stop - start))
    return np.unique(nearest(np.concatenate(pieces)), axis=0)


def _thickened(marks: np.ndarray, radius: float, spacing: Sequence[float]) -> np.ndarray:
    from scipy import ndimage

    distance = ndimage.distance_transform_edt(~marks, sampling=spacing)
    return np.asarray(distance <= radius * (1 + _EXACT))


def _wound(line: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return where a closed line ``(N, 2)`` goes around voxel centres of a plane ``(H, W)``.

    Rows from the upper end of an edge to before its lower one are crossed; what lies right of a
    crossing is wound once more, or once less.
    """
    height, width = shape
    turns = np.zeros((height, width + 1), int)
    for (y0, x0), (y1, x1) in zip(line, np.roll(line, -1, axis=0), strict=True):
        low, high = (y0, y1) if y0 < y1 else (y1, y0)
        rows = np.arange(
            max(0, int(np.ceil(low - _EXACT))), min(height, int(np.ceil(high - _EXACT)))
        )
        if rows.size:
            crossing = x0 + (rows - y0) / (y1 - y0) * (x1 - x0)
            columns = np.clip(np.ceil(crossing - _EXACT), 0, width).astype(int)
            np.add.at(turns, (rows, columns), 1 if y0 < y1 else -1)
    return np.asarray(turns.cumsum(axis=1)[:, :width] != 0)


def _cut(
    mask: np.ndarray, corner: np.ndarray, shape: Sequence[int]
) -> tuple[Box, np.ndarray] | None:
    """Return the part of `mask`, which lies at `corner`, that is on the grid."""
    inside = tuple(
        slice(max(0, -int(c)), max(0, min(m, n - int(c))))
        for c, m, n in zip(corner, mask.shape, shape, strict=True)
    )
    part = mask[inside]
    tight = bounding_box(part) if part.size else None
    if tight is None:
        return None
    start = tuple(slice(int(c) + s.start, 0) for c, s in zip(corner, inside, strict=True))
    return moved(tight, start), part[tight]
