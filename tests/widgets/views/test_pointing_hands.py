"""The mouse, the crosshair and the letters of the orthogonal views, without a window."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QApplication, QWidget

from napari_medseg.volume import Volume
from napari_medseg.widgets.views.main_mouse import MainMouse
from napari_medseg.widgets.views.overlay import Overlay
from napari_medseg.widgets.views.planes import Anatomy, order_across
from napari_medseg.widgets.views.pointing import snapped, stepped, zoom_at
from napari_medseg.widgets.volume_layers import from_volume


@pytest.fixture
def model():
    viewer = ViewerModel()
    volume = Volume(np.zeros((1, 6, 40, 50), np.int16), (5.0, 1.0, 2.0))
    ((values, kwargs, _),) = from_volume(volume)
    viewer.add_image(values, **kwargs)
    viewer.dims.set_current_step(0, 3)
    return viewer


@pytest.fixture
def points():
    return []


@pytest.fixture
def mouse(model, points):
    return MainMouse(model, points.append)


def event(**what):
    native = SimpleNamespace(inverted=lambda: False)
    plain = {"button": 1, "pos": (10, 10), "position": (15.0, 20.0, 30.0), "type": "mouse_press"}
    return SimpleNamespace(
        **{**plain, "modifiers": (), "delta": (0, 1), "native": native, "handled": False, **what}
    )


def _owner(callback):
    return getattr(callback, "__self__", None)


def press(model, *, moves=(), **what):
    """Press, move and release a button; return whether the press was taken."""
    happened = event(**what)
    ours = [c for c in model.mouse_drag_callbacks if isinstance(_owner(c), MainMouse)]
    took = [c(model, happened) for c in ours]  # napari has some of its own
    taken = [generator for generator in took if generator is not None]
    for generator in taken:
        next(generator)
    for kind, pos in (*(("mouse_move", pos) for pos in moves), ("mouse_release", None)):
        happened.type, happened.pos = kind, pos or happened.pos
        for generator in taken:
            next(generator, None)
    return bool(taken)


def wheel(model, **what):
    happened = event(type="wheel", **what)
    for callback in list(model.mouse_wheel_callbacks):
        callback(model, happened)
    return happened


def test_a_click_points_and_a_drag_a_stroke_another_button_and_3d_do_not(model, mouse, points):
    assert press(model)
    assert press(model, moves=[(11, 11)])  # a hand is never quite still
    assert points == [(15.0, 20.0, 30.0)] * 2
    assert press(model, moves=[(11, 10), (40, 10)])
    assert len(points) == 2
    assert not press(model, button=2)
    labels = model.add_labels(np.zeros((6, 40, 50), np.uint8))
    for mode, taken in (("paint", False), ("erase", False), ("pan_zoom", True)):
        labels.mode = mode
        assert press(model) is taken
    model.dims.ndisplay = 3
    assert not press(model)
    assert len(points) == 3


def test_a_move_points_only_with_shift_and_not_in_3d(model, mouse, points):
    for modifiers, ndisplay in (((), 2), (("Control",), 2), (("Shift",), 3), (("Shift",), 2)):
        model.dims.ndisplay = ndisplay
        for callback in model.mouse_move_callbacks:
            callback(model, event(modifiers=modifiers))
    assert points == [(15.0, 20.0, 30.0)]


def test_the_wheel_steps_and_with_ctrl_zooms_or_the_other_way_round(model, mouse, points):
    zoom = model.scene.camera.zoom
    assert wheel(model).handled  # so that napari does not zoom as well
    assert points == [(10.0, *model.dims.point[1:])]
    assert model.scene.camera.zoom == zoom
    wheel(model, modifiers=("Control",))
    assert model.scene.camera.zoom == pytest.approx(zoom * 1.15)
    mouse.wheel_steps = False
    assert not wheel(model).handled
    assert len(points) == 1
    assert wheel(model, modifiers=("Control",)).handled
    assert len(points) == 2
    wheel(model, modifiers=("Alt",))  # the brush grows
    model.dims.ndisplay = 3
    wheel(model, modifiers=("Control",))
    assert len(points) == 2


def test_when_it_ends_the_mouse_is_as_it_was_and_what_others_added_stays(model, points):
    before = list(model.mouse_wheel_callbacks)
    assert any(c.__name__ == "dims_scroll" for c in before)
    mouse = MainMouse(model, points.append)

    def foreign(_viewer, _event):
        return None

    model.mouse_wheel_callbacks.append(foreign)
    mouse.end()
    assert list(model.mouse_wheel_callbacks) == [*before, foreign]
    assert not press(model)
    mouse.end()  # twice is once
    assert list(model.mouse_wheel_callbacks) == [*before, foreign]
    assert points == []


def test_zooming_in_and_out_comes_back_to_the_same_place(model):
    camera = model.scene.camera
    camera.center, camera.zoom = (0, 20, 50), 3
    there = event(position=(15.0, 31.0, 12.0))
    for delta in (2, -1, -1):
        zoom_at(model, SimpleNamespace(delta=(0, delta), position=there.position))
    assert camera.zoom == pytest.approx(3)
    np.testing.assert_allclose(camera.center[-2:], (20, 50))


def test_steps_of_the_wheel_end_at_the_last_slice(model):
    point = model.dims.point
    for delta, end in ((-1, 25.0), (1, 0.0)):
        at = point
        for _ in range(20):
            at = snapped(model.dims, stepped(model.dims, at, -3, event(delta=(0, delta))))
        assert at == (end, *point[1:])


@pytest.fixture
def overlay(model, qtbot):
    canvas = QWidget()
    qtbot.addWidget(canvas)
    canvas.resize(200, 120)
    made = Overlay(canvas, model)
    canvas.show()
    return made


def test_the_crosshair_lies_on_the_voxel_whatever_zoom_plane_and_orientation(overlay, model):
    anatomy, camera = Anatomy(model.layers), model.scene.camera
    assert overlay.place_of_point() is None  # nobody has pointed
    overlay.show_point((15.0, 20.0, 30.0), anatomy)
    camera.center, camera.zoom = (0, 20, 30), 2
    assert overlay.place_of_point() == (100, 60)
    camera.center = (0, 15, 20)
    assert overlay.place_of_point() == (120, 70)
    camera.orientation2d = ("up", "left")
    assert overlay.place_of_point() == (80, 50)
    model.dims.order = order_across(3, -1)  # sagittal: z down, y to the right
    camera.orientation2d = ("down", "right")
    camera.center = (0, 15, 20)
    assert overlay.place_of_point() == (100, 60)
    model.dims.ndisplay = 3
    assert overlay.place_of_point() is None


def test_the_letters_turn_with_the_canvas_and_are_none_where_the_body_is_unknown(overlay, model):
    anatomy, camera = Anatomy(model.layers), model.scene.camera
    overlay.show_point((15.0, 20.0, 30.0), anatomy)
    camera.orientation2d = ("down", "right")
    assert overlay.letters() == ("R", "L", "A", "P")
    camera.orientation2d = ("up", "left")
    assert overlay.letters() == ("L", "R", "P", "A")
    model.dims.order = order_across(3, -2)
    camera.orientation2d = ("up", "right")
    assert overlay.letters() == ("R", "L", "S", "I")
    overlay.show_point((15.0, 20.0, 30.0), Anatomy())
    assert overlay.letters() == ("", "", "", "")
    model.dims.ndisplay = 3
    assert overlay.letters() == ("", "", "", "")


def test_the_overlay_takes_no_click_follows_the_size_and_is_painted_on_any_image(overlay, model):
    canvas = overlay.parentWidget()
    assert canvas.childAt(QPoint(50, 50)) is None  # the mouse goes through to the canvas
    assert overlay.focusPolicy() == Qt.FocusPolicy.NoFocus
    canvas.resize(260, 90)
    QApplication.processEvents()
    assert overlay.size() == canvas.size()
    bare = canvas.grab().toImage()
    model.scene.camera.center, model.scene.camera.zoom = (0, 20, 30), 2
    overlay.show_point((15.0, 20.0, 30.0), Anatomy(model.layers))
    drawn = canvas.grab().toImage()
    assert drawn != bare
    line = drawn.pixelColor(130, 5).name(), drawn.pixelColor(5, 45).name()
    assert line == ("#cc79a7", "#e69f00")  # each line has the colour of its plane
    middle = drawn.pixelColor(130, 45)
    assert middle == bare.pixelColor(130, 45)  # the voxel itself stays to be seen
