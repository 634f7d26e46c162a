"""Planes, letters and points: which way is which in the body, without a window."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from napari.components import Dims, ViewerModel
from napari.layers import Image

from napari_medseg.volume import Volume
from napari_medseg.widgets.views.planes import Anatomy, order_across
from napari_medseg.widgets.views.pointing import shows_all, snapped, stepped, zoom_at
from napari_medseg.widgets.volume_layers import from_volume


def _layer(spacing=(5.0, 1.0, 2.0), **options):
    volume = Volume(np.zeros((1, 6, 8, 10), np.int16), spacing, **options)
    ((values, kwargs, _),) = from_volume(volume)
    return Image(values, **kwargs)


def test_a_volume_of_the_contract_runs_up_to_the_back_and_to_the_left():
    anatomy = Anatomy([_layer()])
    assert [anatomy.ends(axis) for axis in (-3, -2, -1)] == [("I", "S"), ("A", "P"), ("R", "L")]
    assert [anatomy.plane(axis) for axis in (-3, -2, -1)] == ["axial", "coronal", "sagittal"]
    assert [anatomy.vertical(axis) for axis in (-3, -2)] == ["up", "down"]


def test_a_layer_that_is_mirrored_in_the_viewer_has_its_letters_the_other_way_round():
    layer = _layer()
    layer.scale = (5, 1, -2)
    assert Anatomy([layer]).ends(-1) == ("L", "R")


def test_letters_are_left_out_where_nobody_knows_the_body():
    for layers in ([], [Image(np.zeros((6, 8, 10)))], [_layer(spacing_known=False)]):
        anatomy = Anatomy(layers)
        assert not anatomy.known
        assert anatomy.ends(-1) == ("", "")
        assert anatomy.plane(-1) == ""
        assert anatomy.vertical(-3) == "down"


def test_the_first_layer_that_knows_says_it():
    assert Anatomy([Image(np.zeros((6, 8, 10))), _layer()]).known


@pytest.mark.parametrize(
    ("ndim", "across", "order"),
    [(3, -3, (0, 1, 2)), (3, -2, (1, 0, 2)), (3, -1, (2, 0, 1)), (4, -1, (0, 3, 1, 2))],
)
def test_the_plane_across_an_axis_shows_the_other_two_in_their_order(ndim, across, order):
    assert order_across(ndim, across) == order


def test_a_point_goes_to_the_middle_of_its_voxel_and_stays_inside():
    dims = Dims(ndim=3, range=((0, 25, 5), (-3, 4, 1), (10, 28, 2)))
    assert snapped(dims, (7.6, 0.4, 100)) == (10, 0, 28)
    assert snapped(dims, (-50, -2.6, 12.9)) == (0, -3, 12)


@pytest.mark.parametrize(
    ("delta", "inverted", "moved"), [(1, False, -5), (-3, False, 5), (1, True, 5)]
)
def test_a_click_of_the_wheel_is_one_slice(delta, inverted, moved):
    dims = Dims(ndim=3, range=((0, 25, 5), (0, 9, 1), (0, 9, 1)))
    event = SimpleNamespace(delta=(0, delta), native=SimpleNamespace(inverted=lambda: inverted))
    assert stepped(dims, (10, 3, 3), -3, event) == (10 + moved, 3, 3)


def test_what_is_under_the_mouse_stays_there_when_one_zooms():
    model = ViewerModel()
    model.add_image(np.zeros((6, 40, 40)))
    camera = model.scene.camera
    camera.center, camera.zoom = (0, 20, 20), 4
    mouse = np.array([30.0, 10.0])
    before = (mouse - camera.center[-2:]) * camera.zoom
    zoom_at(model, SimpleNamespace(delta=(0, 2), position=(3, *mouse)))
    assert camera.zoom > 4
    np.testing.assert_allclose((mouse - camera.center[-2:]) * camera.zoom, before)


def test_whether_all_is_shown_depends_on_zoom_and_place():
    model = ViewerModel()
    model.add_image(np.zeros((6, 40, 40)))
    model.canvas.size = (200, 300)
    model.fit_to_view()
    assert shows_all(model)
    model.scene.camera.zoom *= 2
    assert not shows_all(model)
    model.fit_to_view()
    model.scene.camera.center = (0, 0, 0)
    assert not shows_all(model)
