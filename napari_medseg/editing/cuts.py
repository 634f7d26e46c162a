"""Objects parted along a straight cut."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from napari_medseg.editing.checks import spacing_of
from napari_medseg.editing.parts import add_parts, objects_of
from napari_medseg.editing.tool import check_label, check_labels
from napari_medseg.packed import Box
from napari_medseg.progress import Report, silent


def cut_objects(
    labels: np.ndarray,
    label: int,
    points: Sequence[Sequence[int]],
    *,
    axis: int = 0,
    spacing: Sequence[float] = (),
    report: Report = silent,
) -> np.ndarray:
    """Part the objects of a class along a straight cut through the clicks.

    Two clicks cut along the line between them, straight through the slices across `axis`; of
    three in a volume the plane through them is the cut. Only objects that a click lies on, or that
    the line between two clicks crosses, are cut.

    Parameters
    ----------
    labels : ndarray
        ``(*S)`` integers.
    label : int
        The class.
    points : sequence of tuple of int
        Two or three clicks; they may lie beside the object.
    axis : int
        The axis across the slices; not used in 2D.
    spacing : sequence of float
        mm along each axis; 1 by default.
    report : Report
        Called before each object; may raise `Cancelled`.

    Returns
    -------
    ndarray
        ``(*S)`` int32, as of `split_objects`.

    Raises
    ------
    ValueError
        If the clicks make no cut, or it meets no object.
    """
    check_labels(labels)
    check_label(labels, label)
    spacing = spacing_of(labels, spacing)
    normal, through = _plane(points, axis, spacing, labels.ndim)
    crossed = _crossed(points, labels.shape)
    parts = np.zeros(labels.shape, np.int32)
    count = 0
    for box, mask, _ in objects_of(labels, label, (), report):
        found = mask.astype(np.int32)
        inside = [tuple(p - s.start for p, s in zip(q, box, strict=True)) for q in crossed]
        if any(_hits(mask, p) for p in inside):
            found[mask] += _side(box, mask, spacing, normal, through)
        count = add_parts(parts[box], mask, found, count)
    if count < 2:
        raise ValueError(
            f"the cut meets no object of class {label}; click on one side of the object and on "
            "the other"
        )
    return parts


def _plane(
    points: Sequence[Sequence[int]], axis: int, spacing: tuple[float, ...], ndim: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the normal of the cut and a point on it, in mm."""
    at = np.asarray(points, float).reshape(len(points), -1) * spacing
    if len(points) == 2:
        along = at[1] - at[0]
        if ndim == 2:
            normal = np.array([along[1], -along[0]])
        else:
            straight = np.zeros(ndim)
            straight[axis] = 1
            normal = np.cross(along, straight)
    elif len(points) == 3 and ndim == 3:
        normal = np.cross(at[1] - at[0], at[2] - at[0])
    else:
        allowed = "two" if ndim == 2 else "two or three"
        raise ValueError(
            f"a cut needs {allowed} clicks, there are {len(points)}; click on one side of the "
            "object and on the other"
        )
    length = float(np.linalg.norm(normal))
    if length < 1e-9:
        raise ValueError(
            "the clicks lie on one line through the slices and make no cut; click on one side of "
            "the object and on the other"
        )
    return normal / length, at[0]


def _crossed(points: Sequence[Sequence[int]], shape: Sequence[int]) -> list[tuple[int, ...]]:
    """Return the voxels on the lines from each click to the next one."""
    found: list[tuple[int, ...]] = []
    closed = [*points, points[0]]
    for a, b in itertools.pairwise(np.asarray(closed, float)):
        steps = math.ceil(float(np.abs(b - a).max())) + 1
        line = np.round(np.linspace(a, b, steps)).astype(int)
        found += [tuple(p) for p in line.tolist()]
    return [p for p in found if all(0 <= i < n for i, n in zip(p, shape, strict=True))]


def _hits(mask: np.ndarray, point: tuple[int, ...]) -> bool:
    inside = all(0 <= p < n for p, n in zip(point, mask.shape, strict=True))
    return inside and bool(mask[point])


def _side(
    box: Box, mask: np.ndarray, spacing: tuple[float, ...], normal: np.ndarray, through: np.ndarray
) -> np.ndarray:
    """Return for every voxel of a mask whether it lies beyond the cut."""
    corner = np.array([s.start for s in box])
    at = (np.argwhere(mask) + corner) * spacing
    return np.asarray((at - through) @ normal > 0)
