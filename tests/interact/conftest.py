"""Models as small as they can be, and images to point at."""

from __future__ import annotations

import numpy as np
import pytest

from napari_medseg.volume import Volume


@pytest.fixture
def model(smallest_networks):
    """Make an untrained segmenter of the classes 1 and 4: ``model(architecture, dims)``."""
    import torch

    from napari_medseg.engine.card import LabelClass, ModelCard, Preprocessing
    from napari_medseg.engine.segmenter import Segmenter
    from napari_medseg.networks import create_network

    def make(architecture="lgmsnet", dims=2, *, activation="softmax", **preprocessing):
        torch.manual_seed(2)
        classes = (
            LabelClass(value=1, name="one"),
            LabelClass(value=4, name="four", order=1),
        )
        network = create_network(
            architecture,
            preset="small",
            spatial_dims=dims,
            in_channels=1,
            num_classes=len(classes) + (activation == "softmax"),
            **smallest_networks[architecture],
        )
        card = ModelCard(
            name="small",
            architecture=architecture,
            config=network.config.to_dict(),
            classes=classes,
            activation=activation,
            preprocessing=Preprocessing(**(preprocessing or {"window": (32,) * dims})),
        )
        return Segmenter(network.eval(), card, "cpu")

    return make


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
