"""What a click's reach is made of: blocks, ways through the image, looks, smoothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medseg.interact.geodesic import image_distance
from napari_medseg.interact.refine_grid import WorkGrid
from napari_medseg.interact.refine_score import appearance, log_odds, normalised, smoothed


@pytest.mark.parametrize(
    ("shape", "spacing", "most", "factors"),
    [
        ((40, 40), (1, 1), 1600, (1, 1)),
        ((40, 40), (1, 1), 400, (2, 2)),
        ((10, 40, 40), (4, 1, 1), 4000, (1, 2, 2)),
        ((1, 40, 40), (4, 1, 1), 400, (1, 2, 2)),
    ],
)
def test_blocks_become_as_near_to_cubes_as_they_can(shape, spacing, most, factors):
    grid = WorkGrid.of(shape, spacing, most)
    assert grid.factors == factors
    assert np.prod(grid.blocks) <= most
    assert grid.spacing == tuple(f * s for f, s in zip(factors, spacing, strict=True))


@given(st.integers(1, 13), st.integers(1, 13), st.integers(1, 40))
@settings(max_examples=30, deadline=None)
def test_a_ramp_goes_to_blocks_and_back_unshifted(height, width, most):
    grid = WorkGrid.of((height, width), (1.0, 1.0), most)
    ramp = np.arange(height * width, dtype=np.float32).reshape(height, width)
    back = grid.back(grid.means(ramp))
    assert back.shape == ramp.shape
    assert np.abs(back - ramp).max() <= max(grid.factors) * (1 + width)
    np.testing.assert_allclose(grid.back(np.ones(grid.blocks, np.float32)), 1)


def test_a_block_is_marked_by_any_of_its_voxels():
    grid = WorkGrid.of((5, 4), (1.0, 1.0), 6)
    mask = np.zeros((5, 4), bool)
    mask[4, 3] = True
    assert grid.any(mask).tolist() == [[False, False], [False, False], [False, True]]


def test_the_way_goes_around_what_looks_otherwise():
    look = np.zeros((1, 7, 9), np.float32)
    look[0, :6, 4] = 5  # a wall with a gap at the bottom
    start = np.zeros((7, 9), bool)
    start[1, 1] = True
    found = image_distance(look, start)
    assert found[1, 7] == 0
    assert found[1, 4] == 5


def test_a_step_costs_the_largest_change_of_a_channel():
    look = np.zeros((2, 1, 3), np.float32)
    look[0, 0] = [0, 1, 1]
    look[1, 0] = [0, 3, 7]
    assert image_distance(look, np.array([[True, False, False]])).tolist() == [[0, 3, 7]]


@pytest.mark.parametrize("shape", [(6, 7), (4, 5, 6), (1, 6, 5)])
def test_the_way_does_not_depend_on_how_the_axes_lie(shape):
    rng = np.random.default_rng(3)
    look = rng.normal(size=(2, *shape)).astype(np.float32)
    start = np.zeros(shape, bool)
    start[tuple(n // 2 for n in shape)] = True
    found = image_distance(look, start)
    turned = image_distance(np.ascontiguousarray(look.swapaxes(1, -1)), start.swapaxes(0, -1))
    np.testing.assert_allclose(turned.swapaxes(0, -1), found, rtol=1e-5)
    mirrored = image_distance(np.ascontiguousarray(look[..., ::-1]), start[..., ::-1])
    np.testing.assert_allclose(mirrored[..., ::-1], found, rtol=1e-5)


def test_a_look_is_free_of_units_and_of_what_is_no_number():
    rng = np.random.default_rng(0)
    image = rng.normal(size=(1, 20, 20)).astype(np.float32)
    np.testing.assert_allclose(normalised(image * 100 + 7), normalised(image), atol=1e-4)
    image[0, 3, 3] = np.nan
    assert np.isfinite(normalised(image)).all()
    assert np.isfinite(normalised(np.full((2, 5, 5), np.nan, np.float32))).all()
    assert not normalised(np.full((1, 5, 5), 7, np.uint8)).any()


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_what_looks_like_the_examples_is_told_from_what_does_not(channels):
    look = np.zeros((channels, 10, 20), np.float32)
    look[:, :, 10:] = 1
    like, unlike = np.zeros((2, 10, 20), bool)
    like[:5, :10], unlike[:5, 10:] = True, True
    found = appearance(look, like, unlike)
    assert (found[5:, :10] > 1).all()
    assert (found[5:, 10:] < -1).all()
    assert not appearance(look, like & False, unlike).any()


def test_a_class_the_model_does_not_know_is_undecided():
    probabilities = np.array([[[0.25]], [[0.75]]], np.float32)
    assert log_odds(probabilities, (0, 4), 4)[0, 0] == pytest.approx(np.log(3))
    assert log_odds(probabilities, (0, 4), 7)[0, 0] == 0


def test_smoothing_stops_at_edges_and_keeps_what_is_even():
    look = np.zeros((1, 8, 8), np.float32)
    look[0, :, 4:] = 10
    score = np.where(look[0] > 0, 1, -1).astype(np.float32)
    score[3, 2] = 1  # alone among others that look alike
    found = smoothed(score, look, 1.0, 10)
    assert found[3, 2] < 0
    assert (found[:, 4:] > 0.9).all()
    np.testing.assert_allclose(smoothed(np.ones((4, 4), np.float32), look[:, :4, :4], 1.0, 5), 1)
