"""What speaks for a class at each voxel: the model, the look of the image, a prompt that is near.

Everything is a log-odds: positive for, negative against, 0 undecided; they add up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

_SURE = 4.0  # log-odds beyond which a model is not believed any more than that
_BINS = 8  # of grey values or of each colour
_SAID = 3.0  # log-odds at most by the look of one voxel
_FEWEST = 20  # blocks an appearance can be learnt from
_COLOURS = 3  # channels whose values are looked at together


def log_odds(probabilities: np.ndarray, values: Sequence[int], value: int) -> np.ndarray:
    """Return how sure a model is of a class: ``(K, *S) -> (*S)`` float32; 0 if it knows no such."""
    if value not in values:
        return np.zeros(probabilities.shape[1:], np.float32)
    p = np.clip(probabilities[list(values).index(value)], 1e-6, 1 - 1e-6)
    return np.clip(np.log(p / (1 - p)), -_SURE, _SURE)


def normalised(image: np.ndarray) -> np.ndarray:
    """Return ``(C, *S)`` float32 smoothed a little, each channel from 0, one spread for all.

    Values that are not finite count as the smallest that is.
    """
    from scipy import ndimage

    finite = np.isfinite(image)
    if not finite.all():
        image = np.where(finite, image, image[finite].min() if finite.any() else 0)
    low, high = np.percentile(image, (0.5, 99.5))
    clipped = np.clip(image, low, high).astype(np.float32)
    sigma = (0, *(1.0 if n > 2 else 0.0 for n in image.shape[1:]))
    smooth = ndimage.gaussian_filter(clipped, sigma, mode="nearest")
    spatial = tuple(range(1, image.ndim))
    smooth -= smooth.mean(spatial, keepdims=True)
    return np.asarray(smooth / (smooth.std() + 1e-6))


def appearance(look: np.ndarray, like: np.ndarray, unlike: np.ndarray) -> np.ndarray:
    """Return how much more each voxel looks like some than like others.

    Parameters
    ----------
    look : ndarray
        ``(C, *S)`` from `normalised`.
    like, unlike : ndarray of bool
        ``(*S)``: the voxels to learn from; with too few on one side the answer is 0.

    Returns
    -------
    ndarray
        ``(*S)`` float32: log ratio of two smoothed histograms, of up to three channels at once (a
        colour); of more channels the ratios of each are averaged.
    """
    if min(np.count_nonzero(like), np.count_nonzero(unlike)) < _FEWEST:
        return np.zeros(look.shape[1:], np.float32)
    levels = np.stack([_levels(channel) for channel in look])
    together = [levels] if len(look) <= _COLOURS else list(levels[:, None])
    ratios = [_ratio(group, like, unlike) for group in together]
    return np.clip(np.mean(ratios, axis=0), -_SAID, _SAID).astype(np.float32)


def smoothed(score: np.ndarray, look: np.ndarray, weight: float, rounds: int) -> np.ndarray:
    """Return scores drawn towards those of neighbours that look alike.

    One round moves each voxel to the weighted mean of itself and its face neighbours, these with
    ``weight * exp(-d² / 2)`` for a difference ``d`` of looks relative to the typical one: the
    steps of a conditional random field with contrast-sensitive edges (Krähenbühl and Koltun 2011,
    arXiv:1210.5644, with a grid for its dense graph).

    Parameters
    ----------
    score : ndarray
        ``(..., *S)`` float32.
    look : ndarray
        ``(C, *S)`` from `normalised`.
    """
    ndim = look.ndim - 1
    edges = [np.square(np.diff(look, axis=axis + 1)).sum(axis=0) for axis in range(ndim)]
    typical = max(float(np.mean([e.mean() for e in edges if e.size] or [1.0])), 1e-12)
    ties = [weight * np.exp(-e / (2 * typical)) for e in edges]
    ends = [_ends(axis, ndim) for axis in range(ndim)]
    total = np.ones(look.shape[1:], score.dtype)
    for (low, high), tie in zip(ends, ties, strict=True):
        total[low] += tie
        total[high] += tie
    result, pulled, passed = score, np.empty_like(score), np.empty_like(score)
    for _ in range(rounds):
        pulled[...] = score
        for (low, high), tie in zip(ends, ties, strict=True):
            for here, there in ((low, high), (high, low)):
                pulled[here] += np.multiply(tie, result[there], out=passed[here])
        result = np.divide(pulled, total, out=None if result is score else result)
    return result


def _ends(axis: int, ndim: int) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Return which voxels have a neighbour above along an axis, and which one below."""
    before = (..., *(slice(None),) * axis)
    after = (slice(None),) * (ndim - axis - 1)
    return (*before, slice(None, -1), *after), (*before, slice(1, None), *after)


def likeliest(
    scores: np.ndarray, values: Sequence[int], dtype: DTypeLike, open_: np.ndarray | None = None
) -> np.ndarray:
    """Return of each voxel the value with the highest score, of several the first.

    Parameters
    ----------
    scores : ndarray
        ``(K, *S)``, of `values`.
    dtype : data type
        Of the answer ``(*S)``.
    open_ : ndarray of bool or None
        ``(K, *S)``: which of them a voxel may have; where it may have none it gets the first.
    """
    found = np.full(scores.shape[1:], values[0], dtype)
    best = np.full(scores.shape[1:], -np.inf, scores.dtype)
    for number, (value, score) in enumerate(zip(values, scores, strict=True)):
        better = score > best
        if open_ is not None:
            better &= open_[number]
        np.copyto(best, score, where=better)
        np.copyto(found, value, where=better)
    return found


def _levels(channel: np.ndarray) -> np.ndarray:
    low, span = float(channel.min()), float(np.ptp(channel))
    return np.clip((channel - low) / (span + 1e-6) * _BINS, 0, _BINS - 1).astype(np.intp)


def _ratio(levels: np.ndarray, like: np.ndarray, unlike: np.ndarray) -> np.ndarray:
    sides = (_BINS,) * len(levels)
    codes = np.ravel_multi_index(tuple(levels), sides)
    ratio = _log_histogram(codes[like], sides) - _log_histogram(codes[unlike], sides)
    return np.asarray(ratio[codes])


def _log_histogram(codes: np.ndarray, sides: tuple[int, ...]) -> np.ndarray:
    from scipy import ndimage

    counts = np.bincount(codes, minlength=int(np.prod(sides))).reshape(sides).astype(float)
    even = ndimage.gaussian_filter(counts, 0.7, mode="constant") + 1e-4 * codes.size
    return np.log(even / even.sum()).ravel()
