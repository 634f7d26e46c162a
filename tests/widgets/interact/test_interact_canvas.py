"""Prompts with a real mouse and real keys on a shown canvas."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_medseg.widgets.interact.given import given_of, prompts_of
from napari_medseg.widgets.interact.panel import InteractPanel
from napari_medseg.widgets.layers import history

RIGHT = Qt.MouseButton.RightButton


@pytest.fixture
def shown(make_napari_viewer, at_rest, balls):
    viewer = make_napari_viewer(show=True)
    viewer.window._qt_window.resize(900, 700)
    viewer.add_image(np.zeros((6, 60, 60), np.float32), name="scan")
    at_rest(viewer)
    return viewer


def test_click_scribble_box_lasso_accept_and_back_on_the_canvas(
    shown, mouse_of, qtbot, balls, at_rest
):
    mouse, panel = mouse_of(shown), InteractPanel(shown)
    shown.window.add_dock_widget(panel, name="Interact")
    at_rest(shown)

    def key(name, held=Qt.KeyboardModifier.NoModifier):
        QTest.keyClick(mouse.native, name, held)

    def settle():
        qtbot.waitUntil(lambda: not panel.prompting.queue.busy)

    camera = shown.scene.camera.center, shown.scene.camera.zoom
    key(Qt.Key.Key_J, Qt.KeyboardModifier.ShiftModifier)
    assert panel.parts.tools.kind == "point"
    mouse.press(20, 20)
    mouse.release(20, 20)
    mouse.press(20, 30, RIGHT)
    mouse.release(20, 30, RIGHT)
    key(Qt.Key.Key_K, Qt.KeyboardModifier.ShiftModifier)
    mouse.drag((40, 10), (40, 20), (45, 25))
    key(Qt.Key.Key_H, Qt.KeyboardModifier.ShiftModifier)
    mouse.drag((10, 40), (15, 45), (20, 50))
    key(Qt.Key.Key_W, Qt.KeyboardModifier.ShiftModifier)
    mouse.drag((40, 40), (40, 50), (50, 50), (50, 40), button=RIGHT)
    settle()
    labels = panel.about.labels
    prompts = given_of(labels).pending()
    assert [(p.kind, p.positive) for p in prompts] == [
        ("point", True),
        ("point", False),
        ("scribble", True),
        ("box", True),
        ("lasso", False),
    ]
    grid, index = panel.about.plane().grid, shown.dims.current_step[0]
    np.testing.assert_allclose(prompts[0].indices(grid)[0], (index, 20, 20), atol=0.6)
    np.testing.assert_allclose(prompts[3].indices(grid)[1], (index, 20, 50), atol=0.6)
    assert (shown.scene.camera.center, shown.scene.camera.zoom) == camera
    key(Qt.Key.Key_F3)  # the lasso
    shown.dims.set_current_step(0, index + 1)
    key(Qt.Key.Key_F2)
    assert history(labels) == ["Prompts: class 1"]
    assert labels.data[index, 15, 45] == 1
    assert len(prompts_of(labels)) == 4
    key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert not labels.data.any()
    assert prompts_of(labels) == ()

    key(Qt.Key.Key_J, Qt.KeyboardModifier.ShiftModifier)
    answers, balls.gate = balls.answers, threading.Event()
    for column in (20, 23, 26):  # faster than they are answered
        mouse.press(20, column)
        mouse.release(20, column)
    balls.gate.set()
    settle()
    assert balls.answers == answers + 2
    key(Qt.Key.Key_F3)
    settle()
    columns = [round(p.indices(grid)[0, 2]) for p in given_of(labels).pending()]
    np.testing.assert_allclose(columns, (20, 23), atol=1)
    panel.parts.clear.click()

    QTest.keyPress(mouse.native, Qt.Key.Key_Space)
    mouse.drag((30, 30), (35, 35), (40, 40))
    assert shown.scene.camera.center != camera[0]
    QTest.keyRelease(mouse.native, Qt.Key.Key_Space)
    assert given_of(labels).pending() == ()

    balls.gate = threading.Event()  # and the window is closed while it works
    mouse.drag((10, 10), (10, 20), (20, 20), (20, 10))
    assert panel.prompting.queue.busy
    task = panel.prompting.queue._task
    ended = []
    task.finished.connect(lambda: ended.append(True))
    shown.close()
    qtbot.waitUntil(lambda: bool(ended))
