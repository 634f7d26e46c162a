"""A segmenter answers on the grid it was asked on, for every kind of model and volume."""

from __future__ import annotations

import json
import threading

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from napari_medseg.engine.inference_config import InferenceConfig
from napari_medseg.engine.preprocess import prepare
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.networks import architectures
from napari_medseg.progress import Cancelled
from napari_medseg.volume import Volume


def noise(*shape, spacing=None, seed=1):
    array = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    return Volume(array, spacing or (1.0,) * (len(shape) - 1), name="case 7")


def head(*size):
    """A bright ball off the centre of dark air."""
    grid = np.meshgrid(*[np.arange(s) for s in size], indexing="ij")
    inside = sum((g - 0.6 * s) ** 2 for g, s in zip(grid, size, strict=True)) < 36
    values = np.random.default_rng(0).normal(size=size) * 0.1 + 5 * inside
    return Volume(values[None].astype(np.float32), (1.0,) * len(size), name="head")


CASES = {
    "3D whole": (3, {}, (1, 10, 13, 9)),
    "3D windows": (3, {"window": (8, 8, 8)}, (1, 10, 21, 9)),
    "3D spacing": (3, {"spacing": (1.5, 0.7, 1.0)}, (1, 10, 13, 9)),
    "3D spacing, windows": (3, {"spacing": (0.8, 1.2, 1.0), "window": (8, 8, 8)}, (1, 10, 13, 9)),
    "2D whole": (2, {}, (1, 19, 30)),
    "2D size": (2, {"size": (16, 16)}, (1, 19, 30)),
    "2D windows": (2, {"window": (16, 16)}, (1, 19, 60)),
    "2D through a volume": (2, {}, (1, 5, 19, 30)),
    "2D size through a volume": (2, {"size": (16, 16)}, (1, 5, 19, 30)),
}


@pytest.fixture(params=CASES, ids=lambda name: name)
def pair(request, tiny_segmenter):
    """Return a segmenter and a volume it can take."""
    dims, preprocessing, shape = CASES[request.param]
    return tiny_segmenter(dims, **preprocessing), noise(*shape)


def test_the_answer_is_on_the_input_grid(pair):
    segmenter, volume = pair
    result = segmenter.segment(volume, InferenceConfig(probabilities=True, uncertainty=True))
    assert result.labels.shape == volume.shape == result.uncertainty.shape
    assert result.labels.dtype == np.uint8
    assert result.probabilities.shape == (3, *volume.shape)


def test_probabilities_sum_to_1_and_their_largest_is_the_label(pair):
    segmenter, volume = pair
    result = segmenter.segment(volume, InferenceConfig(probabilities=True, uncertainty=True))
    np.testing.assert_allclose(result.probabilities.sum(0), 1, atol=1e-5)
    np.testing.assert_array_equal(result.probabilities.argmax(0), result.labels)
    assert 0 <= result.uncertainty.min() <= result.uncertainty.max() <= 1 + 1e-6


def test_labels_do_not_depend_on_what_else_is_asked_for(pair):
    segmenter, volume = pair
    alone = segmenter.segment(volume).labels
    beside = segmenter.segment(volume, InferenceConfig(probabilities=True)).labels
    np.testing.assert_array_equal(alone, beside)


