"""The numbers of a box plot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np


@dataclass(frozen=True)
class FiveNumbers:
    """A box with whiskers.

    Parameters
    ----------
    low, high : float
        The outermost values within one and a half box lengths of the box.
    lower, median, upper : float
        The quartiles, between two values linearly.

    Source: Tukey 1977, Exploratory Data Analysis, ch. 2.
    """

    low: float
    lower: float
    median: float
    upper: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float] | np.ndarray) -> Self | None:
        """Return the box of the values that are numbers; None if there are none."""
        known = np.asarray(values, float)
        known = known[np.isfinite(known)]
        if not len(known):
            return None
        lower, median, upper = (float(q) for q in np.percentile(known, (25, 50, 75)))
        reach = 1.5 * (upper - lower)
        inside = known[(known >= lower - reach) & (known <= upper + reach)]
        return cls(float(inside.min()), lower, median, upper, float(inside.max()))
