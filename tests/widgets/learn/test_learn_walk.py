"""The whole loop with real clicks: segment, correct, add, learn, judge, promote, segment again."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Labels
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_medseg.engine.checkpoint import file_hash, read_card
from napari_medseg.widgets.learn import questions
from napari_medseg.widgets.volumes import KEY

WAIT = 200_000  # ms; it takes seconds where nothing else runs


def click(qtbot, widget, where=None):
    point = widget.rect().center() if where is None else where
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, point)
    qtbot.wait(1)


def go_to(qtbot, workbench, title):
    bar = workbench.tabs.tabBar()
    index = [bar.tabText(i) for i in range(bar.count())].index(title)
    click(qtbot, bar, bar.tabRect(index).center())


def answers(viewer):
    return [x for x in viewer.layers if "provenance" in x.metadata.get(KEY, {})]


@pytest.fixture
def window(make_napari_viewer, open_workbench, volume_values):
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1366, 768)
    viewer.add_image(volume_values, name="case_017", scale=(2, 1, 1), units="mm")
    return viewer, open_workbench(viewer)


def test_a_model_learns_from_a_corrected_slice_and_is_used_at_once(
    qtbot, window, choose_model, press_segment, models, monkeypatch
):
    viewer, workbench = window
    choose_model(workbench, "tiny-volume")
    press_segment(workbench)
    [labels] = answers(viewer)
    before = viewer.dims.point, viewer.scene.camera.center, viewer.scene.camera.zoom
    go_to(qtbot, workbench, "Learn")
    panel = workbench.panel("learn")
    page = panel.cases
    assert panel.isVisible()
    assert panel.minimumSizeHint().width() <= 380
    viewer.layers.selection.active = labels
    plane = np.zeros(labels.data.shape, bool)
    plane[viewer.dims.current_step[0], 5:20, 5:20] = True
    labels.data_setitem(np.nonzero(plane), 1)
    canvas = viewer.window._qt_viewer.canvas.native
    QTest.keyClick(canvas, Qt.Key.Key_N, Qt.KeyboardModifier.ShiftModifier)  # this slice is right
    page.collect.refresh()
    assert page.collect.labels is labels
    assert "840" in page.collect.reviewed.text()  # all of the slice
    monkeypatch.setattr(questions, "ask_copy", lambda name: True)
    fast = {"steps": 5, "batch_size": 1, "alphas": (0.5, 1.0)}
    page.plan.form.config = page.plan.form.config.replace(**fast)
    click(qtbot, page.collect.add)
    qtbot.waitUntil(lambda: bool(panel._shelf.book.entries), timeout=WAIT)
    qtbot.waitUntil(lambda: page._forecast is not None, timeout=WAIT)
    click(qtbot, page.below.start)
    panel.running.preview.setChecked(True)
    qtbot.waitUntil(lambda: not panel.run.going, timeout=WAIT)
    assert len(panel.running.losses.points("corrections")[0]) >= 3
    shown = panel.of_run.live.layer.layer
    assert shown is None or not shown.visible  # no preview stays at the end
    gate = panel.gate
    assert panel.page is gate
    assert before == (viewer.dims.point, viewer.scene.camera.center, viewer.scene.camera.zoom)
    gate.parts.slider.begin(1.0)
    gate._show_mix()
    gate.parts.name.setText("mine")
    click(qtbot, gate.parts.promote)
    made = models / "mine.safetensors"
    qtbot.waitUntil(lambda: workbench.session.model.path == made, timeout=WAIT)
    qtbot.waitUntil(lambda: not workbench.runner.busy)  # that is told a moment later
    assert read_card(made).parent == file_hash(models / "tiny-volume.safetensors")
    assert panel.page is page
    press_segment(workbench)
    assert "case_017 · mine" in [x.name for x in answers(viewer)]
    assert all(isinstance(x, Labels) for x in answers(viewer))
