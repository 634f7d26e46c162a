"""The object inside a box, and the line of a lasso moved to where the image has one."""

from __future__ import annotations

import numpy as np

from napari_medseg.editing.connected import connected
from napari_medseg.interact.refine_config import RefineConfig
from napari_medseg.interact.refine_region import Region
from napari_medseg.interact.refine_score import appearance, log_odds, normalised, smoothed
from napari_medseg.packed import Box, within

_STEEP = 3.0  # log-odds lost from the middle of a box to its sides
_ROUND = 1.05  # half sides of a box: where its shape alone leaves undecided
_TIMES = 2  # the look of object and surroundings is learnt and used
_ROUNDS = 10
_TIE = 1.0


def object_in(
    region: Region, inside: Box, loose: Box, value: int, config: RefineConfig
) -> tuple[np.ndarray, np.ndarray]:
    """Return what becomes of a class, and what stops to be of it, because of a box around it.

    The look of object and surroundings is learnt from what lies inside and outside of the box and
    from the last guess, as GrabCut does (Rother et al. 2004, doi:10.1145/1015706.1015720), with
    the model's probabilities and a round shape as priors.

    Parameters
    ----------
    inside, loose : tuple of slice
        The box as drawn and with its slack, both cut at the region, on the grid of the image.

    Returns
    -------
    tuple of (ndarray of bool, ndarray of bool)
        ``(*S)``: added; taken away, inside of the box and where the class spills out of it.
    """
    box = region.seeds.box
    middle = [(s.start + s.stop - 1) / 2 - b.start for s, b in zip(inside, box, strict=True)]
    halves = [max((s.stop - s.start) / 2, 0.5) for s in inside]
    axes = np.ogrid[tuple(slice(0, n) for n in region.labels.shape)]
    parts = [np.square((a - m) / h) for a, m, h in zip(axes, middle, halves, strict=True)]
    from_middle = np.sqrt(sum(parts[1:], parts[0]))
    may = np.zeros(region.labels.shape, bool)
    may[within(loose, box)] = True
    grid = region.grid(config.blocks)
    look = region.look(grid)
    prior = grid.means(_STEEP * (_ROUND - from_middle))
    if region.probabilities is not None:
        prior += config.model * log_odds(grid.means(region.probabilities), region.values, value)
    room = grid.means(may) >= 0.5
    guess = (prior > 0) & room
    for _ in range(_TIMES):
        score = prior + config.image * appearance(look, like=guess, unlike=~guess)
        score = smoothed(score, look, _TIE, _ROUNDS)
        guess = (score > 0) & room
    found = _largest((grid.back(score) > 0) & may)
    was = region.labels == value
    return found & ~was, (was & may & ~found) | _spilt(was, may)


def snapped(
    region: Region, core: np.ndarray, band: np.ndarray, value: int, config: RefineConfig
) -> np.ndarray:
    """Return which voxels of the band along a lasso's line belong to what it holds.

    Parameters
    ----------
    core, band : ndarray of bool
        ``(*S)`` of the region, from `core_and_band`.
    """
    from scipy import ndimage

    hull = core | band
    depth = ndimage.distance_transform_edt(hull, sampling=region.spacing)
    middle = depth - ndimage.distance_transform_edt(~core, sampling=region.spacing)
    look = normalised(region.image)
    around = ndimage.binary_dilation(hull, iterations=3) & ~hull
    score = 0.5 * middle / min(region.spacing)
    score = score + config.image * appearance(look, like=core, unlike=around)
    if region.probabilities is not None:
        score += config.model * log_odds(region.probabilities, region.values, value)
    return np.asarray((smoothed(score.astype(np.float32), look, _TIE, _ROUNDS) > 0) & band)


def _largest(mask: np.ndarray) -> np.ndarray:
    parts, count = connected(mask, "faces")
    if count < 2:
        return mask
    return np.asarray(parts == np.bincount(parts.ravel())[1:].argmax() + 1)


def _spilt(was: np.ndarray, may: np.ndarray) -> np.ndarray:
    """Return the parts of a class outside of a box that hang together with what is inside."""
    from scipy import ndimage

    parts, count = connected(was & ~may, "faces")
    rim = ndimage.binary_dilation(was & may) & ~may
    out = np.zeros(count + 1, bool)
    out[parts[rim]] = True
    out[0] = False
    return np.asarray(out[parts])
