"""From a file's voxel order to the volume's: flips and transposes, nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np

CANONICAL = ((2, 1), (1, -1), (0, -1))
"""World axis and direction in RAS+ of D (to S), H (to P) and W (to L)."""


def canonical_order(affine: np.ndarray) -> tuple[tuple[int, ...], tuple[bool, ...]]:
    """Find which file axis is D, H and W, and which of them run backwards.

    Parameters
    ----------
    affine : ndarray
        (4, 4), file index to RAS+ mm; oblique and sheared ones go to the nearest axes.

    Returns
    -------
    axes : tuple of int
        File axis of D, H and W.
    flips : tuple of bool
        Whether that axis runs against I→S, A→P, R→L.
    """
    from nibabel import orientations

    nearest: Any = orientations.io_orientation  # not annotated in nibabel
    orientation = nearest(affine)
    axes, flips = [], []
    for world, direction in CANONICAL:
        axis = int(np.flatnonzero(orientation[:, 0] == world)[0])
        axes.append(axis)
        flips.append(bool(orientation[axis, 1] != direction))
    return tuple(axes), tuple(flips)


def index_map(
    axes: tuple[int, ...], flips: tuple[bool, ...], file_shape: tuple[int, ...]
) -> np.ndarray:
    """Return the (4, 4) matrix from the volume's index ``(d, h, w, 1)`` to the file's."""
    matrix = np.zeros((4, 4))
    matrix[3, 3] = 1
    for position, (axis, flip) in enumerate(zip(axes, flips, strict=True)):
        matrix[axis, position] = -1 if flip else 1
        matrix[axis, 3] = file_shape[axis] - 1 if flip else 0
    return matrix


def canonical_place(
    affine: np.ndarray, shape: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[bool, ...], np.ndarray]:
    """Return axes and flips of an array in a file, and the matrix from (0 or d, h, w, 1) to it.

    Parameters
    ----------
    affine : ndarray
        (4, 4), file index to RAS+ mm.
    shape : tuple of int
        Of the array in the file; two entries for a picture, which has no third axis.
    """
    axes, flips = canonical_order(affine)
    if len(shape) == 3:
        return axes, flips, index_map(axes, flips, shape)
    kept = [i for i, axis in enumerate(axes) if axis < 2]
    axes, flips = tuple(axes[i] for i in kept), tuple(flips[i] for i in kept)
    return axes, flips, index_map((2, *axes), (False, *flips), (*shape, 1))
