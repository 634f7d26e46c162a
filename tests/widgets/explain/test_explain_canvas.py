"""Two real viewers side by side: real clicks on the canvas, and one is closed while it computes."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence

from napari_medseg.widgets.explain.panel import ExplainPanel


@pytest.fixture
def panel_in(make_napari_viewer, qtbot, use, at_rest):
    """Open a real viewer with an image and the panel docked, and wait until its model is read."""

    def make(model, values, **place):
        viewer = make_napari_viewer(show=True)
        viewer.window._qt_window.resize(700, 500)
        viewer.add_image(values, **place)
        use(viewer, model)
        panel = ExplainPanel(viewer)
        viewer.window.add_dock_widget(panel, name="Explain")
        qtbot.waitUntil(lambda: panel.questions.listing is not None)
        at_rest(viewer)
        return viewer, panel

    return make


def test_each_viewer_gets_its_own_answers_and_one_is_closed_while_it_computes(
    panel_in, qtbot, mouse_of, settle, slow, maps
):
    rng = np.random.default_rng(0)
    viewer, panel = panel_in("tiny-grey", rng.normal(100, 20, (41, 35)), name="case")
    other, deep = panel_in(
        "tiny-volume", rng.normal(100, 20, (20, 34, 36)), name="scan", scale=(2, 1, 1), units="mm"
    )
    other.dims.set_current_step(0, 7)
    centres = [v.scene.camera.center for v in (viewer, other)]
    for one in (panel, deep):
        one.parts.tabs.choose(1)
        qtbot.mouseClick(one.parts.why, Qt.MouseButton.LeftButton)
    for v, place in ((viewer, (20, 11)), (other, (12, 25))):
        mouse = mouse_of(v)
        mouse.press(*place)
        mouse.release(*place)
    settle(panel)
    settle(deep)
    assert "Voxel 20, 11:" in panel.parts.reasons.words()
    assert "Voxel 7, 12, 25:" in deep.parts.reasons.words()
    marks = [v.layers["explained voxel"] for v in (viewer, other)]
    assert marks[0].get_value((20, 15), world=True) == 1  # an arm of its cross
    assert marks[1].get_value((14, 16, 25), world=True) == 1
    assert [v.scene.camera.center for v in (viewer, other)] == centres
    escape = panel.questions.clicks._pointing._escape
    assert escape.key() == QKeySequence("Escape")
    escape.activated.emit()  # as the key does where the window has the keyboard
    assert not panel.parts.why.isChecked()
    assert deep.parts.why.isChecked()
    panel.hide()
    assert [mark.visible for mark in marks] == [False, True]
    panel.show()
    assert marks[0].visible

    panel.parts.tabs.choose(0)
    qtbot.mouseClick(panel.parts.show, Qt.MouseButton.LeftButton)
    settle(panel)
    assert [layer.name for layer in maps(viewer)] == ["case · dec2 energy"]
    assert maps(other) == []

    gate = slow()
    deep.parts.tabs.choose(0)
    qtbot.mouseClick(deep.parts.show, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(gate.begun.is_set)
    task = deep.asking._task
    other.close()
    qtbot.waitUntil(lambda: task.over)
    gate.gate.set()
    panel.parts.layers.choose("enc3")  # the other one goes on
    settle(panel)
    assert [layer.name for layer in maps(viewer)] == ["case · enc3 energy"]
