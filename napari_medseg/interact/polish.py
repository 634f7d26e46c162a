"""From adapted probabilities to labels: neighbours that look alike agree, and prompts hold."""

from __future__ import annotations

import numpy as np

from napari_medseg.interact.refine_region import Region
from napari_medseg.interact.refine_score import smoothed

_ROUNDS = 10
_TIE = 1.0
_SURE = 6.0  # log-odds: no class is less likely than that
_PRIOR = {2: 3.0, 3: 1.0}  # log-odds of what lane 0 says, in pictures and in volumes


def polish(region: Region, *, prior: np.ndarray | None = None, most: int = 1 << 16) -> np.ndarray:
    """Return the likeliest labels of a region, smooth along the image's edges.

    Parameters
    ----------
    region : Region
        With the adapted probabilities of its values.
    prior : ndarray or None
        ``(*S)``: labels that count as well, those of lane 0.
    most : int
        A finer region is smoothed in so many blocks.

    Returns
    -------
    ndarray
        ``(*S)``, the type of the region's labels; the prompts hold, and what may not change is as
        it was.

    Raises
    ------
    ValueError
        If there are no probabilities.
    """
    if region.probabilities is None:
        raise ValueError("there are no probabilities to make labels from; adapt a model first")
    grid = region.grid(most)
    look = region.look(grid)
    logs = np.log(np.maximum(region.probabilities, np.finfo(np.float32).tiny))
    logs = np.maximum(logs, logs.max(axis=0) - _SURE)
    if prior is not None:
        logs += _PRIOR[prior.ndim] * (prior == np.reshape(region.values, (-1, *[1] * prior.ndim)))
    open_ = region.seeds.allowed(region.values)
    best = np.full(region.labels.shape, -np.inf, np.float32)
    row = np.zeros(region.labels.shape, np.intp)
    for number, log in enumerate(logs):
        coarse = grid.means(log)
        # what is finer than a block stays; only the smoothing itself is coarse
        score = log + grid.back(smoothed(coarse, look, _TIE, _ROUNDS) - coarse)
        better = open_[number] & (score > best)
        best[better], row[better] = score[better], number
    found = np.asarray(region.values, region.labels.dtype)[row]
    labels = region.labels.copy()
    where = np.ones(labels.shape, bool) if region.may_change is None else region.may_change
    labels[where] = found[where]
    region.hold(labels)
    return labels
