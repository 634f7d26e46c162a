"""Lengths in mm, whatever unit a file gives them in."""

from __future__ import annotations

from typing import Any

import numpy as np

_MM_PER_UNIT = {
    "angstrom": 1e-7, "å": 1e-7,
    "nm": 1e-6, "nanometer": 1e-6,
    "um": 1e-3, "µm": 1e-3, "\u03bcm": 1e-3, "\\u00b5m": 1e-3, "micron": 1e-3, "microns": 1e-3,
    "micrometer": 1e-3,
    "mm": 1.0, "millimeter": 1.0,
    "cm": 10.0, "centimeter": 10.0,
    "m": 1000.0, "meter": 1000.0,
    "inch": 25.4, "in": 25.4,
}  # fmt: skip


def in_mm(size: Any, unit: str) -> float | None:
    """Return a length in mm, to six digits; None where size or unit is not one.

    Parameters
    ----------
    size : number or text
        As the file gives it.
    unit : str
        Like "µm", "micrometer" or "inch"; capitals do not matter.
    """
    try:
        length = float(size) * _MM_PER_UNIT.get(unit.lower(), 0.0)
    except (TypeError, ValueError):
        return None
    return float(f"{length:.6g}") if 0 < length < np.inf else None


def mm_per_unit(unit: str) -> float | None:
    """Return the mm in a unit of length, None for what is none ("pixel")."""
    return in_mm(1.0, unit)
