"""From adapted probabilities to labels: neighbours that look alike agree, and prompts hold."""

from __future__ import annotations

import numpy as np

from napari_medseg.interact.refine_region import Region
from napari_medseg.interact.refine_score import likeliest, smoothed

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
        for value, log in zip(region.values, logs, strict=True):
            log += np.float32(_PRIOR[prior.ndim]) * (prior == value)
    coarse = grid.means(logs)
    moved = smoothed(coarse, look, _TIE, _ROUNDS) - coarse
    for log, more in zip(logs, moved, strict=True):
        log += grid.back(more)  # what is finer than a block stays; only the smoothing is coarse
    open_ = region.seeds.allowed(region.values)
    labels = likeliest(logs, region.values, region.labels.dtype, open_)
    if region.may_change is not None:
        np.copyto(labels, region.labels, where=~region.may_change)
    region.hold(labels)
    return labels
