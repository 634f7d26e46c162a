"""Cases of which a person saw a part: what was seen, and how much each voxel counts; no torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from napari_medseg.engine.cases import Case

if TYPE_CHECKING:
    from napari_medseg.engine.grid import Grid


def is_sparse(case: Case) -> bool:
    """Whether some voxels of a case were not looked at by anybody."""
    return case.reviewed is not None and not case.reviewed.all()


def seen_values(case: Case) -> np.ndarray:
    """Return the label values at the voxels that were looked at, sorted, each once."""
    return np.unique(case.labels if case.reviewed is None else case.labels[case.reviewed])


def painted_axis(seen: np.ndarray) -> int:
    """Return the axis across which the slices lie that were looked at: that of the fewest."""
    return int(np.argmin([planes_along(seen, axis).size for axis in range(seen.ndim)]))


def planes_along(seen: np.ndarray, axis: int) -> np.ndarray:
    """Return at which places of an axis anything was looked at."""
    others = tuple(other for other in range(seen.ndim) if other != axis)
    return np.flatnonzero(seen.any(axis=others))


def check_seen(cases: Sequence[Case]) -> None:
    """Raise a `ValueError` unless there are cases, and a human looked at a part of each."""
    if not cases:
        raise ValueError("there are no cases to learn from; add at least one labelled image")
    for case in cases:
        if case.reviewed is not None and not case.reviewed.any():
            raise ValueError(
                f"nothing of '{case.name or 'case'}' was painted or marked as reviewed; paint a "
                "few slices of it, or leave it out"
            )


def weights_of(case: Case, changed_weight: int = 1) -> np.ndarray | None:
    """Return how much each voxel of a case counts; None if all count the same.

    Parameters
    ----------
    case : Case
        With what was reviewed and changed.
    changed_weight : int
        Of voxels where the person disagreed with a model, at most 255.

    Returns
    -------
    ndarray or None
        ``(*S)`` uint8: 0 not looked at, 1 looked at, `changed_weight` changed.
    """
    weighted = changed_weight != 1 and case.changed is not None and bool(case.changed.any())
    if not is_sparse(case) and not weighted:
        return None
    weights = np.ones(case.labels.shape, np.uint8)
    if weighted:
        weights[case.changed] = changed_weight
    if case.reviewed is not None:
        weights[~case.reviewed] = 0
    return weights


def seen_on(grid: Grid, labels: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bring labels and weights onto the network's grid without losing what was looked at.

    The nearest voxel is taken, as for whole labels; where nobody saw that one, another one that
    the network's voxel covers, so that a scribble or a single slice is not lost where the grid
    is coarser.

    Parameters
    ----------
    grid : Grid
        From the case's grid to the network's.
    labels, weights : ndarray
        ``(*S)``, on the case's grid.

    Returns
    -------
    tuple of ndarray
        Both ``(*S')``.
    """
    for axis, (n, m) in enumerate(zip(grid.input_shape, grid.shape, strict=True)):
        if n == m:
            continue
        first, last = _covered(n, m)
        nearest = np.minimum(((np.arange(m) + 0.5) * n / m).astype(np.intp), n - 1)
        taken, count = labels.take(nearest, axis=axis), weights.take(nearest, axis=axis)
        for step in range(1, math.ceil(n / m) + 1):
            for other in (nearest - step, nearest + step):
                inside = (other >= first) & (other <= last)
                at = np.where(inside, other, nearest)
                more = weights.take(at, axis=axis)
                better = (count == 0) & (more > 0)
                taken = np.where(better, labels.take(at, axis=axis), taken)
                count = np.where(better, more, count)
        labels, weights = taken, count
    return labels, weights


def balanced_places(
    places: Sequence[np.ndarray], most: int, rng: np.random.Generator
) -> np.ndarray:
    """Return some of the places of each class, as many of one class as of another.

    Parameters
    ----------
    places : sequence of ndarray
        ``(n, dims)``, a class each; a class without any is left out.
    most : int
        Places of a class.

    Returns
    -------
    ndarray
        ``(n, dims)`` int32.
    """
    found = [where for where in places if len(where)]
    if not found:
        return np.zeros((0, places[0].shape[1]), np.int32)
    count = min(most, max(len(where) for where in found))
    drawn = [where[rng.choice(len(where), count, replace=len(where) < count)] for where in found]
    return np.concatenate(drawn).astype(np.int32)


def _covered(n: int, m: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the first and the last of `n` voxels whose centres each of `m` covers."""
    edges = np.arange(m + 1) * n / m
    return np.ceil(edges[:-1] - 0.5).astype(np.intp), np.ceil(edges[1:] - 0.5).astype(np.intp) - 1
