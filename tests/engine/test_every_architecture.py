"""Every registered network in the engine: it trains, goes on where it stopped, and segments."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_medseg.engine.card import LabelClass, ModelCard, Preprocessing
from napari_medseg.engine.checkpoint import load_checkpoint, save_checkpoint
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.engine.training import train
from napari_medseg.engine.training_config import TrainingConfig
from napari_medseg.engine.training_recipes import paper_recipe
from napari_medseg.io import write_image, write_labels
from napari_medseg.networks import architectures, create_network
from napari_medseg.progress import Cancelled
from napari_medseg.volume import Volume

every_network = pytest.mark.parametrize(
    ("name", "dims"), [(n, d) for n, a in architectures().items() for d in a.spatial_dims]
)


def card_for(name, network, **preprocessing):
    return ModelCard(
        name="untrained",
        architecture=name,
        config=network.config.to_dict(),
        classes=(LabelClass(value=1, name="one"), LabelClass(value=4, name="four")),
        preprocessing=Preprocessing(**preprocessing),
    )


def untrained(name, dims):
    torch.manual_seed(0)
    shape = {"spatial_dims": dims, "in_channels": 1, "num_classes": 3}
    return create_network(name, preset="small", **shape).eval()


@every_network
def test_an_image_of_odd_sides_is_segmented_on_its_own_grid(name, dims):
    network = untrained(name, dims)
    segmenter = Segmenter(network, card_for(name, network, window=(32,) * dims), "cpu")
    for size in ((1, 37, 5)[-dims:], (3, 1, 21)[:dims]):
        values = np.random.default_rng(0).normal(size=(1, *size)).astype(np.float32)
        labels = segmenter.segment(Volume(values, (1.0,) * dims)).labels
        assert labels.shape == size
        assert set(np.unique(labels)) <= {0, 1, 4}


@every_network
def test_a_checkpoint_brings_the_network_back(name, dims, tmp_path):
    network = untrained(name, dims)
    save_checkpoint(tmp_path / "m.safetensors", network, card_for(name, network))
    again, card = load_checkpoint(tmp_path / "m.safetensors")
    assert card.architecture == name
    image = torch.randn(1, 1, *[network.divisor] * dims)
    with torch.no_grad():
        assert torch.equal(again.eval()(image), network(image))


def save_squares(folder, dims):
    for i in range(3):
        rng = np.random.default_rng(i)
        labels = np.zeros((32,) * dims, np.uint8)
        labels[(slice(6 + i, 20 + i),) * dims] = 1
        values = rng.normal(size=(1, *labels.shape)) + 3 * labels
        if dims == 2:
            values = np.clip(60 + 30 * values, 0, 255).astype(np.uint8)
        volume = Volume(values.astype(np.float32) if dims == 3 else values, (1.0,) * dims)
        suffix = ".png" if dims == 2 else ".nii.gz"
        write_image(folder / "images" / f"case{i}{suffix}", volume)
        write_labels(folder / "labels" / f"case{i}{suffix}", labels, like=volume)


@pytest.mark.parametrize(
    ("name", "dims"),
    [(n, d) for n, a in architectures().items() for d in a.spatial_dims if n != "lgmsnet"],
)  # LGMSNet trains in test_training
def test_its_papers_recipe_trains_it_and_goes_on_where_it_stopped(name, dims, tmp_path):
    save_squares(tmp_path / "data", dims)
    config = TrainingConfig.recipe(
        paper_recipe(name, dims),
        preset="small",
        **({"size": (32, 32)} if dims == 2 else {"window": (32, 32, 32)}),
        epochs=2,
        windows_per_case=1,
        batch_size=2,
        validate_every=2,
        device="cpu",
    )

    def stop_in_the_second_round(step):
        if step.unit == "step" and step.done == 1:
            raise Cancelled

    whole = train(tmp_path / "data", config, out=tmp_path / "whole.safetensors")
    out = tmp_path / "parts.safetensors"
    with pytest.raises(Cancelled):
        train(tmp_path / "data", config, out=out, report=stop_in_the_second_round)
    parts = train(tmp_path / "data", config, out=out, resume=True)
    assert parts.card.architecture == name
    assert parts.best == whole.best
    expected = load_checkpoint(whole.checkpoint)[0].state_dict()
    for key, value in load_checkpoint(parts.checkpoint)[0].state_dict().items():
        assert torch.equal(value, expected[key]), key
