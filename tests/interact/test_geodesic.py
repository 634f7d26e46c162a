"""How much an image changes on the way: known answers in ramps and behind walls, and laws."""

from __future__ import annotations

import heapq
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medseg.interact.geodesic import image_distance


def start_at(shape, *voxels):
    start = np.zeros(shape, bool)
    for voxel in voxels:
        start[voxel] = True
    return start


def by_dijkstra(look, start):
    """The same by the book: the cheapest way over all neighbours."""
    found = np.where(start, 0.0, np.inf)
    heap = [(0.0, voxel) for voxel in zip(*np.nonzero(start), strict=True)]
    offsets = [o for o in itertools.product((-1, 0, 1), repeat=start.ndim) if any(o)]
    while heap:
        cost, here = heapq.heappop(heap)
        if cost > found[here]:
            continue
        for offset in offsets:
            there = tuple(a + b for a, b in zip(here, offset, strict=True))
            if not all(0 <= a < n for a, n in zip(there, start.shape, strict=True)):
                continue
            step = np.abs(look[(slice(None), *there)] - look[(slice(None), *here)]).max()
            if cost + step < found[there]:
                found[there] = cost + step
                heapq.heappush(heap, (found[there], there))
    return found


@pytest.mark.parametrize("shape", [(5, 7), (3, 5, 7)])
def test_where_nothing_changes_everything_is_at_hand(shape):
    far = image_distance(np.full((2, *shape), 3, np.float32), start_at(shape, (1,) * len(shape)))
    assert far.shape == shape
    assert not far.any()


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_up_a_ramp_it_is_the_height(axis):
    shape = (4, 5, 6)
    ramp = np.indices(shape)[axis]
    far = image_distance(ramp[None].astype(np.float32), ramp == 0)
    np.testing.assert_array_equal(far, ramp)


def test_a_wall_costs_its_height_twice_to_get_behind_and_a_gate_lets_through():
    look = np.zeros((1, 5, 7), np.float32)
    look[0, :, 3] = 2
    far = image_distance(look, start_at((5, 7), (2, 0)))
    assert not far[:, :3].any()
    np.testing.assert_array_equal(far[:, 3], 2)
    np.testing.assert_array_equal(far[:, 4:], 4)
    look[0, 0, 3] = 0  # a gate at the top
    far = image_distance(look, start_at((5, 7), (2, 0)))
    assert not far[:, 4:].any()


def test_of_several_channels_the_largest_change_counts():
    look = np.zeros((2, 1, 3), np.float32)
    look[0, 0, 1:], look[1, 0, 1:] = 1, 5
    np.testing.assert_array_equal(image_distance(look, start_at((1, 3), (0, 0))), [[0, 5, 5]])


def test_from_several_places_the_nearest_counts():
    look = np.arange(9, dtype=np.float32).reshape(1, 1, 9)
    far = image_distance(look, start_at((1, 9), (0, 0), (0, 8)))
    np.testing.assert_array_equal(far, [[0, 1, 2, 3, 4, 3, 2, 1, 0]])


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10**6), dims=st.sampled_from([2, 3]))
def test_it_is_never_shorter_than_the_cheapest_way_and_at_the_start_nothing(seed, dims):
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(2, 6, dims))
    look = rng.normal(size=(1, *shape)).astype(np.float32)
    start = start_at(shape, tuple(rng.integers(0, shape)))
    far, exact = image_distance(look, start), by_dijkstra(look, start)
    assert far[start].max() == 0
    assert (far >= exact - 1e-4).all()
    assert np.median(far - exact) <= 0.05 * max(exact.max(), 1e-6)  # most ways do not wind


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 10**6))
def test_neither_the_order_of_the_axes_nor_their_direction_matters(seed):
    rng = np.random.default_rng(seed)
    look = rng.normal(size=(2, 5, 6)).astype(np.float32)
    start = start_at((5, 6), tuple(rng.integers(0, (5, 6))))
    far = image_distance(look, start)
    turned = image_distance(look.swapaxes(1, 2), start.T)
    np.testing.assert_allclose(turned.T, far, rtol=1e-5)
    mirrored = image_distance(look[:, ::-1], start[::-1])
    np.testing.assert_allclose(mirrored[::-1], far, rtol=1e-5)
    np.testing.assert_allclose(image_distance(3 * look, start), 3 * far, rtol=1e-4)
    assert far[~start].min() > 0
