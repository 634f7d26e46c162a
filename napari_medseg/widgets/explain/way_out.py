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
    again : bool
        Whether what was asked for is asked for again then.
    """

    text: str
    tip: str
    act: Callable[[], object]
    again: bool = True
