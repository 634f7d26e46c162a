"""What is drawn and seen becomes voxels, whatever lies between canvas and image."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Shapes

from napari_medseg.widgets.boxes import add_box_layer, boxes, drawn, shown_slice

TRANSFORMS = {
    "plain": {},
    "scaled": {"scale": (2.5, 0.7, 0.4)},
    "moved": {"scale": (2.5, 0.7, 0.4), "translate": (-30, 11, 7)},
    "turned": {"scale": (2.5, 0.7, 0.7), "translate": (5, 0, 0), "rotate": 90},
    "mirrored": {"scale": (2.5, -0.7, 0.4), "translate": (0, 20, 0)},
    "affine": {"affine": np.diag([3.0, 0.5, 0.5, 1.0])},
}


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture(params=TRANSFORMS, ids=lambda name: name)
def image(request, viewer):
    """A volume of 8 x 20 x 24 voxels somewhere in the world."""
    return viewer.add_image(np.zeros((8, 20, 24)), name="scan", **TRANSFORMS[request.param])


def rectangle(low, high):
    (a, b), (c, d) = low, high
    return np.array([[a, b], [a, d], [c, d], [c, b]], float)


def on(image, viewer, corners, z=3.0):
    """Draw a rectangle of voxel corners of `image` as a person does: in the world."""
    world = np.array([image.data_to_world((z, *corner)) for corner in corners])
    return viewer.add_shapes([world], ndim=3)


def test_a_rectangle_is_the_voxels_it_covers_through_all_slices(image, viewer):
    shapes = on(image, viewer, rectangle((4.6, 9.6), (9.4, 15.4)))
    (box,) = boxes(shapes, viewer, image)
    assert box == (slice(0, 8), slice(5, 10), slice(10, 16))


def test_or_only_those_of_the_slice_one_sees(image, viewer):
    shapes = on(image, viewer, rectangle((4.6, 9.6), (9.4, 15.4)))
    viewer.dims.point = image.data_to_world((6, 0, 0))
    (box,) = boxes(shapes, viewer, image, one_slice=True)
    assert box == (slice(6, 7), slice(5, 10), slice(10, 16))


def test_the_slice_one_sees(image, viewer):
    viewer.dims.point = image.data_to_world((5, 0, 0))
    assert shown_slice(viewer, image) == (slice(5, 6), slice(0, 20), slice(0, 24))
    viewer.dims.ndisplay = 3
    assert shown_slice(viewer, image) is None


@pytest.mark.parametrize(("order", "axis"), [((1, 0, 2), 1), ((2, 0, 1), 2)])
def test_the_slice_one_sees_may_be_coronal_or_sagittal(viewer, order, axis):
    image = viewer.add_image(np.zeros((8, 20, 24)), scale=(2, 0.5, 0.5))
    viewer.dims.order = order
    viewer.dims.point = image.data_to_world((4, 4, 4))
    expected = [slice(0, 8), slice(0, 20), slice(0, 24)]
    expected[axis] = slice(4, 5)
    assert shown_slice(viewer, image) == tuple(expected)


def test_outside_of_the_image_there_is_no_slice(viewer):
    image = viewer.add_image(np.zeros((4, 9, 9)))
    viewer.add_image(np.zeros((9, 9, 9)), translate=(10, 0, 0))
    viewer.dims.point = (12, 0, 0)
    assert shown_slice(viewer, image) is None


def test_a_2d_image_has_boxes_and_no_slices(viewer):
    image = viewer.add_image(np.zeros((20, 24)), scale=(0.5, 0.5))
    shapes = viewer.add_shapes([rectangle((2.4, 3), (4.6, 5)) * 0.5])
    assert boxes(shapes, viewer, image) == [(slice(2, 6), slice(3, 6))]
    assert shown_slice(viewer, image) is None
    viewer.add_image(np.zeros((3, 20, 24)))  # the world has three axes now
    assert shown_slice(viewer, image) is None
    assert boxes(shapes, viewer, image) == [(slice(2, 6), slice(3, 6))]


def test_shapes_of_two_axes_reach_through_a_volume(viewer):
    image = viewer.add_image(np.zeros((8, 20, 24)), scale=(3, 1, 1))
    shapes = viewer.add_shapes([rectangle((2, 3), (4, 5))])
    assert boxes(shapes, viewer, image) == [(slice(0, 8), slice(2, 5), slice(3, 6))]


def test_a_rectangle_drawn_in_a_coronal_view_reaches_from_front_to_back(viewer):
    image = viewer.add_image(np.zeros((8, 20, 24)))
    corners = np.array([[1, 7, 3], [1, 7, 6], [4, 7, 6], [4, 7, 3]], float)
    shapes = viewer.add_shapes([corners], ndim=3)
    assert boxes(shapes, viewer, image) == [(slice(1, 5), slice(0, 20), slice(3, 7))]


def test_the_selected_rectangles_count_and_else_all(viewer):
    image = viewer.add_image(np.zeros((20, 24)))
    drawn_ones = [rectangle((2, 3), (4, 5)), rectangle((10, 10), (12, 12))]
    shapes = viewer.add_shapes(drawn_ones)
    assert len(boxes(shapes, viewer, image)) == 2
    shapes.selected_data = {1}
    assert boxes(shapes, viewer, image) == [(slice(10, 13), slice(10, 13))]


def test_what_sticks_out_is_cut_and_what_is_outside_is_left_out(viewer):
    image = viewer.add_image(np.zeros((20, 24)))
    shapes = viewer.add_shapes([rectangle((-5, -5), (3, 3)), rectangle((30, 30), (40, 40))])
    assert boxes(shapes, viewer, image) == [(slice(0, 4), slice(0, 4))]


def test_time_steps_have_the_same_box(viewer):
    image = viewer.add_image(np.zeros((3, 8, 20, 24)), scale=(5, 2, 1, 1))
    corners = np.insert(rectangle((2, 3), (4, 5)), 0, 4.0, axis=1)
    shapes = viewer.add_shapes([corners], ndim=3)
    assert boxes(shapes, viewer, image) == [(slice(0, 8), slice(2, 5), slice(3, 6))]


def test_the_selected_layer_of_shapes_counts_else_the_topmost_one_seen(viewer):
    viewer.add_image(np.zeros((20, 24)))
    assert drawn(viewer) is None
    first = viewer.add_shapes([rectangle((2, 3), (4, 5))])
    second = viewer.add_shapes([rectangle((2, 3), (4, 5))])
    viewer.add_shapes(ndim=2)  # an empty one says nothing
    viewer.layers.selection.active = viewer.layers[0]
    assert drawn(viewer) is second
    second.visible = False
    assert drawn(viewer) is first
    viewer.layers.selection.active = second
    assert drawn(viewer) is second


def test_a_layer_to_draw_in_lies_on_the_image_and_is_used_again(image, viewer):
    layer = add_box_layer(viewer, image)
    assert isinstance(layer, Shapes)
    assert layer.mode == "add_rectangle"
    assert viewer.layers.selection.active is layer
    assert layer.units == image.units
    layer.add_rectangles([np.insert(rectangle((5, 10), (9, 15)), 0, 3.0, axis=1)])
    (box,) = boxes(layer, viewer, image)
    assert box == (slice(0, 8), slice(5, 10), slice(10, 16))
    layer.data = []
    layer.visible = False
    assert add_box_layer(viewer, image) is layer
    assert layer.visible
