"""Mirroring a class at a plane that is given, clicked or found."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medseg import editing
from napari_medseg.editing.tool import Scene, apply
from napari_medseg.editing.tools import TOOLS

ROW = np.array([[0, 1, 1, 0, 0, 0, 3]], np.uint8)


def test_a_copy_appears_on_the_other_side_and_takes_nothing_from_others():
    np.testing.assert_array_equal(editing.mirror_label(ROW), [[0, 1, 1, 0, 1, 1, 3]])
    np.testing.assert_array_equal(
        editing.mirror_label(ROW, middle=3.5, into=2), [[0, 1, 1, 0, 0, 2, 3]]
    )
    np.testing.assert_array_equal(
        editing.mirror_label(ROW, middle=3.5, into=2, overwrite=True), [[0, 1, 1, 0, 0, 2, 2]]
    )
    np.testing.assert_array_equal(editing.mirror_label(ROW.T, axis=0), editing.mirror_label(ROW).T)
    with pytest.raises(ValueError, match="lies outside of the labels"):
        editing.mirror_label(ROW, middle=7)


def test_left_and_right_change_places():
    kidneys = np.array([[0, 1, 1, 0, 2, 0, 0]], np.uint8)
    changed = editing.mirror_label(kidneys, into=2, exchange=True)
    np.testing.assert_array_equal(changed, [[0, 0, 1, 0, 2, 2, 0]])
    np.testing.assert_array_equal(editing.mirror_label(changed, into=2, exchange=True), kidneys)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([(3, 11), (4, 6, 9)]), st.data())
def test_mirroring_twice_at_one_plane_adds_nothing(seed, shape, data):
    rng = np.random.default_rng(seed)
    labels = rng.choice(np.array([0, 0, 0, 1, 2], np.uint8), shape)
    axis = data.draw(st.integers(0, len(shape) - 1))
    middle = data.draw(st.integers(0, 2 * shape[axis] - 2)) / 2
    once = editing.mirror_label(labels, 1, axis=axis, middle=middle)
    assert (once[labels == 1] == 1).all()
    np.testing.assert_array_equal(editing.mirror_label(once, 1, axis=axis, middle=middle), once)


@pytest.mark.parametrize("middle", [22.0, 24.5, 28.0])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_plane_of_symmetry_is_found(middle, axis):
    rng = np.random.default_rng(0)
    half = rng.normal(0, 100, (50, 12, 10))
    image = np.zeros((50, 12, 10))
    low = int(np.ceil(2 * middle - 49)) if middle > 24.5 else 0
    for i in range(max(low, 0), 50):
        j = int(2 * middle) - i
        if 0 <= j < 50:
            image[i] = half[min(i, j)]
    image += rng.normal(0, 10, image.shape)
    assert editing.midline(np.moveaxis(image, 0, axis), axis) == middle


def test_an_image_without_any_plane_gets_the_central_one():
    assert editing.midline(np.zeros((5, 11))) == 5
    assert editing.midline(np.full((4, 8), np.nan)) == 3.5
    assert editing.midline(np.zeros((5, 2))) == 0.5


def test_the_tool_mirrors_as_the_slice_is_shown():
    labels = np.zeros((5, 6, 7), np.uint8)
    labels[1, 1, 1] = 1
    tool = TOOLS["mirror"]

    def mirrored(scene, **options):
        edited = apply(tool, scene, tool.options(plane="centre of the image", **options))
        return {tuple(map(int, p)) for p in np.argwhere(edited == 1)} - {(1, 1, 1)}

    scene = Scene(labels=labels, spacing=(1.0,) * 3, label=1, points=((1, 1, 3),))
    assert mirrored(scene) == {(1, 1, 5)}
    assert mirrored(scene, way="top and bottom") == {(1, 4, 1)}
    assert mirrored(scene, way="through the slices") == {(3, 1, 1)}
    sagittal = Scene(labels=labels, spacing=(1.0,) * 3, label=1, axis=2)
    assert mirrored(sagittal) == {(1, 4, 1)}
    assert mirrored(sagittal, way="through the slices") == {(1, 1, 5)}
    clicked = apply(tool, scene, tool.options(plane="through the click"))
    assert clicked[1, 1, 5] == 1
    with pytest.raises(ValueError, match="click a voxel first"):
        apply(tool, sagittal, tool.options(plane="through the click"))
    flat = Scene(labels=labels[1], spacing=(1.0,) * 2, label=1)
    with pytest.raises(ValueError, match="a single slice has no other slices"):
        apply(tool, flat, tool.options(way="through the slices"))
