"""Surfaces of masks and how far apart they are.

A surface is the voxels that an erosion by one voxel removes, as in MONAI and medpy, so that what is
computed from the distances equals theirs. Everything is measured in the box around both masks.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

EDT_POINTS_PER_VOXEL = 0.11
"""Surface voxels per voxel of the box above which a distance transform was measured faster than a
KD-tree; real organs are far below it, speckled masks above."""


def surface_distances(
    prediction: np.ndarray, truth: np.ndarray, spacing: Sequence[float]
) -> tuple[np.ndarray, np.ndarray]:
    """Distance of every surface voxel to the nearest one of the other surface.

    Parameters
    ----------
    prediction, truth : ndarray
        Masks ``(*S)``, bool, neither empty.
    spacing : sequence of float
        mm per voxel along each axis.

    Returns
    -------
    tuple of ndarray
        From the prediction's surface to the truth's and back, mm, each 1D.
    """
    box = _box(prediction | truth)
    surfaces = _surface(prediction[box]), _surface(truth[box])
    points = sum(np.count_nonzero(surface) for surface in surfaces)
    way = _by_transform if points > EDT_POINTS_PER_VOXEL * surfaces[0].size else _by_tree
    return way(*surfaces, tuple(spacing))


def _box(mask: np.ndarray) -> tuple[slice, ...]:
    """Find the smallest box around a mask, axis after axis so that the rest shrinks."""
    box: tuple[slice, ...] = ()
    for axis in range(mask.ndim):
        inside = mask[box]
        rest = tuple(a for a in range(mask.ndim) if a != axis)
        hit = np.flatnonzero(inside.any(rest))
        box += (slice(int(hit[0]), int(hit[-1]) + 1),)
    return box


def _surface(mask: np.ndarray) -> np.ndarray:
    """Voxels of the mask with a face neighbour outside it; outside the array counts as outside."""
    inner = mask.copy()
    for axis in range(mask.ndim):
        ours, theirs = np.moveaxis(inner, axis, 0), np.moveaxis(mask, axis, 0)
        ours[1:] &= theirs[:-1]
        ours[:-1] &= theirs[1:]
        ours[[0, -1]] = False
    return mask & ~inner


def _by_tree(
    prediction: np.ndarray, truth: np.ndarray, spacing: tuple[float, ...]
) -> tuple[np.ndarray, np.ndarray]:
    from scipy.spatial import cKDTree

    points = [np.argwhere(surface) * np.asarray(spacing) for surface in (prediction, truth)]
    trees = [cKDTree(p, balanced_tree=False, compact_nodes=False) for p in points]
    return trees[1].query(points[0])[0], trees[0].query(points[1])[0]


def _by_transform(
    prediction: np.ndarray, truth: np.ndarray, spacing: tuple[float, ...]
) -> tuple[np.ndarray, np.ndarray]:
    import edt

    to_truth = edt.edt(~truth, anisotropy=spacing)
    to_prediction = edt.edt(~prediction, anisotropy=spacing)
    return to_truth[prediction], to_prediction[truth]
