"""The preview layer: what is outlined, where it lies, and that it leaves the viewer as it was."""

from __future__ import annotations

import numpy as np
import pytest

from napari_medseg.widgets.edit.outline import Outline, changes, edges, with_clicks
from napari_medseg.widgets.layers import is_preview


def test_nothing_is_outlined_where_nothing_changes():
    labels = np.eye(4, dtype=np.uint8)
    assert changes(labels, labels.copy()) is None


def test_classes_that_change_are_shown_as_they_would_be_and_what_goes_apart():
    before = np.array([[1, 1, 0, 2, 2, 3]], np.uint8)
    edited = np.array([[0, 1, 1, 1, 2, 3]], np.uint8)
    shown = changes(before, edited)
    goes, one, two, rest = shown[0, 0], shown[0, 1], shown[0, 4], shown[0, 5]
    np.testing.assert_array_equal(shown, [[goes, one, one, one, two, rest]])
    assert len({int(goes), int(one), int(two), 0}) == 4
    assert rest == 0  # class 3 has no part in it


def test_many_classes_fit():
    before = np.arange(1, 1001).reshape(10, 100)
    shown = changes(before, before + 1)
    assert len(np.unique(shown)) == 1000


@pytest.mark.parametrize("shape", [(30, 40), (6, 30, 40)])
def test_a_click_is_a_cross_in_its_slice(shape):
    point = (3, 0, 39)[-len(shape) :]
    shown, box = with_clicks(None, None, (point,), shape, 0)
    canvas = np.zeros(shape, int)
    canvas[box] = shown
    assert canvas[point]
    if len(shape) == 3:
        assert not np.delete(canvas, 3, 0).any()
    assert 4 < np.count_nonzero(canvas) < 20


def test_clicks_are_drawn_over_the_outline():
    outline = np.full((4, 4), 3, np.uint8)
    box = (slice(10, 14), slice(10, 14))
    shown, union = with_clicks(outline, box, ((2, 2), (11, 11)), (30, 40), 0)
    canvas = np.zeros((30, 40), int)
    canvas[union] = shown
    assert canvas[2, 2] == canvas[11, 11] != 3
    assert canvas[13, 13] == 3


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_outline_is_two_voxels_wide_in_every_slice(axis):
    cube = np.zeros((12, 12, 12), np.uint8)
    cube[1:10, 1:10, 1:10] = 3
    plane = np.moveaxis(edges(cube, axis), axis, 0)[5]
    expected = np.zeros((12, 12), np.uint8)
    expected[1:10, 1:10] = 3
    expected[3:8, 3:8] = 0
    np.testing.assert_array_equal(plane, expected)
    thin = np.moveaxis(edges(cube, axis, wide=False), axis, 0)[5]
    expected[2:9, 2:9] = 0
    np.testing.assert_array_equal(thin, expected)


def test_the_outline_of_what_fills_its_box_is_closed():
    full = np.full((8, 9), 4, np.uint8)
    outline = edges(full, 0)
    assert (outline[[0, -1]] == 4).all()
    assert (outline[:, [0, -1]] == 4).all()
    assert (outline[2:-2, 2:-2] == 0).all()


class TestLayer:
    @pytest.fixture
    def outline(self, scene):
        return Outline(scene)

    def show(self, outline, mask, low=5, high=9):
        box = (slice(2, 4), slice(low, high), slice(low, high))
        outline.show(mask, (), box, np.full((2, high - low, high - low), 3, np.uint8))

    def test_it_lies_on_the_box_and_nobody_selects_it(self, scene, mask, outline):
        dims = scene.dims.range
        self.show(outline, mask)
        layer = outline.layer
        assert is_preview(layer)
        assert layer.contour == 0  # napari would warn in the 3D view
        assert scene.layers[-1] is layer
        assert scene.layers.selection.active is mask
        np.testing.assert_allclose(layer.data_to_world((0, 0, 0)), mask.data_to_world((2, 5, 5)))
        assert scene.dims.range == dims
        assert scene.dims.current_step[0] == 7

    def test_it_is_one_layer_however_often_it_is_shown(self, scene, mask, outline):
        self.show(outline, mask)
        first = outline.layer
        outline.hide()
        assert not first.visible
        self.show(outline, mask, 20, 30)
        assert outline.layer is first
        assert first.visible
        np.testing.assert_allclose(first.data_to_world((0, 0, 0)), mask.data_to_world((2, 20, 20)))
        assert len(scene.layers) == 3

    def test_it_comes_back_after_a_person_deleted_it(self, scene, mask, outline):
        self.show(outline, mask)
        scene.layers.remove(outline.layer)
        assert outline.layer is None
        self.show(outline, mask)
        assert outline.layer in scene.layers

    def test_it_is_taken_off_the_list(self, scene, mask, outline):
        outline.remove()
        self.show(outline, mask)
        outline.remove()
        assert [layer.name for layer in scene.layers] == ["scan", "mask"]

    def test_labels_that_are_gone_are_not_outlined(self, scene, mask, outline):
        scene.layers.remove(mask)
        self.show(outline, mask)
        assert outline.layer is None
