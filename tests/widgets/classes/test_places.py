"""Going to a class goes to the middle of its largest part."""

from __future__ import annotations

import numpy as np
from napari.components import ViewerModel

from napari_medseg.widgets.classes import places
from napari_medseg.widgets.classes.places import go_to_class, middle_of_class


def _two_parts():
    labels = np.zeros((9, 40, 40), np.uint8)
    labels[1, 2:5, 2:5] = 3
    labels[5:8, 20:31, 10:21] = 3
    labels[0] = 1
    return labels


def test_the_middle_of_the_largest_part_is_found_in_small_boxes_and_by_steps(monkeypatch):
    labels = _two_parts()
    assert middle_of_class(labels, 3) == (6, 25, 15)
    assert middle_of_class(labels, 2) is None
    assert middle_of_class(labels[6], 3) == (25, 15)
    monkeypatch.setattr(places, "_ENOUGH", 500)
    coarse = middle_of_class(labels, 3)
    assert labels[coarse] == 3
    np.testing.assert_allclose(coarse, (6, 25, 15), atol=3)


def test_the_middle_lies_in_the_class_even_of_a_ring_and_of_single_voxels(monkeypatch):
    ring = np.zeros((31, 31), np.uint8)
    ring[5:26, 5:26] = 1
    ring[8:23, 8:23] = 0
    assert ring[middle_of_class(ring, 1)] == 1
    monkeypatch.setattr(places, "_ENOUGH", 50)
    lonely = np.zeros((31, 31), np.uint8)
    lonely[1, 3], lonely[30, 29] = 1, 1
    assert lonely[middle_of_class(lonely, 1)] == 1


def test_the_viewer_goes_there_by_the_layers_place_in_the_world():
    viewer = ViewerModel()
    viewer.add_image(np.zeros((2, 30, 60, 60)))
    layer = viewer.add_labels(_two_parts(), scale=(2, 1, 1), translate=(4, 10, 0))
    viewer.dims.set_point(0, 1)
    assert go_to_class(viewer, layer, 3)
    np.testing.assert_allclose(viewer.dims.point[:2], (1, 16))
    np.testing.assert_allclose(viewer.scene.camera.center[-2:], (35, 15))
    before = viewer.dims.point
    assert not go_to_class(viewer, layer, 2)
    assert viewer.dims.point == before
    viewer.dims.ndisplay = 3
    assert go_to_class(viewer, layer, 3)
    np.testing.assert_allclose(viewer.scene.camera.center, (16, 35, 15))
