"""Where layers lie, how they look, and how they go."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels

from napari_medseg.engine.card import LabelClass
from napari_medseg.widgets.layers import (
    class_look,
    image_layers,
    insert_above,
    is_map,
    remove_layer,
    same_grid,
    same_place,
)
from napari_medseg.widgets.volumes import KEY

LIVER = LabelClass(value=3, name="liver", colour="#cc79a7")


def _labels(*shape):
    return Labels(np.zeros(shape, np.uint8))


def test_classes_have_their_names_and_colours_and_a_value_without_a_name_is_seen():
    layer = Labels(np.array([[0, 3], [5, 0]], np.uint8), **class_look([LIVER]))
    np.testing.assert_allclose(layer.get_color(3)[:3], [0xCC / 255, 0x79 / 255, 0xA7 / 255], 0.01)
    np.testing.assert_array_equal(layer.get_color(5), [1, 1, 1, 1])
    assert layer.get_color(0) is None
    assert "name: liver" in layer.get_status((0, 1), world=True)["value"]


def test_a_layer_is_inserted_right_above_and_the_selection_stays():
    viewer = ViewerModel()
    below, above = viewer.add_image(np.zeros((4, 4))), viewer.add_image(np.ones((4, 4)))
    viewer.layers.selection = {below, above}
    viewer.layers.selection.active = None
    labels = _labels(4, 4)
    insert_above(viewer, below, labels)
    assert list(viewer.layers) == [below, labels, above]
    assert viewer.layers.selection == {below, above}


def test_a_layer_whose_image_is_gone_goes_on_top():
    viewer = ViewerModel()
    viewer.add_image(np.zeros((4, 4)))
    labels = _labels(4, 4)
    insert_above(viewer, Image(np.zeros((4, 4))), labels)
    assert viewer.layers[-1] is labels


def test_a_layer_that_lies_nowhere_is_refused_and_nothing_is_left_behind():
    viewer = ViewerModel()
    below = viewer.add_image(np.zeros((4, 4)))
    lost = Labels(np.zeros((4, 4), np.uint8), name="lost", translate=(np.inf, 0))
    with pytest.raises(ValueError, match="'lost'"), np.errstate(invalid="ignore"):
        insert_above(viewer, below, lost)
    assert list(viewer.layers) == [below]


@pytest.mark.parametrize("index", [0, 3])
def test_a_single_slice_lies_exactly_on_its_slice(index):
    turned = np.diag([1.0, 0.5, 2.0, 1.0])
    image = Image(np.zeros((5, 6, 7)), scale=(2, 1, 1), translate=(9, 8, 7), affine=turned)
    one = Labels(np.zeros((1, 6, 7), np.uint8), **same_grid(image, (index,)))
    np.testing.assert_allclose(one.data_to_world((0, 1, 2)), image.data_to_world((index, 1, 2)))
    assert same_place(one, image, (index,))
    assert not same_place(one, image, (index + 1,))
    assert one.units == image.units


@pytest.mark.filterwarnings("ignore:Non-orthogonal slicing")
@pytest.mark.parametrize("angles", [(0, 0, 20), (0, 20, 0), (20, 0, 10)])
def test_a_step_is_found_also_where_the_image_is_turned(angles):
    turned = Image(np.zeros((5, 6, 7)), rotate=(10, 5, 0)).affine
    image = Image(
        np.zeros((5, 6, 7)), rotate=angles, scale=(2, 1, 3), translate=(1, 2, 3), affine=turned
    )
    one = Labels(np.zeros((1, 6, 7), np.uint8), **same_grid(image, (2,)))
    assert same_place(one, image, (2,))


def test_layers_with_other_axes_lie_elsewhere():
    image = Image(np.zeros((5, 6, 7)))
    assert not same_place(_labels(6, 7), image)
    assert not same_place(Labels(np.zeros((5, 6, 7), np.uint8), scale=(1, 1, 2)), image)
    assert same_place(_labels(2, 2, 2), image)


def test_images_are_found_topmost_first_and_maps_are_known():
    viewer = ViewerModel()
    low, _, high = (
        viewer.add_image(np.zeros((4, 4)), name="low"),
        viewer.add_labels(np.zeros((4, 4), np.uint8)),
        viewer.add_image(np.zeros((4, 4)), metadata={KEY: {"map": "unsure"}}),
    )
    assert image_layers(viewer) == [high, low]
    assert [is_map(layer) for layer in image_layers(viewer)] == [True, False]


def test_layers_are_removed_and_need_not_be_there():
    viewer = ViewerModel()
    layer = viewer.add_labels(np.zeros((4, 4), np.uint8))
    remove_layer(viewer, layer)
    remove_layer(viewer, layer)
    assert not viewer.layers


def test_a_shapes_layer_stays_empty_and_hidden_so_that_the_window_lives(make_napari_viewer, qtbot):
    viewer = make_napari_viewer(show=True)
    viewer.add_image(np.zeros((6, 20, 20)))
    box = viewer.add_shapes([[[2, 2], [9, 9]]], shape_type="rectangle")
    qtbot.wait(50)
    remove_layer(viewer, box)
    qtbot.wait(50)
    assert box in viewer.layers
    assert len(box.data) == 0
    assert not box.visible
    box.visible = True
    box.add_rectangles(np.array([[3, 3], [8, 8]]))
    qtbot.wait(50)
    assert len(box.data) == 1