def test_the_same_input_gives_the_same_answer(pair):
    segmenter, volume = pair
    first, second = (segmenter.segment(volume).labels for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_a_whole_image_is_one_forward_pass(tiny_segmenter):
    segmenter, volume = tiny_segmenter(3), noise(1, 8, 12, 16)
    result = segmenter.segment(volume).labels
    image = prepare(volume, segmenter.card.preprocessing, spatial_dims=3).image
    with torch.inference_mode():
        expected = segmenter.network(image[None])[0].argmax(0)
    np.testing.assert_array_equal(result, expected)


def test_a_resized_image_equals_interpolated_logits(tiny_segmenter):
    segmenter, volume = tiny_segmenter(2, size=(16, 16)), noise(1, 19, 30)
    image = prepare(volume, segmenter.card.preprocessing, spatial_dims=2).image
    with torch.inference_mode():
        logits = F.interpolate(segmenter.network(image[None]), (19, 30), mode="bilinear")[0]
    np.testing.assert_array_equal(segmenter.segment(volume).labels, logits.argmax(0))


@pytest.mark.parametrize(("spacing", "axis"), [((1, 1, 4), 2), ((1, 4, 1), 1), ((1, 1, 1), 0)])
def test_slices_run_along_the_largest_spacing(tiny_segmenter, spacing, axis):
    segmenter = tiny_segmenter(2)
    volume = noise(1, 8, 12, 16, spacing=tuple(map(float, spacing)))
    result = segmenter.segment(volume).labels
    chosen = segmenter.segment(volume, InferenceConfig(slice_axis=axis)).labels
    np.testing.assert_array_equal(result, chosen)
    plane = [s for a, s in enumerate(volume.shape) if a != axis]
    assert all(list(seen[2:]) == plane for seen in segmenter.network.seen)


def test_every_slice_is_segmented_as_an_image_would_be(tiny_segmenter):
    segmenter = tiny_segmenter(2, normalise="none", window=(8, 8))
    volume = noise(1, 7, 20, 12)
    stack = segmenter.segment(volume).labels
    for index in (0, 3, 6):
        image = Volume(volume.array[:, index], (1.0, 1.0))
        np.testing.assert_array_equal(stack[index], segmenter.segment(image).labels)


def test_flips_of_a_model_that_never_saw_a_mirror_are_refused(tiny_segmenter):
    segmenter = tiny_segmenter(dims=2)
    one_way = Segmenter(segmenter.network, segmenter.card.replace(mirrored=False), "cpu")
    volume = Volume(np.random.default_rng(0).normal(size=(1, 8, 8)), (1.0, 1.0))
    with pytest.raises(
        ValueError, match=r"'tiny' was not trained on mirrored images.*turn that off"
    ):
        one_way.segment(volume, InferenceConfig(flips=True))
    assert one_way.segment(volume).labels.shape == (8, 8)


def test_flips_make_the_answer_symmetric(tiny_segmenter):
    segmenter, volume = tiny_segmenter(2), noise(1, 16, 20)
    mirror = Volume(volume.array[..., ::-1].copy(), (1.0, 1.0))
    config = InferenceConfig(flips=True)
    result = segmenter.segment(volume, config).labels
    np.testing.assert_array_equal(segmenter.segment(mirror, config).labels[:, ::-1], result)
    assert len(segmenter.network.seen) == 8


def test_regions_may_overlap(tiny_segmenter):
    segmenter, volume = tiny_segmenter(3, activation="sigmoid"), noise(1, 8, 8, 8)
    result = segmenter.segment(volume, InferenceConfig(probabilities=True))
    inside = result.probabilities > 0.5
    assert (inside[0] & inside[1]).any()
    expected = np.where(inside[1], 2, np.where(inside[0], 1, 0))
    np.testing.assert_array_equal(result.labels, expected)


class TestBody:
    def test_air_is_left_out_and_the_body_stays_the_same(self, tiny_segmenter):
        segmenter, volume = tiny_segmenter(3, window=(16, 16, 16)), head(24, 40, 40)
        exact = segmenter.segment(volume, InferenceConfig(exact=True))
        windows = len(segmenter.network.seen)
        cropped = segmenter.segment(volume)
        assert len(segmenter.network.seen) - windows < 0.6 * windows
        body = volume.array[0] > 2.5
        assert (exact.labels[body] == cropped.labels[body]).mean() > 0.99
        corner = (slice(0, 4),) * 3
        assert not cropped.labels[corner].any()

    def test_exact_and_off_are_the_same(self, tiny_segmenter):
        segmenter, volume = tiny_segmenter(3, window=(16, 16, 16)), head(24, 40, 40)
        exact = segmenter.segment(volume, InferenceConfig(exact=True)).labels
        off = segmenter.segment(volume, InferenceConfig(crop_to_body=False)).labels
        np.testing.assert_array_equal(exact, off)

    def test_a_crop_goes_with_resampling(self, tiny_segmenter):
        spacing = {"window": (16, 16, 16), "spacing": (0.9, 1.1, 1.0)}
        segmenter, volume = tiny_segmenter(3, **spacing), head(24, 40, 40)
        exact = segmenter.segment(volume, InferenceConfig(exact=True)).labels
        cropped = segmenter.segment(volume, InferenceConfig(probabilities=True))
        body = volume.array[0] > 2.5
        assert (exact[body] == cropped.labels[body]).mean() > 0.99
        np.testing.assert_allclose(cropped.probabilities.sum(0), 1, atol=1e-5)

    def test_a_window_larger_than_the_body_sees_air_instead_of_padding(self, tiny_segmenter):
        segmenter = tiny_segmenter(3, window=(24, 32, 32), normalise="none")
        volume = head(24, 64, 64)
        volume.array[:] += 1  # so that only padding is 0
        padded = []
        segmenter.network.register_forward_pre_hook(
            lambda _, inputs: padded.append(bool((inputs[0] == 0).any()))
        )
        segmenter.segment(volume)
        assert padded == [False]

    def test_empty_slices_are_left_out_without_changing_the_others(self, tiny_segmenter):
        segmenter, volume = tiny_segmenter(2), head(48, 24, 24)
        exact = segmenter.segment(volume, InferenceConfig(exact=True)).labels
        slices = sum(seen[0] for seen in segmenter.network.seen)
        cropped = segmenter.segment(volume).labels
        assert sum(seen[0] for seen in segmenter.network.seen) - slices < slices
        np.testing.assert_array_equal(cropped[22:36], exact[22:36])


class TestBadInput:
    @pytest.mark.parametrize(
        ("dims", "array", "sentence"),
        [
            (3, np.zeros((1, 8, 8, 8)), "nothing to segment"),
            (3, np.full((1, 8, 8, 8), np.nan), "no finite value"),
            (3, np.ones((1, 8, 8)), "expects 3-D volumes; 'case 7' is 2-D"),
            (2, np.ones((3, 8, 8)), "has 3 channels, this model expects 1 channel"),
        ],
    )
    def test_each_gets_one_sentence(self, tiny_segmenter, dims, array, sentence):
        volume = Volume(array, (1.0,) * (array.ndim - 1), name="case 7")
        with pytest.raises(ValueError, match=sentence):
            tiny_segmenter(dims).segment(volume)

    def test_a_card_for_another_network_is_refused(self, tiny_segmenter):
        with pytest.raises(ValueError, match=r"2-D, 1 input and 3 output.*3-D, 1 and 3"):
            Segmenter(tiny_segmenter(3).network, tiny_segmenter(2).card, "cpu")

    def test_a_slice_axis_that_is_none_is_refused(self, tiny_segmenter):
        with pytest.raises(ValueError, match="slice_axis must be 0, 1 or 2"):
            tiny_segmenter(2).segment(noise(1, 8, 8, 8), InferenceConfig(slice_axis=3))

    def test_a_device_that_is_not_there_is_refused_before_loading(self):
        with pytest.raises(ValueError, match="no device 'cuda:77'"):
            Segmenter.load("no such model", device="cuda:77")

    def test_notes_reach_the_answer(self, tiny_segmenter):
        volume = noise(1, 8, 8, 8)
        volume.array[0, 0, 0, 0] = np.nan
        result = tiny_segmenter(3).segment(volume)
        assert result.notes[0].startswith("1 NaN or infinite voxels")
        assert result.provenance["notes"] == list(result.notes)


def test_cancel_leaves_the_network_as_it_was(tiny_segmenter):
    segmenter = tiny_segmenter(3, window=(8, 8, 8))
    segmenter.network.train()
    segmenter.network.head.eval()

    def stop(step):
        if step.done == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        segmenter.segment(noise(1, 16, 16, 16), report=stop)
    assert len(segmenter.network.seen) == 2
    assert segmenter.network.training
    assert segmenter.network.stem.training
    assert not segmenter.network.head.training
    assert not any(m._forward_pre_hooks for m in segmenter.network.modules())
    assert segmenter.segment(noise(1, 16, 16, 16)).labels.shape == (16, 16, 16)


def test_two_threads_take_turns(tiny_segmenter):
    segmenter, volume = tiny_segmenter(3, window=(8, 8, 8)), noise(1, 16, 16, 16)
    wanted = segmenter.segment(volume).labels
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(segmenter.segment(volume).labels))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(r, wanted) for r in results)
    assert len(results) == 3


