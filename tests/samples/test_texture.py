"""What the phantoms are painted with keeps what it promises: sizes in mm, edges, noise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_medseg.samples import SAMPLES
from napari_medseg.samples.texture import (
    blend,
    ellipsoid,
    inside,
    millimetres,
    smooth_noise,
    to_uint8,
)


@pytest.mark.parametrize("sigma", [0, 1.5, 4, (0, 2, 5)])
def test_noise_has_mean_0_and_deviation_1_and_is_smooth_along_the_axes_asked_for(sigma):
    shape = (64, 60, 66)
    noise = smooth_noise(np.random.default_rng(0), shape, sigma)
    assert noise.shape == shape
    assert noise.mean() == pytest.approx(0, abs=1e-4)
    assert noise.std() == pytest.approx(1, abs=1e-4)
    widths = sigma if isinstance(sigma, tuple) else (sigma,) * 3
    for axis, width in enumerate(widths):
        step = np.abs(np.diff(noise, axis=axis)).mean()
        assert (step > 0.9) == (width == 0)  # neighbours of white noise differ by 2 / sqrt(pi)
        if width:
            # the slope of noise blurred by sigma deviates by 1 / (sqrt(2) sigma)
            assert step == pytest.approx(np.sqrt(1 / np.pi) / width, rel=0.25)


def test_the_same_random_numbers_give_the_same_noise():
    one, same, other = (smooth_noise(np.random.default_rng(s), (9, 9), 2) for s in (4, 4, 5))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_places_are_in_mm_from_the_middle():
    z, y, x = millimetres((3, 4, 5), (5.0, 2.0, 0.5))
    assert z[:, 0, 0].tolist() == [-5, 0, 5]
    assert y[0, :, 0].tolist() == [-3, -1, 1, 3]
    assert x[0, 0].tolist() == [-1, -0.5, 0, 0.5, 1]
    assert z.shape == y.shape == x.shape == (3, 4, 5)
    with pytest.raises(ValueError, match="zip"):
        millimetres((3, 4), (1.0,))


def test_the_distance_to_a_ball_is_exact_and_that_to_an_ellipsoid_is_near_its_surface():
    grid = millimetres((41, 41, 41), (1.0, 1.0, 1.0))
    z, y, x = grid
    far = np.sqrt((z - 2) ** 2 + y**2 + x**2)
    found = ellipsoid(grid, (2, 0, 0), (9, 9, 9))
    np.testing.assert_allclose(found[far > 0], far[far > 0] - 9, atol=1e-3)
    assert found[22, 20, 20] < 0  # the voxel in the very middle is no hole
    signed = ellipsoid(grid, (0, 0, 0), (12, 6, 9))
    within = (z / 12) ** 2 + (y / 6) ** 2 + (x / 9) ** 2 < 1
    np.testing.assert_array_equal(signed < 0, within)
    slope = np.linalg.norm(np.gradient(signed), axis=0)
    near = np.abs(signed) < 0.5
    assert np.abs(slope[near] - 1).max() < 0.1  # mm of distance for each mm


@given(st.floats(0.1, 20), st.lists(st.floats(-40, 40), min_size=2, max_size=20))
def test_an_edge_fades_over_its_width_and_never_back(width, distances):
    distances = np.sort(distances)
    opacity = inside(distances, width)
    assert ((opacity >= 0) & (opacity <= 1)).all()
    assert (np.diff(opacity) <= 0).all()
    assert inside(np.array([-width / 2, 0.0, width / 2]), width).tolist() == [1, 0.5, 0]


def test_painting_over_goes_from_nothing_to_all():
    below = np.array([10.0, 10, 10])
    assert blend(below, 30.0, np.array([0, 0.5, 1])).tolist() == [10, 20, 30]
    assert below.tolist() == [10, 10, 10]
    assert to_uint8(np.array([-1, 0, 0.5, 1, 7])).tolist() == [0, 0, 128, 255, 255]


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_chosen_by_a_title_that_says_it_is_made_up(name):
    sample = SAMPLES[name]
    assert sample.name == name
    assert sample.title.endswith("(phantom)")  # nobody takes it for a patient
    assert len(sample.title) < 60  # a line of a menu
