"""A breast ultrasound image with a hypoechoic lesion."""

from __future__ import annotations

import numpy as np

from napari_medseg.samples.phantom import Phantom
from napari_medseg.samples.texture import inside, smooth_noise, to_uint8
from napari_medseg.volume import Volume

CLASSES = ((1, "lesion", "#e69f00"),)
SHAPE = (288, 352)
SPACING = (0.13, 0.13)


def ultrasound(seed: int = 0) -> Phantom:
    """Make skin, fat, gland and muscle in speckle, and a dark lesion that throws a shadow.

    The echo strength of the tissue is laid out in dB, multiplied with the envelope of speckle that
    is wider across the beam than along it, and log-compressed as a scanner does.

    Returns
    -------
    Phantom
        Image ``(1, 288, 352)``, uint8; label lesion 1.
    """
    random = np.random.default_rng(seed)
    h, w = np.meshgrid(*(np.arange(n, dtype=float) for n in SHAPE), indexing="ij")
    decibel = _layers(random, h)
    lesion = _lesion(random, h, w)
    decibel = decibel + (-46 + 3 * smooth_noise(random, SHAPE, 9) - decibel) * inside(lesion, 7)
    rim = inside(np.abs(lesion - 4) - 2.5, 5) * (h < h[lesion < 0].mean())
    decibel += 5 * rim
    decibel += _behind(random, h, w, lesion)
    decibel -= 11 * (h / SHAPE[0]) ** 1.6  # what the time-gain compensation leaves

    waves = [smooth_noise(random, SHAPE, (0.9, 1.7)) for _ in range(2)]
    envelope = np.hypot(*waves) / 1.25
    levels = decibel + 20 * np.log10(np.maximum(envelope, 1e-3)) * 0.72
    image = np.clip((levels + 56) / 56, 0, 1) ** 1.05
    volume = Volume(to_uint8(image)[None], SPACING, name="ultrasound", channels=("echo",))
    return Phantom(volume, (lesion < 0).astype(np.uint8), CLASSES)


def _layers(random: np.random.Generator, h: np.ndarray) -> np.ndarray:
    """Echo strength in dB of skin, fat, gland, muscle and what lies behind the ribs."""
    depth = h + 9 * smooth_noise(random, SHAPE, (25, 60))
    knots = (0, 6, 14, 20, 62, 76, 165, 180, 188, 215, 228, 288)
    levels = (-6, -7, -10, -25, -24, -14, -15, -12, -25, -27, -36, -40)
    decibel = np.interp(depth, knots, levels)
    strands = smooth_noise(random, SHAPE, (1.7, 17))
    septa = inside(1.35 - strands, 1.2) * inside(18 - depth, 8)
    decibel += 10 * septa * inside(depth - 225, 20)
    fibres = smooth_noise(random, SHAPE, (2.2, 40)) * inside(np.abs(depth - 202) - 16, 10)
    lobules = smooth_noise(random, SHAPE, (9, 22)) * inside(np.abs(depth - 120) - 46, 18)
    return decibel + 5 * fibres + 3.5 * lobules + 1.5 * smooth_noise(random, SHAPE, (4, 10))


def _lesion(random: np.random.Generator, h: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Signed distance in pixels to a lesion that is wider than deep and slightly lobed."""
    centre = random.uniform((100, 130), (125, 220))
    radii = random.uniform((27, 42), (36, 58))
    warp = [4.5 * smooth_noise(random, SHAPE, 15) for _ in range(2)]
    tilt = random.normal(0, 0.15)
    down, right = h - centre[0] + warp[0], w - centre[1] + warp[1]
    length = np.hypot((down + tilt * right) / radii[0], right / radii[1])
    return (length - 1) * min(radii) + 1.2 * smooth_noise(random, SHAPE, 3)


def _behind(
    random: np.random.Generator, h: np.ndarray, w: np.ndarray, lesion: np.ndarray
) -> np.ndarray:
    """Brighter behind the lesion's middle, dark shadows behind its edges, streaks from the skin."""
    middle = w[lesion < 0].mean()
    half = np.ptp(w[lesion < 0]) / 2
    bottom = h[lesion < 0].max()
    aside = np.abs(w - middle) / half
    after = inside(bottom - 12 - h, 24)
    through = 8 * inside(aside - 0.6, 0.35) * np.exp(-np.maximum(h - bottom, 0) / 70)
    edges = -9 * np.exp(-(((aside - 0.97) / 0.13) ** 2)) * inside(h[lesion < 0].mean() - h, 30)
    streaks = smooth_noise(random, (1, SHAPE[1]), (0, 7)) * np.clip(h / 90, 0, 1)
    contact = -18 * inside(26 - w + 14 * smooth_noise(random, SHAPE, (60, 5)), 22) * (h > 12)
    return through * after + edges - 2.2 * streaks + contact * inside(w - 40, 30)
