"""An abdominal CT in portal venous phase, in Hounsfield units."""

from __future__ import annotations

import numpy as np

from napari_medseg.samples.phantom import Phantom
from napari_medseg.samples.texture import blend, ellipsoid, inside, millimetres, smooth_noise
from napari_medseg.volume import Volume

CLASSES = (
    (1, "liver", "#b5651d"),
    (2, "spleen", "#cc79a7"),
    (3, "right kidney", "#0072b2"),
    (4, "left kidney", "#56b4e9"),
    (5, "aorta", "#d55e00"),
    (6, "vertebrae", "#f0e442"),
    (7, "ribs", "#e0d8b0"),
)
SHAPE = (30, 128, 128)
SPACING = (5.0, 2.75, 2.75)
AIR, LUNG, FAT, MUSCLE, BONE = -1000.0, -830.0, -100.0, 58.0, 620.0

Grid = tuple[np.ndarray, np.ndarray, np.ndarray]


def ct(seed: int = 0) -> Phantom:
    """Make the upper abdomen from the kidneys to the lung bases.

    Returns
    -------
    Phantom
        Image ``(1, 30, 128, 128)``, int16 HU, 5 x 2.75 x 2.75 mm; seven labels.
    """
    random = np.random.default_rng(seed)
    z, y, x = millimetres(SHAPE, SPACING)  # up, to the back, to the patient's left
    warp = [5 * smooth_noise(random, SHAPE, (4, 9, 9)) for _ in range(3)]
    here = z + warp[0], y + warp[1], x + warp[2]
    skin = ellipsoid((y, x), (0, 0), (112 + 2 * np.sin(z / 40), 158)) + 0.3 * warp[1]
    cavity = ellipsoid((y, x), (-8, 0), (84, 130)) + 0.3 * warp[2]

    image = np.full(SHAPE, AIR, np.float32)
    image = blend(image, 40.0, inside(np.abs(y - 0.0016 * x**2 - 116) - 4, 3) * (np.abs(x) < 150))
    image = blend(image, FAT + 6 * smooth_noise(random, SHAPE, 1.5), inside(skin, 4))
    image = blend(image, 40.0, inside(np.abs(skin + 1) - 1.5, 3))
    image = blend(image, MUSCLE, inside(cavity - 13, 5))
    image = _soft_tissue(random, image, here, cavity)
    labels = np.zeros(SHAPE, np.uint8)
    for value, distance, density in _organs(random, here, cavity):
        image = blend(image, density, inside(distance, 4))
        labels[distance < 0] = value
    image = _bones(random, image, labels, (z, y, x), cavity)
    grain = smooth_noise(random, SHAPE, (0, 0.7, 0.7))
    image = image + np.where(skin < 4, 10, 1) * grain
    volume = Volume(
        np.round(np.clip(image, -1024, 3071)).astype(np.int16)[None],
        SPACING,
        name="ct",
        channels=("CT",),
    )
    return Phantom(volume, labels, CLASSES)


def _soft_tissue(
    random: np.random.Generator, image: np.ndarray, at: Grid, cavity: np.ndarray
) -> np.ndarray:
    """Fill the cavity: fat, bowel with gas, stomach, muscles of the back, caval vein, lungs."""
    z, y, x = at
    image = blend(image, FAT - 5 + 5 * smooth_noise(random, SHAPE, 1.5), inside(cavity, 4))
    loops = smooth_noise(random, SHAPE, (2.5, 5, 5))
    belly = inside(y + 2, 20) * inside(z - 5, 25) * inside(cavity + 6, 4)
    image = blend(
        image, 38 + 12 * smooth_noise(random, SHAPE, 2), belly * inside(0.05 - loops, 0.25)
    )
    gas = inside(1.15 - loops, 0.25) * inside(y + 28, 10)
    image = blend(image, -920.0, belly * gas)
    for side in (-1, 1):
        image = blend(image, MUSCLE, inside(ellipsoid((y, x), (52, 38 * side), (20, 17)), 4))
        image = blend(image, MUSCLE + 2, inside(ellipsoid((y, x), (84, 34 * side), (15, 30)), 5))
    image = blend(image, 132.0, inside(ellipsoid((y, x), (26, -22), (9, 13)), 4))
    stomach = ellipsoid(at, (42, -38, 52), (38, 36, 46))
    image = blend(image, 62.0, inside(stomach, 4))
    image = blend(image, 22.0, inside(stomach + 7, 4))
    image = blend(image, -930.0, inside(stomach + 7, 4) * inside(y + 48, 3))
    for side in (-1, 1):
        lung = ellipsoid(at, (112, 18, 72 * side), (66, 74, 60))
        image = blend(image, LUNG + 35 * smooth_noise(random, SHAPE, 1), inside(lung, 5))
        vessel = inside(2.1 - smooth_noise(random, SHAPE, (1.0, 1.3, 1.3)), 0.5)
        image = blend(image, 20.0, vessel * inside(lung + 3, 4))
    return image


