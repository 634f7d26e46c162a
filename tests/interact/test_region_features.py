"""What a network knows of a region lies where the engine puts its answer, and leaves no trace."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from napari_medseg.engine.inference_config import InferenceConfig
from napari_medseg.interact.feature_cache import FeatureCache
from napari_medseg.interact.features import region_features, value_probabilities
from napari_medseg.interact.penultimate import Penultimate
from napari_medseg.progress import Cancelled
from napari_medseg.volume import Volume

EVERY = [
    ("lgmsnet", 2, (33, 40), {}),
    ("gladnet", 2, (33, 40), {}),
    ("msa2net", 2, (33, 40), {"size": (32, 32)}),
    ("lgmsnet", 3, (9, 20, 40), {}),
    ("msd_kmamba", 3, (9, 20, 40), {}),
    ("gladnet", 2, (3, 33, 40), {"size": (32, 32)}),  # a volume slice by slice
    ("lgmsnet", 2, (3, 33, 40), {"spacing": (1.5, 1.2)}),
]
every_model = pytest.mark.parametrize(("name", "dims", "shape", "recipe"), EVERY)


def picture(shape, seed=0):
    values = np.random.default_rng(seed).normal(size=(1, *shape)).astype(np.float32)
    return Volume(values, ((2.0, 1.0, 1.0)[-len(shape) :]))


@pytest.fixture(scope="module")
def whole_of(model):
    """Return a model, a picture and what the model knows of all of it, the same for all tests."""
    known = {}

    def make(name, dims, shape, recipe):
        key = (name, shape, *recipe)
        if key not in known:
            segmenter, volume = model(name, dims, **recipe), picture(shape)
            known[key] = segmenter, volume, region_features(segmenter, volume)
        return known[key]

    return make


def hooks(network):
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in network.modules())


@every_model
def test_the_labels_are_to_the_bit_those_of_the_engine(whole_of, name, dims, shape, recipe):
    segmenter, volume, region = whole_of(name, dims, shape, recipe)
    whole = segmenter.segment(volume, InferenceConfig(probabilities=True))
    np.testing.assert_array_equal(region.labels(), whole.labels)
    np.testing.assert_allclose(region.probabilities(), whole.probabilities, rtol=0, atol=1e-6)
    assert hooks(segmenter.network) == 0


@every_model
def test_a_box_has_the_values_of_the_whole(whole_of, name, dims, shape, recipe):
    segmenter, volume, whole = whole_of(name, dims, shape, recipe)
    box = tuple(slice(n // 3, n // 3 + max(1, n // 2)) for n in shape)
    part = region_features(segmenter, volume, box)
    np.testing.assert_array_equal(part.labels(), whole.labels()[box])
    assert part.nbytes < whole.nbytes or recipe.get("size")
    cropped = whole.crop(box)
    for one in (part, cropped):
        torch.testing.assert_close(one.on_image(one.features), part.on_image(part.features))
        np.testing.assert_allclose(one.probabilities(), whole.probabilities()[(..., *box)], 0, 1e-6)


def test_what_was_read_out_once_is_no_other_than_read_for_the_box_alone(whole_of, monkeypatch):
    _, _, region = whole_of(*EVERY[-1])
    box = np.s_[1:3, 5:30, 7:21]
    kept = region.crop(box)
    first = kept.labels(), kept.probabilities()
    for array in first:
        array[:] = 9  # of nobody else
    again = kept.labels(), kept.probabilities()
    monkeypatch.setattr("napari_medseg.interact.features._KEPT", 0)
    alone = region.crop(box)
    np.testing.assert_array_equal(again[0], alone.labels())
    np.testing.assert_allclose(again[1], alone.probabilities(), 0, 1e-6)
    monkeypatch.undo()
    assert region.nbytes > region.logits.nbytes + region.features.nbytes


@every_model
def test_the_last_layer_makes_the_logits_of_the_features(whole_of, name, dims, shape, recipe):
    segmenter, volume, region = whole_of(name, dims, shape, recipe)
    assert len(region.features) == segmenter.network.feature_info[-1].channels
    if recipe.get("size"):  # one window, so nothing was blended
        along = segmenter.slice_axis(volume, InferenceConfig())
        batch = region.features.float().movedim(1 + along, 0)
        with torch.no_grad():
            logits = segmenter.network.head(batch).movedim(0, 1 + along)
        torch.testing.assert_close(logits, region.logits, atol=2e-2, rtol=1e-2)


@every_model
def test_single_voxels_are_read_where_the_whole_is_interpolated(
    whole_of, name, dims, shape, recipe
):
    _, _, region = whole_of(name, dims, shape, recipe)
    voxels = np.argwhere(np.ones(shape, bool))[::37]
    on_image = region.on_image(region.features).reshape(-1, *shape)
    torch.testing.assert_close(
        region.at(voxels), on_image[(slice(None), *voxels.T)].T, atol=1e-4, rtol=1e-4
    )


def test_overlapping_regions_become_label_values(model):
    card = model(activation="sigmoid").card  # 4 is written over 1
    logits = torch.tensor([[2.0, 2.0, -3.0], [-4.0, 1.0, -3.0]])
    found = value_probabilities(logits, card)
    torch.testing.assert_close(found.sum(0), torch.ones(3))
    assert found.argmax(0).tolist() == [1, 2, 0]
    assert found[1, 1] == pytest.approx(float(logits[0, 1].sigmoid() * (-logits[1, 1]).sigmoid()))


def test_the_hook_is_gone_after_an_error_and_after_cancel(model):
    segmenter = model()
    with pytest.raises(ValueError, match="multiple of"):
        Penultimate(segmenter.network)(torch.zeros(1, 1, 7, 7))
    assert hooks(segmenter.network) == 0

    def stop(step):
        raise Cancelled

    with pytest.raises(Cancelled):
        region_features(segmenter, picture((40, 40)), report=stop)
    assert hooks(segmenter.network) == 0


def test_a_network_in_training_is_left_in_training(model):
    segmenter = model()
    segmenter.network.train()
    region_features(segmenter, picture((32, 32)))
    assert all(module.training for module in segmenter.network.modules())


def test_a_box_elsewhere_cannot_be_cropped(model):
    region = region_features(model(), picture((40, 40)), (slice(0, 20), slice(0, 20)))
    with pytest.raises(ValueError, match="not inside"):
        region.crop((slice(10, 30), slice(0, 20)))


class Counted:
    """How often the network ran."""

    def __init__(self, segmenter):
        self.windows = 0
        segmenter.network.register_forward_hook(self._count)

    def _count(self, module, inputs, output):
        self.windows += 1


def test_a_small_image_is_run_once_for_all_places(model):
    segmenter, volume = model("lgmsnet", 3), picture((8, 32, 32))
    ran, cache = Counted(segmenter), FeatureCache(segmenter, volume)
    box = (slice(0, 4), slice(0, 8), slice(3, 9))
    first = cache.of(box)
    before = ran.windows
    other = cache.of((slice(4, 8), slice(20, 30), slice(3, 9)))
    assert ran.windows == before > 0
    assert first.shape == (4, 8, 6)
    assert other.shape == (4, 10, 6)
    cache.forget()
    assert not cache.covers(box)


def test_of_a_volume_a_2d_model_runs_the_slices_asked_for(model):
    segmenter, volume = model("lgmsnet", 2, size=(32, 32)), picture((9, 32, 32))
    cache = FeatureCache(segmenter, volume)
    cache.of((slice(2, 4), slice(5, 9), slice(5, 9)))
    assert cache.covers((slice(2, 4), slice(0, 32), slice(0, 32)))
    assert not cache.covers((slice(4, 5), slice(5, 9), slice(5, 9)))


def test_what_is_kept_stays_within_its_bytes_and_the_last_used_stays(model, monkeypatch):
    monkeypatch.setattr("napari_medseg.interact.feature_cache._SLICE_BYTES", 0)
    segmenter, volume = model("lgmsnet", 2), picture((64, 64))
    boxes = [(slice(a, a + 16), slice(a, a + 16)) for a in (0, 20, 40)]
    one = region_features(segmenter, volume, boxes[0]).nbytes
    cache = FeatureCache(segmenter, volume, most_bytes=4 * one)
    cache.of(boxes[0])
    cache.of(boxes[1])
    cache.of(boxes[0])  # used again: it outlives the other
    cache.of(boxes[2])
    assert cache.nbytes <= 4 * one
    assert cache.covers(boxes[2])
    assert cache.covers(boxes[0])
    assert not cache.covers(boxes[1])
    cache.forget(boxes[0])
    assert cache.covers(boxes[2])
    assert not cache.covers(boxes[0])


def test_probabilities_without_windows_are_background(model):
    segmenter = model("lgmsnet", 3, window=(16, 16, 16))
    values = np.zeros((1, 64, 16, 16), np.float32)  # air but for one end: the rest is not run
    values[0, :12] = np.random.default_rng(0).normal(5, 1, (12, 16, 16))
    volume = Volume(values, (1.0,) * 3)
    whole = segmenter.segment(volume, InferenceConfig(probabilities=True))
    region = region_features(segmenter, volume)
    np.testing.assert_array_equal(region.labels(), whole.labels)
    np.testing.assert_allclose(region.probabilities(), whole.probabilities, atol=1e-6)
    assert dataclasses.replace(region, box=region.box).values == (0, 1, 4)
