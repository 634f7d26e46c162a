"""The points of a curve: they grow cheaply, and are thinned to what a screen can show."""

from __future__ import annotations

from collections.abc import Iterator

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


def thinned(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a polyline that looks the same in pixels: of a column its ends and extremes.

    Parameters
    ----------
    x, y : ndarray
        ``(n,)`` in pixels; `y` is nan in a gap, of which those narrower than a pixel are closed.
        Where `x` does not ascend, or there is little to gain, they are returned as they are.
    """
    columns = np.floor(x)
    starts = np.flatnonzero(np.diff(columns, prepend=-np.inf))
    if 8 * len(starts) >= len(x) or not (np.diff(x) >= 0).all():
        return x, y
    lows, highs = np.fmin.reduceat(y, starts), np.fmax.reduceat(y, starts)
    first, last = y[starts], y[np.append(starts[1:], len(x)) - 1]
    first, last = np.where(np.isnan(first), lows, first), np.where(np.isnan(last), highs, last)
    return np.repeat(columns[starts], 4), np.stack([first, lows, highs, last], axis=1).ravel()


def runs(values: np.ndarray) -> Iterator[slice]:
    """Return the parts of a curve between its gaps."""
    known = np.concatenate([[False], np.isfinite(values), [False]])
    changes = np.flatnonzero(np.diff(known))
    for start, stop in zip(changes[::2].tolist(), changes[1::2].tolist(), strict=True):
        yield slice(start, stop)
