"""The orthogonal views with a real mouse: crosshair, slices, edits, opening and closing."""

from __future__ import annotations

import gc
from weakref import ref

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.utils.action_manager import action_manager
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QDockWidget, QMainWindow

from napari_medseg.volume import Volume
from napari_medseg.widgets.views import toggle_views, views_of
from napari_medseg.widgets.views.main_canvas import canvas_of
from napari_medseg.widgets.views.pointing import shows_all
from napari_medseg.widgets.volume_layers import from_volume

_LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def viewer(make_napari_viewer):
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1000, 800)
    volume = Volume(np.random.default_rng(0).normal(size=(1, 12, 30, 40)), (5.0, 2.0, 1.0))
    ((values, kwargs, _),) = from_volume(volume, "ct")
    viewer.add_image(values, **kwargs)
    labels = np.zeros((12, 30, 40), np.uint8)
    same = {name: kwargs[name] for name in ("scale", "translate", "units")}
    viewer.add_labels(labels, name="liver", **same)
    return viewer


@pytest.fixture
def views(viewer, qtbot):
    views = toggle_views(viewer)
    seen = []

    def settled():  # the window gives every dock its place, step by step
        canvases = [canvas_of(viewer), *(view.canvas for view in views.views)]
        seen.append((viewer.scene.camera.zoom, *((c.width(), c.height()) for c in canvases)))
        tall = all(view.canvas.height() > 200 for view in views.views)
        return tall and len(set(seen[-5:])) == 1 and len(seen) > 5 and shows_all(viewer)

    qtbot.waitUntil(settled)
    return views


