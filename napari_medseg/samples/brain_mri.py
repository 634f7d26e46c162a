"""Four MRI contrasts of a brain with a ring-enhancing lesion, without the skull."""

from __future__ import annotations

import numpy as np

from napari_medseg.samples.phantom import Phantom
from napari_medseg.samples.texture import blend, ellipsoid, inside, millimetres, smooth_noise
from napari_medseg.volume import Volume

CLASSES = (
    (1, "necrosis", "#d55e00"),
    (2, "oedema", "#009e73"),
    (3, "enhancing tumour", "#f0e442"),
)
CHANNELS = ("T1", "T1c", "T2", "FLAIR")
SHAPE = (40, 96, 80)
SPACING = (3.6, 1.9, 1.9)
WHITE = (0.74, 0.76, 0.42, 0.46)
TISSUES = {
    "grey": (0.52, 0.54, 0.58, 0.60),
    "csf": (0.16, 0.17, 1.00, 0.14),
    "oedema": (0.50, 0.51, 0.84, 0.96),
    "enhancing": (0.47, 1.08, 0.66, 0.72),
    "necrosis": (0.28, 0.29, 0.92, 0.42),
    "vessel": (0.45, 1.05, 0.22, 0.30),
}
FULL_SCALE = 400.0


def brain_mri(seed: int = 0) -> Phantom:
    """Make T1, contrast-enhanced T1, T2 and FLAIR of one brain on one grid.

    Returns
    -------
    Phantom
        Image ``(4, 40, 96, 80)``, uint16; labels necrosis 1, oedema 2, enhancing tumour 3.
    """
    random = np.random.default_rng(seed)
    z, y, x = millimetres(SHAPE, SPACING)  # up, to the back, to the patient's left
    warp = [3 * smooth_noise(random, SHAPE, (3, 6, 6)) for _ in range(3)]
    at = z + warp[0], y + warp[1], x + 0.5 * warp[2]
    brain = _outline(at)
    opacity = _anatomy(random, at, brain)
    tumour, labels = _tumour(random, at, brain, opacity["csf"])
    opacity |= tumour
    head = inside(brain, 2.5)
    bias = 1 + 0.07 * smooth_noise(random, SHAPE, (9, 18, 18))
    channels = []
    for channel, white in enumerate(WHITE):
        image = white * (1 + 0.02 * smooth_noise(random, SHAPE, 1.5))
        for tissue, where in opacity.items():
            image = blend(image, TISSUES[tissue][channel], where)
        noisy = np.hypot(
            image * bias + 0.022 * random.standard_normal(SHAPE),
            0.022 * random.standard_normal(SHAPE),
        )
        channels.append(np.round(noisy * head * FULL_SCALE).astype(np.uint16))
    volume = Volume(np.stack(channels), SPACING, name="brain_mri", channels=CHANNELS)
    return Phantom(volume, labels, CLASSES)


def _outline(at: tuple[np.ndarray, ...]) -> np.ndarray:
    """Signed distance in mm to the brain's surface: cerebrum, cerebellum, brainstem."""
    z, y, x = at
    cerebrum = ellipsoid((z, y, x), (-2, -2, 0), (68, 86, 68))
    base = np.interp(y, (-85, -50, -34, 8, 26, 85), (-12, -20, -40, -40, -24, -10))
    middle = inside(np.abs(x) - 20, 16)
    cerebrum = np.maximum(cerebrum, 0.8 * (base * (1 - middle) - 18 * middle - z))
    cerebellum = ellipsoid((z, y, np.abs(x)), (-44, 44, 19), (24, 32, 34))
    stem = np.maximum(np.hypot((y - 8 + 0.25 * (z + 40)) / 1.1, x) - 14, z + 8)
    return np.minimum(np.minimum(cerebrum, cerebellum), stem)


