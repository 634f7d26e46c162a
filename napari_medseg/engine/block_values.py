"""The values a network expects, piece by piece: statistics of an image that is never in memory.

8 and 16 bit images are counted in one pass; others take a second one for mean and deviation and,
where the card asks for percentiles, a third. Order statistics are exact, mean and deviation are
summed in double precision, so that a piece gets the values that `preprocess.normalise_values`
gives it within the whole image.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from napari_medseg.config import Config
from napari_medseg.engine.block_counts import Counts, as_floats
from napari_medseg.engine.card import Preprocessing
from napari_medseg.engine.preprocess import unit_scale
from napari_medseg.engine.value_checks import (
    check_contrast,
    check_finite,
    check_statistics,
    filling_notes,
)
from napari_medseg.progress import Report, Step, silent

Pieces = Callable[[], Iterator[np.ndarray]]
"""Goes through the pieces ``(C, *S of the piece)`` of an image, every voxel once."""

_ANY = (float(np.finfo(np.float32).min), float(np.finfo(np.float32).max))


@dataclass(frozen=True, kw_only=True)
class Values(Config):
    """How stored values become those a network expects, the same for every piece of an image.

    Parameters
    ----------
    fill : float
        What voxels that are NaN or infinite become.
    missing : tuple of int
        Channels that are not there: they become 0.
    scale : float
        What values are divided by.
    limits : tuple of (float, float)
        Per channel, what they are clipped to.
    mean, std : tuple of float
        Per channel, for normalising; empty is not at all.
    bgr : bool
        Channels last first.
    notes : tuple of str
        What a person should know about it.
    """

    fill: float = 0.0
    missing: tuple[int, ...] = ()
    scale: float = 1.0
    limits: tuple[tuple[float, float], ...] = ()
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    bgr: bool = False
    notes: tuple[str, ...] = ()

    def apply(self, piece: np.ndarray) -> np.ndarray:
        """Return the values of a piece ``(C, *S)`` as a network expects them, float32."""
        values = self.clipped(piece)
        for channel, mean, std in zip(values, self.mean, self.std, strict=False):
            channel -= np.float32(mean)
            channel *= np.float32(1 / std if std > 0 else 0)
        values[list(self.missing)] = 0
        return values[::-1].copy() if self.bgr else values

    def clipped(self, piece: np.ndarray) -> np.ndarray:
        """Return a copy ``(C, *S)``, float32: filled, scaled and clipped, not yet normalised."""
        values = as_floats(piece)
        if piece.dtype.kind == "f":
            np.copyto(values, np.float32(self.fill), where=~np.isfinite(values))
        if self.scale != 1:
            values *= np.float32(1 / self.scale)
        for channel, (low, high) in zip(values, self.limits, strict=True):
            if (low, high) != _ANY:
                np.clip(channel, low, high, out=channel)
        return values


def measure_values(
    pieces: Pieces,
    dtype: np.dtype,
    channels: int,
    preprocessing: Preprocessing,
    *,
    name: str = "image",
    may_miss: bool = False,
    report: Report = silent,
) -> Values:
    """Find what turns the values of an image into those of `preprocessing`.

    Goes through the image only where the card asks for statistics or NaN may be in it.

    Parameters
    ----------
    pieces : callable
        Goes through the image; is called for every pass.
    dtype : dtype
        Of the image as stored.
    channels : int
        Of the image.
    preprocessing : Preprocessing
        From the model's card.
    name : str
        For people.
    may_miss : bool
        Whether a channel may be NaN everywhere.
    report : Report
        Called before every piece; may raise `Cancelled`.

    Raises
    ------
    ValueError
        If no value is finite, or all are the same.
    """
    values = _by_card(preprocessing, channels, name)
    if not _needs_statistics(dtype, preprocessing):
        scale = unit_scale(dtype, 0.0)[0] if preprocessing.unit_range else 1.0
        return values.replace(scale=scale)

    def watched(what: str) -> Iterator[np.ndarray]:
        for piece in pieces():
            report(Step(0, 0, "image", what))
            yield piece

    counts = Counts.none(dtype, channels)
    for piece in watched("counting its values"):
        counts.add(piece)
    values, high = _filled(values, counts, name, may_miss)
    if preprocessing.unit_range:
        scale, said = unit_scale(dtype, high)
        values = values.replace(scale=scale, notes=(*values.notes, *said))
    if preprocessing.clip_percentiles is not None:
        again = watched("looking for its percentiles")
        limits = _percentiles(counts, values, preprocessing.clip_percentiles, again)
        values = values.replace(limits=limits)
    if preprocessing.normalise == "zscore":
        if counts.is_complete:
            found = _moments_of_bins(counts, values)
        else:
            found = _moments(watched("measuring its mean and deviation"), values, channels)
        mean, std = zip(*found, strict=True)
        values = values.replace(mean=mean, std=std)
    return values


def _needs_statistics(dtype: np.dtype, preprocessing: Preprocessing) -> bool:
    by_values = preprocessing.unit_range and dtype not in (np.uint8, np.uint16)
    asked = preprocessing.clip_percentiles is not None or preprocessing.normalise == "zscore"
    return asked or by_values or dtype.kind == "f"


def _by_card(preprocessing: Preprocessing, channels: int, name: str) -> Values:
    """Return what the card says by itself; statistics are filled in later."""
    check_statistics(preprocessing, channels, name)
    each = channels // len(preprocessing.mean) if preprocessing.normalise == "fixed" else 0
    return Values(
        limits=(preprocessing.clip or _ANY,) * channels,
        mean=preprocessing.mean * each,
        std=preprocessing.std * each,
        bgr=preprocessing.bgr,
    )


def _filled(values: Values, counts: Counts, name: str, may_miss: bool) -> tuple[Values, float]:
    """Say what NaN becomes and which channels are not there; return the largest value, too."""
    there = counts.bins.any(1)
    check_finite(bool(there.any()), name)
    missing = tuple(int(c) for c in np.flatnonzero(~there)) if may_miss else ()
    low, high = float(counts.low[there].min()), float(counts.high[there].max())
    check_contrast(low, high, name)
    odd = int(sum(n for c, n in enumerate(counts.odd) if c not in missing))
    notes = tuple(filling_notes(odd, low))
    return values.replace(fill=low, missing=missing, notes=notes), high


def _percentiles(
    counts: Counts, values: Values, percentiles: Sequence[float], again: Iterator[np.ndarray]
) -> tuple[tuple[float, float], ...]:
    """Return each channel's two percentiles of its clipped values, as `numpy.percentile` does."""
    last = int(counts.bins[0].sum() + counts.odd[0]) - 1
    at = [last * (p / 100) for p in percentiles]
    below = [min(math.floor(a), last) for a in at]
    above = [min(b + 1, last) for b in below]
    sorted_values = values.clipped(counts.ranked([*below, *above], values.fill, again))
    share = np.array(at) - below
    limits = []
    for row in sorted_values:
        low, high = row[:2], row[2:]
        apart = high - low  # in float32, as numpy has it
        found = np.where(share >= 0.5, high - apart * (1 - share), low + apart * share)
        limits.append((float(found[0]), float(found[1])))
    return tuple(limits)


