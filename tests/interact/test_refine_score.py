"""What speaks for a class: log-odds, the look of an image, and neighbours that look alike."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medseg.interact.refine_score import (
    appearance,
    likeliest,
    log_odds,
    normalised,
    smoothed,
)


def test_log_odds_are_those_of_the_book_and_bounded():
    p = np.array([[0.5, 0.75, 1.0, 0.0], [0.5, 0.25, 0.0, 1.0]], np.float32)
    found = log_odds(p, (0, 4), 4)
    np.testing.assert_allclose(found, [0, -np.log(3), -4, 4], rtol=1e-6)
    np.testing.assert_allclose(log_odds(p, (0, 4), 0), -found, rtol=1e-5)


def test_of_a_class_the_model_does_not_know_it_says_nothing():
    found = log_odds(np.full((2, 3, 4), 0.5, np.float32), (0, 1), 7)
    assert found.shape == (3, 4)
    assert not found.any()


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10**6), factor=st.floats(0.1, 50), shift=st.floats(-100, 100))
def test_the_look_does_not_depend_on_brightness_and_contrast(seed, factor, shift):
    image = np.random.default_rng(seed).normal(size=(1, 9, 11))
    np.testing.assert_allclose(
        normalised(factor * image + shift), normalised(image), rtol=2e-3, atol=2e-3
    )


@pytest.mark.parametrize("shape", [(1, 9, 11), (3, 9, 11), (2, 4, 9, 11)])
def test_the_look_has_no_mean_and_one_spread(shape):
    look = normalised(np.random.default_rng(0).normal(5, 3, shape))
    assert look.dtype == np.float32
    np.testing.assert_allclose(look.mean(tuple(range(1, look.ndim))), 0, atol=1e-5)
    assert look.std() == pytest.approx(1, abs=1e-3)


def test_values_that_are_no_numbers_count_as_the_smallest():
    image = np.random.default_rng(0).normal(size=(1, 8, 8))
    image[0, 2, 3], image[0, 4, 4] = np.nan, np.inf
    filled = image.copy()
    filled[~np.isfinite(image)] = image[np.isfinite(image)].min()
    np.testing.assert_array_equal(normalised(image), normalised(filled))
    assert not normalised(np.full((1, 4, 4), np.nan)).any()


def test_a_slice_as_thin_as_a_voxel_is_not_smoothed_along_itself():
    image = np.random.default_rng(0).normal(size=(1, 1, 8, 8))
    np.testing.assert_allclose(normalised(image)[:, 0], normalised(image[:, 0]), rtol=1e-5)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_what_looks_like_the_object_scores_above_what_looks_like_its_surroundings(channels):
    rng = np.random.default_rng(0)
    like = np.zeros((20, 20), bool)
    like[5:15, 5:15] = True
    image = like + rng.normal(0, 0.1, (channels, 20, 20))
    score = appearance(normalised(image), like, ~like)
    assert score.shape == (20, 20)
    assert score[like].mean() > 1
    assert score[~like].mean() < -1
    assert np.abs(score).max() <= 3


def test_the_look_of_object_and_surroundings_exchanged_is_the_contrary():
    look = normalised(np.random.default_rng(1).normal(size=(1, 12, 12)))
    like = np.zeros((12, 12), bool)
    like[:6] = True
    np.testing.assert_allclose(
        appearance(look, like, ~like), -appearance(look, ~like, like), atol=1e-5
    )


@pytest.mark.parametrize("count", [0, 19])
def test_from_too_few_voxels_no_look_is_learnt(count):
    look = normalised(np.random.default_rng(0).normal(size=(1, 12, 12)))
    like = np.zeros(144, bool)
    like[:count] = True
    like = like.reshape(12, 12)
    assert not appearance(look, like, ~like).any()
    assert not appearance(look, ~like, like).any()


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10**6), rounds=st.integers(1, 6), dims=st.sampled_from([2, 3]))
def test_smoothing_stays_between_the_scores_and_leaves_an_even_one(seed, rounds, dims):
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(1, 7, dims))
    score = rng.normal(size=shape).astype(np.float32)
    look = rng.normal(size=(2, *shape)).astype(np.float32)
    found = smoothed(score, look, 1.0, rounds)
    assert found.min() >= score.min() - 1e-5
    assert found.max() <= score.max() + 1e-5
    np.testing.assert_allclose(smoothed(np.full(shape, 2.0), look, 1.0, rounds), 2, rtol=1e-6)


def test_neighbours_that_look_alike_agree_and_across_an_edge_they_do_not():
    look = np.zeros((1, 6, 12), np.float32)
    look[:, :, 6:] = 10
    score = np.full((6, 12), -1.0)
    score[:, 6:] = 1
    score[3, 9] = -1  # a speck inside of the bright half
    found = smoothed(score, look, 1.0, 10)
    assert found[3, 9] > 0
    assert (found[:, 6:] > 0).all()
    assert (found[:, :6] < 0).all()


def test_no_weight_and_no_round_change_nothing():
    rng = np.random.default_rng(0)
    score, look = rng.normal(size=(5, 6)), rng.normal(size=(1, 5, 6))
    np.testing.assert_array_equal(smoothed(score, look, 0.0, 3), score)
    np.testing.assert_array_equal(smoothed(score, look, 1.0, 0), score)


def test_several_scores_are_smoothed_as_each_alone():
    rng = np.random.default_rng(2)
    look, scores = rng.normal(size=(2, 6, 7)), rng.normal(size=(3, 6, 7))
    found = smoothed(scores, look, 1.0, 4)
    for together, score in zip(found, scores, strict=True):
        np.testing.assert_array_equal(together, smoothed(score, look, 1.0, 4))


def test_the_likeliest_value_is_the_first_of_the_highest_that_may_be():
    scores = np.array([[0.0, 2, 1, 3], [1, 2, 5, 2], [1, 0, 7, 9]])
    assert likeliest(scores, (0, 4, 6), np.uint8).tolist() == [4, 0, 6, 6]
    open_ = np.array([[1, 0, 1, 0], [1, 1, 1, 0], [0, 1, 0, 0]], bool)
    found = likeliest(scores, (0, 4, 6), np.uint8, open_)
    assert found.tolist() == [4, 4, 4, 0]
    assert found.dtype == np.uint8