def _organs(
    random: np.random.Generator, at: Grid, cavity: np.ndarray
) -> list[tuple[int, np.ndarray, np.ndarray]]:
    """Value, signed distance in mm and density in HU of every organ, from back to front."""
    z, y, x = at
    liver = np.minimum(
        ellipsoid(at, (22, -2, -66), (60, 74, 60)), ellipsoid(at, (34, -40, -6), (34, 34, 62))
    )
    liver = np.maximum(liver, cavity + 3)
    veins = inside(np.abs(smooth_noise(random, SHAPE, (3, 6, 6))) - 0.07, 0.1)
    parenchyma = 108 + 5 * smooth_noise(random, SHAPE, 1.5)
    organs = [(1, liver, blend(parenchyma, 165.0, 0.8 * veins * inside(liver + 12, 8)))]
    spleen = np.maximum(ellipsoid(at, (34, 38, 96), (44, 44, 25)), cavity + 2)
    organs.append((2, spleen, 122 + 5 * smooth_noise(random, SHAPE, 1.5)))
    for value, side, height in ((3, -1, -36), (4, 1, -24)):
        tilted = x - side * (66 - 0.16 * (z - height))
        kidney = ellipsoid((z, y, tilted), (height, 42, 0), (52, 27, 28))
        hilum = ellipsoid((z, y, tilted), (height, 36, -22 * side), (24, 11, 17))
        kidney = np.maximum(kidney, -hilum)
        pyramids = inside(np.abs(smooth_noise(random, SHAPE, (2, 3, 3))) - 0.5, 0.5)
        cortex = blend(np.full(SHAPE, 192.0, np.float32), 148.0, inside(kidney + 7, 4) * pyramids)
        organs.append((value, kidney, cortex))
    wander = 3 * np.sin(z / 45)
    aorta = np.hypot(y - 31, x - 9 - wander) - 11.5
    organs.append((5, aorta, np.full(SHAPE, 172.0, np.float32)))
    return organs


def _bones(
    random: np.random.Generator,
    image: np.ndarray,
    labels: np.ndarray,
    at: Grid,
    cavity: np.ndarray,
) -> np.ndarray:
    """Paint and label the spine with its discs, and the ribs as they run down and forwards."""
    z, y, x = at
    level = (z + 12) % 36 - 18  # mm from the middle of a vertebra
    body = np.hypot((y - 62) * 1.15, x) - 21 + 2.5 * np.cos(level / 18 * np.pi)
    disc = inside(15 - np.abs(level), 3)
    spongy = 205 + 45 * smooth_noise(random, SHAPE, 1.2)
    image = blend(
        image, blend(spongy, BONE * 0.8, inside(np.abs(body + 2) - 1.5, 2)), inside(body, 3)
    )
    image = blend(image, 95.0, inside(body, 3) * disc)
    arch = np.abs(np.hypot(y - 88, x * 0.9) - 14) - 3.5
    process = np.maximum(np.abs(x) - 3.5, np.maximum(98 - y, y - 122 + 0.3 * np.abs(level)))
    wings = ellipsoid((level, y, np.abs(x)), (0, 84, 27), (8, 6, 20))
    posterior = np.minimum(np.minimum(arch, process), wings)
    posterior = np.maximum(posterior, np.abs(level) - 13)
    image = blend(image, BONE * 0.75, inside(posterior, 3))
    image = blend(image, 30.0, inside(np.hypot(y - 88, x * 0.9) - 9.5, 3))
    spine = (np.minimum(body, posterior) < 0) & (np.hypot(y - 88, x * 0.9) > 9.5)
    labels[spine & ~((body < 0) & (np.abs(level) > 15))] = 6

    around = np.abs(np.arctan2(x, y)) / np.pi  # 0 behind, 1 in front
    run = (z + 95 * around + 14) % 30 - 15
    rib = np.hypot((cavity - 7) / 4.2, run / 6.5) - 1
    rib = np.maximum(rib * 4.2, np.maximum((0.2 - around) * 80, (around - 0.72) * 80))
    rib = np.maximum(rib, -45 - z + 60 * (0.75 - around))
    image = blend(image, 330.0, inside(rib, 3))
    image = blend(image, BONE, inside(np.abs(rib + 1.2) - 0.9, 2))
    labels[rib < 0] = 7
    return image
