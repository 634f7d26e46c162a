"""Networks whose inside is known by hand, and small volumes with their place in the world."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

from napari_medseg.engine.card import LabelClass, ModelCard, Preprocessing
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.networks import create_network
from napari_medseg.networks.base import Feature, SegmentationNetwork
from napari_medseg.networks.config import NetConfig
from napari_medseg.volume import Volume


class Known(SegmentationNetwork):
    """Averages of blocks of `stride` voxels, enlarged again; class 1 where the image is bright.

    ``coarse`` is exactly the mean of the image's blocks, ``fine`` the image itself.
    """

    decoder_modules = ("fine",)

    def __init__(self, config: NetConfig, stride: int = 4) -> None:
        super().__init__(config)
        pool = nn.AvgPool2d if config.spatial_dims == 2 else nn.AvgPool3d
        conv = nn.Conv2d if config.spatial_dims == 2 else nn.Conv3d
        self.stride = stride
        self.coarse = pool(stride)
        self.fine = nn.Identity()
        self.head = conv(config.in_channels, config.num_classes, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        with torch.no_grad():
            self.head.weight[1:] = 1

    @property
    def divisor(self) -> int:
        return self.stride

    @property
    def feature_info(self):
        channels = self.config.in_channels
        return [Feature("coarse", channels, self.stride), Feature("fine", channels, 1)]

    def forward(self, x):
        self.check_input(x)
        return self.head(self.fine(x)) + 0 * self.coarse(x).mean()


def segmenter_of(network, *, activation="softmax", **preprocessing):
    """A segmenter with plain names for its classes; values reach the network as they are."""
    outputs = network.config.num_classes - (activation == "softmax")
    card = ModelCard(
        name="known",
        architecture="lgmsnet",
        config=network.config.to_dict(),
        classes=tuple(LabelClass(value=i + 1, name=f"class {i + 1}") for i in range(outputs)),
        activation=activation,
        preprocessing=Preprocessing(**({"normalise": "none"} | preprocessing)),
    )
    return Segmenter(network, card, "cpu")


@pytest.fixture(name="segmenter_of")
def _segmenter_of():
    """Make a segmenter of any network: ``segmenter_of(network, **preprocessing)``."""
    return segmenter_of


@pytest.fixture
def known():
    """Make a segmenter of a `Known` network: ``known(dims, stride=4, **preprocessing)``."""

    def make(dims=2, *, stride=4, channels=1, classes=2, **preprocessing):
        config = NetConfig(spatial_dims=dims, in_channels=channels, num_classes=classes)
        return segmenter_of(Known(config, stride), **preprocessing)

    return make


TINY = {
    "lgmsnet": {"widths": (4, 4, 8, 8, 8)},
    "gladnet": {"width": 8, "glam_split": 2, "glam_heads": 2},
    "msd_kmamba": {"widths": (8, 8, 16, 16, 16), "depths": (0, 0, 1, 1, 1), "states": 4},
    "msa2net": {"width": 32, "stem_width": 16, "depths": (1, 1, 1, 1)},
}


@pytest.fixture(scope="session")
def tiny():
    """Make a segmenter of a tiny real network: ``tiny("gladnet", dims=2, channels=1)``.

    Networks are shared, so that their layers are found out once: tests leave the weights alone.
    """
    made = {}

    def make(*shape, **more):
        key = (shape, str(sorted(more.items())))
        if key not in made:
            made[key] = fresh(*shape, **more)
        return copy.copy(made[key])

    def fresh(name, dims=2, *, channels=1, classes=2, config=None, **preprocessing):
        torch.manual_seed(0)
        network = create_network(
            name,
            spatial_dims=dims,
            in_channels=channels,
            num_classes=classes,
            **(TINY[name] | (config or {})),
        )
        segmenter = segmenter_of(network, **preprocessing)
        segmenter.card = segmenter.card.replace(architecture=name)
        return segmenter

    return make


@pytest.fixture
def image():
    """Make a random image or volume: ``image((20, 30), spacing=(1, 2))``."""

    def make(shape, *, channels=1, spacing=None, affine=None):
        values = np.random.default_rng(0).normal(size=(channels, *shape)).astype(np.float32)
        given = {} if affine is None else {"affine": affine}
        return Volume(values, tuple(spacing or (1.0,) * len(shape)), **given)

    return make


@pytest.fixture
def delta():
    """Make an image that is 0 but for one voxel: ``delta((20, 30), (3, 4))``."""

    def make(shape, at, **keywords):
        values = np.zeros((1, *shape), np.float32)
        values[(0, *at)] = 1
        return Volume(values, keywords.pop("spacing", (1.0,) * len(shape)), **keywords)

    return make
