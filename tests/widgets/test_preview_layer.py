"""A preview shows values on images and on volumes, and is never in anybody's way."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.utils.colormaps import DirectLabelColormap

from napari_medseg.widgets.preview_layer import PreviewLayer

FLAT, DEEP = np.ones((4, 5), np.uint8), np.full((1, 4, 5), 2, np.uint8)


@pytest.fixture
def scene():
    """A viewer with a picture, a volume and a preview."""
    viewer = ViewerModel()
    picture = viewer.add_image(np.zeros((4, 5)), name="picture")
    volume = viewer.add_image(np.zeros((3, 4, 5)), name="volume", scale=(2, 1, 1))
    return viewer, picture, volume, PreviewLayer(viewer, "preview", 0.5)


def test_it_lies_on_its_slice_above_all_and_the_selection_stays(scene):
    viewer, _, volume, preview = scene
    viewer.layers.selection.active = volume
    preview.place(volume, (1, 0, 0), DEEP)
    assert viewer.layers[-1] is preview.layer
    assert viewer.layers.selection.active is volume
    np.testing.assert_allclose(preview.layer.data_to_world((0, 0, 0)), (2, 0, 0))
    assert not preview.layer.editable
    preview.hide()
    assert not preview.layer.visible
    preview.place(volume, (2, 1, 0), DEEP * 3)
    np.testing.assert_allclose(preview.layer.data_to_world((0, 0, 0)), (4, 1, 0))
    np.testing.assert_array_equal(preview.layer.data, DEEP * 3)
    assert preview.layer.visible


def test_from_a_volume_to_a_picture_and_back_no_layer_is_removed(scene):
    viewer, picture, volume, preview = scene
    gone = []
    viewer.layers.events.removed.connect(lambda event: gone.append(event.value))
    preview.place(volume, (0, 0, 0), DEEP)
    deep = preview.layer
    preview.place(picture, (0, 0), FLAT)
    flat = preview.layer
    assert (flat.ndim, flat.visible, deep.visible) == (2, True, False)
    preview.place(volume, (1, 0, 0), DEEP * 4)
    assert preview.layer is deep
    assert (flat.visible, deep.visible) == (False, True)
    assert not gone
    preview.remove()
    assert set(gone) == {flat, deep}
    assert preview.layer is None


def test_one_that_a_person_removed_comes_back_with_its_look(scene):
    viewer, picture, _, preview = scene
    look = {"colormap": DirectLabelColormap(color_dict={None: "white", 1: "red"})}
    preview.place(picture, (0, 0), FLAT, **look)
    viewer.layers.remove(preview.layer)
    assert preview.layer is None
    preview.hide()
    preview.place(picture, (0, 0), FLAT, **look)
    np.testing.assert_allclose(preview.layer.get_color(1), (1, 0, 0, 1))
    viewer.layers.remove(picture)
    preview.place(picture, (0, 0), FLAT * 7, **look)  # what it lies on is gone
    assert preview.layer.data.max() == 1


def test_no_image_that_came_later_hides_it(scene):
    viewer, picture, _, preview = scene
    preview.place(picture, (0, 0), FLAT)
    layer, later = preview.layer, viewer.add_image(np.zeros((4, 5)), name="later")
    preview.place(later, (0, 0), FLAT)
    assert preview.layer is layer
    assert viewer.layers[-1] is layer
    assert viewer.layers.selection.active is later


def test_on_the_same_slice_only_its_values_are_drawn_anew(scene):
    _, _, volume, preview = scene
    look = {"colormap": DirectLabelColormap(color_dict={None: "white", 1: "red"})}
    preview.place(volume, (1, 0, 0), DEEP, **look)
    told = []
    for name in ("visible", "scale", "rotate", "shear", "affine", "translate", "colormap"):
        getattr(preview.layer.events, name).connect(lambda event: told.append(event.type))
    preview.place(volume, (1, 0, 0), DEEP * 3, **look)
    assert told == []
    assert preview.layer.data.max() == 6
    preview.place(volume, (2, 0, 0), DEEP, **look)
    assert set(told) == {"visible", "translate"}
    volume.affine = np.diag([1.0, 2.0, 1.0, 1.0])
    preview.place(volume, (2, 0, 0), DEEP, **look)
    np.testing.assert_allclose(preview.layer.affine.affine_matrix, volume.affine.affine_matrix)
