"""The names and colours that a label file gives its values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class ClassName:
    """What a value of a label image is called.

    Parameters
    ----------
    value : int
        In the label image; not 0, which is background.
    name : str
        For people.
    colour : str
        Like "#e69f00"; empty where the file has none.
    """

    value: int
    name: str
    colour: str = ""


def hex_colour(rgb: Sequence[float]) -> str:
    """Return red, green and blue from 0 to 1 as "#rrggbb"; "" unless there are three."""
    if len(rgb) != 3:
        return ""
    return "#" + "".join(f"{min(max(round(255 * part), 0), 255):02x}" for part in rgb)
