"""Where prompts are, and how far what they say can be expected to reach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_medseg.interact.seeds import FREE, Seeds
from napari_medseg.packed import bounding_box

_MOST = 48  # anchors of a class; a scribble has one for about its own width
_APART = 3.0  # voxels at least between two anchors of one piece
_NARROWEST, _WIDEST = 0.03, 0.2  # reach as shares of the region's side
_BEYOND = 1.5  # how much farther than the border of its segment a prompt may reach


@dataclass(frozen=True, eq=False)
class Anchors:
    """A few voxels that stand for all seeds.

    Parameters
    ----------
    voxels : ndarray of int
        ``(N, ndim)``, of the region.
    reach : ndarray of float
        ``(N,)`` mm: about how far what is said there holds.
    wrong : ndarray of float
        ``(N,)`` mm: how deep it lies in what the model's own answer has otherwise; 0 where they
        agree.
    asked : bool
        Whether a class is asked for anywhere; else it was only said what is not there.
    """

    voxels: np.ndarray
    reach: np.ndarray
    wrong: np.ndarray
    asked: bool = False


def anchors_of(
    seeds: Seeds,
    spacing: Sequence[float],
    labels: np.ndarray,
    values: Sequence[int],
    own: np.ndarray | None = None,
) -> Anchors:
    """Choose anchors and measure how far each reaches.

    A prompt reaches about as far as the next prompt that says otherwise, and about as far as the
    border of the segment it lies in: who points at the middle of an error is about as far from
    both its ends, and what was put right before reaches to where it is right.

    Parameters
    ----------
    seeds : Seeds
        Of a region.
    spacing : sequence of float
        mm along each axis.
    labels : ndarray
        ``(*S)`` as they are now.
    values : sequence of int
        The classes, background first.
    own : ndarray or None
        ``(*S)``: the model's own answer; None is `labels`.
    """
    own = labels if own is None else own
    said: list[tuple[np.ndarray, int, bool]] = []  # where something is said: of a class, or not
    for value in values:
        said.append((seeds.required == value, value, True))
        if value in seeds.forbidden:
            said.append((seeds.forbidden[value] & (seeds.required == FREE), value, False))
    said = [one for one in said if one[0].any()]
    places = [np.argwhere(where) for where, _, _ in said]
    scale = np.asarray(spacing, float)
    side = float(np.prod(scale * labels.shape) ** (1 / labels.ndim))
    voxels, reach, wrong = [], [], []
    for number, (where, value, positive) in enumerate(said):
        chosen = _spread(where)
        others = [p for n, p in enumerate(places) if n != number]
        distance = np.minimum(
            _nearest(chosen, np.concatenate(others), scale) if others else np.inf,
            _BEYOND * _border(chosen, (labels == value) == positive, scale),
        )
        voxels.append(chosen)
        reach.append(np.clip(distance, _NARROWEST * side, _WIDEST * side))
        holds = (own == value) == positive
        deep = np.minimum(_border(chosen, holds, scale), side)
        wrong.append(np.where(holds[tuple(chosen.T)], 0.0, deep))
    if not voxels:
        return Anchors(np.zeros((0, labels.ndim), int), np.zeros(0), np.zeros(0))
    asked = any(positive and value != 0 for _, value, positive in said)
    joined = [np.concatenate(each) for each in (voxels, reach, wrong)]
    return Anchors(joined[0], joined[1], joined[2], asked)


def _spread(where: np.ndarray) -> np.ndarray:
    """Return voxels of a mask, in the middle of its pieces and apart from each other."""
    from scipy import ndimage

    box = bounding_box(where)
    assert box is not None  # only masks with voxels come here
    mask = np.pad(where[box], 1)
    depth = ndimage.distance_transform_edt(mask)
    places = np.argwhere(mask)
    depths = depth[tuple(places.T)]
    central = np.square(places - places.mean(axis=0)).sum(axis=1)
    order = np.lexsort((central, -depths))
    apart = max(_APART, 2 * float(np.median(depths)))
    chosen: list[np.ndarray] = []
    left = places[order].astype(float)
    while len(left) and len(chosen) < _MOST:
        chosen.append(left[0])
        left = left[np.square(left - left[0]).sum(axis=1) > apart**2]
    return np.stack(chosen).astype(int) - 1 + [side.start for side in box]


def _nearest(points: np.ndarray, others: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Return the distance in mm from each point to the nearest of others."""
    from scipy.spatial import cKDTree

    return np.asarray(cKDTree(others * scale).query(points * scale)[0])


def _border(points: np.ndarray, agrees: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Return the distance in mm to the nearest voxel across the border of what agrees."""
    edge = np.zeros(agrees.shape, bool)
    for axis in range(agrees.ndim):
        low, high = ((slice(None),) * axis + (part,) for part in (slice(None, -1), slice(1, None)))
        apart = agrees[low] != agrees[high]
        edge[low] |= apart
        edge[high] |= apart
    here = agrees[tuple(points.T)]
    distance = np.full(len(points), np.inf)
    rim = np.flatnonzero(edge)
    agreeing = agrees.ravel()[rim]
    for state in (False, True):
        other = rim[agreeing != state]
        if len(other) and (here == state).any():
            across = np.stack(np.unravel_index(other, agrees.shape), axis=1)
            distance[here == state] = _nearest(points[here == state], across, scale)
    return distance
