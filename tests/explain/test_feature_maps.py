"""Channels, sorted and summed up."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_medseg.explain.classes import class_channel
from napari_medseg.explain.feature_maps import features, principal_colours, separation, summary
from napari_medseg.explain.viewing import view_of
from napari_medseg.volume import Volume


@pytest.fixture
def seen(known):
    """A model that passes three channels on, and an image of which channel 2 shows the class."""
    rng = np.random.default_rng(0)
    labels = np.zeros((10, 11), np.uint8)
    labels[2:6, 3:8] = 1
    values = rng.normal(size=(3, 10, 11))
    values[0] *= 5
    values[1] = -labels.astype(float)
    values[2] = rng.normal(size=labels.shape) + labels
    volume = Volume(values.astype(np.float32), (1.0, 1.0))
    segmenter = known(2, channels=3)
    return segmenter, view_of(segmenter, volume), volume, labels


def test_channels_are_sorted_by_their_energy(seen):
    segmenter, view, volume, _ = seen
    stack = features(segmenter, view, "fine")
    assert [name.split(" (")[0] for name in stack.channels] == ["channel 1", "channel 3",
                                                                "channel 2"]  # fmt: skip
    np.testing.assert_array_equal(stack.values[0], volume.array[0])
    assert stack.kind == "signed"
    assert features(segmenter, view, "fine", most=2).values.shape == (2, 10, 11)


def test_the_channel_that_is_the_class_comes_first(seen):
    segmenter, view, volume, labels = seen
    stack = features(segmenter, view, "fine", sort="separation", labels=labels)
    np.testing.assert_array_equal(stack.values[0], volume.array[1])
    assert stack.channels[0] == "channel 2 (lower inside, AUC 1.00)"
    assert stack.channels[1].startswith("channel 3 (higher inside")
    coarse = features(segmenter, view, "coarse", sort="separation", labels=labels)
    assert coarse.channels[0].startswith("channel 2 (lower inside")


def test_without_labels_the_class_is_the_models_answer(seen):
    segmenter, view, volume, _ = seen
    stack = features(segmenter, view, "fine", sort="separation")
    summed = volume.array.sum(0)  # class 1 where the sum of the channels is positive
    auc = separation(torch.from_numpy(volume.array), summed > 0)
    best = int(np.abs(auc - 0.5).argmax())
    np.testing.assert_array_equal(stack.values[0], volume.array[best])


def test_separation_is_the_share_of_pairs_in_order():
    rng = np.random.default_rng(1)
    values = rng.integers(0, 4, (2, 5, 6)).astype(np.float32)  # many equal ones
    inside = rng.random((5, 6)) < 0.4
    for one, auc in zip(values, separation(torch.from_numpy(values), inside), strict=True):
        pairs = one[inside][:, None] - one[~inside][None]
        assert auc == pytest.approx(((pairs > 0) + 0.5 * (pairs == 0)).mean())


def test_the_network_order_is_there_too(seen):
    segmenter, view, volume, _ = seen
    stack = features(segmenter, view, "fine", sort="order")
    np.testing.assert_array_equal(stack.values, volume.array)
    assert stack.channels == ("channel 1", "channel 2", "channel 3")


@pytest.mark.parametrize("how", ["mean", "max", "energy"])
def test_summaries_are_what_they_are_called(seen, how):
    segmenter, view, volume, _ = seen
    expected = {
        "mean": volume.array.mean(0),
        "max": volume.array.max(0),
        "energy": np.sqrt((volume.array**2).sum(0)),
    }[how]
    shown = summary(segmenter, view, "fine", how)
    np.testing.assert_allclose(shown.values[0], expected, rtol=1e-5, atol=1e-6)
    assert shown.kind == ("map" if how == "energy" else "signed")


def test_principal_colours_find_the_directions_and_do_not_depend_on_order(seen):
    segmenter, view, *_ = seen
    shown = summary(segmenter, view, "fine", "pca")
    assert shown.kind == "rgb"
    assert shown.values.dtype == np.uint8
    assert shown.on_grid().dtype == np.uint8
    assert shown.channels[0].startswith("red: 9")  # channel 1 is five times as large
    ramp = torch.linspace(0, 1, 50)
    colours, shares = principal_colours(torch.stack([ramp, -2 * ramp])[:, None])
    assert shares[0] == pytest.approx(1)
    assert (np.diff(colours[0, 0].astype(int)) <= 0).all()  # the larger weight is the second's
    turned, _ = principal_colours(torch.stack([-2 * ramp, ramp])[:, None])
    np.testing.assert_array_equal(colours, turned)
    flat, shares = principal_colours(torch.ones(2, 4, 4))
    assert not flat.any()
    assert shares == (0, 0, 0)


def test_what_cannot_be_is_refused_in_words(seen):
    segmenter, view, _, labels = seen
    with pytest.raises(ValueError, match="sorted by energy, separation, order"):
        features(segmenter, view, "fine", sort="beauty")
    with pytest.raises(ValueError, match="summed up by"):
        summary(segmenter, view, "fine", "beauty")
    with pytest.raises(ValueError, match="did you mean fine"):
        summary(segmenter, view, "fin")
    with pytest.raises(ValueError, match=r"class 1 is nowhere.*at; choose another class or an"):
        features(segmenter, view, "fine", sort="separation", labels=labels * 0)
    with pytest.raises(ValueError, match="everywhere in the part"):
        features(segmenter, view, "fine", sort="separation", labels=labels * 0 + 1)


def test_output_channels_are_those_of_the_card(known):
    segmenter = known(2, classes=3)
    assert [class_channel(segmenter, v) for v in (0, 1, 2)] == [0, 1, 2]
    overlapping = known(2, classes=3, activation="sigmoid")
    assert [class_channel(overlapping, v) for v in (1, 2, 3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="no class 0"):
        class_channel(overlapping, 0)
