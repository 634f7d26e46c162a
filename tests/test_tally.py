"""Counting voxels by value."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from napari_medseg.tally import combined, gained, tally

KINDS = st.sampled_from([np.uint8, np.int8, np.uint16, np.int32, np.int64])


def _naive(values):
    found = {int(v): int((values == v).sum()) for v in np.unique(values)}
    return {value: count for value, count in found.items() if value}


@given(st.data(), KINDS, array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=9))
def test_every_value_but_the_background_is_counted(data, kind, shape):
    low = 0 if np.dtype(kind).kind == "u" else -3
    values = data.draw(arrays(kind, shape, elements=st.integers(low, 5)))
    assert tally(values) == _naive(values)
    assert tally(values[..., ::-1]) == _naive(values)


@given(st.data(), KINDS)
def test_what_is_gained_is_the_difference_of_the_counts(data, kind):
    before, after = (data.draw(arrays(kind, 20, elements=st.integers(0, 4))) for _ in range(2))
    difference = combined(_naive(after), _naive(before), -1)
    assert gained(before, after) == difference
    assert combined(_naive(before), gained(before, after)) == _naive(after)
    assert combined(_naive(before), gained(before, 3)) == {3: 20}


@pytest.mark.parametrize("value", [200, 60_000])
def test_large_values_and_planes_that_are_no_whole_words_are_counted(value):
    values = np.zeros((3, 5, 7), np.uint8 if value < 256 else np.uint16)
    values[1, 2:, 3:] = value
    assert tally(values) == {value: 12}
    assert tally(values.transpose(2, 0, 1)) == {value: 12}
