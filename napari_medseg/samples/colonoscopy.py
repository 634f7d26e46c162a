"""A colonoscopy frame with one polyp."""

from __future__ import annotations

import numpy as np

from napari_medseg.samples.phantom import Phantom
from napari_medseg.samples.texture import blend, inside, smooth_noise, to_uint8
from napari_medseg.volume import Volume

CLASSES = ((1, "polyp", "#e69f00"),)
SIDE = 352
MUCOSA = np.array([0.86, 0.50, 0.40])
BLOOD = np.array([0.62, 0.18, 0.16])
LIGHT = np.array([0.25, -0.45, 0.86])  # towards the lamp, from a point on the wall


def colonoscopy(seed: int = 0) -> Phantom:
    """Make a look into a pink, folded colon with a dark lumen and a round polyp.

    The wall is a height map lit from the endoscope: folds and the polyp are bumps in it.

    Returns
    -------
    Phantom
        Image ``(3, 352, 352)``, uint8 RGB; label polyp 1.
    """
    random = np.random.default_rng(seed)
    h, w = np.meshgrid(*(np.linspace(-1, 1, SIDE),) * 2, indexing="ij")
    lumen = random.uniform((-0.4, 0.25), (-0.15, 0.5))
    depth, wall = _wall(random, h - lumen[0], w - lumen[1])
    polyp, bump = _polyp(random, h, w)

    height = wall * inside(-polyp, 0.12) + bump
    colour = _mucosa(random, depth, polyp)
    image = _lit(random, colour, height, depth, polyp)
    corner = np.maximum(np.abs(h) + np.abs(w) - 1.52, np.maximum(np.abs(h), np.abs(w)) - 0.985)
    image = image * inside(corner, 0.015)[..., None] + 0.006 * random.standard_normal(image.shape)
    volume = Volume(
        to_uint8(image).transpose(2, 0, 1).copy(),
        (1.0, 1.0),
        spacing_known=False,
        name="colonoscopy",
        channels=("red", "green", "blue"),
    )
    return Phantom(volume, ((polyp < 0) & (corner < 0)).astype(np.uint8), CLASSES)


def _wall(random: np.random.Generator, h: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, ...]:
    """How far the wall is (0 near, 1 at the lumen's end) and its folds as heights."""
    bend = 0.10 * smooth_noise(random, h.shape, 45)
    radius = np.hypot(h * 1.1, w) * (1 + bend) + 0.04 * np.sin(3 * np.arctan2(h, w) + 1)
    depth = np.exp(-((np.maximum(radius, 0) / 0.52) ** 1.3))
    turns = 2.6 * np.log(radius + 0.10) + 0.35 * smooth_noise(random, h.shape, 30)
    ridge = 1 - np.abs((turns % 1) * 2 - 1)
    folds = (
        0.055 * ridge**3 * np.clip(radius * 2.2, 0, 1) * np.exp(-np.maximum(radius - 0.75, 0) * 3)
    )
    return depth, folds + 0.006 * smooth_noise(random, h.shape, 12)


def _polyp(random: np.random.Generator, h: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, ...]:
    """Signed distance to the polyp's outline and its height."""
    centre = random.uniform((0.15, -0.35), (0.3, -0.15))
    warped = [0.05 * smooth_noise(random, h.shape, 32) for _ in range(2)]
    radius = random.uniform(0.30, 0.37)
    polyp = np.hypot((h - centre[0] + warped[0]) * 1.15, w - centre[1] + warped[1]) - radius
    dome = np.sqrt(np.clip(1 - np.clip(1 + polyp / radius, 0, 1) ** 2.2, 0, 1))
    lobes = 0.016 * smooth_noise(random, h.shape, 15) + 0.002 * smooth_noise(random, h.shape, 4)
    return polyp, 0.62 * radius * dome + lobes * dome


def _mucosa(random: np.random.Generator, depth: np.ndarray, polyp: np.ndarray) -> np.ndarray:
    """Colour the surface as it is in white light, ``(H, W, 3)``."""
    shape = depth.shape
    mottled = 0.05 * smooth_noise(random, shape, 22) + 0.02 * smooth_noise(random, shape, 5)
    colour = MUCOSA * (1 + mottled[..., None] * np.array([0.6, 1.0, 1.1]))
    for sigma, strength in ((22.0, 0.5), (11.0, 0.4), (6.0, 0.25)):
        vessel = inside(np.abs(smooth_noise(random, shape, sigma)) - 0.5 / sigma, 0.05)
        patchy = inside(0.2 - smooth_noise(random, shape, 30), 1.5) * inside(-polyp + 0.02, 0.05)
        colour = blend(colour, BLOOD, (strength * vessel * patchy)[..., None])
    pits = smooth_noise(random, shape, 2.2)
    redder = np.array([0.90, 0.43, 0.31]) * (1 + 0.05 * pits[..., None])
    return blend(colour, redder, 0.7 * inside(polyp, 0.06)[..., None])


def _lit(
    random: np.random.Generator,
    colour: np.ndarray,
    height: np.ndarray,
    depth: np.ndarray,
    polyp: np.ndarray,
) -> np.ndarray:
    """Light the surface: shading, shadow at the polyp's foot, darkness in depth, wet glints."""
    slope_h, slope_w = np.gradient(height, 2 / SIDE)
    normal = np.stack([-slope_w, -slope_h, np.ones_like(height)], -1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    facing = np.clip((normal * LIGHT).sum(-1), 0, 1)
    foot = 1 - 0.35 * np.exp(-np.maximum(polyp, 0) / 0.05) * (polyp > 0)
    bright = (0.32 + 0.80 * facing) * foot * (1 - 0.93 * depth * inside(-polyp, 0.06))
    image = colour * bright[..., None] ** np.array([0.85, 1.15, 1.25])
    wet = normal + 0.16 * np.stack([smooth_noise(random, height.shape, 5) for _ in range(3)], -1)
    wet /= np.linalg.norm(wet, axis=-1, keepdims=True)
    half = LIGHT + np.array([0, 0, 1])
    half /= np.linalg.norm(half)
    glint = inside(0.992 - (wet * half).sum(-1), 0.006) * inside(depth - 0.35, 0.1)
    glint *= inside(0.9 - smooth_noise(random, height.shape, 18) - 1.5 * (polyp < -0.05), 0.6)
    return blend(image, np.array([1.0, 0.97, 0.93]), 0.95 * glint[..., None])
