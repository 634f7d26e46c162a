"""How many voxels there are of each value, counted fast and kept up to date by differences."""

from __future__ import annotations

import numpy as np

Tally = dict[int, int]  # value to voxels; no zeros


def tally(values: np.ndarray) -> Tally:
    """Count the voxels of each value but 0, the background.

    Parameters
    ----------
    values : ndarray
        ``(*S)`` integers. It is read plane by plane, without a copy of the whole.
    """
    if values.ndim < 2:
        return _without_zero(_occurring(values))
    total: Tally = {}
    for plane in values:
        if plane.ndim > 2:
            total = combined(total, tally(plane))
        else:
            total = combined(total, _without_zero(_occurring(_inhabited(plane))))
    return total


def gained(before: np.ndarray, after: np.ndarray | int) -> Tally:
    """Return how many voxels each value gains (or loses, below 0) where `after` takes the place.

    Parameters
    ----------
    before : ndarray
        The values that are replaced, in any shape.
    after : ndarray or int
        As many values, or one for all of them.
    """
    losses = {value: -count for value, count in _occurring(before).items()}
    gains = {int(after): before.size} if np.ndim(after) == 0 else _occurring(np.asarray(after))
    return _without_zero(combined(losses, gains))


def combined(one: Tally, other: Tally, sign: int = 1) -> Tally:
    """Return the sum of two tallies; with a `sign` of -1 their difference."""
    result = dict(one)
    for value, count in other.items():
        result[value] = result.get(value, 0) + sign * count
        if not result[value]:
            del result[value]
    return result


def _inhabited(plane: np.ndarray) -> np.ndarray:
    """Leave out most of the background, which is most of a label image."""
    if plane.dtype.itemsize == 1 and plane.flags.c_contiguous and plane.size % 8 == 0:
        words = plane.reshape(-1).view(np.uint64)  # eight voxels are looked at at once
        return words[words != 0].view(plane.dtype)
    return plane[plane != 0]


def _occurring(values: np.ndarray) -> Tally:
    """Count every value, 0 too."""
    flat = values.ravel()
    if flat.dtype.kind in "bu" and flat.dtype.itemsize <= 2:
        counts = np.bincount(flat)
        found = np.flatnonzero(counts)
        return dict(zip(found.tolist(), counts[found].tolist(), strict=True))
    found, counts = np.unique(flat, return_counts=True)
    return dict(zip(found.tolist(), counts.tolist(), strict=True))


def _without_zero(counts: Tally) -> Tally:
    counts.pop(0, None)
    return counts
