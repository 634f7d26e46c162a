"""What the phantoms are painted with: smooth noise, soft edges, blends."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def smooth_noise(
    random: np.random.Generator, shape: Sequence[int], sigma: float | Sequence[float]
) -> np.ndarray:
    """Make noise ``shape``, blurred by `sigma` voxels; mean 0 and standard deviation 1.

    Wide blurs are three running means, which look the same and take no longer for larger sigmas.
    """
    from scipy import ndimage

    noise = random.standard_normal(tuple(shape), dtype=np.float32)
    sigmas = sigma if isinstance(sigma, Sequence) else (sigma,) * len(shape)
    for axis, width in enumerate(sigmas):
        if width == 0:
            continue
        if width < 3:
            noise = ndimage.gaussian_filter1d(noise, width, axis, mode="wrap")
            continue
        box = round((4 * width**2 + 1) ** 0.5)  # three boxes have the variance (box^2 - 1) / 4
        for _ in range(3):
            noise = ndimage.uniform_filter1d(noise, box, axis, mode="wrap")
    mean, deviation = noise.mean(dtype=np.float64), noise.std(dtype=np.float64)
    return (noise - np.float32(mean)) / np.float32(deviation)


def millimetres(shape: Sequence[int], spacing: Sequence[float]) -> tuple[np.ndarray, ...]:
    """Return how far every voxel is from the middle along each axis, ``shape`` each, mm."""
    axes = [(np.arange(n) - (n - 1) / 2) * s for n, s in zip(shape, spacing, strict=True)]
    return tuple(axis.astype(np.float32) for axis in np.meshgrid(*axes, indexing="ij"))


def inside(distance: np.ndarray, width: float = 1.0) -> np.ndarray:
    """Turn a signed distance (negative inside) into an opacity that fades over `width`."""
    edge = np.clip(0.5 - distance / width, 0, 1)
    return edge * edge * (3 - 2 * edge)


def blend(below: np.ndarray, above: np.ndarray | float, opacity: np.ndarray) -> np.ndarray:
    """Paint `above` over `below`, as much as `opacity` says."""
    return below + (above - below) * opacity


def ellipsoid(
    grid: Sequence[np.ndarray],
    centre: Sequence[float | np.ndarray],
    radii: Sequence[float | np.ndarray],
) -> np.ndarray:
    """Signed distance to an ellipsoid, nearly exact near its surface; in the grid's unit."""
    scaled = [(x - c) / r for x, c, r in zip(grid, centre, radii, strict=True)]
    length = np.maximum(np.sqrt(sum(s * s for s in scaled)), 1e-6)  # the middle is inside, too
    slope = np.sqrt(sum((s / r) ** 2 for s, r in zip(scaled, radii, strict=True)))
    return (length - 1) * length / np.maximum(slope, 1e-6)


def to_uint8(image: np.ndarray) -> np.ndarray:
    """Round an image of 0 to 1 to 0 to 255."""
    return np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)
