"""Models as small as they can be, and images to point at."""

from __future__ import annotations

import numpy as np
import pytest

from napari_medseg.volume import Volume


@pytest.fixture(scope="session")
def model(small_model):
    """Make an untrained segmenter of the classes 1 and 4: ``model(architecture, dims)``."""
    return small_model


@pytest.fixture
def blob():
    """Make a bright ball in noise and its labels: ``blob(shape, spacing)``."""

    def make(shape=(40, 48), spacing=None, *, radius=0.25, contrast=4.0):
        spacing = spacing or (1.0,) * len(shape)
        sides = [np.linspace(-1, 1, n) for n in shape]
        far = sum(s**2 for s in np.meshgrid(*sides, indexing="ij"))
        labels = (far < (2 * radius) ** 2).astype(np.uint8)
        noise = np.random.default_rng(0).normal(size=shape)
        volume = Volume((noise + contrast * labels).astype(np.float32)[None], spacing)
        return volume, labels

    return make
