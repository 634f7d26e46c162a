"""A crop of T1 MRI around one hippocampus, 1 mm."""

from __future__ import annotations

import numpy as np

from napari_medseg.samples.phantom import Phantom
from napari_medseg.samples.texture import blend, ellipsoid, inside, smooth_noise
from napari_medseg.volume import Volume

CLASSES = ((1, "anterior hippocampus", "#e69f00"), (2, "posterior hippocampus", "#56b4e9"))
SHAPE = (36, 50, 35)
WHITE, GREY, CSF, HIPPOCAMPUS = 660.0, 400.0, 110.0, 365.0


def hippocampus(seed: int = 0) -> Phantom:
    """Make a grey, curved hippocampus between white matter, temporal horn and brainstem.

    Returns
    -------
    Phantom
        Image ``(1, 36, 50, 35)``, uint16, 1 mm; labels anterior 1 and posterior 2.
    """
    random = np.random.default_rng(seed)
    # z superior, y anterior, x right: the axes of the atlas the numbers below are read from
    z, y, x = np.meshgrid(*(np.arange(n, dtype=float) for n in SHAPE), indexing="ij")
    y, x = SHAPE[1] - 1 - y, SHAPE[2] - 1 - x
    wobble = [smooth_noise(random, SHAPE, 5.0) for _ in range(2)]
    x, z = x + 0.7 * wobble[0], z + 0.7 * wobble[1]

    tube = _tube(x, y, z)
    image = _surroundings(random, x, y, z, tube)
    fibres = inside(np.abs(tube + 2.0 - 0.4 * wobble[0]) - 0.35, 1.2)
    body = blend(HIPPOCAMPUS + 14 * smooth_noise(random, SHAPE, 1.3), 455.0, 0.7 * fibres)
    image = blend(image, body, inside(tube, 1.3))
    image *= 1 + 0.05 * smooth_noise(random, SHAPE, 14.0)  # the coil's uneven sensitivity
    image += 24 * random.standard_normal(SHAPE)

    labels = np.where(tube < 0, np.where(y >= 30, 1, 2), 0).astype(np.uint8)
    volume = Volume(
        np.round(np.abs(image)).astype(np.uint16)[None],
        (1.0, 1.0, 1.0),
        name="hippocampus",
        channels=("T1",),
    )
    return Phantom(volume, labels, CLASSES)


def _tube(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Signed distance to the hippocampus: a bent tube, thick in front and thin behind."""
    at = (3, 8, 14, 20, 27, 33, 39, 44)
    centre_z = np.interp(y, at, (30.5, 27, 21.5, 17.5, 14.5, 12.5, 10.5, 9.5))
    centre_x = np.interp(y, at, (19, 17, 14.5, 13.5, 13.8, 15.5, 17.5, 18.5))
    half_x = np.interp(y, at, (2.5, 4.5, 5.5, 6.2, 7.0, 8.5, 8.5, 3.0))
    half_z = np.interp(y, at, (2.0, 3.2, 3.8, 3.6, 3.9, 4.6, 4.5, 2.0))
    across = z - centre_z - 0.06 * (x - centre_x) + 0.02 * (x - centre_x) ** 2
    section = ellipsoid((x - centre_x, across), (0, 0), (half_x, half_z))
    return np.maximum(section, np.maximum(3.5 - y, y - 43.5))


def _surroundings(
    random: np.random.Generator, x: np.ndarray, y: np.ndarray, z: np.ndarray, tube: np.ndarray
) -> np.ndarray:
    """Paint everything but the hippocampus, from the back to the front."""
    image = WHITE + 30 * smooth_noise(random, SHAPE, 4.0) + 22 * smooth_noise(random, SHAPE, 1.5)
    deep = smooth_noise(random, SHAPE, (3.0, 6.0, 3.0)) + 0.12 * (y - 38)
    image = blend(image, 530.0, inside(z - 34, 3.0) * inside(0.6 - deep, 0.8))
    floor = np.interp(y, (3, 14, 27, 44), (24.0, 13.5, 6.5, 3.5))
    below = inside(z - floor, 2.0)  # the temporal cortex with its folds
    folds = np.abs(smooth_noise(random, SHAPE, (2.6, 5.0, 2.6)))
    image = blend(image, GREY, below * inside(folds - 0.75, 0.35))
    image = blend(image, CSF + 60, below * inside(folds - 0.13, 0.12))
    image = blend(image, 450.0, inside(ellipsoid((x, y, z), (19, 47, 18), (9, 5, 4)), 2.0))
    image = blend(image, 520.0, inside(ellipsoid((x, y, z), (27, 14, 34), (12, 10, 7)), 5.0))
    stem = ellipsoid((x, y, z), (40, 24, 8), (11, 13, 20))
    image = blend(image, GREY + 30, inside(stem - 5.0, 1.5) * inside(tube - 30, 1.0))
    image = blend(image, CSF, inside(stem - 2.2, 1.5))
    image = blend(image, 690 + 20 * smooth_noise(random, SHAPE, 2.0), inside(stem, 1.5))
    image = blend(image, CSF, inside(ellipsoid((x, y, z), (19, -1, 35), (8, 7, 6)), 2.0))
    image = blend(image, 700.0, inside(tube - 3.2, 1.5) * inside(z - 14 + 0.2 * (y - 27), 6.0))
    lateral_roof = inside(ellipsoid((x, y, z), (11, 32, 21), (13, 15, 11)), 4.0)
    return blend(image, CSF + 40, 0.85 * inside(tube - 1.6, 1.0) * lateral_roof)
