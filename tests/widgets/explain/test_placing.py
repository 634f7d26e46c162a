"""Overlays as layers: every voxel where the engine says, and no slider counted anew."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image

from napari_medseg.explain.overlay import Overlay
from napari_medseg.explain.place import Place
from napari_medseg.volume import Volume
from napari_medseg.widgets.explain.overlay_layer import OverlayLayer
from napari_medseg.widgets.explain.placing import on_image, values_of


def overlay_over(shape, values, scale, translate, kind="map"):
    volume = Volume(np.zeros((1, *shape), np.float32), (1.0,) * len(shape))
    return Overlay("seen", "what is seen", values, Place.over(volume, scale, translate), kind)


@pytest.mark.parametrize("rotated", [False, True])
def test_a_voxel_of_a_map_lies_on_the_voxels_it_explains(rotated):
    turn = {"rotate": 20.0} if rotated else {}
    image = Image(np.zeros((41, 35)), scale=(0.7, 1.3), translate=(5, -3), **turn)
    place = on_image(image, (), (4.0, 4.0), (1.5, 1.5))
    layer = Image(np.zeros((11, 9)), **place)
    for index in ((0, 0), (3, 7)):
        there = np.array(index) * 4 + 1.5
        np.testing.assert_allclose(layer.data_to_world(index), image.data_to_world(there))


def test_a_map_of_a_volume_begins_and_ends_within_it():
    values = np.arange(4 * 3 * 3, dtype=np.float32).reshape(1, 4, 3, 3)
    overlay = overlay_over((10, 10, 10), values, (4.0,) * 3, (-2.0, 0.5, 0.5))
    shown, scale, translate = values_of(overlay)
    np.testing.assert_array_equal(shown, values[:, 1:3])  # centres at 2 and 6 of -2, 2, 6, 10
    assert (scale, translate) == ((4.0,) * 3, (2.0, 0.5, 0.5))


def test_a_map_finer_than_the_volume_is_brought_to_its_voxels():
    values = np.repeat(np.arange(8, dtype=np.float32), 16).reshape(1, 8, 4, 4)
    overlay = overlay_over((4, 4, 4), values, (0.5, 1.0, 1.0), (-0.25, 0, 0))
    shown, scale, translate = values_of(overlay)
    assert shown.shape == (1, 4, 4, 4)
    assert (scale, translate) == ((1.0,) * 3, (0.0,) * 3)
    np.testing.assert_allclose(shown[0, :, 0, 0], [0.5, 2.5, 4.5, 6.5])


def test_a_coarse_map_does_not_count_the_slices_anew():
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((10, 9, 9)), scale=(2, 1, 1))
    viewer.dims.set_current_step(0, 6)
    before = viewer.dims.range, viewer.dims.current_step
    values = np.ones((1, 4, 3, 3), np.float32)
    overlay = overlay_over((10, 9, 9), values, (4.0,) * 3, (-2.0, -2.0, 1.0))
    assert OverlayLayer(viewer).show(image, (), overlay)
    assert (viewer.dims.range, viewer.dims.current_step) == before


def test_the_layer_is_used_again_and_made_anew_once_it_is_gone():
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((8, 8)), name="case")
    shows = OverlayLayer(viewer)
    grey = overlay_over((8, 8), np.ones((1, 4, 4), np.float32), (2.0, 2.0), (0.5, 0.5))
    colour = overlay_over((8, 8), np.ones((3, 8, 8), np.uint8), (1.0, 1.0), (0.0, 0.0), "rgb")
    shows.show(image, (), grey)
    first = shows.layer
    shows.show(image, (), colour)
    assert shows.layer.rgb
    assert not first.visible
    shows.show(image, (), grey)
    assert shows.layer is first
    assert first.visible
    viewer.layers.remove(first)
    shows.show(image, (), grey)
    assert shows.layer not in (None, first)
    shows.remove()
    assert list(viewer.layers) == [image]
    viewer.layers.remove(image)
    assert not shows.show(image, (), grey)


def test_a_series_in_time_has_its_map_at_the_time_it_was_made_of():
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((5, 6, 8, 8)), scale=(3, 2, 1, 1))
    overlay = overlay_over((6, 8, 8), np.ones((1, 3, 4, 4), np.float32), (2.0,) * 3, (0.5,) * 3)
    shows = OverlayLayer(viewer)
    shows.show(image, (3,), overlay)
    assert shows.layer.data.shape == (1, 3, 4, 4)
    np.testing.assert_allclose(shows.layer.data_to_world((0, 0, 0, 0)), (9, 1, 0.5, 0.5))
