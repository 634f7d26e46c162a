"""Colours for maps that leave as pictures."""

from __future__ import annotations

import numpy as np

# every eighth of the maps of those names in matplotlib (public domain, CC0)
_ANCHORS = {
    "magma": "000004 1d1147 51127c 832681 b73779 e75263 fc8961 fec488 fcfdbf",
    "viridis": "440154 472d7b 3b528b 2c728e 21918c 28ae80 5ec962 addc30 fde725",
    "coolwarm": "3b4cc0 6788ee 9abbff c9d7f0 dddddd f7cbb8 f49a7b dd5f4b b40426",
}


def coloured(values: np.ndarray, colormap: str, limits: tuple[float, float]) -> np.ndarray:
    """Return ``(*S)`` in colour, ``(3, *S)`` uint8; what is not a number is black.

    Parameters
    ----------
    values : ndarray
        ``(*S)``.
    colormap : str
        "magma", "viridis" or "coolwarm".
    limits : tuple of float
        The values of the first and the last colour.
    """
    low, high = limits
    known = np.isfinite(values)
    t = ((np.where(known, values, low) - low) / (high - low)).clip(0, 1)
    hexes = _ANCHORS[colormap].split()
    anchors = np.array([[int(h[i : i + 2], 16) for i in (0, 2, 4)] for h in hexes], float)
    at = np.linspace(0, 1, len(anchors))
    mixed = np.stack([np.interp(t, at, anchors[:, c]) for c in range(3)])
    return (np.where(known, mixed, 0) + 0.5).astype(np.uint8)


def blended(
    grey: np.ndarray, values: np.ndarray, colormap: str, limits: tuple[float, float], opacity: float
) -> np.ndarray:
    """Lay a map over a picture: ``(*S)`` or ``(3, *S)`` uint8 and ``(*S)`` -> ``(3, *S)`` uint8.

    What is not a number lets the picture through.
    """
    picture = np.broadcast_to(grey, (3, *values.shape)).astype(np.float32)
    share = np.where(np.isfinite(values), opacity, 0.0)
    return (picture * (1 - share) + coloured(values, colormap, limits) * share + 0.5).astype(
        np.uint8
    )
