"""Marks and outlines of a slice as pixels: what is drawn where."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_medseg.engine.card import LabelClass
from napari_medseg.interact.prompts import Prompt
from napari_medseg.widgets.interact.marks import Mark, colours_of, drawn_line, outline, prompt_marks
from napari_medseg.widgets.interact.plane import shown_plane
from napari_medseg.widgets.interact.turns import Turn, changed_box, overlaid


@pytest.fixture
def viewer():
    viewer = ViewerModel()
    place = {"scale": (2, 1, 0.5), "translate": (3, 4, 5), "units": "mm"}
    viewer.add_image(np.zeros((8, 20, 30)), name="scan", **place)
    viewer.dims.set_current_step(0, 4)
    return viewer


@pytest.fixture
def plane(viewer):
    return shown_plane(viewer, viewer.layers["scan"])


def test_the_slice_one_sees_and_voxels_on_it(viewer, plane):
    assert (plane.axis, plane.index, plane.shape, plane.spacing) == (0, 4, (20, 30), (1, 0.5))
    image = viewer.layers["scan"]
    np.testing.assert_allclose(plane.voxel(image.data_to_world((2, 7, 9))), (4, 7, 9))
    assert plane.holds(np.array([[4, 19.4, 0], [4, 19.6, 0], [4, 0, -0.6]])).tolist() == [
        True,
        False,
        False,
    ]
    viewer.dims.set_point(0, 100)
    flat = shown_plane(viewer, viewer.add_image(np.zeros((6, 7)), name="flat"))
    assert (flat.axis, flat.shape) == (None, (6, 7))
    viewer.dims.ndisplay = 3
    assert shown_plane(viewer, image) is None


@pytest.mark.parametrize(("positive", "value"), [(True, Mark.ADDS), (False, Mark.REMOVES)])
def test_a_point_is_a_plus_or_a_minus_on_its_slice_alone(viewer, plane, positive, value):
    grid = plane.grid
    here = Prompt.drawn(grid, [(4, 10, 10)], 1, positive=positive, axis=0)
    there = Prompt.drawn(grid, [(5, 3, 3)], 1, axis=0)
    edge = Prompt.drawn(grid, [(4, 0, 0)], 1, axis=0)
    marks = prompt_marks(plane, [here, there, edge])
    assert marks[10, 9] == marks[10, 11] == value
    assert bool(marks[9, 10]) == positive
    assert marks[3, 3] == Mark.NOTHING
    assert marks[0, 1] == Mark.ADDS


def test_lines_are_joined_boxes_and_lassos_are_closed(plane):
    corner, other = np.array([2.0, 3.0]), np.array([8.0, 12.0])
    line = drawn_line(plane, np.array([corner, other]), 0.0, kind="scribble")
    steps = np.abs(np.diff(line[np.argsort(line[:, 1])], axis=0))
    assert steps.max() == 1
    wide = drawn_line(plane, np.array([corner, other]), 2.0, kind="scribble")
    assert len(wide) > 3 * len(line)
    box = {tuple(p) for p in drawn_line(plane, np.array([corner, other]), 2.0, kind="box").tolist()}
    assert len(box) == 2 * 7 + 2 * 10 - 4
    assert {(2, 3), (2, 12), (8, 3), (8, 12)} <= box
    lasso = drawn_line(plane, np.array([corner, other, (8, 3)]), 0.0, kind="lasso")
    assert (5, 3) in {tuple(p) for p in lasso.tolist()}
    assert not len(drawn_line(plane, np.array([[-50.0, 1.0]]), 0.0, kind="point"))


def test_the_outline_follows_what_would_change_not_the_box_of_the_answer(plane):
    labels = np.zeros((8, 20, 30), np.uint8)
    labels[:, :, :10] = 1  # goes on beyond the answer
    after = labels[3:6, 4:16, 5:20].copy()
    after[:, 2:10, :8] = 1
    turn = Turn.of((), np.s_[3:6, 4:16, 5:20], labels[3:6, 4:16, 5:20], after)
    assert turn.box == np.s_[3:6, 6:14, 10:13]
    marks = outline(plane, labels, [turn], [1])
    assert marks[10, 12] == Mark.CLASSES  # the new edge
    assert outline(plane, labels, [turn], [5, 1])[10, 12] == Mark.CLASSES + 1
    assert outline(plane, labels, [turn], [])[10, 12] == Mark.OTHERS
    assert marks[10, 11] == Mark.NOTHING  # inside
    assert marks[10, 13] == Mark.NOTHING
    assert not outline(plane, labels, [Turn.of((), turn.box, turn.before, turn.before)], [1]).any()
    gone = Turn.of((), np.s_[4:5, 4:9, 0:10], labels[4:5, 4:9, :10], labels[4:5, 4:9, :10] * 0)
    assert Mark.LEAVES in outline(plane, labels, [gone], [])


def test_outlines_have_the_colours_of_their_classes():
    colours = colours_of([LabelClass(value=4, name="liver", colour="#123456")])
    assert colours[Mark.CLASSES] == "#123456"
    assert len(set(colours.values())) == len(colours) - 1  # any other class is yellow, too


def test_turns_lie_over_each_other_and_leave_what_changed_since():
    labels = np.zeros((6, 6), np.uint8)
    first = Turn.of((), np.s_[0:4, 0:4], labels[:4, :4], np.ones((4, 4), np.uint8))
    between = overlaid(labels, [first])
    second = Turn.of((), np.s_[2:6, 2:6], between[2:, 2:], np.full((4, 4), 2, np.uint8))
    shown = overlaid(labels, [first, second])
    assert (shown[:2, :4] == 1).all()
    assert (shown[2:, 2:] == 2).all()
    assert changed_box([first, second]) == np.s_[0:6, 0:6]
    np.testing.assert_array_equal(
        overlaid(labels, [first, second], np.s_[1:3, 1:3]), shown[1:3, 1:3]
    )
    labels[0, 0] = 7
    assert overlaid(labels, [first])[0, 0] == 7
    assert not labels[1:].any()
