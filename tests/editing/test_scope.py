"""Where a tool works: the object touched, a slice, a box, every class."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_medseg.editing.islands import islands
from napari_medseg.editing.scope import Scope, edit, label_box, touched_box
from napari_medseg.editing.tool import Scene, Tool
from napari_medseg.editing.tools import TOOLS
from napari_medseg.packed import bounding_box
from napari_medseg.progress import Cancelled

ONE = (1.0, 1.0, 1.0)


def _two_objects():
    labels = np.zeros((40, 300, 300), np.uint8)
    labels[3:6, 10:14, 20:24] = 1
    labels[30:36, 100:250, 200:210] = 1
    labels[10, 10, 10] = 2
    return labels


def _box(*sides):
    return tuple(slice(a, b) for a, b in sides)


def test_the_box_is_that_of_the_object_touched():
    labels = _two_objects()
    assert touched_box(labels, 1, 0, ONE) == _box((3, 36), (10, 250), (20, 210))
    assert touched_box(labels, 1, 0, ONE, [(4, 11, 21)]) == _box((3, 6), (10, 14), (20, 24))
    large = _box((30, 36), (100, 250), (200, 210))
    assert touched_box(labels, 1, 0, ONE, [(32, 102, 205)]) == large  # longer than what is near
    assert touched_box(labels, 1, 0, ONE, seed_box=_box((0, 40), (240, 300), (0, 300))) == large
    both = touched_box(labels, 1, 0, ONE, [(4, 11, 21), (32, 102, 205)])
    assert both == touched_box(labels, 1, 0, ONE)
    assert touched_box(labels, 1, 0, ONE, [(0, 0, 0)]) is None
    assert touched_box(labels, 7, 0, ONE) is None


def test_the_margin_is_in_mm_and_ends_with_the_volume():
    labels = _two_objects()
    found = touched_box(labels, 1, 6, (2.0, 1.0, 4.0), [(4, 11, 21)])
    assert found == _box((0, 9), (4, 20), (18, 26))
    assert touched_box(labels, 1, float("inf"), ONE) == _box((0, 40), (0, 300), (0, 300))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 3))
def test_the_box_of_a_label_is_the_smallest(seed, ndim):
    rng = np.random.default_rng(seed)
    labels = rng.choice(np.array([0, 0, 0, 0, 1, 2]), rng.integers(1, 7, ndim))
    assert label_box(labels, 1) == bounding_box(labels == 1)
    assert label_box(labels) == bounding_box(labels != 0)


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([(0, 0, 0), (2, 3, 3)]))
def test_islands_are_whole_and_far_apart(seed, margin):
    rng = np.random.default_rng(seed)
    labels = np.zeros((40, 240, 240), np.uint8)
    for _ in range(30):
        at = [int(rng.integers(0, n)) for n in labels.shape]
        labels[tuple(slice(a, a + int(rng.integers(1, 12))) for a in at)] = rng.integers(1, 3)
    together = np.zeros(labels.shape, np.uint8)
    for number, island in enumerate(islands(labels, 1, margin), start=1):
        assert island.mask.any()
        assert not together[island.box][island.mask].any()  # no voxel twice
        together[island.box][island.mask] = number
    np.testing.assert_array_equal(together > 0, labels == 1)
    around = [2 * m + 1 for m in margin]
    grown = ndimage.maximum_filter(together, around, mode="constant")
    least = np.where(together > 0, together, together.max() + 1)
    shrunk = ndimage.minimum_filter(least, around, mode="nearest")
    near = (grown > 0) & (shrunk <= together.max())
    np.testing.assert_array_equal(grown[near], shrunk[near])  # nobody within reach of two


def test_a_slice_is_worked_on_as_an_image_of_its_own():
    labels = np.zeros((4, 6, 6), np.uint8)
    labels[:, 1:5, 1:5] = 1
    labels[2, 2, 2] = 0  # a hole in this slice only
    labels[1, 3, 3] = 0
    scene = Scene(labels=labels, spacing=(5.0, 1.0, 1.0), label=1, index=2)
    tool = TOOLS["fill_holes"]
    box, edited = edit(tool, scene, tool.options(), Scope(where="slice"))
    assert box == _box((2, 3), (1, 5), (1, 5))
    assert edited.shape == (1, 4, 4)
    assert edited.all()
    across = dataclasses.replace(scene, axis=1, index=2)
    box, edited = edit(tool, across, tool.options(), Scope(where="slice"))
    assert box[1] == slice(2, 3)
    with pytest.raises(ValueError, match="works between slices; choose the whole volume"):
        edit(TOOLS["interpolate"], scene, TOOLS["interpolate"].options(), Scope(where="slice"))
    with pytest.raises(ValueError, match="no slice is shown"):
        edit(tool, dataclasses.replace(scene, index=None), tool.options(), Scope(where="slice"))


def test_every_class_is_worked_on_but_the_locked_ones():
    labels = np.zeros((3, 12, 12), np.uint8)
    for value, row in ((1, 0), (2, 4), (3, 8)):
        labels[:, row : row + 3, :4] = value
        labels[1, row, 11] = value
    tool = TOOLS["keep_largest"]
    scene = Scene(labels=labels, spacing=ONE, label=1, locked=frozenset({2}))
    box, edited = edit(tool, scene, tool.options(), Scope(every_label=True))
    full = labels.copy()
    full[box] = edited
    np.testing.assert_array_equal(full[1, [0, 4, 8], 11], [0, 2, 0])
    assert (full == 1).sum() == 36
    with pytest.raises(ValueError, match="one class at a time"):
        edit(
            TOOLS["keep_clicked"],
            scene,
            TOOLS["keep_clicked"].options(),
            Scope(every_label=True),
        )
    alone = dataclasses.replace(scene, locked=frozenset({1, 2, 3}))
    with pytest.raises(ValueError, match="none is painted, or all are locked"):
        edit(tool, alone, tool.options(), Scope(every_label=True))


def test_the_box_says_where_and_bad_boxes_are_said():
    labels = np.zeros((4, 8, 8), np.uint8)
    labels[:, 2:6, 2:6] = 1
    scene = Scene(labels=labels, spacing=ONE, label=1)
    tool = TOOLS["shrink"]
    inside = Scope(where="box", box=_box((0, 4), (0, 4), (0, 8)))
    box, edited = edit(tool, scene, tool.options(radius=1.0), inside)
    full = labels.copy()
    full[box] = edited
    np.testing.assert_array_equal(full[0, :, 3], [0, 0, 0, 1, 1, 1, 0, 0])
    far = Scope(where="box", box=_box((0, 4), (7, 8), (7, 8)))
    assert edit(tool, scene, tool.options(radius=1.0), far) is None
    for wrong in (None, _box((0, 2)), _box((9, 12), (0, 8), (0, 8))):
        with pytest.raises(ValueError, match="box"):
            edit(tool, scene, tool.options(), Scope(where="box", box=wrong))


def test_a_click_beside_the_object_is_said():
    scene = Scene(labels=_two_objects(), spacing=ONE, label=1, points=((0, 0, 0),))
    tool = TOOLS["remove_clicked"]
    with pytest.raises(ValueError, match="class 1 is not under the click"):
        edit(tool, scene, tool.options())


def test_only_the_part_worked_in_is_computed():
    seen = []

    def look(scene, options):
        seen.append(scene.labels.shape)
        return scene.labels.copy()

    tool = dataclasses.replace(TOOLS["remove_clicked"], run=look, margin_mm=lambda options: 2.0)
    assert isinstance(tool, Tool)
    scene = Scene(labels=_two_objects(), spacing=ONE, label=1, points=((4, 11, 21),))
    edit(tool, scene, tool.options())
    assert seen == [(7, 8, 8)]


def test_cancelling_stops_between_classes():
    steps = []

    def stop(step):
        steps.append(step.unit)
        if steps.count("class") == 2:
            raise Cancelled

    labels = np.zeros((3, 12, 12), np.uint8)
    labels[:, :3], labels[:, 5:8], labels[:, 10:] = 1, 2, 3
    scene = Scene(labels=labels, spacing=ONE, label=1, report=stop)
    with pytest.raises(Cancelled):
        edit(TOOLS["grow"], scene, TOOLS["grow"].options(), Scope(every_label=True))
    assert steps.count("class") == 2


def test_a_part_of_a_scene_has_its_points_its_slice_and_its_box():
    image = np.arange(4 * 6 * 8).reshape(4, 6, 8)
    scene = Scene(
        labels=image,
        spacing=(3.0, 2.0, 1.0),
        label=1,
        image=image,
        points=((2, 3, 4), (0, 0, 0)),
        index=2,
        box=_box((0, 3), (2, 9), (4, 6)),
    )
    part = scene.crop(_box((1, 4), (2, 5), (3, 8)))
    assert part.points == ((1, 1, 1),)
    assert part.index == 1
    assert part.box == _box((0, 2), (0, 3), (1, 3))
    assert scene.crop(_box((0, 2), (0, 6), (0, 8))).index is None
    flat = dataclasses.replace(scene, axis=1, index=3).shown_slice()
    np.testing.assert_array_equal(flat.image, image[:, 3])
    assert flat.spacing == (3.0, 1.0)
    assert flat.points == ((2, 4),)
    assert flat.box == _box((0, 3), (4, 6))
