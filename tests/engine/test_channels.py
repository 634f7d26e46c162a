"""Grey is grey, however it is stored; colour stays colour."""

from __future__ import annotations

import numpy as np
import pytest

from napari_medseg.engine.channels import can_do_without, expects_colour, fitted, is_grey
from napari_medseg.engine.preprocess import prepare
from napari_medseg.volume import Volume

COLOURS = ("red", "green", "blue")


@pytest.fixture
def grey():
    return np.random.default_rng(0).integers(0, 255, (1, 24, 30)).astype(np.uint8)


@pytest.fixture
def photo():
    return np.random.default_rng(0).integers(0, 255, (3, 24, 30)).astype(np.uint8)


def picture(array, name="scan"):
    channels = COLOURS if len(array) > 1 else ()
    return Volume(array, (1.0,) * (array.ndim - 1), name=name, channels=channels)


def test_a_grey_picture_stored_in_colour_gives_the_labels_of_the_grey_one(tiny_segmenter, grey):
    segmenter = tiny_segmenter(2)
    alone = segmenter.segment(picture(grey))
    stored = segmenter.segment(picture(np.repeat(grey, 3, axis=0)))
    np.testing.assert_array_equal(stored.labels, alone.labels)
    assert alone.notes == ()
    assert "'scan' is a grey picture stored in colour" in stored.notes[0]
    assert stored.provenance["notes"] == list(stored.notes)


def test_a_grey_picture_is_repeated_for_a_model_of_colours(tiny_segmenter, grey):
    segmenter = tiny_segmenter(2, channels=3)
    alone = segmenter.segment(picture(grey))
    stored = segmenter.segment(picture(np.repeat(grey, 3, axis=0)))
    np.testing.assert_array_equal(alone.labels, stored.labels)
    assert "is grey: it was taken as red, green and blue alike" in alone.notes[0]


def test_transparency_is_left_out(tiny_segmenter, photo):
    segmenter = tiny_segmenter(2, channels=3)
    with_alpha = np.concatenate([photo, np.full((1, 24, 30), 255, np.uint8)])
    expected = segmenter.segment(picture(photo)).labels
    np.testing.assert_array_equal(segmenter.segment(picture(with_alpha)).labels, expected)


def test_a_picture_in_colour_is_not_made_grey(tiny_segmenter, photo):
    with pytest.raises(ValueError, match="'scan' has 3 channels"):
        tiny_segmenter(2).segment(picture(photo))


def test_three_images_of_a_case_are_no_colours(tiny_segmenter, grey):
    segmenter = tiny_segmenter(3, channels=3)
    volume = Volume(np.repeat(grey[:, None], 8, axis=1), (1.0,) * 3, name="T1")
    with pytest.raises(ValueError, match="'T1' has 1 channel, this model expects 3"):
        segmenter.segment(volume)
    assert not expects_colour(segmenter.card)
    assert expects_colour(tiny_segmenter(2, channels=3).card)


def test_noise_of_jpeg_and_a_coloured_mark_leave_a_picture_grey(grey):
    stored = np.repeat(grey, 3, axis=0).astype(int)
    stored += np.random.default_rng(1).integers(-3, 4, stored.shape)
    stored[:, :2, :4] = np.array([255, 255, 0])[:, None, None]
    assert is_grey(stored.clip(0, 255).astype(np.uint8))
    stored[:, :10, :10] = np.array([255, 255, 0])[:, None, None]
    assert not is_grey(stored.clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_the_type_decides_what_range_noise_is_measured_in(dtype):
    top = np.iinfo(dtype).max if np.dtype(dtype).kind == "u" else 1.0
    levels = np.linspace(0, 1, 100).reshape(1, 10, 10) * top
    grey, tinted = np.repeat(levels, 3, axis=0), np.repeat(levels, 3, axis=0)
    tinted[0] = tinted[0, ::-1]
    assert is_grey(grey.astype(dtype))
    assert not is_grey(tinted.astype(dtype))


def test_grey_keeps_type_and_values(tiny_segmenter, grey):
    card = tiny_segmenter(2).card
    made, _ = fitted(picture(np.repeat(grey, 3, axis=0)), card)
    np.testing.assert_array_equal(made.array, grey)
    assert made.array.dtype == np.uint8


def test_a_channel_may_only_be_missing_where_the_model_was_trained_so(tiny_segmenter):
    card = tiny_segmenter(3, channels=2).card
    assert not can_do_without(card)
    trained = card.replace(config={**card.config, "modality_dropout": 0.25})
    assert can_do_without(trained)
    alone = tiny_segmenter(3).card
    assert not can_do_without(alone.replace(config={**alone.config, "modality_dropout": 0.25}))


def test_a_missing_channel_is_zero_and_says_nothing_about_the_others(tiny_segmenter):
    array = np.random.default_rng(0).normal(100, 20, (2, 6, 7, 8)).astype(np.float32)
    card = tiny_segmenter(3, channels=2).card.preprocessing
    both = prepare(Volume(array, (1.0,) * 3), card, spatial_dims=3)
    array[1] = np.nan
    volume = Volume(array, (1.0,) * 3)
    without = prepare(volume, card, spatial_dims=3, may_miss=True)
    np.testing.assert_array_equal(without.image[0], both.image[0])
    assert not without.image[1].any()
    assert without.notes == ()
    assert prepare(volume, card, spatial_dims=3).notes  # said where it may not be missing
    array[0] = np.nan
    with pytest.raises(ValueError, match="no finite value"):
        prepare(volume, card, spatial_dims=3, may_miss=True)