def _moments_of_bins(counts: Counts, values: Values) -> list[tuple[float, float]]:
    table = values.clipped(np.broadcast_to(counts.values, counts.bins.shape)).astype(np.float64)
    found = []
    for numbers, times in zip(table, counts.bins, strict=True):
        mean = float((numbers * times).sum() / times.sum())
        found.append((mean, math.sqrt(((numbers - mean) ** 2 * times).sum() / times.sum())))
    return found


def _moments(
    pieces: Iterator[np.ndarray], values: Values, channels: int
) -> list[tuple[float, float]]:
    """Return mean and deviation of each channel, merged piece by piece.

    Source: Chan, Golub and LeVeque 1983, Algorithms for computing the sample variance, eq. 2.1.
    """
    count, mean, squares = 0, np.zeros(channels), np.zeros(channels)
    for piece in pieces:
        numbers = values.clipped(piece).reshape(channels, -1)
        more = numbers.shape[1]
        here = numbers.mean(1, dtype=np.float64)
        squares += numbers.var(1, dtype=np.float64) * more
        squares += (here - mean) ** 2 * count * more / (count + more)
        mean += (here - mean) * more / (count + more)
        count += more
    return [(float(m), math.sqrt(s / count)) for m, s in zip(mean, squares, strict=True)]
