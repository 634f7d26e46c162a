"""Objects, their parts, and the gap between parts, against counting voxel by voxel."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage

from napari_medseg.editing.parts import add_parts, objects_of, part_gap, shifted
from napari_medseg.progress import Cancelled, silent

SMALL = array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=6)


@settings(max_examples=40, deadline=None)
@given(arrays(np.uint8, SMALL, elements=st.integers(0, 2)))
def test_every_object_is_given_once_in_its_box(labels):
    numbers, count = ndimage.label(labels == 1, np.ones((3,) * labels.ndim))
    seen = np.zeros(labels.shape, int)
    boxes = []
    for box, mask, clicks in objects_of(labels, 1, (), silent):
        assert not clicks
        assert mask.shape == labels[box].shape
        for axis in range(mask.ndim):  # the box is tight
            sides = mask.any(axis=tuple(a for a in range(mask.ndim) if a != axis))
            assert sides[0]
            assert sides[-1]
        assert len({*numbers[box][mask]}) == 1
        seen[box] += mask
        boxes.append(box)
    assert len(boxes) == count
    np.testing.assert_array_equal(seen, labels == 1)


def test_clicks_are_given_with_the_object_they_lie_on():
    labels = np.zeros((8, 8), np.uint8)
    labels[1:3, 1:3] = labels[5:8, 4:8] = 1
    found = list(objects_of(labels, 1, [(6, 7), (2, 2), (5, 4)], silent))
    assert [clicks for _, _, clicks in found] == [[(1, 1)], [(1, 3), (0, 0)]]
    with pytest.raises(ValueError, match=r"\(0, 0\) lies beside class 1"):
        list(objects_of(labels, 1, [(0, 0)], silent))
    for beyond in ((8, 7), (-1, -1)):  # the last voxel, counted from the end, is of the class
        with pytest.raises(ValueError, match="outside of the labels"):
            list(objects_of(labels, 1, [beyond], silent))


def test_it_tells_of_each_object_and_stops_when_asked():
    labels = np.zeros((1, 9), np.uint8)
    labels[0, ::2] = 1

    def stop(step):
        assert (step.total, step.unit) == (5, "object")
        if step.done == 3:
            raise Cancelled

    found = objects_of(labels, 1, (), stop)
    assert len(list(itertools.islice(found, 3))) == 3
    with pytest.raises(Cancelled):
        next(found)


def test_the_largest_part_is_the_first_and_others_are_counted_on():
    parts = np.zeros((1, 8), np.int32)
    mask = np.array([[True] * 7 + [False]])
    found = np.array([[3, 1, 1, 1, 2, 2, 3, 0]])
    assert add_parts(parts, mask, found, 0) == 3
    assert parts.tolist() == [[3, 1, 1, 1, 2, 2, 3, 0]]
    assert add_parts(parts, mask, found, 7) == 9
    assert parts.tolist() == [[9, 1, 1, 1, 8, 8, 9, 0]]
    whole = np.ones((1, 8), np.int32)
    assert add_parts(parts, mask, whole, 7) == 7
    assert parts.tolist() == [[1, 1, 1, 1, 1, 1, 1, 0]]


@settings(max_examples=40, deadline=None)
@given(arrays(np.int32, SMALL, elements=st.integers(0, 3)))
def test_the_gap_is_every_voxel_that_touches_a_part_with_a_lower_number(parts):
    padded = np.pad(parts, 1)
    expected = np.zeros(parts.shape, bool)
    for voxel in np.argwhere(parts > 1):
        around = padded[tuple(slice(i, i + 3) for i in voxel)]
        expected[tuple(voxel)] = ((around > 0) & (around < parts[tuple(voxel)])).any()
    np.testing.assert_array_equal(part_gap(parts), expected)
    kept = np.where(expected, 0, parts)
    for value in range(1, 4):  # what is left of one part touches no other
        near = ndimage.binary_dilation(kept == value, np.ones((3,) * parts.ndim))
        assert not (near & (kept > 0) & (kept != value)).any()


@pytest.mark.parametrize("offset", [(0, 1), (1, -1), (-2, 0), (2, 3)])
def test_shifted_boxes_pair_each_voxel_with_its_neighbour(offset):
    grid = np.indices((4, 5))
    here, there = shifted((4, 5), offset)
    for axis, step in enumerate(offset):
        assert (grid[axis][there] - grid[axis][here] == step).all()
    assert grid[0][here].size == (4 - abs(offset[0])) * (5 - abs(offset[1]))
