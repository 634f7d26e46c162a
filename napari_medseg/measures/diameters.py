"""The longest diameters of an object: in space, and in the slice with the axis across it.

The outline of an object runs through the centres of the voxel faces that part it from the rest, as
a surface at the level one half does. A single voxel is therefore as long as its longest side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_MANY = 40  # points; for fewer, comparing all pairs is faster than their hull
_AT_ONCE = 1 << 21  # pairs


@dataclass(frozen=True)
class SliceDiameters:
    """The longest diameter in one slice and the one across it.

    Parameters
    ----------
    index : int
        The slice.
    long : float
        mm between the two outline points of the slice that are farthest apart.
    short : float
        mm: the longest line at right angles to it within the convex outline of the slice.
    """

    index: int
    long: float
    short: float


def longest_diameter(mask: np.ndarray, spacing: Sequence[float]) -> float:
    """Return how far apart the two farthest points of the outline of a mask are, in mm.

    Parameters
    ----------
    mask : ndarray of bool
        ``(*S)``, 2D or 3D, with a voxel at least; it may be in several pieces.
    spacing : sequence of float
        mm along each axis.

    Returns
    -------
    float
        The exact maximum (maximum Feret diameter), found on the convex hull.
    """
    sides = np.asarray(spacing, float)
    return _farthest(_extreme(_line_ends(mask), sides), sides)[0]


def slice_diameters(mask: np.ndarray, spacing: Sequence[float], axis: int = 0) -> SliceDiameters:
    """Return the longest diameter of a mask in any slice, and the short axis across it there.

    Parameters
    ----------
    mask : ndarray of bool
        ``(D, H, W)``, or ``(H, W)``, which is one slice; with a voxel at least.
    spacing : sequence of float
        mm along each axis.
    axis : int
        The axis across the slices, for a volume.

    Source: the two diameters radiologists draw (long axis: RECIST 1.1, Eisenhauer et al. 2009;
    both: WHO, Miller et al. 1981), taken in the slice where the long one is longest.
    """
    planes = np.moveaxis(mask, axis, 0) if mask.ndim == 3 else mask[np.newaxis]
    across = np.array([s for a, s in enumerate(spacing) if mask.ndim == 2 or a != axis])
    best = SliceDiameters(-1, 0.0, 0.0)
    bounds = _box_diagonals(planes, across)
    for index in np.argsort(-bounds, kind="stable"):
        if bounds[index] <= best.long:
            break  # no slice left can hold a longer one
        points = _extreme(_line_ends(planes[index]), across)
        long, ends = _farthest(points, across)
        if long > best.long:
            best = SliceDiameters(int(index), long, _across(points, ends, across))
    return best


def _line_ends(mask: np.ndarray) -> np.ndarray:
    """Return the first and the last voxel ``(N, dims)`` of every line along the last axis."""
    lines = np.argwhere(mask.any(-1))
    at = tuple(lines.T)
    first = mask.argmax(-1)[at]
    last = mask.shape[-1] - 1 - mask[..., ::-1].argmax(-1)[at]
    ends = [np.column_stack([lines, first]), np.column_stack([lines, last])]
    return np.concatenate(ends)


def _extreme(points: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Return those of the voxels ``(N, dims)`` that are corners of their convex hull."""
    if len(points) <= _MANY:
        return points
    from scipy.spatial import ConvexHull, QhullError

    spread = np.ptp(points, axis=0) > 0  # an object one voxel thick has a hull of fewer axes
    placed = points[:, spread] * spacing[spread]
    if spread.sum() < 2:
        return np.asarray(points[[placed.argmin(), placed.argmax()]])
    try:
        return np.asarray(points[ConvexHull(placed).vertices])
    except QhullError:  # they lie in a slanted plane or line; with their faces they do not
        faces = _faces(points).reshape(-1, points.shape[1]) * spacing
        corners = ConvexHull(faces).vertices // (2 * points.shape[1])
        return np.asarray(points[np.unique(corners)])


