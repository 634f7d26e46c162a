"""Colours for classes that people tell apart who do not see red and green."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import numpy as np

# Okabe and Ito's seven colours, then those of a grid in sRGB (L* 32 to 93) that lie farthest from
# all before, as `difference` measures it: any two are at least 17 apart
PALETTE = (
    *("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#0000ff"),
    *("#3333cc", "#88ffaa", "#3388ff", "#aa3333", "#55ffff", "#88aa55", "#aa0088", "#5533aa"),
    *("#883355", "#5533ff", "#aaccaa", "#00aaff"),
)
_APART = 17.0
# how those see who lack the cones for red and for green, on linear RGB
# Source: Vienot, Brettel and Mollon 1999, Color Research and Application 24(4), eq. 4-6
_TO_LMS = np.array(
    [[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.0299566, 0.184309, 1.46709]]
)
_BLIND = {
    "red": np.array([[0, 2.02344, -2.52581], [0, 1, 0], [0, 0, 1]]),
    "green": np.array([[1, 0, 0], [0.494207, 0, 1.24827], [0, 0, 1]]),
}


def next_colour(taken: Iterable[str]) -> str:
    """Return the first colour of the palette far enough from all `taken`; else the farthest."""
    others = set(taken)
    distances = [min((difference(c, o) for o in others), default=np.inf) for c in PALETTE]
    far = [c for c, d in zip(PALETTE, distances, strict=True) if d >= _APART]
    return far[0] if far else PALETTE[int(np.argmax(distances))]


@lru_cache(maxsize=4096)
def difference(one: str, other: str) -> float:
    """Return how far two colours ``#rrggbb`` lie apart for those who see them least: CIE 1976 ΔE.

    The smallest of what people see with all cones, without those for red, without those for green.
    """
    pairs = [(_lab(one, kind), _lab(other, kind)) for kind in (None, "red", "green")]
    return min(float(np.linalg.norm(a - b)) for a, b in pairs)


@lru_cache(maxsize=1024)
def _lab(colour: str, blind: str | None) -> np.ndarray:
    """Return the CIE L*a*b* coordinates of a colour as somebody sees it."""
    srgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    if blind is not None:
        linear = np.linalg.solve(_TO_LMS, _BLIND[blind] @ _TO_LMS @ linear).clip(0, 1)
    to_xyz = np.array(
        [
            [0.4124564, 0.3575761, 0.1804375],
            [0.2126729, 0.7151522, 0.0721750],
            [0.0193339, 0.1191920, 0.9503041],
        ]
    )
    xyz = to_xyz @ linear / np.array([0.95047, 1.0, 1.08883])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])
