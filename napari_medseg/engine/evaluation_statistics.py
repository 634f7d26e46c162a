"""Many numbers in a few: mean with its interval, median, quartiles, extremes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

RESAMPLES = 2000
SEED = 0
CASES_FOR_INTERVAL = 6
INTERVAL_WORDS = (
    f"95 % interval of the mean: from {CASES_FOR_INTERVAL} cases on, percentiles 2.5 and 97.5 of "
    f"the means of {RESAMPLES} draws of as many cases with replacement (bootstrap, seed {SEED}); "
    "it says how much the mean depends on which cases were chosen."
)


@dataclass(frozen=True)
class Summary:
    """A metric of one class over cases.

    Parameters
    ----------
    count : int
        Cases that have a number.
    left_out : int
        Cases without one.
    mean, median, lower, upper, least, most : float
        `lower` and `upper` are the 25th and 75th percentile, between two cases linearly; all are
        NaN without a number.
    interval : (float, float) or None
        95 % interval of the mean; None for fewer than `CASES_FOR_INTERVAL` cases.
    """

    count: int
    left_out: int
    mean: float
    median: float
    lower: float
    upper: float
    least: float
    most: float
    interval: tuple[float, float] | None


def summarise(numbers: Sequence[float]) -> Summary:
    """Summarise the numbers of all cases; NaN are counted and left out."""
    every = np.asarray(numbers, dtype=np.float64)
    known = every[~np.isnan(every)]
    if not known.size:
        return Summary(0, every.size, *(float("nan"),) * 6, None)
    least, lower, median, upper, most = np.percentile(known, [0, 25, 50, 75, 100])
    return Summary(
        count=known.size,
        left_out=every.size - known.size,
        mean=float(known.mean()),
        median=float(median),
        lower=float(lower),
        upper=float(upper),
        least=float(least),
        most=float(most),
        interval=_interval(known) if known.size >= CASES_FOR_INTERVAL else None,
    )


def _interval(numbers: np.ndarray) -> tuple[float, float]:
    """Percentile bootstrap: Efron 1979, doi:10.1214/aos/1176344552."""
    low, high = np.percentile(_draws(numbers.size) @ numbers, [2.5, 97.5])
    return float(low), float(high)


@lru_cache(maxsize=4)
def _draws(count: int) -> np.ndarray:
    """Return ``(RESAMPLES, count)``: the weight of every case in the mean of every draw."""
    shares = np.full(count, 1 / count)
    return np.random.default_rng(SEED).multinomial(count, shares, size=RESAMPLES) / count
