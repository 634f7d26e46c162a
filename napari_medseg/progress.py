"""How long work says where it is, and how it is stopped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """One step of a piece of work: ``done`` of ``total`` in ``unit``s.

    Parameters
    ----------
    done : int
        How many units are finished.
    total : int
        How many there are in all; 0 while that is not known.
    unit : str
        What is counted, in the singular: "window", "slice", "image".
    note : str
        One line for a person ("using a smaller window: the GPU is full"), or empty.
    """

    done: int
    total: int
    unit: str = "step"
    note: str = ""


Report = Callable[[Step], None]
"""Called by the work before each step; may raise `Cancelled` to stop it."""


class Cancelled(Exception):
    """Raised inside a report to stop the work; only who passed the report catches it."""


def silent(step: Step) -> None:
    """Ignore the step: the report of work nobody watches."""


def duration(seconds: float) -> str:
    """Return a time rounded to what it means: "0.4 s", "12 s", "3 min", "1 h 20 min"."""
    if seconds < 9.5:
        return f"{seconds:.1f} s" if seconds < 2 else f"{seconds:.0f} s"
    if seconds < 90:
        return f"{round(seconds)} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