def test_slices_are_counted_in_slices(tiny_segmenter):
    steps = []
    tiny_segmenter(2).segment(noise(1, 5, 16, 16), report=steps.append)
    assert (steps[-1].done, steps[-1].total, steps[-1].unit) == (5, 5, "slice")


def test_provenance_is_json_and_names_what_was_done(tiny_segmenter):
    config = InferenceConfig(overlap=0.25)
    provenance = tiny_segmenter(3).segment(noise(1, 8, 8, 8), config).provenance
    assert json.loads(json.dumps(provenance)) == provenance
    assert provenance["config"]["overlap"] == 0.25
    assert provenance["model"] == "tiny"
    assert provenance["device"] == "cpu"
    assert provenance["classes"] == {"1": "class 1", "2": "class 2"}


def test_what_was_saved_is_loaded_and_answers_alike(tmp_path, tiny_segmenter):
    recipe = architectures()["lgmsnet"]
    shape = recipe.preset("small", spatial_dims=2, in_channels=1, num_classes=3)
    card = tiny_segmenter(2, size=(32, 32)).card
    card = card.replace(architecture="lgmsnet", config=shape.to_dict())
    segmenter = Segmenter(recipe.build(shape), card, "cpu")
    segmenter.save(tmp_path / "model.safetensors")
    again = Segmenter.load(tmp_path / "model.safetensors", device="cpu")
    volume = noise(1, 40, 50)
    result = again.segment(volume)
    np.testing.assert_array_equal(result.labels, segmenter.segment(volume).labels)
    assert len(result.provenance["model_sha256"]) == 64
    assert again.card == segmenter.card
