from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_medseg.io.turned import TurnedArray


def turned(values, order, flips):
    class Stored(np.ndarray):
        chunks = (2, 3, 4)

    view = values.transpose(order)[tuple(slice(None, None, -1 if f else None) for f in flips)]
    return TurnedArray(values.view(Stored), order, flips), view


ORDERS = list(product(permutations(range(3)), product([False, True], repeat=3)))


def picks(size):
    one = st.integers(-size, size - 1)
    bounds = st.tuples(st.integers(-size, size), st.integers(-size, size), st.integers(1, 3))
    return st.one_of(one, bounds.map(lambda b: slice(*b)), st.just(slice(None)))


@given(st.sampled_from(ORDERS), st.data())
def test_slices_are_those_of_numpy(order_and_flips, data):
    array, view = turned(np.arange(60).reshape(3, 4, 5), *order_and_flips)
    index = tuple(data.draw(picks(size)) for size in view.shape)
    np.testing.assert_array_equal(array[index], view[index])


@given(st.sampled_from(ORDERS), st.data())
def test_what_is_written_lands_where_numpy_puts_it(order_and_flips, data):
    values = np.zeros((3, 4, 5), int)
    array, _ = turned(values, *order_and_flips)
    box = tuple(
        slice(*sorted(data.draw(st.tuples(st.integers(0, n), st.integers(0, n)))))
        for n in array.shape
    )
    block = np.arange(1, 61).reshape(array.shape)[box]
    array[box] = block
    expected = np.zeros(array.shape, int)
    expected[box] = block
    np.testing.assert_array_equal(array[...], expected)
    assert np.count_nonzero(values) == block.size


def test_shape_and_chunks_are_turned_too():
    array, view = turned(np.zeros((3, 4, 5), np.int16), (2, 0, 1), (True, False, False))
    assert (array.shape, array.chunks, array.ndim) == (view.shape, (4, 2, 3), 3)
    assert (array.dtype, array.size, array.nbytes) == (np.int16, 60, 120)
    assert np.asarray(array).shape == view.shape


def test_indices_outside_and_backwards_are_refused():
    array, _ = turned(np.zeros((3, 4, 5)), (0, 1, 2), (True, False, False))
    with pytest.raises(IndexError, match="out of bounds for 3"):
        array[3]
    with pytest.raises(IndexError, match="no negative steps"):
        array[::-1]
    with pytest.raises(IndexError, match="without steps"):
        array[::2] = 1
