"""What lies between painted slices is filled; copies are copies."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_medseg.editing.slices import TOOLS, copy_slice, interpolate_slices, painted_slices
from napari_medseg.editing.tool import Scene, apply
from napari_medseg.progress import Cancelled

TOOL = {tool.name: tool for tool in TOOLS}


def ball(shape, centre, radius, spacing=(1, 1, 1)):
    axes = np.ogrid[tuple(slice(0, n) for n in shape)]
    return sum(((a - c) * s) ** 2 for a, c, s in zip(axes, centre, spacing, strict=True)) <= (
        radius**2
    )


def dice(a, b):
    return 2 * np.count_nonzero(a & b) / (np.count_nonzero(a) + np.count_nonzero(b))


def every_fifth(labels, axis, first=0):
    painted = np.zeros_like(labels)
    np.moveaxis(painted, axis, 0)[first::5] = np.moveaxis(labels, axis, 0)[first::5]
    return painted


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("first", range(5))
def test_a_ball_painted_on_every_fifth_slice_comes_back(axis, first):
    sphere = ball((51, 51, 51), (25, 25, 25), 22).astype(np.uint8)
    painted = every_fifth(sphere, axis, first)
    filled = interpolate_slices(painted, 1, axis=axis)
    assert dice(filled == 1, sphere == 1) >= 0.97


def test_also_where_voxels_are_no_cubes():
    spacing = (1.0, 0.5, 2.0)
    sphere = ball((51, 101, 26), (25, 50, 13), 22, spacing).astype(np.uint8)
    filled = interpolate_slices(every_fifth(sphere, 0), 1, spacing=spacing)
    assert dice(filled == 1, sphere == 1) >= 0.97


@settings(max_examples=25, deadline=None)
@given(arrays(np.uint8, (9, 8, 7), elements=st.sampled_from([0, 0, 1, 2, 3])), st.integers(0, 2))
def test_painted_slices_stay_and_nothing_new_lies_outside_of_them(labels, axis):
    painted = np.zeros_like(labels)
    planes, whole = np.moveaxis(painted, axis, 0), np.moveaxis(labels, axis, 0)
    keys = [1, 4, 6]
    planes[keys] = whole[keys]
    if len(painted_slices(painted, (1, 2), axis)) < 3:
        return
    filled = np.moveaxis(interpolate_slices(painted, (1, 2), axis=axis), axis, 0)
    np.testing.assert_array_equal(filled[keys], planes[keys])
    outside = [i for i in range(len(filled)) if not 1 <= i <= 6]
    assert not filled[outside].any()
    for a, b in ((1, 4), (4, 6)):
        between = filled[a + 1 : b]
        assert set(np.unique(between)) <= {0, 1, 2}
        either = np.isin(planes[a], (1, 2)) | np.isin(planes[b], (1, 2))
        for lines in (either.any(0), either.any(1)[:, None]):  # nothing leaves the box of both
            inside = np.cumsum(lines) > 0
            inside &= np.cumsum(lines[::-1])[::-1] > 0
            assert not (between.astype(bool) & ~inside.reshape(lines.shape)).any()


def test_the_same_slice_twice_fills_with_itself_for_all_classes_at_once():
    rng = np.random.default_rng(1)
    plane = np.kron(rng.integers(0, 4, (5, 5)), np.ones((4, 4), int)).astype(np.uint8)
    labels = np.zeros((7, 20, 20), np.uint8)
    labels[0] = labels[6] = plane
    filled = interpolate_slices(labels, (1, 2, 3))
    np.testing.assert_array_equal(filled, np.broadcast_to(plane, filled.shape))


def test_between_touching_classes_that_move_no_gap_opens():
    labels = np.zeros((9, 30, 40), np.uint8)
    labels[0, 5:25, 5:15], labels[0, 5:25, 15:30] = 1, 2
    labels[8, 5:25, 10:25], labels[8, 5:25, 25:35] = 1, 2
    filled = interpolate_slices(labels, (1, 2))
    for plane in filled[:, 12]:
        found = np.flatnonzero(plane)
        assert (np.diff(found) == 1).all()
        assert (np.diff(plane[found].astype(int)) >= 0).all()  # first 1, then 2


def test_one_object_becomes_two():
    labels = np.zeros((9, 20, 40), np.uint8)
    labels[0, 5:15, 5:35] = 1
    labels[8, 5:15, 5:16] = labels[8, 5:15, 24:35] = 1
    filled = interpolate_slices(labels, 1)
    pieces = [np.count_nonzero(np.diff(np.r_[0, row.astype(int), 0]) == 1) for row in filled[:, 10]]
    assert pieces == sorted(pieces)
    assert (pieces[1], pieces[-2]) == (1, 2)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_vessel_that_runs_aslant_is_followed(axis):
    labels = np.zeros((11, 30, 60), np.uint8)
    expected = np.zeros(labels.shape, bool)
    for i in range(11):
        disc = ball((1, 30, 60), (0, 8 + i, 8 + 4 * i), 4)[0]
        expected[i] = disc
        labels[i] = disc if i % 5 == 0 else 0
    labels, expected = np.moveaxis(labels, 0, axis), np.moveaxis(expected, 0, axis)
    filled = interpolate_slices(labels, 1, axis=axis)
    assert dice(filled == 1, expected) > 0.97


def test_two_classes_cross_without_taking_each_others_place():
    labels = np.zeros((9, 12, 60), np.uint8)
    labels[0, 2:10, 2:8], labels[8, 2:10, 50:56] = 1, 1
    labels[0, 2:10, 50:56], labels[8, 2:10, 2:8] = 2, 2
    filled = interpolate_slices(labels, (1, 2))
    for i in (1, 2, 3, 5, 6, 7):
        places = [np.nonzero(filled[i] == v)[1].mean() for v in (1, 2)]
        assert places[0] == pytest.approx(4.5 + 6 * i, abs=0.6)
        assert places[1] == pytest.approx(52.5 - 6 * i, abs=0.6)


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 1, 0), (1, 2, 0)])
@pytest.mark.parametrize("mirrored", [(1, 1, 1), (-1, 1, 1), (1, -1, -1)])
def test_turning_and_mirroring_the_volume_turns_and_mirrors_the_result(order, mirrored):
    blobs = np.random.default_rng(5).integers(0, 3, (3, 4, 4))
    labels = np.zeros((7, 24, 24), np.uint8)
    labels[::3] = np.kron(blobs, np.ones((1, 6, 6), int))
    spacing = (3.0, 1.0, 0.6)
    flip = tuple(slice(None, None, step) for step in mirrored)
    filled = interpolate_slices(labels, (1, 2), spacing=spacing)
    turned = interpolate_slices(
        np.ascontiguousarray(labels[flip].transpose(order)),
        (1, 2),
        axis=order.index(0),
        spacing=[spacing[a] for a in order],
    )
    np.testing.assert_array_equal(turned, filled[flip].transpose(order))


def test_a_class_that_one_slice_lacks_shrinks_and_ends_half_way():
    labels = np.zeros((11, 21, 21), np.uint8)
    labels[0, 4:17, 4:17] = 1
    labels[[0, 10], 0:2, 0:2] = 2
    filled = interpolate_slices(labels, (1, 2))
    areas = (filled == 1).sum(axis=(1, 2))
    assert (np.diff(areas) <= 0).all()
    assert areas[4] > 0
    assert not areas[5:].any()
    assert ((filled == 2).sum(axis=(1, 2)) == 4).all()


def test_other_classes_give_way_only_if_asked():
    labels = np.zeros((5, 9, 9), np.uint8)
    labels[0, 2:7, 2:7] = labels[4, 2:7, 2:7] = 1
    labels[2, 4] = 3
    kept = interpolate_slices(labels, 1)
    assert (kept[2, 4] == 3).all()
    assert (kept[2, 3, 2:7] == 1).all()
    over = interpolate_slices(labels, 1, overwrite=True)
    assert (over[2, 4, 2:7] == 1).all()
    assert (over[2, 4, :2] == 3).all()


def test_the_painted_slices_may_be_named():
    labels = np.zeros((9, 9, 9), np.uint8)
    labels[[0, 8], 2:7, 2:7] = 1
    labels[4, 0, 0] = 1  # a slip of the brush
    filled = interpolate_slices(labels, 1, slices=(0, 8))
    assert (filled[4, 2:7, 2:7] == 1).all()


def test_a_picture_filled_to_the_edge_stays_filled():
    labels = np.zeros((5, 6, 6), np.uint8)
    labels[[0, 4]] = 1
    assert (interpolate_slices(labels, 1) == 1).all()


@pytest.mark.parametrize("dtype", [np.int16, np.uint16, np.int64, np.uint64])
def test_any_integers_in_any_order_and_box_are_filled_alike(dtype):
    blobs = np.random.default_rng(0).integers(0, 4, (3, 9, 10))
    labels = np.zeros((9, 27, 30), np.uint8)
    labels[[0, 4, 8]] = np.kron(blobs, np.ones((1, 3, 3), int))
    labels[:, :, 20:] = 0
    filled = interpolate_slices(labels, (1, 2), spacing=(2.0, 0.7, 1.3))
    other = np.asfortranarray(labels.astype(dtype))
    found = interpolate_slices(other, (1, 2), spacing=(2.0, 0.7, 1.3))
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, filled)
    narrow = interpolate_slices(labels[..., :21], (1, 2), spacing=(2.0, 0.7, 1.3))
    np.testing.assert_array_equal(narrow, filled[..., :21])


@pytest.mark.parametrize(
    ("slices", "words"),
    [([], "in no slice"), ([3], "only in slice 3"), ([2, 3, 4], "every slice from 2 to 4")],
)
def test_with_nothing_between_it_says_why(slices, words):
    labels = np.zeros((6, 5, 5), np.uint8)
    labels[slices, 1:3] = 1
    with pytest.raises(ValueError, match=words):
        interpolate_slices(labels, 1)


def test_a_single_slice_has_nothing_between():
    with pytest.raises(ValueError, match="only a volume"):
        interpolate_slices(np.ones((5, 5), np.uint8), 1)


def test_it_stops_when_asked():
    labels = np.zeros((9, 5, 5), np.uint8)
    labels[::4, 1:3] = 1
    seen = []

    def stop(step):
        seen.append(step.done)
        if step.done == 1:
            raise Cancelled

    with pytest.raises(Cancelled):
        interpolate_slices(labels, 1, report=stop)
    assert seen == [0, 1]


@settings(max_examples=25, deadline=None)
@given(arrays(np.uint8, (4, 5, 6), elements=st.integers(0, 2)), st.integers(0, 2), st.booleans())
def test_a_copied_slice_is_the_same_and_the_others_are_untouched(labels, axis, overwrite):
    planes = np.moveaxis(labels, axis, 0)
    if not planes[1].any():
        return
    copied = np.moveaxis(copy_slice(labels, 1, 2, axis=axis, overwrite=overwrite), axis, 0)
    others = [i for i in range(len(planes)) if i != 2]
    np.testing.assert_array_equal(copied[others], planes[others])
    if overwrite:
        np.testing.assert_array_equal(copied[2], planes[1])
    else:
        np.testing.assert_array_equal(copied[2], np.where(planes[2] == 0, planes[1], planes[2]))


def test_one_class_is_copied_alone():
    labels = np.array([[[1, 1, 2, 0, 0]], [[0, 2, 0, 1, 3]]], np.uint8)
    added = copy_slice(labels, 0, 1, label=1)
    assert added[1, 0].tolist() == [1, 2, 0, 1, 3]
    replaced = copy_slice(labels, 0, 1, label=1, overwrite=True)
    assert replaced[1, 0].tolist() == [1, 1, 0, 0, 3]


def test_nothing_to_copy_is_said():
    labels = np.zeros((3, 4, 4), np.uint8)
    with pytest.raises(ValueError, match="slice 0 has nothing"):
        copy_slice(labels, 0, 1)
    with pytest.raises(ValueError, match="no slice 3"):
        copy_slice(labels, 0, 3)


class TestTools:
    """The records of the panel, run as the panel runs them."""

    labels = np.zeros((7, 12, 12), np.uint8)
    labels[0, 3:9, 3:9] = labels[6, 3:9, 3:9] = 1
    labels[0, 3:9, 0:3] = labels[6, 3:9, 0:3] = 2
    labels[3, 4, 4] = 3

    def run(self, name, *, label=1, index=None, locked=(), **options):
        tool = TOOL[name]
        scene = Scene(
            labels=self.labels,
            spacing=(3, 1, 1),
            label=label,
            index=index,
            locked=frozenset(locked),
        )
        return apply(tool, scene, tool.options(**options))

    def test_this_class_is_filled_alone(self):
        edited = self.run("interpolate")
        assert (edited[3, 5:9, 3:9] == 1).all()
        assert edited[3, 4, 4] == 3
        assert not (edited[1:6] == 2).any()

    def test_all_classes_are_filled_at_once_but_the_locked_ones(self):
        labels = self.labels.copy()
        labels[3, 4, 4] = 0
        scene = Scene(labels=labels, spacing=(3, 1, 1), label=0, locked=frozenset({2}))
        tool = TOOL["interpolate_all"]
        edited = apply(tool, scene, tool.options())
        assert (edited[3, 3:9, 3:9] == 1).all()
        assert (edited == 2).sum() == (labels == 2).sum()

    def test_a_locked_class_stands_in_the_way(self):
        edited = self.run("interpolate", locked=[3], overwrite=True)
        assert edited[3, 4, 4] == 3
        assert self.run("interpolate", overwrite=True)[3, 4, 4] == 1

    def test_copying_goes_to_the_next_and_to_the_previous_slice(self):
        assert (self.run("copy_next", index=0)[1, 3:9, 3:9] == 1).all()
        assert not self.run("copy_next", index=0)[1, 3:9, :3].any()
        both = self.run("copy_previous", index=6, every_class=True)
        np.testing.assert_array_equal(both[5], self.labels[6])

    def test_beyond_the_last_slice_there_is_nothing(self):
        with pytest.raises(ValueError, match="last slice"):
            self.run("copy_next", index=6)
        with pytest.raises(ValueError, match="first slice"):
            self.run("copy_previous", index=0)
