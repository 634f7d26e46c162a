"""Values of the command line that are more than a word or a number."""

from __future__ import annotations

import argparse


def numbers(text: str) -> tuple[int, ...]:
    """Read whole numbers: ``1,2``."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected numbers such as 1,2, got {text!r}") from error


def slices(text: str) -> slice:
    """Read where slices begin and end: ``10:20``."""
    first, _, last = text.partition(":")
    try:
        return slice(int(first), int(last))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected slices such as 10:20, got {text!r}") from error


def region(text: str) -> tuple[slice, ...]:
    """Read a part of an image, a range along each axis: ``0:40,10:90``."""
    return tuple(slices(part) for part in text.split(","))
