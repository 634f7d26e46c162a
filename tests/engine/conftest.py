"""Tiny real networks with their cards."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from napari_medseg import networks
from napari_medseg.engine.card import LabelClass, ModelCard, Preprocessing
from napari_medseg.engine.cases import Case
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.networks.base import Feature, SegmentationNetwork
from napari_medseg.networks.config import NetConfig
from napari_medseg.networks.registry import Architecture
from napari_medseg.volume import Volume


class TinyNetwork(SegmentationNetwork):
    """Two convolutions; `divisor` is whatever a test wants it to be."""

    def __init__(self, config: NetConfig, divisor: int = 4) -> None:
        super().__init__(config)
        conv = nn.Conv2d if config.spatial_dims == 2 else nn.Conv3d
        self.stem = conv(config.in_channels, 6, 3, padding=1)
        self.head = conv(6, config.num_classes, 3, padding=1)
        self._divisor = divisor
        self.seen: list[tuple[int, ...]] = []  # shapes of the inputs

    @property
    def divisor(self) -> int:
        return self._divisor

    @property
    def feature_info(self) -> list[Feature]:
        return [Feature("stem", 6, 1)]

    def forward(self, x):
        self.check_input(x)
        self.seen.append(tuple(x.shape))
        return self.head(torch.tanh(self.stem(x)))


class Learner(TinyNetwork):
    """A TinyNetwork with a norm and a decoder: all that learning tells apart, in no time."""

    decoder_modules = ("up",)

    def __init__(self, config: NetConfig) -> None:
        super().__init__(config, divisor=32)
        flat = config.spatial_dims == 2
        self.norm = nn.BatchNorm2d(6) if flat else nn.BatchNorm3d(6)
        self.up = nn.Conv2d(6, 6, 1) if flat else nn.Conv3d(6, 6, 1)

    def forward(self, x):
        self.check_input(x)
        return self.head(torch.relu(self.up(torch.tanh(self.norm(self.stem(x))))))


class LearnerArchitecture(Architecture):
    """The record of `Learner`, which no other module can import."""

    def build(self, config):
        return Learner(config)


LEARNER = LearnerArchitecture(
    name="learner",
    title="Learner",
    config=NetConfig,
    builder="",
    spatial_dims=(2, 3),
    presets={("small", dims): {} for dims in (2, 3)},
    paper="",
)


@pytest.fixture
def tiny_segmenter():
    """Make a segmenter: ``tiny_segmenter(dims, classes=2, channels=1, **preprocessing)``."""

    def make(dims=3, *, classes=2, channels=1, divisor=4, activation="softmax", **preprocessing):
        torch.manual_seed(1)
        outputs = classes + (activation == "softmax")
        config = NetConfig(spatial_dims=dims, in_channels=channels, num_classes=outputs)
        card = ModelCard(
            name="tiny",
            architecture="tiny",
            config=config.to_dict(),
            classes=tuple(LabelClass(value=i + 1, name=f"class {i + 1}") for i in range(classes)),
            activation=activation,
            preprocessing=Preprocessing(**preprocessing),
        )
        return Segmenter(TinyNetwork(config, divisor), card, "cpu")

    return make


@pytest.fixture
def zarr_image(tmp_path):
    """Write an OME-Zarr image: ``zarr_image(array (C, *S) or (*S), chunks, spacing)`` -> path."""
    import zarr

    def make(array, chunks, spacing=None, name="image.ome.zarr"):
        path = tmp_path / name
        group = zarr.open_group(path, mode="w", zarr_format=3)
        letters = "czyx"[-array.ndim :] if array.ndim != 3 or len(chunks) == 3 else "cyx"
        spatial = [letter for letter in letters if letter != "c"]
        sides = (1,) * (array.ndim - len(chunks)) + tuple(chunks)
        stored = group.create_array("0", shape=array.shape, dtype=array.dtype, chunks=sides)
        stored[...] = array
        unit = {} if spacing is None else {"unit": "millimeter"}
        axes = [
            {"name": a, "type": "channel"} if a == "c" else {"name": a, "type": "space", **unit}
            for a in letters
        ]
        scale = [1.0] * (array.ndim - len(spatial)) + list(spacing or (1.0,) * len(spatial))
        transforms = [{"type": "scale", "scale": scale}]
        datasets = [{"path": "0", "coordinateTransformations": transforms}]
        group.attrs["ome"] = {
            "version": "0.5",
            "multiscales": [{"name": "image", "axes": axes, "datasets": datasets}],
        }
        return path

    return make


@pytest.fixture
def small_model(small_model, monkeypatch):
    """Make an untrained segmenter: ``small_model(architecture, dims, activation=...)``.

    Without a name it is a `Learner`, which is an architecture like any other in these tests.
    """
    monkeypatch.setattr(networks, "_ARCHITECTURES", (*networks._ARCHITECTURES, LEARNER))

    def make(architecture="learner", dims=2, **options):
        return small_model(architecture, dims, **options)

    return make


@pytest.fixture
def corrected():
    """Make a case: ``corrected(seed, dims)``; its first half was reviewed, some of it changed."""

    def make(seed=0, dims=2, *, side=32, name=""):
        rng = np.random.default_rng(seed)
        labels = np.zeros((side,) * dims, np.uint8)
        labels[(slice(4, 18),) * dims] = 1
        labels[(slice(10, 24),) * dims] = 4
        values = rng.normal(size=(1, *labels.shape)) + labels
        reviewed = np.zeros(labels.shape, bool)
        reviewed[: side // 2] = True
        changed = np.zeros(labels.shape, bool)
        changed[4:8] = labels[4:8] > 0
        volume = Volume(values.astype(np.float32), (1.0,) * dims)
        return Case(volume, labels, reviewed, changed, name or f"case {seed}")

    return make
