"""Whatever kind of array, number or sequence comes in, the answer is the same."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from napari_medseg import editing
from napari_medseg.editing.checks import classes_in
from napari_medseg.editing.scope import Scope, edit
from napari_medseg.editing.tool import Scene, apply
from napari_medseg.editing.tools import TOOLS

SPACING = (2.0, 1.0, 0.5)
CLICKS = ((2, 3, 3), (5, 5, 8))
ONE_CLASS = {"into": 1, "other": 0, "parts": "objects with a gap"}  # all that booleans can hold


def labels_of(dtype=np.uint8):
    """Return a block with a hole and a speck, painted in every second slice of its middle."""
    labels = np.zeros((9, 9, 10), dtype)
    labels[1:7, 2:7, 2:6] = 1
    labels[3] = labels[5] = 0
    labels[2, 4, 4] = 0
    labels[5, 5, 8] = 1
    return labels


def scene_of(labels):
    image = np.where(labels_of() == 1, 100.0, 20.0)
    image += np.random.default_rng(0).normal(0, 1, image.shape)
    return Scene(
        labels=labels,
        spacing=SPACING,
        label=1,
        image=image,
        points=CLICKS,
        index=2,
        other=np.ones(labels.shape, np.uint8),
        box=(slice(1, 5),) * 3,
    )


def options_of(tool):
    known = {f.name for f in dataclasses.fields(tool.options)}
    return tool.options(**{k: v for k, v in ONE_CLASS.items() if k in known})


each = pytest.mark.parametrize("tool", TOOLS.values(), ids=TOOLS)


@each
def test_a_mask_is_edited_as_labels_of_one_class(tool):
    if tool.name in ("merge", "move_clicked", "swap"):
        options = tool.options(into=1)  # there is no other class to go to
    else:
        options = options_of(tool)
    expected = apply(tool, scene_of(labels_of()), options)
    found = apply(tool, scene_of(labels_of(bool)), options)
    assert found.dtype == bool
    np.testing.assert_array_equal(found, expected.astype(bool))


@each
def test_the_byte_order_of_a_file_does_not_matter(tool):
    scene = scene_of(labels_of(">u2"))
    expected = apply(tool, scene_of(labels_of()), options_of(tool))
    greys = scene.image.astype(">f8")
    found = apply(tool, dataclasses.replace(scene, image=greys), options_of(tool))
    assert found.dtype == np.dtype(">u2")
    np.testing.assert_array_equal(found, expected)


@each
def test_arrays_that_may_not_be_written_to_are_enough(tool):
    scene = scene_of(labels_of())
    scene.labels.setflags(write=False)
    scene.image.setflags(write=False)
    found = apply(tool, scene, options_of(tool))
    assert found.flags.writeable


@each
def test_a_view_that_runs_backwards_is_as_good_as_a_copy(tool):
    scene = scene_of(labels_of())
    backwards = dataclasses.replace(
        scene,
        labels=scene.labels[::-1, :, ::-1].copy()[::-1, :, ::-1],
        image=scene.image[:, ::-1].copy()[:, ::-1],
    )
    np.testing.assert_array_equal(
        apply(tool, backwards, options_of(tool)), apply(tool, scene, options_of(tool))
    )


@each
def test_a_class_and_clicks_read_off_an_array_are_numbers_like_others(tool):
    scene = scene_of(labels_of())
    read_off = dataclasses.replace(
        scene, label=scene.labels.max(), points=tuple(np.array(p) for p in scene.points)
    )
    np.testing.assert_array_equal(
        apply(tool, read_off, options_of(tool)), apply(tool, scene, options_of(tool))
    )


@pytest.mark.parametrize("dtype", [bool, ">u2", "<i4"])
def test_every_class_in_turn_works_on_all_of_these(dtype):
    scene = scene_of(labels_of(dtype))
    box, edited = edit(TOOLS["keep_largest"], scene, TOOLS["keep_largest"].options(), EVERY)
    whole = scene.labels.copy()
    whole[box] = edited
    expected = labels_of()
    expected[3:] = 0
    np.testing.assert_array_equal(whole, expected == 1)


EVERY = Scope(every_label=True)
LENGTHS = np.array(SPACING)  # as `layer.scale` is

IN_MM = {
    "grow": lambda labels, image, spacing: editing.grow(labels, 1, 2.0, spacing),
    "shrink": lambda labels, image, spacing: editing.shrink(labels, 1, 1.0, spacing),
    "opening": lambda labels, image, spacing: editing.opening(labels, 1, 1.0, spacing),
    "closing": lambda labels, image, spacing: editing.closing(labels, 1, 2.0, spacing),
    "hollow": lambda labels, image, spacing: editing.hollow(labels, 1, 1.0, spacing),
    "smooth": lambda labels, image, spacing: editing.smooth(labels, 1, 2.0, spacing),
    "smooth_all": lambda labels, image, spacing: editing.smooth_all(labels, 2.0, spacing),
    "remove_small": lambda labels, image, spacing: editing.remove_small(labels, spacing=spacing),
    "split_objects": lambda labels, image, spacing: editing.split_objects(
        labels, 1, spacing=spacing, points=np.array([[2, 3, 3], [2, 6, 5]])
    ),
    "cut_objects": lambda labels, image, spacing: editing.cut_objects(
        labels, 1, np.array([[2, 3, 3], [2, 6, 5]]), spacing=spacing
    ),
    "interpolate_slices": lambda labels, image, spacing: editing.interpolate_slices(
        labels, labels.max(), spacing=spacing
    ),
    "grow_region": lambda labels, image, spacing: editing.grow_region(
        labels, image, 1, np.array(CLICKS[:1]), spacing=spacing, max_distance=2.0
    ),
}
in_mm = pytest.mark.parametrize("edited", IN_MM.values(), ids=IN_MM)


@in_mm
def test_lengths_may_be_an_array_and_are_one_mm_if_left_out(edited):
    labels = labels_of()
    image = scene_of(labels).image
    np.testing.assert_array_equal(edited(labels, image, LENGTHS), edited(labels, image, SPACING))
    np.testing.assert_array_equal(edited(labels, image, ()), edited(labels, image, (1, 1, 1)))


@in_mm
@pytest.mark.parametrize("spacing", [(1.0, 1.0), (0.0, 1.0, 1.0), (1.0, -1.0, 1.0)])
def test_a_voxel_size_that_is_none_is_said_by_every_tool_in_mm(edited, spacing):
    labels = labels_of()
    with pytest.raises(ValueError, match=r"voxel size .* give one positive length in mm for each"):
        edited(labels, scene_of(labels).image, spacing)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_an_axis_may_be_counted_from_the_end(axis):
    spacing = (1.0, 2.0, 5.0)
    labels = np.zeros((9, 9, 9), np.uint8)
    planes = np.moveaxis(labels, axis, 0)
    planes[1, 1:4, 1:4] = planes[7, 3:8, 2:8] = 1
    for tool in (
        lambda a: editing.interpolate_slices(labels, 1, axis=a, spacing=spacing),
        lambda a: editing.copy_slice(labels, 1, 2, axis=a),
        lambda a: editing.fill_holes(labels, 1, axis=a),
        lambda a: editing.mirror_label(labels, 1, axis=a),
        lambda a: editing.cut_objects(labels, 1, [(0, 2, 2), (2, 7, 3)], axis=a, spacing=spacing),
    ):
        outcomes = []
        for a in (axis, axis - 3):
            try:
                outcomes.append(tool(a).tolist())
            except ValueError as error:
                outcomes.append(str(error))
        assert outcomes[0] == outcomes[1]


def test_the_classes_there_are_come_in_order_without_the_background():
    labels = np.array([[7, 0, 3], [300, 7, 0]])
    assert classes_in(labels) == [3, 7, 300]
    assert classes_in(labels.astype(">i2").T) == [3, 7, 300]
    assert classes_in(-labels) == [-300, -7, -3]
    assert classes_in(labels > 5) == [1]
    assert classes_in(np.zeros((2, 2), np.uint8)) == []
