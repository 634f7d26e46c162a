"""A model asked about a part: inside a box only, or the object under a click."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_medseg.engine.inference_config import InferenceConfig
from napari_medseg.interact.region import segment_at, segment_box
from napari_medseg.progress import Cancelled
from napari_medseg.volume import Volume


@pytest.fixture
def seeing(model, monkeypatch):
    """Make a model that segments what is bright: ``seeing(dims, window)``."""

    def make(dims=3, window=16):
        segmenter = model("lgmsnet", dims, window=(window,) * dims, normalise="none")
        windows = []

        def forward(x):
            windows.append(tuple(x.shape[2:]))
            return torch.cat([0.5 - x, x - 0.5, torch.full_like(x, -9.0)], dim=1)

        monkeypatch.setattr(segmenter.network, "forward", forward)
        return segmenter, windows

    return make


def scene(shape=(20, 24, 70)):
    """Return a long rod along W, and a small cube apart from it."""
    values = np.zeros((1, *shape), np.float32)
    values[0, 8:12, 10:14, 4:60] = 1
    values[0, 2:5, 20:23, 64:67] = 1
    return Volume(values, (1.0,) * len(shape))


def test_in_a_box_the_labels_are_those_of_the_whole(seeing):
    segmenter, windows = seeing()
    volume = scene()
    whole = segmenter.segment(volume).labels
    every, box = len(windows), (slice(6, 14), slice(8, 16), slice(2, 12))
    windows.clear()
    answer = segment_box(segmenter, volume, box)
    np.testing.assert_array_equal(answer.labels, whole[box])
    assert 0 < len(windows) < every / 2
    assert answer.notes == ()
    empty = segment_box(segmenter, volume, (slice(16, 20), slice(0, 4), slice(0, 9)))
    assert not empty.labels.any()
    assert "finds nothing" in empty.notes[-1]


def test_a_box_without_voxels_is_refused(seeing):
    with pytest.raises(ValueError, match="no voxel"):
        segment_box(seeing()[0], scene(), (slice(3, 3), slice(0, 4), slice(0, 4)))


def test_a_click_finds_the_whole_object_and_only_it(seeing):
    segmenter, windows = seeing()
    volume = scene()
    whole = segmenter.segment(volume, InferenceConfig(crop_to_body=False)).labels
    answer = segment_at(segmenter, volume, (9, 11, 8))
    after = np.zeros(volume.shape, np.uint8)
    after[answer.box] = answer.labels
    expected = whole.copy()
    expected[:, 16:] = 0  # the cube is another object
    np.testing.assert_array_equal(after, expected)
    assert len(windows) > 2


def test_a_small_object_needs_few_windows(seeing):
    segmenter, windows = seeing()
    volume = scene((64, 64, 96))
    segmenter.segment(volume, InferenceConfig(crop_to_body=False))
    every = len(windows)
    windows.clear()
    answer = segment_at(segmenter, volume, (3, 21, 65), InferenceConfig(crop_to_body=False))
    assert answer.labels.sum() == 27
    assert len(windows) < every / 4


def test_a_click_beside_a_thing_means_it_and_far_away_means_nothing(seeing):
    segmenter, _ = seeing()
    beside = segment_at(segmenter, scene(), (3, 18, 65))
    assert np.count_nonzero(beside.labels) == 27
    nothing = segment_at(segmenter, scene(), (19, 0, 30))
    assert not nothing.labels.any()
    assert "nothing near" in nothing.notes[0]


def test_a_2d_model_follows_from_slice_to_slice(seeing):
    segmenter, windows = seeing(2, 32)
    values = np.zeros((1, 60, 24, 24), np.float32)
    values[0, 10:30, 5:9, 5:9] = 1
    values[0, 40:50, 5:9, 5:9] = 1
    answer = segment_at(segmenter, Volume(values, (2.0, 1.0, 1.0)), (12, 6, 6))
    after = np.zeros((60, 24, 24), np.uint8)
    after[answer.box] = answer.labels
    assert after[10:30].sum() == 20 * 16
    assert after.sum() == 20 * 16
    assert windows


def test_a_click_can_be_cancelled_between_windows(seeing):
    segmenter, windows = seeing()

    def stop(step):
        if step.note:
            raise Cancelled

    with pytest.raises(Cancelled):
        segment_at(segmenter, scene(), (9, 11, 8), report=stop)
    assert windows


def test_a_click_outside_is_refused(seeing):
    with pytest.raises(ValueError, match="not in the image"):
        segment_at(seeing()[0], scene(), (9, 11, 80))