def _anatomy(
    random: np.random.Generator, at: tuple[np.ndarray, ...], brain: np.ndarray
) -> dict[str, np.ndarray]:
    """Opacity of cortex and deep nuclei, and of the fluid in folds, fissures and ventricles."""
    z, y, x = at
    folds = [np.abs(smooth_noise(random, SHAPE, (1.9, 3.6, 3.6))) for _ in range(2)]
    sulci = 7.5 * np.minimum(folds[0], folds[1] + 0.12)
    shell = np.clip(-brain - 15, 0, None)  # folds end this deep in mm
    callosum = ellipsoid((z, y), (2, 0), (24, 48))
    fissure = np.hypot(np.clip(-callosum, 0, None), x)  # between the hemispheres
    fissure = np.maximum(fissure, -22 - z)
    folded = np.minimum(np.minimum(sulci + shell, fissure), -brain + 0.5)
    cerebellum = inside(ellipsoid((z, y, np.abs(x)), (-44, 44, 19), (24, 32, 34)) + 2, 4)
    folia = inside(np.abs((z + 0.6 * y) % 7 - 3.5) - 1.7, 2) * inside(-brain - 18, 6)
    side = np.abs(x)
    nuclei = np.minimum(
        ellipsoid((z, y, side), (2, 6, 11), (12, 16, 9)),
        np.minimum(
            ellipsoid((z, y, side), (4, -12, 26), (13, 20, 6)),
            ellipsoid((z, y, side), (12, -24, 13), (10, 10, 5)),
        ),
    )
    horns = ellipsoid(
        (z - 19 + 0.004 * y**2, y, side - 9 - 0.0035 * y**2), (0, 0, 0), (10, 44, 8.5)
    )
    third = ellipsoid((z, y, x), (0, 2, 0), (12, 15, 2.6))
    fourth = ellipsoid((z, y, x), (-38, 26, 0), (9, 6, 6))
    ventricles = np.minimum(np.minimum(horns, third), fourth)
    cortex = np.maximum(inside(folded - 4.2, 1.8), 0.8 * cerebellum * folia)
    fluid = np.maximum(inside(folded - 0.8, 1.4), inside(ventricles, 2.2))
    artery = 2.2 - smooth_noise(random, SHAPE, (1.0, 1.3, 1.3))
    return {
        "grey": np.maximum(cortex, 0.75 * inside(nuclei, 2.5)),
        "csf": fluid,
        "vessel": 0.9 * inside(artery, 0.4) * inside(folded - 2.5, 1.5),
    }


def _tumour(
    random: np.random.Generator, at: tuple[np.ndarray, ...], brain: np.ndarray, fluid: np.ndarray
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Opacity of the parts of the tumour, and their labels; oedema spares fluid and cortex."""
    side = random.choice((-1, 1))
    centre = (random.uniform(14, 26), random.uniform(-22, 22), side * random.uniform(27, 34))
    size = random.uniform(13, 18)
    rough = 3.2 * smooth_noise(random, SHAPE, (1.6, 3, 3))
    core = ellipsoid(at, centre, (size, 1.15 * size, 0.95 * size)) + rough
    necrotic = core + 5.5 + 1.8 * smooth_noise(random, SHAPE, (1.2, 2.2, 2.2))
    fingers = 8 * smooth_noise(random, SHAPE, (2.2, 4, 4))
    oedema = ellipsoid(at, centre, (25, 36, 24)) + fingers
    oedema = np.maximum(oedema, np.maximum(brain + 5, (fluid - 0.3) * 8))
    labels = np.zeros(SHAPE, np.uint8)
    labels[oedema < 0] = 2
    labels[(core < 0) & (brain < 0)] = 3
    labels[(necrotic < 0) & (core < 0) & (brain < 0)] = 1
    opacity = {
        "oedema": 0.9 * inside(oedema, 3.5),
        "enhancing": inside(core, 2),
        "necrosis": inside(np.maximum(necrotic, core), 2),
    }
    return opacity, labels
