"""What the fields of a config may be, said in one way; imports without torch."""

from __future__ import annotations

import math
from collections.abc import Sequence

from napari_medseg.config import Config

_LARGEST = 1000.0  # far above any use; optimisers compute in float32


def check_choices(config: Config, **allowed: Sequence[str]) -> None:
    """Raise a `ValueError` unless each named field is one of its words."""
    for name, words in allowed.items():
        if getattr(config, name) not in words:
            raise ValueError(f"{name} must be one of {words}, got {getattr(config, name)!r}")


def check_least(config: Config, **least: int) -> None:
    """Raise a `ValueError` unless each named count is as large as it has to be."""
    for name, smallest in least.items():
        if not smallest <= getattr(config, name) < math.inf:
            raise ValueError(f"{name} must be at least {smallest}, got {getattr(config, name)}")


def check_not_negative(config: Config, *names: str) -> None:
    """Raise a `ValueError` unless each field is a number from 0 on, where 0 turns it off."""
    for name in names:
        if not 0 <= getattr(config, name) < math.inf:
            raise ValueError(f"{name} must be at least 0 (0 = off), got {getattr(config, name)}")


def check_positive(config: Config, *names: str) -> None:
    """Raise a `ValueError` unless each field is a number above 0, and none that overflows."""
    for name in names:
        if not 0 < getattr(config, name) <= _LARGEST:
            raise ValueError(
                f"{name} must be positive and at most {_LARGEST:g}, got {getattr(config, name)}"
            )


def check_share(config: Config, *names: str, low: float = 0.0, all_of_it: bool = True) -> None:
    """Raise a `ValueError` unless each field is a number from `low` to 1.

    Parameters
    ----------
    config : Config
        Whose fields.
    *names : str
        Which.
    low : float
        The smallest number allowed.
    all_of_it : bool
        Whether 1 itself is allowed.
    """
    for name in names:
        value = getattr(config, name)
        if not (low <= value < 1 or (all_of_it and value == 1)):
            end = "]" if all_of_it else ")"
            raise ValueError(f"{name} must be in [{low:g}, 1{end}, got {value}")


def check_ranges(config: Config, *names: str) -> None:
    """Raise a `ValueError` unless each field is two factors above 0, the smaller one first."""
    for name in names:
        low, high = getattr(config, name)
        if not 0 < low <= high < math.inf:
            raise ValueError(
                f"{name} must be two positive numbers, the smaller one first, got {low}, {high}"
            )
