"""Every registered network in the engine: it trains, goes on where it stopped, and segments."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch

from napari_medseg.engine.card import LabelClass, ModelCard, Preprocessing
from napari_medseg.engine.checkpoint import load_checkpoint, save_checkpoint
from napari_medseg.engine.inference_config import InferenceConfig
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.engine.training import train
from napari_medseg.engine.training_config import TrainingConfig
from napari_medseg.engine.training_plan import check_sides
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


@pytest.fixture(scope="module")
def untrained(smallest_networks):
    """Return a network that all tests share: they leave it as it is."""

    @functools.cache
    def built(name, dims):
        torch.manual_seed(0)
        fields = {"in_channels": 1, "num_classes": 3, **smallest_networks[name]}
        return create_network(name, preset="small", spatial_dims=dims, **fields).eval()

    return built


@every_network
def test_an_image_of_odd_sides_is_segmented_on_its_own_grid(untrained, name, dims):
    network = untrained(name, dims)
    segmenter = Segmenter(network, card_for(name, network, window=(32,) * dims), "cpu")
    for size in ((1, 37, 5)[-dims:], (3, 1, 21)[:dims]):
        values = np.random.default_rng(0).normal(size=(1, *size)).astype(np.float32)
        labels = segmenter.segment(Volume(values, (1.0,) * dims)).labels
        assert labels.shape == size
        assert set(np.unique(labels)) <= {0, 1, 4}


@every_network
def test_a_window_smaller_than_the_network_can_see_is_enlarged(untrained, name, dims):
    network = untrained(name, dims)
    segmenter = Segmenter(network, card_for(name, network, window=(64,) * dims), "cpu")
    values = np.random.default_rng(0).normal(size=(1, *(9, 7, 40)[-dims:])).astype(np.float32)
    volume, smallest = Volume(values, (1.0,) * dims), (network.divisor,) * dims
    labels = segmenter.segment(volume, InferenceConfig(window=(3,) * dims)).labels
    expected = segmenter.segment(volume, InferenceConfig(window=smallest)).labels
    np.testing.assert_array_equal(labels, expected)


@every_network
def test_a_checkpoint_brings_the_network_back(untrained, name, dims, tmp_path):
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
def test_its_papers_recipe_trains_it_and_goes_on_where_it_stopped(
    name, dims, tmp_path, smallest_networks
):
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
    config = config.replace(network={**config.network, **smallest_networks[name]})

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


@pytest.mark.parametrize(
    ("name", "dims", "changes", "message"),
    [
        ("gladnet", 2, {"size": (20, 40)}, r"size \(20, 40\): GLAD-Net .* fits is 24,40"),
        ("lgmsnet", 2, {"size": (64, 64), "early_size": (48, 64)}, "early_size .* fits is 64,64"),
        ("msd_kmamba", 3, {"window": (8, 8, 8)}, "multiples of 32; the next that fits is 32,32,32"),
        ("lgmsnet", 3, {"window": (32, 32)}, "window has 2 sides .* the images have 3"),
        ("msa2net", 2, {"size": (32, 32), "batch_size": 1}, "single voxel at the coarsest level"),
        ("gladnet", 2, {"size": (8, 8), "batch_size": 1}, "single voxel at the coarsest level"),
    ],
)
def test_sides_a_network_cannot_be_trained_on_are_refused(untrained, name, dims, changes, message):
    config = TrainingConfig(architecture=name, preset="small", **changes)
    with pytest.raises(ValueError, match=message):
        check_sides(untrained(name, dims), config)


def test_sides_are_checked_before_anything_is_prepared(tmp_path):
    save_squares(tmp_path / "data", 3)
    config = TrainingConfig.recipe("msd-kmamba-cpu", window=(16, 32, 32), device="cpu")
    steps = []
    with pytest.raises(ValueError, match="the next that fits is 32,32,32"):
        train(tmp_path / "data", config, out=tmp_path / "m.safetensors", report=steps.append)
    assert not any(step.note == "preparing" for step in steps)
    assert not (tmp_path / "m.safetensors").exists()


def test_a_recipe_for_a_network_that_is_not_there_is_refused_by_name(tmp_path):
    save_squares(tmp_path / "data", 2)
    config = TrainingConfig.recipe("cpu-2d", architecture="lgmsnett", device="cpu")
    with pytest.raises(ValueError, match=r"no architecture 'lgmsnett' \(did you mean lgmsnet\?\)"):
        train(tmp_path / "data", config, out=tmp_path / "m.safetensors")