def _wheel(canvas, notches, modifiers=Qt.KeyboardModifier.NoModifier):
    at = QPoint(canvas.width() // 2, canvas.height() // 2)
    event = QWheelEvent(
        QPointF(at),
        QPointF(canvas.mapToGlobal(at)),
        QPoint(0, 0),
        QPoint(0, 120 * notches),
        Qt.MouseButton.NoButton,
        modifiers,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(canvas, event)


def _has_colour(view):
    """Whether anything but the grey image is drawn."""
    picture = view.qt.screenshot(flash=False)[..., :3].astype(int)
    return bool(np.ptp(picture, axis=-1).max() > 40)


def _world(view, at):
    """What lies at a pixel of a canvas, the way napari's own drawing has it."""
    scene = view.qt.canvas.view.camera.transform
    return scene.imap([at.x(), at.y()])[:2][::-1]


def test_a_click_a_drag_and_the_wheel_in_a_view_move_the_slices_of_all(viewer, views, qtbot, hover):
    coronal, sagittal = views.views
    assert [view.model.dims.order for view in views.views] == [(1, 0, 2), (2, 0, 1)]
    assert coronal.overlay.letters() == ("R", "L", "S", "I")
    assert sagittal.overlay.letters() == ("A", "P", "S", "I")
    for view in views.views:
        x, y = view.overlay.place_of_point()
        point = [view.overlay.point[a] for a in view.model.dims.displayed]
        np.testing.assert_allclose(_world(view, QPointF(x, y)), point, atol=1e-3)
    canvas, camera = coronal.canvas, viewer.scene.camera.center
    middle = QPoint(canvas.width() // 2, canvas.height() // 2)
    at = middle + QPoint(10, -20)
    wanted = _world(coronal, at)
    QTest.mousePress(canvas, _LEFT, Qt.KeyboardModifier.NoModifier, at)
    qtbot.waitUntil(lambda: np.allclose(viewer.dims.point[0], wanted[0], atol=2.5))
    assert viewer.dims.point[0] > 0  # above the middle of the picture is up in the body
    assert viewer.dims.point[2] == pytest.approx(wanted[1], abs=0.5)
    assert sagittal.model.dims.point[2] == viewer.dims.point[2]
    before = viewer.dims.point
    places = (at + QPoint(0, 3 * n) for n in range(1, 100))

    def drags_down():
        hover(canvas, next(places), _LEFT)
        return viewer.dims.point[0] < before[0]

    qtbot.waitUntil(drags_down)
    QTest.mouseRelease(canvas, _LEFT, Qt.KeyboardModifier.NoModifier, at)
    assert coronal.model.dims.point[1] == viewer.dims.point[1] == before[1]
    assert viewer.scene.camera.center == camera
    viewer.dims.set_current_step(0, 6)
    _turn_wheels(viewer, views, qtbot)


def _turn_wheels(viewer, views, qtbot):
    """See that the wheel steps and with Ctrl zooms, and the other way round when it is chosen."""
    coronal, _ = views.views
    start, zoom = viewer.dims.current_step, coronal.model.scene.camera.zoom
    _wheel(coronal.canvas, 1)
    qtbot.waitUntil(lambda: viewer.dims.current_step[1] == start[1] - 1)
    _wheel(coronal.canvas, 1, Qt.KeyboardModifier.ControlModifier)
    assert coronal.model.scene.camera.zoom > zoom
    main = canvas_of(viewer)
    zoom = viewer.scene.camera.zoom
    _wheel(main, 1)
    qtbot.waitUntil(lambda: viewer.dims.current_step[0] == start[0] - 1)
    assert viewer.scene.camera.zoom == zoom
    _wheel(main, 1, Qt.KeyboardModifier.ControlModifier)
    assert viewer.scene.camera.zoom > zoom
    views.wheel.setChecked(False)  # as napari has it
    zoom = viewer.scene.camera.zoom
    _wheel(main, 1)
    qtbot.waitUntil(lambda: viewer.scene.camera.zoom > zoom)
    _wheel(main, 1, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: viewer.dims.current_step[0] == start[0] - 2)


def test_edits_are_seen_in_every_view_and_on_the_canvas_a_click_points_but_no_stroke(
    viewer, views, qtbot, hover
):
    labels = viewer.layers["liver"]
    views.go_to(tuple(labels.data_to_world((6, 15, 20))))
    assert not any(_has_colour(view) for view in views.views)
    redrawn = []
    for view in views.views:
        copy = view.mirror.copy_of(labels)
        assert copy.data is labels.data
        copy.events.set_data.connect(redrawn.append)
    labels.data[4:9, 10:20, 12:28] = 1
    labels.refresh()
    qtbot.waitUntil(lambda: len(redrawn) == 2)
    assert all(_has_colour(view) for view in views.views)
    labels.data[...] = 0
    labels.refresh()
    canvas = canvas_of(viewer)
    before = viewer.dims.point
    at = QPoint(canvas.width() // 2 + 30, canvas.height() // 2 + 20)
    QTest.mouseClick(canvas, _LEFT, Qt.KeyboardModifier.NoModifier, at)
    qtbot.waitUntil(lambda: viewer.dims.point[2] > before[2])
    assert viewer.dims.point[0] == before[0]
    pointed = viewer.dims.point
    viewer.layers.selection.active = labels
    labels.mode = "paint"
    QTest.mouseClick(canvas, _LEFT, Qt.KeyboardModifier.NoModifier, at - QPoint(60, 40))
    qtbot.wait(20)
    assert labels.data.any()
    assert viewer.dims.point == pointed
    shift = Qt.KeyboardModifier.ShiftModifier
    hover(canvas, at - QPoint(60, 40), keys=shift)
    qtbot.waitUntil(lambda: viewer.dims.point[2] < pointed[2])


def test_zoom_planes_and_layers_follow_the_canvas(viewer, views, qtbot):
    views.same_zoom.setChecked(True)
    assert {view.model.scene.camera.zoom for view in views.views} == {viewer.scene.camera.zoom}
    views.views[1].model.scene.camera.zoom = 3.5
    assert viewer.scene.camera.zoom == 3.5
    views.same_zoom.setChecked(False)
    views.fit.click()
    assert viewer.scene.camera.zoom == 3.5

    viewer.dims.order = (1, 0, 2)
    assert [view.model.dims.order for view in views.views] == [(0, 1, 2), (2, 0, 1)]
    assert views.views[0].overlay.letters() == ("R", "L", "A", "P")
    viewer.dims.ndisplay = 3
    viewer.dims.ndisplay = 2
    viewer.dims.order = (0, 1, 2)

    canvas = views.views[0].canvas  # keys stay with the large canvas, and none reaches a copy
    QTest.mouseClick(canvas, _LEFT)
    assert not canvas.hasFocus()
    assert views.views[0].model.layers.selection.active is None

    viewer.layers.clear()
    qtbot.wait(20)  # napari ends the process when layers are added before it has drawn none
    viewer.add_image(np.zeros((20, 20)))
    assert "No volume yet" in views.hint.whole()
    viewer.add_image(np.zeros((6, 20, 20)))
    assert "crosshair" in views.hint.whole()
    assert len(views.views[0].model.layers) == 1


def test_hidden_they_hear_nothing_shown_again_they_are_up_to_date_and_closed_nothing_stays_alive(
    viewer, views, qtbot
):
    window, wheel = views.window(), list(viewer.mouse_wheel_callbacks)
    assert isinstance(window, QMainWindow)
    assert toggle_views(viewer) is views
    assert not views.isVisible()
    assert views.views == ()
    assert "dims_scroll" in [call.__name__ for call in viewer.mouse_wheel_callbacks]
    assert window.corner(Qt.Corner.BottomLeftCorner) == Qt.DockWidgetArea.BottomDockWidgetArea
    viewer.add_labels(np.ones((12, 30, 40), np.uint8), name="new")
    viewer.dims.set_current_step(0, 2)
    told, keys = [], set(ViewerModel.class_keymap)
    action_manager.events.shortcut_changed.connect(told.append)
    toggle_views(viewer)
    action_manager.events.shortcut_changed.disconnect(told.append)
    assert not told  # no window writes its 180 shortcuts anew
    assert set(ViewerModel.class_keymap) == keys
    assert [layer.name for layer in views.views[0].model.layers] == ["ct", "liver", "new"]
    assert views.views[0].overlay.point == tuple(viewer.dims.point)
    assert len(viewer.mouse_wheel_callbacks) == len(wheel)

    kept = [ref(view.qt) for view in views.views] + [ref(view.model) for view in views.views]
    dock = next(d for d in views.window().findChildren(QDockWidget) if d.widget() is views)
    dock.destroyOnClose()
    gc.collect()
    assert [one() for one in kept] == [None] * 4
    again = toggle_views(viewer)
    qtbot.waitUntil(lambda: again.is_on)
    assert len(again.views[1].model.layers) == 3


def test_two_viewers_have_views_of_their_own(viewer, qtbot, make_napari_viewer):
    views = toggle_views(viewer)
    qtbot.waitUntil(lambda: views.is_on)
    other = make_napari_viewer(show=True)
    other.add_image(np.zeros((5, 20, 20)))
    second = toggle_views(other)
    qtbot.waitUntil(lambda: second.is_on)
    assert second is not views
    before = viewer.dims.point
    second.go_to((3, 4, 5))
    assert viewer.dims.point == before
    assert views_of(other) is second
    other.close()
    assert views.is_on
