"""The names and colours that a label file gives its values."""

from __future__ import annotations

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
    colour : tuple of float or None
        Red, green and blue from 0 to 1; None where the file has none.
    """

    value: int
    name: str
    colour: tuple[float, float, float] | None = None
