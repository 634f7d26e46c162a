"""The coarser grid a region is thought over on: its size, its means and the way back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medseg.interact.refine_grid import WorkGrid

GRIDS = st.tuples(
    st.lists(st.integers(1, 17), min_size=2, max_size=3), st.integers(1, 400), st.integers(0, 10**6)
)


@settings(deadline=None, max_examples=50)
@given(GRIDS)
def test_there_are_at_most_as_many_blocks_as_asked_for_and_they_cover_all(given_):
    shape, most, seed = given_
    spacing = np.random.default_rng(seed).uniform(0.5, 5, len(shape))
    grid = WorkGrid.of(shape, spacing, most)
    assert np.prod(grid.blocks) <= most
    for blocks, factor, side, length, mm in zip(
        grid.blocks, grid.factors, shape, grid.spacing, spacing, strict=True
    ):
        assert (blocks - 1) * factor < side <= blocks * factor
        assert length == pytest.approx(factor * mm)


def test_what_is_small_enough_stays_as_it_is():
    grid = WorkGrid.of((4, 5), (1.0, 1.0), 20)
    values = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)
    assert grid.factors == (1, 1)
    np.testing.assert_array_equal(grid.means(values), values)
    np.testing.assert_array_equal(grid.back(values), values)
    np.testing.assert_array_equal(grid.any(values > 0), values > 0)


def test_thick_slices_are_left_while_the_plane_is_thinned():
    grid = WorkGrid.of((8, 32, 32), (4.0, 1.0, 1.0), 8 * 8 * 8)
    assert grid.factors == (1, 4, 4)
    assert grid.spacing == (4.0, 4.0, 4.0)


def test_means_and_marks_of_blocks_by_hand():
    grid = WorkGrid((2, 5), (2, 2), (2.0, 2.0))
    values = np.array([[0, 2, 4, 4, 9], [2, 4, 4, 4, 9]], float)
    np.testing.assert_array_equal(grid.means(values), [[2, 4, 9]])  # the last block is half beyond
    np.testing.assert_array_equal(grid.means(np.stack([values, -values]))[1], [[-2, -4, -9]])
    mask = np.zeros((2, 5), bool)
    mask[1, 3] = True
    np.testing.assert_array_equal(grid.any(mask), [[False, True, False]])


@settings(deadline=None, max_examples=50)
@given(GRIDS)
def test_there_and_back_an_even_image_is_itself_and_nothing_goes_beyond_the_ends(given_):
    shape, most, seed = given_
    rng = np.random.default_rng(seed)
    grid = WorkGrid.of(shape, rng.uniform(0.5, 5, len(shape)), most)
    even = grid.back(grid.means(np.full(shape, 2.5)))
    assert even.shape == tuple(shape)
    np.testing.assert_allclose(even, 2.5, rtol=1e-6)
    values = rng.normal(size=grid.blocks).astype(np.float32)
    found = grid.back(values)
    assert found.min() >= values.min() - 1e-5
    assert found.max() <= values.max() + 1e-5


@pytest.mark.parametrize("factor", [2, 3])
def test_a_ramp_comes_back_where_it_was(factor):
    n = 6 * factor
    grid = WorkGrid((n, 4), (factor, 1), (float(factor), 1.0))
    ramp = np.broadcast_to(np.arange(n, dtype=float)[:, None], (n, 4))
    back = grid.back(grid.means(ramp))
    inner = slice(factor // 2, n - factor // 2)  # at the ends it is the outermost block's mean
    np.testing.assert_allclose(back[inner], ramp[inner], atol=1e-5)


def test_an_image_mirrored_is_thought_over_as_the_mirror_image():
    grid = WorkGrid((8, 12), (2, 3), (2.0, 3.0))
    values = np.random.default_rng(0).normal(size=(8, 12))
    there = grid.back(grid.means(values))
    mirrored = grid.back(grid.means(values[::-1, ::-1]))
    np.testing.assert_allclose(mirrored[::-1, ::-1], there, rtol=1e-4, atol=1e-5)
