"""An axis: where values lie along it, and the round numbers that stand beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

_FREE = 0.04  # of the length, left free beyond the outermost values
_LARGEST = 1e100  # beyond that, and in logarithms below its inverse, arithmetic ends


@dataclass(frozen=True)
class Tick:
    """A number beside an axis.

    Parameters
    ----------
    value : float
        The number.
    text : str
        As people read it.
    """

    value: float
    text: str


@dataclass(frozen=True)
class Scale:
    """The values from one end of an axis to the other.

    Parameters
    ----------
    low, high : float
        Its ends, ``low < high``; positive where it is logarithmic.
    log : bool
        Whether equal ratios, not equal differences, take the same length.

    Raises
    ------
    ValueError
        If the ends do not fit.
    """

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        if not (np.isfinite(self.low) and np.isfinite(self.high) and self.low < self.high):
            raise ValueError(f"an axis must run upwards between numbers, got {self}")
        if self.log and self.low <= 0:
            raise ValueError(f"a logarithmic axis begins above 0, got {self}")

    @classmethod
    def around(
        cls,
        values: ArrayLike,
        *,
        log: bool = False,
        least: float | None = None,
        most: float | None = None,
    ) -> Self:
        """Return an axis on which all finite values have room.

        Parameters
        ----------
        values : array_like
            Those that are no numbers, or cannot be shown, are passed over.
        log : bool
            Whether it is logarithmic.
        least, most : float, optional
            The axis does not go beyond them (1 for a Dice), as far as no value does.
        """
        array = np.asarray(values, float).ravel()
        array = array[(np.abs(array) <= _LARGEST) & ((array >= 1 / _LARGEST) | (not log))]
        if not len(array):
            return cls(0.1, 1.0, log=True) if log else cls(*_ends(0.0, 1.0, least, most))
        low, high = float(array.min()), float(array.max())
        if log:
            if high / low < 1.05:
                low, high = low / 1.5, high * 1.5
            room = (high / low) ** _FREE
            return cls(low / room, high * room, log=True)
        if high - low <= 1e-9 * max(abs(low), abs(high)):
            low, high = low - max(abs(low), 1.0) / 2, high + max(abs(high), 1.0) / 2
        else:
            low, high = low - _FREE * (high - low), high + _FREE * (high - low)
        return cls(*_ends(low, high, least, most, array))

    def along(self, values: ArrayLike) -> np.ndarray:
        """Return how far along the axis values lie, 0 at its low end; nan where they do not."""
        array = np.asarray(values, float)
        shown = np.where(np.abs(array) <= _LARGEST, array, np.nan)
        if not self.log:
            return (shown - self.low) / (self.high - self.low)
        shown = np.where(shown >= 1 / _LARGEST, shown, np.nan)
        return (np.log(shown) - np.log(self.low)) / (np.log(self.high) - np.log(self.low))

    def ticks(self, most: int, *, whole: bool = False) -> list[Tick]:
        """Return round numbers within the axis.

        Parameters
        ----------
        most : int
            How many there is room for, at least 2.
        whole : bool
            Whether it counts something: no fractions then.
        """
        decades = np.log10(self.high / self.low) if self.log else 0.0
        if decades < 1:
            return self._even(most, whole)
        first, last = int(np.ceil(np.log10(self.low) - 1e-9)), int(np.log10(self.high) // 1)
        exponents = range(first, last + 1)[:: -(-(last + 1 - first) // most)]
        values = [10.0**e for e in exponents]
        if 3 * decades <= most:
            values = [m * 10.0**e for e in range(first - 1, last + 1) for m in (1, 2, 5)]
        return [Tick(v, f"{v:g}") for v in values if self.low <= v <= self.high]

    def _even(self, most: int, whole: bool) -> list[Tick]:
        rough = (self.high - self.low) / most
        power = 10.0 ** np.floor(np.log10(rough))
        step = float(next(m * power for m in (1, 2, 5, 10) if m * power >= rough * (1 - 1e-9)))
        step = max(step, 1.0) if whole else step
        first, last = np.ceil(self.low / step - 1e-6), np.floor(self.high / step + 1e-6)
        values = np.arange(first, last + 1) * step + 0.0  # no -0
        digits = max(0, -int(np.floor(np.log10(step) + 1e-9)))
        plain = digits <= 5 and max(abs(self.low), abs(self.high)) < 1e6
        return [Tick(float(v), f"{v:,.{digits}f}" if plain else f"{v:g}") for v in values]


def _ends(
    low: float,
    high: float,
    least: float | None,
    most: float | None,
    values: np.ndarray | None = None,
) -> tuple[float, float]:
    """Keep the ends of an axis within limits that no value passes."""
    smallest = low if values is None else float(values.min())
    largest = high if values is None else float(values.max())
    if least is not None and smallest >= least > low:
        low = least
    if most is not None and largest <= most < high:
        high = most
    return low, high
