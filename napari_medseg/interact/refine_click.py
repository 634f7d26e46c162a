"""How far a click or a scribble reaches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_medseg.editing.connected import connected
from napari_medseg.interact.geodesic import image_distance
from napari_medseg.interact.refine_config import RefineConfig
from napari_medseg.interact.refine_grid import WorkGrid
from napari_medseg.interact.refine_region import Region
from napari_medseg.interact.refine_score import appearance, log_odds, normalised, smoothed

_ROUNDS = 10
_TIE = 1.0
_UNKNOWN = 0.11  # of the region's side: how far a prompt reaches where nothing says how far
_FARTHEST = 0.25  # of the region's side: and at most
_BETWEEN = 0.7  # of the way to a prompt that says otherwise
_LIKE, _UNLIKE = 1.0, 2.0  # radii: how near the look is learnt as that of the prompt, or not


@dataclass(frozen=True)
class Pull:
    """Log-odds that a voxel turns with a prompt, by what is known of it.

    Distances are in radii: how far the prompt is from the border of the segment it lies in.

    Parameters
    ----------
    bias : float
        Of a voxel of which nothing speaks against it.
    near : float
        Lost with the distance to the prompt, up to 1.5 radii.
    far : float
        Lost with the logarithm of one plus that distance.
    depth : float
        Lost with the distance to what need not turn, up to 3 radii: errors lie along borders.
    image : float
        Lost with the change of the image on the way there.
    look : float
        Gained with how much it looks like what is near the prompt.
    model : float
        Gained with the model's log-odds.
    against : float
        Lost with the logarithm of how much nearer a prompt is that says otherwise.
    """

    bias: float
    near: float
    far: float
    depth: float
    image: float
    look: float
    model: float
    against: float


# fitted by logistic regression; how: docs/interact.md
WITH_MODEL = Pull(9.4, 2.0, 0.8, 1.9, 0.55, 0.2, 1.0, 2.5)
IMAGE_ALONE = Pull(5.8, 2.0, 0.8, 2.3, 0.8, 0.3, 0.0, 1.0)


def turned_by(
    region: Region, where: np.ndarray, value: int, positive: bool, config: RefineConfig
) -> np.ndarray:
    """Return the voxels that turn to a class, or away from it, because of a click or scribble.

    Parameters
    ----------
    where : ndarray of bool
        ``(*S)``: the voxels of the prompt.
    value, positive : int, bool
        The class, and whether the prompt is for it.
    config : RefineConfig
        How much a prompt, the model and the image weigh.

    Returns
    -------
    ndarray of bool
        ``(*S)``: they hang together with the prompt; a prompt for a class takes none of its
        voxels, a prompt against it none of other classes.
    """
    wrong = (region.labels != value) if positive else (region.labels == value)
    if region.may_change is not None:
        wrong &= region.may_change
    pointed = np.unique(region.labels[wrong & where])
    if not pointed.size:
        return np.zeros_like(where)
    wrong &= np.isin(region.labels, pointed)  # other classes were not pointed at
    grid = region.grid(config.blocks)
    score = grid.back(_score(region, grid, where & wrong, wrong, value, positive, config))
    return _hanging_together((score > 0) & wrong, where)


def _score(
    region: Region,
    grid: WorkGrid,
    pointed: np.ndarray,
    wrong: np.ndarray,
    value: int,
    positive: bool,
    config: RefineConfig,
) -> np.ndarray:
    """Return the log-odds that each block turns, ``(*blocks)``."""
    from scipy import ndimage

    new = grid.any(pointed)
    maybe = (grid.means(wrong) >= 0.5) | new
    against = grid.any(region.seeds.against(value, positive)) & ~new
    distance = ndimage.distance_transform_edt(~new, sampling=grid.spacing).astype(np.float32)
    radius = _radius(region, grid, pointed, new, distance, against)
    look = normalised(grid.means(region.image))
    pull = IMAGE_ALONE if region.probabilities is None else WITH_MODEL
    away = distance / radius
    score = pull.bias - pull.near * np.minimum(away, 1.5) - pull.far * np.log1p(away)
    score -= pull.depth * _depth(maybe, grid, radius)
    score -= config.image * pull.image * image_distance(look, new)
    score += (
        config.image
        * pull.look
        * appearance(look, like=~maybe | (away <= _LIKE), unlike=maybe & (away > _UNLIKE))
    )
    if against.any():
        other = ndimage.distance_transform_edt(~against, sampling=grid.spacing)
        step = min(grid.spacing)
        nearer = np.log((distance + step) / (other + step))
        score -= pull.against * (np.clip(nearer, -2, 2) + 2)
    if region.probabilities is not None:
        sign = 1 if positive else -1
        odds = log_odds(grid.means(region.probabilities), region.values, value)
        score += config.model * pull.model * sign * odds
    return smoothed(score.astype(np.float32), look, _TIE, _ROUNDS)


def _depth(maybe: np.ndarray, grid: WorkGrid, radius: float) -> np.ndarray:
    """Return how far in radii each block is from what need not turn, 1 where nothing is known."""
    from scipy import ndimage

    if maybe.all():
        return np.ones(maybe.shape, np.float32)
    depth = ndimage.distance_transform_edt(maybe, sampling=grid.spacing) / radius
    return np.minimum(depth, 3).astype(np.float32)


def _radius(
    region: Region,
    grid: WorkGrid,
    pointed: np.ndarray,
    new: np.ndarray,
    distance: np.ndarray,
    against: np.ndarray,
) -> float:
    """Return how far in mm the prompt is from the border of the segment it lies in."""
    side = float(np.prod(np.multiply(grid.shape, region.spacing)) ** (1 / len(grid.shape)))
    labels, counts = np.unique(region.labels[pointed], return_counts=True)
    others = (grid.means(region.labels == labels[counts.argmax()]) < 0.5) & ~new
    radius = _UNKNOWN * side
    if others.any():
        radius = min(float(distance[others].min()), _FARTHEST * side)
    if against.any():
        radius = min(radius, _BETWEEN * float(distance[against].min()))
    return max(radius, min(grid.spacing))


def _hanging_together(turned: np.ndarray, where: np.ndarray) -> np.ndarray:
    parts, count = connected(turned | where, "faces")
    touched = np.zeros(count + 1, bool)
    touched[parts[where]] = True
    touched[0] = False
    return np.asarray(touched[parts] & turned)
