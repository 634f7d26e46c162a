"""The points of a curve, which grow cheaply."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


class Series:
    """Points ``(x, y)`` in the order in which they came."""

    def __init__(self) -> None:
        self._points = np.empty((2, 64))
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def x(self) -> np.ndarray:
        """Where the points lie, ``(n,)``."""
        return self._points[0, : self._count]

    @property
    def y(self) -> np.ndarray:
        """How high they lie, ``(n,)``; what is no number is a gap."""
        return self._points[1, : self._count]

    def extend(self, x: ArrayLike, y: ArrayLike) -> None:
        """Add points.

        Raises
        ------
        ValueError
            If there are not as many `x` as `y`.
        """
        new = np.atleast_1d(np.asarray(x, float)), np.atleast_1d(np.asarray(y, float))
        if new[0].shape != new[1].shape or new[0].ndim != 1:
            raise ValueError(
                f"a curve takes as many places as values, got {new[0].shape} and {new[1].shape}"
            )
        count = self._count + len(new[0])
        if count > self._points.shape[1]:
            grown = np.empty((2, 2 * count))
            grown[:, : self._count] = self._points[:, : self._count]
            self._points = grown
        self._points[:, self._count : count] = new
        self._count = count
