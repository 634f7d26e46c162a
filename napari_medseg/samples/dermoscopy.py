"""A dermoscopy image of a pigmented lesion."""

from __future__ import annotations

import numpy as np

from napari_medseg.samples.phantom import Phantom
from napari_medseg.samples.texture import blend, inside, smooth_noise, to_uint8
from napari_medseg.volume import Volume

CLASSES = ((1, "lesion", "#e69f00"),)
SIDE = 288
SKIN = np.array([0.87, 0.68, 0.60])
BROWN = np.array([0.56, 0.36, 0.25])
DARK = np.array([0.23, 0.14, 0.12])
HAIR = np.array([0.13, 0.09, 0.08])


def dermoscopy(seed: int = 0) -> Phantom:
    """Make a brown lesion with an irregular border, pigment network, hair and vignette.

    Returns
    -------
    Phantom
        Image ``(3, 288, 288)``, uint8 RGB; label lesion 1.
    """
    random = np.random.default_rng(seed)
    h, w = np.meshgrid(*(np.linspace(-1, 1, SIDE),) * 2, indexing="ij")
    tone = 0.018 * smooth_noise(random, h.shape, 30) + 0.012 * smooth_noise(random, h.shape, 2)
    image = SKIN * (1 + tone[..., None] * np.array([0.6, 1.0, 1.1]))
    red = inside(1.4 - smooth_noise(random, h.shape, 9), 1.6)
    image = blend(image, np.array([0.84, 0.55, 0.50]), 0.3 * red[..., None])

    lesion = _outline(random, h, w)
    image = blend(image, _pigment(random, lesion), inside(lesion, 0.1)[..., None])
    image = blend(image, HAIR, _hair(random, h, w)[..., None])
    image *= (1 - 0.38 * np.clip(np.hypot(h, w) - 0.62, 0, None) ** 1.2)[..., None]
    image *= inside(np.hypot(h, w) - 1.28, 0.06)[..., None]
    image += 0.008 * random.standard_normal(image.shape)
    volume = Volume(
        to_uint8(image).transpose(2, 0, 1).copy(),
        (1.0, 1.0),
        spacing_known=False,
        name="dermoscopy",
        channels=("red", "green", "blue"),
    )
    return Phantom(volume, (lesion < 0).astype(np.uint8), CLASSES)


def _outline(random: np.random.Generator, h: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Signed distance to a border that is round at first sight and notched at the second."""
    coarse = [0.075 * smooth_noise(random, h.shape, 34) for _ in range(2)]
    fine = 0.012 * smooth_noise(random, h.shape, 6) + 0.022 * smooth_noise(random, h.shape, 14)
    turn = random.uniform(0, np.pi)
    along = (h + coarse[0]) * np.cos(turn) + (w + coarse[1]) * np.sin(turn)
    across = (w + coarse[1]) * np.cos(turn) - (h + coarse[0]) * np.sin(turn)
    return np.hypot(along / 1.12, across * 1.15) - random.uniform(0.46, 0.54) + fine


def _pigment(random: np.random.Generator, lesion: np.ndarray) -> np.ndarray:
    """Colour the lesion: lighter to the rim, dark blotches, a network of lines, a bluish veil."""
    shape = lesion.shape
    depth = np.clip(-lesion / 0.4, 0, 1)
    patches = 0.5 * smooth_noise(random, shape, 20) + 0.25 * smooth_noise(random, shape, 8)
    colour = blend(BROWN * 1.18, DARK * 1.35, np.clip(0.9 * depth + 0.3 * patches, 0, 1)[..., None])
    net = inside(np.abs(smooth_noise(random, shape, 2.6)) - 0.28, 0.5)
    colour = blend(colour, DARK, (0.42 * net * inside(depth - 0.75, 0.6))[..., None])
    veil = inside(0.9 - smooth_noise(random, shape, 17), 0.9) * depth
    colour = blend(colour, np.array([0.36, 0.36, 0.44]), 0.55 * veil[..., None])
    dots = inside(2.3 - smooth_noise(random, shape, 2.2), 0.4)
    return blend(colour, DARK * 0.7, 0.8 * dots[..., None])


def _hair(random: np.random.Generator, h: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Opacity of a few long, gently bent hairs, all growing roughly one way."""
    growth = random.uniform(0, np.pi)
    opacity = np.zeros_like(h)
    for _ in range(9):
        angle = growth + random.normal(0, 0.35)
        along = h * np.cos(angle) + w * np.sin(angle)
        across = w * np.cos(angle) - h * np.sin(angle)
        path = random.uniform(-0.95, 0.95) + random.normal(0, 0.16) * (along + 0.3) ** 2
        start, length = random.uniform(-1.3, 0.3), random.uniform(0.7, 1.6)
        t = np.clip((along - start) / length, 0, 1)
        thick = random.uniform(0.006, 0.011) * (1 - 0.8 * t)
        ends = inside(np.abs(along - start - length / 2) - length / 2, 0.02)
        hair = inside(np.abs(across - path) - thick, 0.008) * ends
        opacity = np.maximum(opacity, 0.92 * hair)
    return opacity
