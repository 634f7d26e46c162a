"""A label image like one of the abdomen, made in code, with the same seed always the same."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

SHAPE, SPACING = (200, 512, 512), (1.5, 0.8, 0.8)
ORGANS = (  # class, centre, half axes in voxels
    (1, (100, 230, 170), (62, 95, 100)),
    (2, (105, 290, 370), (40, 50, 48)),
    (3, (95, 330, 190), (32, 30, 26)),
    (4, (95, 330, 330), (32, 30, 26)),
    (5, (120, 240, 280), (14, 26, 64)),
    (6, (60, 200, 300), (26, 40, 52)),
)
VESSELS, SPECKS = 7, 300


def organs(seed: int = 0) -> np.ndarray:
    """Return labels ``(D, H, W)``, uint8: deformed ellipsoids, vessels, specks of all classes."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(SHAPE, np.uint8)
    for value, centre, half in ORGANS:
        _paste(labels, _organ(rng, half), centre, value)
    for _ in range(6):
        _vessel(labels, rng)
    for _ in range(SPECKS):
        centre = [int(rng.integers(6, n - 6)) for n in SHAPE]
        _paste(labels, _ball(rng.uniform(1, 3.5)), centre, int(rng.integers(1, VESSELS + 1)))
    return labels


def grey_values(labels: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return an image for `labels`, int16: each class has its own grey value, with noise."""
    rng = np.random.default_rng(seed)
    grey = np.array([-50, 60, 40, 90, 95, 70, 110, 150], np.int16)[labels]
    grey += rng.integers(-20, 21, labels.shape, dtype=np.int16)
    return grey


def _organ(rng: np.random.Generator, half: tuple[int, ...]) -> np.ndarray:
    size = [2 * math.ceil(1.25 * h) + 1 for h in half]
    axes = np.ogrid[tuple(slice(-1.25, 1.25, complex(0, n)) for n in size)]
    bumps = np.zeros(())
    for _ in range(5):
        waves = rng.uniform(-4, 4, 3)
        phase = sum(w * x for w, x in zip(waves, axes, strict=True)) + rng.uniform(0, 2 * math.pi)
        bumps = bumps + 0.07 * np.sin(phase)
    return np.asarray(sum(x * x for x in axes) < (1 + bumps) ** 2)


def _vessel(labels: np.ndarray, rng: np.random.Generator) -> None:
    at = np.array([6.0, rng.uniform(180, 330), rng.uniform(150, 360)])
    ahead = np.array([1.0, 0.0, 0.0])
    while all(5 < a < n - 6 for a, n in zip(at, SHAPE, strict=True)):
        ahead += rng.normal(0, 0.12, 3) * [0.3, 1, 1]
        ahead /= np.linalg.norm(ahead)
        at += 1.2 * ahead
        _paste(labels, _ball(rng.uniform(2.5, 5)), at.astype(int).tolist(), VESSELS)


def _ball(radius: float) -> np.ndarray:
    side = np.arange(-int(radius), int(radius) + 1) ** 2
    return np.asarray(side[:, None, None] + side[:, None] + side <= radius**2)


def _paste(labels: np.ndarray, mask: np.ndarray, centre: Any, value: int) -> None:
    starts = [c - n // 2 for c, n in zip(centre, mask.shape, strict=True)]
    box = tuple(
        slice(max(s, 0), min(s + n, side))
        for s, n, side in zip(starts, mask.shape, labels.shape, strict=True)
    )
    inside = tuple(slice(b.start - s, b.stop - s) for b, s in zip(box, starts, strict=True))
    labels[box][mask[inside]] = value
