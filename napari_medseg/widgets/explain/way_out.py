"""A button that leads on from what cannot be shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, eq=False)
class WayOut:
    """What one can do instead.

    Parameters
    ----------
    text : str
        On the button.
    tip : str
        What it does.
    act : callable
        Does it.
    again : str
        The kind of wish that is asked for again then; empty is none.
    """

    text: str
    tip: str
    act: Callable[[], object]
    again: str = ""
