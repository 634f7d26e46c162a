"""What strokes, boxes and closed lines cover on a grid."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from napari_medseg.interact.drawing import cuboid, polygon, stroke

SQUARE = np.array([[2, 2], [2, 6], [6, 6], [6, 2]], float)


def painted(found, shape):
    whole = np.zeros(shape, bool)
    if found is not None:
        box, mask = found
        whole[box] = mask
    return whole


def test_a_stroke_joins_its_points_without_a_gap():
    whole = painted(stroke(np.array([[1.0, 1], [8, 5], [2, 9]]), 0, (1, 1), (12, 12)), (12, 12))
    assert whole[1, 1]
    assert whole[8, 5]
    assert whole[2, 9]
    assert (whole[:, 1:10].any(axis=0)).all()


def test_the_radius_of_a_stroke_is_in_mm():
    whole = painted(stroke(np.array([[5.0, 8]]), 2.0, (2.0, 0.5), (11, 17)), (11, 17))
    assert np.flatnonzero(whole[:, 8]).tolist() == [4, 5, 6]
    assert np.flatnonzero(whole[5]).tolist() == list(range(4, 13))


def test_a_stroke_on_a_slice_stays_on_it():
    box, _ = stroke(np.array([[3.0, 4, 4], [3, 4, 8]]), 3.0, (1, 1, 1), (9, 9, 12), plane=0)
    assert box[0] == slice(3, 4)


def test_what_lies_partly_outside_is_cut_and_wholly_outside_is_nothing():
    whole = painted(stroke(np.array([[-4.0, 3], [4, 3]]), 0, (1, 1), (6, 6)), (6, 6))
    assert np.argwhere(whole).tolist() == [[i, 3] for i in range(5)]
    assert stroke(np.array([[-4.0, 3]]), 0, (1, 1), (6, 6)) is None
    assert cuboid(np.array([[-9.0, 0], [-2, 3]]), (6, 6)) is None
    assert polygon(SQUARE + 50, (9, 9)) is None


def test_the_rim_of_a_point_beyond_the_border_still_reaches_in():
    assert painted(stroke(np.array([[-2.0, 3]]), 3.0, (1, 1), (6, 6)), (6, 6)).any()


@pytest.mark.parametrize("corners", [[[2, 6], [4, 3]], [[4, 3], [2, 6]], [[1.6, 2.9], [4.4, 6.2]]])
def test_a_box_holds_the_voxels_whose_centres_lie_between_its_corners(corners):
    whole = painted(cuboid(np.array(corners, float), (9, 9)), (9, 9))
    expected = np.zeros((9, 9), bool)
    expected[2:5, 3:7] = True
    np.testing.assert_array_equal(whole, expected)


def test_a_box_thinner_than_a_voxel_is_still_one():
    assert painted(cuboid(np.array([[2.2, 1.0], [2.3, 4.0]]), (6, 6)), (6, 6)).sum() == 4


def test_voxels_on_the_line_of_a_lasso_are_inside_on_every_side():
    expected = np.zeros((9, 9), bool)
    expected[2:7, 2:7] = True
    np.testing.assert_array_equal(painted(polygon(SQUARE, (9, 9)), (9, 9)), expected)


def test_a_loop_drawn_over_itself_leaves_no_hole():
    twice = np.concatenate([SQUARE, SQUARE])
    np.testing.assert_array_equal(polygon(twice, (9, 9))[1], polygon(SQUARE, (9, 9))[1])


def test_a_lasso_around_less_than_a_voxel_is_the_voxels_it_touches():
    whole = painted(polygon(np.array([[3.1, 3.1], [3.1, 3.3], [3.2, 3.2]]), (6, 6)), (6, 6))
    assert np.argwhere(whole).tolist() == [[3, 3]]


@given(
    st.lists(st.tuples(st.integers(0, 10), st.integers(0, 11)), min_size=3, max_size=7),
    st.sampled_from([(1, -1), (-1, 1), (-1, -1)]),
)
@settings(max_examples=40, deadline=None)
def test_a_lasso_mirrored_covers_the_mirror_image(points, flips):
    shape = (11, 12)
    line = np.array(points, float)
    rows, columns = line.T
    assume(np.dot(rows, np.roll(columns, 1)) != np.dot(columns, np.roll(rows, 1)))  # it has an area
    ends = (np.array(shape) - 1) * (np.array(flips) < 0)
    mirrored = painted(polygon(ends + line * flips, shape), shape)
    turned = tuple(slice(None, None, f) for f in flips)
    assert (painted(polygon(line, shape), shape)[turned] == mirrored).all()


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), min_size=1, max_size=5))
@settings(max_examples=40, deadline=None)
def test_a_stroke_covers_its_points_and_hangs_together(points):
    from scipy import ndimage

    whole = painted(stroke(np.array(points, float), 0, (1, 1), (9, 9)), (9, 9))
    assert all(whole[p] for p in points)
    assert ndimage.label(whole, np.ones((3, 3)))[1] == 1
