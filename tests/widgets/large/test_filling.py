"""The coarse labels that are seen while a file fills in are every n-th voxel of it, always."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_medseg.widgets.large.filling import Filling, steps


class Pieces:
    """Labels that remember which of them were read."""

    def __init__(self, values):
        self.values, self.read = values, []
        self.shape, self.dtype = values.shape, values.dtype

    def __getitem__(self, box):
        self.read.append(self.values[box].shape)
        return self.values[box]


def filling(values):
    return Filling(SimpleNamespace(array=Pieces(values)))


def blocks(shape, side):
    grid = [range(0, n, side) for n in shape]
    for start in np.stack(np.meshgrid(*grid, indexing="ij"), -1).reshape(-1, len(shape)).tolist():
        yield tuple(slice(s, min(s + side, n)) for s, n in zip(start, shape, strict=True))


@given(
    st.tuples(st.integers(1, 9), st.integers(1, 23), st.integers(1, 23)),
    st.integers(1, 9),
    st.randoms(use_true_random=False),
)
def test_whatever_the_blocks_and_their_order_it_ends_as_every_nth_voxel(shape, side, random):
    values = np.random.default_rng(sum(shape)).integers(0, 5, shape).astype(np.uint8)
    made = filling(values)
    order = list(blocks(shape, side))
    random.shuffle(order)
    for box in order:
        made.take(box)
    every = tuple(slice(None, None, step) for step in steps(shape))
    np.testing.assert_array_equal(made.coarse, values[every])
    assert made.levels[1] is made.coarse


def test_a_block_is_seen_where_it_lies_and_nothing_else_is_read_or_changed():
    values = np.ones((6, 40, 40), np.uint8)
    made = filling(values)
    made.take((slice(2, 4), slice(10, 20), slice(20, 40)))
    assert made.fine.read == [(2, 10, 20)]
    expected = np.zeros((6, 20, 20), np.uint8)
    expected[2:4, 5:10, 10:20] = 1
    np.testing.assert_array_equal(made.coarse, expected)


def test_a_picture_takes_blocks_of_a_volume_with_one_slice():
    values = np.arange(64, dtype=np.uint16).reshape(8, 8) % 7
    made = filling(values)
    made.take((slice(0, 1), slice(0, 8), slice(0, 4)))
    np.testing.assert_array_equal(made.coarse[:, :2], values[::2, :4:2])
    assert not made.coarse[:, 2:].any()
    assert made.coarse.dtype == values.dtype


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((32, 64, 96), (1, 2, 2)),
        ((1, 1, 1), (1, 1, 1)),
        ((5, 1, 4096), (1, 1, 4)),
        ((2000, 2000), (2, 2)),
        ((3000, 1024, 1024), (4, 8, 8)),
    ],
)
def test_of_slices_all_are_kept_as_long_as_memory_allows(shape, expected):
    assert steps(shape) == expected