def _faces(points: np.ndarray) -> np.ndarray:
    """Return the centres of the faces of voxels, ``(N, dims) -> (N, 2 * dims, dims)``."""
    half = np.eye(points.shape[1]) / 2
    return np.asarray(points[:, np.newaxis] + np.concatenate([half, -half]))


def _farthest(points: np.ndarray, spacing: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the largest distance between outline points, and the two points ``(2, dims)`` in mm.

    The outline points of two voxels are farther apart than their centres by one voxel at most, so
    that only pairs of centres which come that close to the best pair so far are looked at.
    """
    placed = (points - points.mean(axis=0)) * spacing
    lengths = np.einsum("ij,ij->i", placed, placed)
    first = int(lengths.argmax())
    second = int(((placed - placed[first]) ** 2).sum(axis=1).argmax())
    best = _between_faces(placed[[first]] - placed[[second]], spacing)[0]
    pair = first, second
    rows = max(_AT_ONCE // len(points), 1)
    for start in range(0, len(points), rows):
        part = slice(start, start + rows)
        squares = lengths[part, np.newaxis] + lengths - 2 * placed[part] @ placed.T
        enough = max(float(np.sqrt(best)) - float(spacing.max()), 0.0) ** 2 * (1 - 1e-9)
        i, j = np.nonzero(squares >= enough)
        found = _between_faces(placed[start + i] - placed[j], spacing)
        at = int(found.argmax()) if found.size else 0
        if found.size and found[at] > best:
            best, pair = found[at], (start + int(i[at]), int(j[at]))
    apart = placed[pair[0]] - placed[pair[1]]
    along = int((2 * np.abs(apart) * spacing + spacing**2).argmax())
    outward = np.zeros(len(spacing))
    outward[along] = spacing[along] / 2 * (1 if apart[along] >= 0 else -1)
    ends = np.stack([points[pair[0]] * spacing + outward, points[pair[1]] * spacing - outward])
    return float(np.sqrt(best)), ends


def _between_faces(apart: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Return the largest squared distance between the faces of voxels ``apart`` ``(N, dims)`` mm.

    Faces that look away from each other along the axis ``a`` are ``|d|² + 2 |d_a| s_a + s_a²``
    apart, squared; pairs of faces along different axes are closer.
    """
    outward = (2 * np.abs(apart) * spacing + spacing**2).max(axis=1)
    return np.asarray(np.einsum("ij,ij->i", apart, apart) + outward)


def _across(points: np.ndarray, ends: np.ndarray, spacing: np.ndarray) -> float:
    """Return the longest line at right angles to ``ends`` within the convex outline, in mm.

    All of the outline lies between the two ends, so that each half of it is a function of the
    place along them; the hull's corners are where their difference can be largest.
    """
    from scipy.spatial import ConvexHull

    outline = _faces(points).reshape(-1, 2) * spacing
    outline = outline[ConvexHull(outline).vertices]
    direction = (ends[1] - ends[0]) / np.linalg.norm(ends[1] - ends[0])
    along = (outline - ends[0]) @ direction
    aside = (outline - ends[0]) @ np.array([-direction[1], direction[0]])
    order = np.argsort(along, kind="stable")
    along, aside = along[order], aside[order]
    halves = [
        np.interp(along, along[side], aside[side])
        for side in (aside >= -1e-9, aside <= 1e-9)  # the ends belong to both
    ]
    return float((halves[0] - halves[1]).max())


def _box_diagonals(planes: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Return the diagonal of the box around what each slice holds, in mm; 0 where nothing is."""
    squares = np.zeros(len(planes))
    for axis, s in ((1, spacing[0]), (2, spacing[1])):
        lines = np.any(planes, axis=3 - axis)
        count = lines.shape[1] - lines.argmax(1) - lines[:, ::-1].argmax(1)
        squares += np.where(lines.any(1), count * s, 0.0) ** 2
    return np.sqrt(squares)
