"""How often values occur in an image that is read piece by piece: order statistics, exactly.

Values of 8 and 16 bits have a bin each. Others are taken as float32, whose bits sort as the
numbers do: their upper halves are counted first, then the lower halves of those that matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

_BINS = 1 << 16


@dataclass(eq=False)
class Counts:
    """What one pass over an image ``(C, *S)`` finds.

    Parameters
    ----------
    dtype : dtype
        Of the image.
    bins : ndarray
        ``(C, 65536)`` how many finite values lie in each bin.
    odd : ndarray
        ``(C,)`` how many are NaN or infinite.
    low, high : ndarray
        ``(C,)`` the smallest and largest finite value, float32.
    """

    dtype: np.dtype
    bins: np.ndarray
    odd: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @classmethod
    def none(cls, dtype: np.dtype, channels: int) -> Counts:
        """Return the counts of an image of which nothing was seen yet."""
        return cls(
            dtype,
            np.zeros((channels, _BINS), np.int64),
            np.zeros(channels, np.int64),
            np.full(channels, np.inf, np.float32),
            np.full(channels, -np.inf, np.float32),
        )

    @property
    def is_complete(self) -> bool:
        """Whether every value has a bin of its own."""
        return self.dtype.kind in "iu" and self.dtype.itemsize <= 2

    @property
    def finite(self) -> np.ndarray:
        """How many finite values each channel has, ``(C,)``."""
        return self.bins.sum(1)

    @property
    def values(self) -> np.ndarray:
        """The value of each bin, float32, where every value has one."""
        first = 0 if self.dtype.kind == "u" else -(_BINS // 2)
        return np.arange(first, first + _BINS).astype(np.float32)

    def add(self, piece: np.ndarray) -> None:
        """Count the values of a piece ``(C, *S)``."""
        for index, channel in enumerate(piece):
            if self.is_complete:
                self._add_bins(index, channel)
            else:
                self._add_floats(index, as_floats(channel))

    def _add_bins(self, index: int, channel: np.ndarray) -> None:
        shift = 0 if self.dtype.kind == "u" else _BINS // 2
        at = channel.ravel() if not shift else channel.ravel().astype(np.int32) + shift
        self.bins[index] += np.bincount(at, minlength=_BINS)
        used = self.values[np.flatnonzero(self.bins[index])[[0, -1]]]
        self.low[index], self.high[index] = used

    def _add_floats(self, index: int, channel: np.ndarray) -> None:
        finite = channel[np.isfinite(channel)]
        self.odd[index] += channel.size - finite.size
        if finite.size:
            self.bins[index] += np.bincount(_keys(finite) >> 16, minlength=_BINS)
            self.low[index] = min(self.low[index], finite.min())
            self.high[index] = max(self.high[index], finite.max())

    def ranked(self, ranks: Sequence[int], fill: float, pieces: Iterable[np.ndarray]) -> np.ndarray:
        """Return the values at some `ranks` of each channel, sorted upwards: ``(C, ranks)``.

        Parameters
        ----------
        ranks : sequence of int
            0 is the smallest.
        fill : float
            What NaN and infinite values count as.
        pieces : iterable of ndarray
            The image again; looked at only where bins hold several values.
        """
        bins, key = self.bins.copy(), int(_keys(np.array([fill], np.float32))[0])
        if not self.is_complete:
            bins[:, key >> 16] += self.odd
        cumulated = bins.cumsum(1)
        upper = np.stack([np.searchsorted(row, ranks, side="right") for row in cumulated])
        if self.is_complete:
            return self.values[upper]
        within = np.asarray(ranks) - np.take_along_axis(cumulated - bins, upper, 1)
        lower = {(c, int(b)): np.zeros(_BINS, np.int64) for c, row in enumerate(upper) for b in row}
        for (c, b), halves in lower.items():
            if b == key >> 16:
                halves[key & (_BINS - 1)] += self.odd[c]
        for piece in pieces:
            for c, channel in enumerate(piece):
                values = as_floats(channel).ravel()
                keys = _keys(values[np.isfinite(values)])
                for b in {b for owner, b in lower if owner == c}:
                    halves = keys[keys >> 16 == b] & (_BINS - 1)
                    lower[c, b] += np.bincount(halves, minlength=_BINS)
        found = np.empty(upper.shape, np.uint32)
        for (c, i), key_half in np.ndenumerate(upper):
            half = np.searchsorted(lower[c, int(key_half)].cumsum(), within[c, i], side="right")
            found[c, i] = (int(key_half) << 16) | int(half)
        return _from_keys(found)


def as_floats(array: np.ndarray) -> np.ndarray:
    """Return a copy as float32; what is too large for that becomes infinite."""
    with np.errstate(over="ignore"):
        return np.array(array, dtype=np.float32)


def _keys(values: np.ndarray) -> np.ndarray:
    """Return numbers, uint32, that sort as the float32 `values` do."""
    bits = values.view(np.uint32)
    return np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31))


def _from_keys(keys: np.ndarray) -> np.ndarray:
    bits = np.where(keys >> 31, keys & np.uint32((1 << 31) - 1), ~keys)
    return bits.view(np.float32)
