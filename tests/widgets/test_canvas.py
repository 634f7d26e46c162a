"""A real mouse and real keys on a shown canvas."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_medseg.widgets.answers import show_answer
from napari_medseg.widgets.classes.stored import set_locked
from napari_medseg.widgets.classes.table import ClassTable
from napari_medseg.widgets.hooks import bind_key, on_drag, unbind_key
from napari_medseg.widgets.layers import history, is_being_painted
from napari_medseg.widgets.painted import follow, painted_of

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def shown(make_napari_viewer, at_rest):
    viewer = make_napari_viewer(show=True)
    viewer.window._qt_window.resize(900, 700)
    viewer.add_image(np.zeros((6, 60, 60), np.float32), name="scan")
    at_rest(viewer)
    return viewer


@pytest.fixture
def mouse(shown, mouse_of):
    return mouse_of(shown)


@pytest.fixture
def labels(shown):
    layer = shown.add_labels(np.zeros((6, 60, 60), np.uint8))
    layer.brush_size, layer.selected_label = 4, 2
    return layer


def test_strokes_of_the_mouse_are_tracked_undone_and_redone_by_key(shown, mouse, labels):
    follow(shown)
    painted = painted_of(labels)
    labels.mode = "paint"
    mouse.drag((20, 20), (20, 30), (25, 35))
    assert (labels.data == 2).sum() > 40
    assert np.flatnonzero(labels.data.any(axis=(1, 2))).tolist() == [shown.dims.current_step[0]]
    np.testing.assert_array_equal(painted.changed, labels.data == 2)
    stroke = labels.data.copy()
    labels.mode = "erase"
    mouse.drag((20, 24), (20, 28))
    assert history(labels) == ["Brush", "Eraser"]
    np.testing.assert_array_equal(painted.changed, labels.data == 2)
    np.testing.assert_array_equal(painted.reviewed, stroke == 2)
    labels.mode = "fill"
    mouse.press(50, 50)
    mouse.release(50, 50)
    assert history(labels) == ["Brush", "Eraser", "Fill"]
    assert painted.count_changed > 3000
    for _ in range(2):
        QTest.keyClick(mouse.native, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    np.testing.assert_array_equal(labels.data, stroke)
    np.testing.assert_array_equal(painted.changed, stroke == 2)
    QTest.keyClick(mouse.native, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert painted.count_changed == painted.count_reviewed == 0
    both = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    QTest.keyClick(mouse.native, Qt.Key.Key_Z, both)
    np.testing.assert_array_equal(painted.changed, stroke == 2)


def _double_click(mouse, y, x):
    nothing = Qt.KeyboardModifier.NoModifier
    mouse.press(y, x)
    mouse.release(y, x)
    QTest.mouseDClick(mouse.native, LEFT, nothing, mouse.at(y, x))


def test_no_tool_of_the_mouse_changes_a_locked_class(shown, mouse, labels, qtbot):
    labels.data[:, 20:40, 30:45] = 3
    labels.data[:, 20:40, 15:30] = 1
    labels.refresh()
    before = labels.data.copy()
    set_locked(labels, 3, True)
    table = ClassTable(shown)
    qtbot.addWidget(table)

    def held():
        np.testing.assert_array_equal(labels.data == 3, before == 3)
        changed = labels.data != before
        labels.undo()
        np.testing.assert_array_equal(labels.data, before)
        labels.redo()
        np.testing.assert_array_equal(labels.data != before, changed)
        labels.undo()
        return int(changed.sum())

    labels.mode = "paint"
    mouse.drag((30, 20), (30, 30), (32, 50))
    assert "'class 3' is locked" in table.hint.whole()
    assert "'class 3' is locked" in shown.status
    assert held() > 60
    labels.mode = "erase"
    mouse.drag((22, 20), (38, 40))
    assert held() > 20
    labels.n_edit_dimensions = 3
    labels.mode = "paint"
    mouse.drag((30, 28), (30, 33))
    assert held() > 20
    labels.n_edit_dimensions = 2
    labels.mode = "fill"
    mouse.press(30, 40)
    mouse.release(30, 40)
    np.testing.assert_array_equal(labels.data, before)
    assert history(labels) == []
    labels.mode = "polygon"
    for corner in [(10, 10), (10, 50)]:
        mouse.press(*corner)
        mouse.release(*corner)
    _double_click(mouse, 50, 50)
    assert history(labels) == ["Polygon"]
    assert held() > 300
    labels.mode = "paint"
    shown.dims.order = (2, 0, 1)
    shown.dims.set_point(2, 35)
    shown.reset_view()
    mouse.drag((3, 15), (3, 25))
    assert held() > 10
    shown.dims.ndisplay, labels.n_edit_dimensions = 3, 3
    shown.dims.order = (0, 1, 2)
    shown.reset_view()
    middle = mouse.native.rect().center()
    QTest.mouseClick(mouse.native, LEFT, Qt.KeyboardModifier.NoModifier, middle)
    assert held() > 10


def test_an_answer_waits_for_the_mouse_and_leaves_the_stroke_alone(shown, mouse, qtbot):
    image = shown.layers["scan"]

    def answer(value):
        return show_answer(
            shown,
            image,
            np.full((6, 60, 60), value, np.uint8),
            model="m",
            classes=[],
            provenance={},
        )

    labels = answer(0)
    shown.layers.selection.active = labels
    labels.brush_size, labels.selected_label, labels.mode = 4, 2, "paint"
    mouse.press(20, 20)
    mouse.move(20, 26)
    assert is_being_painted(labels)
    assert answer(1) is labels
    qtbot.wait(120)
    assert not (labels.data == 1).any()
    mouse.move(20, 32)
    mouse.release(20, 32)
    qtbot.waitUntil(lambda: bool((labels.data == 1).any()))
    assert history(labels) == ["Brush", "Segment: m"]
    step = shown.dims.current_step[0]
    assert (labels.data[step, 20, 20:33] == 2).all()
    assert set(np.unique(labels.data)) == {1, 2}


def test_a_tool_gets_the_drags_and_the_brush_rests_until_it_is_put_away(shown, mouse, labels):
    labels.mode = "paint"
    seen = []
    stop = on_drag(shown, seen.append)
    center = shown.scene.camera.center
    mouse.drag((20, 20), (20, 30), (25, 35))
    assert [d.phase for d in seen] == ["press", "move", "move", "move", "release"]
    places = [labels.world_to_data(d.position)[-2:] for d in seen[1:4]]
    np.testing.assert_allclose(places, [(20, 20), (20, 30), (25, 35)], atol=1)
    assert not seen[-1].click
    assert {d.button for d in seen} == {1}
    assert seen[0].displayed == (1, 2)
    assert not labels.data.any()
    assert shown.scene.camera.center == center
    mouse.press(30, 30)
    mouse.release(30, 30)
    assert seen[-1].click
    other = shown.add_labels(np.zeros((6, 60, 60), np.uint8))
    assert labels.mode == "paint"
    other.mode = "fill"
    shown.layers.selection.active = labels
    assert (labels.mode, other.mode) == ("pan_zoom", "fill")
    stop()
    stop()
    assert labels.mode == "paint"
    count = len(seen)
    mouse.drag((20, 20), (20, 30))
    assert len(seen) == count
    assert labels.data.any()


def test_other_buttons_stay_naparis(shown, mouse):
    seen = []
    on_drag(shown, seen.append)
    zoom = shown.scene.camera.zoom
    mouse.drag((20, 20), (30, 20), (40, 20), button=Qt.MouseButton.RightButton)
    assert not seen
    assert shown.scene.camera.zoom != zoom


def test_keys_reach_their_owner_until_they_are_taken_back(shown, mouse, labels):
    pressed = []
    bind_key(shown, "K", lambda viewer: pressed.append("viewer"))
    bind_key(labels, "J", lambda layer: pressed.append("layer"))
    shown.layers.selection.active = labels
    for key in (Qt.Key.Key_K, Qt.Key.Key_J):
        QTest.keyClick(mouse.native, key)
    assert pressed == ["viewer", "layer"]
    shown.layers.selection.active = shown.layers["scan"]
    QTest.keyClick(mouse.native, Qt.Key.Key_J)
    QTest.keyClick(mouse.native, Qt.Key.Key_K)
    assert pressed == ["viewer", "layer", "viewer"]
    unbind_key(shown, "K")
    unbind_key(shown, "K")
    QTest.keyClick(mouse.native, Qt.Key.Key_K)
    assert len(pressed) == 3
