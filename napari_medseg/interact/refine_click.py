"""How far a click or a scribble reaches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass

import numpy as np

from napari_medseg.interact.geodesic import image_distance
from napari_medseg.interact.nearby import hanging_together
from napari_medseg.interact.refine_config import RefineConfig
from napari_medseg.interact.refine_grid import WorkGrid
from napari_medseg.interact.refine_region import Region
from napari_medseg.interact.refine_score import appearance, log_odds, smoothed

_ROUNDS = 10
_TIE = 1.0
_FAR, _SURE = 4.0, 1.0  # radii and log-odds: there a sure model stops a prompt that erases
_THIN = 8.0  # radii: in a picture without a model a prompt erases no more of a thin object
_NEVER = np.float32(-20)
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


# where they are from: docs/interact.md
_WITH_MODEL = {
    True: Pull(8.2, 2.8, 0.3, 2.05, 0.55, 0.22, 0.65, 1.8),
    False: Pull(9.4, 2.8, 0.8, 2.4, 0.55, 0.2, 1.0, 2.5),
}
_IMAGE_ALONE = {
    True: Pull(8.5, 3.6, 0.0, 3.9, 0.6, 0.26, 0.0, 0.4),
    False: Pull(10.4, 2.9, 0.0, 2.9, 0.0, 0.0, 0.0, 1.9),
}


def pull_of(with_model: bool, positive: bool) -> Pull:
    """Return the log-odds for prompts with or without a model, for a class or against it."""
    return (_WITH_MODEL if with_model else _IMAGE_ALONE)[positive]


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
    wrong &= np.isin(region.labels, [0, *pointed])  # other classes were not pointed at
    grid = region.grid(config.blocks)
    score = grid.back(_score(region, grid, where & wrong, wrong, value, positive, config))
    return hanging_together((score > 0) & wrong, where)


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
    look = region.look(grid)
    pull = pull_of(region.probabilities is not None, positive)
    weights = np.array(astuple(pull), np.float32)
    weights[[4, 5]] *= config.image
    weights[6] *= config.model
    terms = terms_of(region, grid, look, pointed, wrong, value, positive)
    score = np.asarray(sum(w * term for w, term in zip(weights, terms, strict=True)), np.float32)
    if not positive:  # one click on a rim of one voxel must not take away what lies behind it
        away, odds = np.expm1(-terms[2]), terms[6]
        beyond = (away > _FAR) & (odds < -_SURE)
        if region.probabilities is None and away.ndim == 2:  # in volumes it was worse
            beyond = away > _THIN
        score = np.where(beyond, _NEVER, score)
    return smoothed(score, look, _TIE, _ROUNDS)


def terms_of(
    region: Region,
    grid: WorkGrid,
    look: np.ndarray,
    pointed: np.ndarray,
    wrong: np.ndarray,
    value: int,
    positive: bool,
) -> list[np.ndarray]:
    """Return what is known of each block, in the order of the fields of `Pull`.

    Parameters
    ----------
    look : ndarray
        ``(C, *blocks)`` from `normalised`.
    pointed, wrong : ndarray of bool
        ``(*S)``: the voxels of the prompt that may turn, and all that may.
    """
    new = grid.any(pointed)
    maybe = (grid.means(wrong) >= 0.5) | new
    against = grid.any(region.seeds.against(value, positive)) & ~new
    step = min(grid.spacing)
    thick = float(_distance(~np.pad(new, 1), grid.spacing).max()) - step
    distance = np.where(new, 0, _distance(new, grid.spacing) + thick).astype(np.float32)
    radius = _radius(grid, maybe, distance, against, region.spacing)
    away = distance / radius
    depth = np.ones_like(away)
    if not maybe.all():
        depth = np.minimum(_distance(~maybe, grid.spacing) / radius, 3)
    nearer = np.zeros_like(away)
    if against.any():
        ratio = np.log((distance + step) / (_distance(against, grid.spacing) + step))
        nearer = np.clip(ratio, -2, 2) + 2
    odds = np.zeros_like(away)
    if region.probabilities is not None:
        odds = log_odds(grid.means(region.probabilities), region.values, value)
    alike = appearance(look, like=~maybe | (away <= _LIKE), unlike=maybe & (away > _UNLIKE))
    return [
        np.ones_like(away),
        -np.minimum(away, 1.5),
        -np.log1p(away),
        -depth,
        -image_distance(look, new),
        alike,
        odds if positive else -odds,
        -nearer,
    ]


def _distance(mask: np.ndarray, spacing: tuple[float, ...]) -> np.ndarray:
    """Return the distance in mm of each block to the mask, float32."""
    import edt

    return np.asarray(edt.edt(~mask, anisotropy=spacing, parallel=1))


def _radius(
    grid: WorkGrid,
    maybe: np.ndarray,
    distance: np.ndarray,
    against: np.ndarray,
    mm: Sequence[float],
) -> float:
    """Return how far in mm the prompt is from the border of the segment it lies in."""
    side = float(np.prod(np.multiply(grid.shape, mm)) ** (1 / len(grid.shape)))
    others = ~maybe
    radius = _UNKNOWN * side
    if others.any():
        radius = min(float(distance[others].min()), _FARTHEST * side)
    if against.any():
        radius = min(radius, _BETWEEN * float(distance[against].min()))
    return max(radius, min(grid.spacing))
