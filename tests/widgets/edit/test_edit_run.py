"""Applying: off the window's thread, one step, never over a newer stroke, cancelled, failing."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

from napari_medseg.editing.tools import TOOLS
from napari_medseg.progress import Step
from napari_medseg.widgets.background import Task
from napari_medseg.widgets.edit import edit_run
from napari_medseg.widgets.layers import history


@pytest.fixture
def slow(monkeypatch):
    """Let growing wait until it is told to go on; it reports all the while."""
    go_on, calls = threading.Event(), []

    def run(scene, options):
        calls.append(threading.current_thread())
        while not go_on.wait(0.005):
            scene.report(Step(0, 0))
        return grow.run(scene, options)

    grow = TOOLS["grow"]
    monkeypatch.setitem(TOOLS, "grow", replace(grow, run=run))
    yield go_on, calls
    go_on.set()


@pytest.fixture
def begun(qtbot, panel, mask, slow):
    """Growing, on its way; the preview is off."""
    panel.pane.preview.setChecked(False)
    panel.tools.buttons["grow"].click()
    panel.apply.click()
    qtbot.waitUntil(lambda: bool(slow[1]))
    return slow


def finish(qtbot, panel, go_on):
    go_on.set()
    qtbot.waitUntil(lambda: not panel.work.run.busy)


def test_the_window_goes_on_while_a_tool_works(qtbot, panel, mask, begun):
    go_on, calls = begun
    assert calls[0] is not threading.main_thread()
    assert not panel.apply.isEnabled()
    assert "at work" in panel.apply.toolTip()
    finish(qtbot, panel, go_on)
    assert panel.apply.isEnabled()
    assert history(mask) == ["Grow: class 1"]
    assert "voxels changed" in panel.hint.text()


def test_a_stroke_made_meanwhile_is_kept_and_reckoned_with(qtbot, panel, mask, begun):
    go_on, calls = begun
    mask.paint((7, 30, 20), 1)
    painted = mask.data.copy()
    finish(qtbot, panel, go_on)
    assert len(calls) == 2  # computed anew, from the labels with the stroke
    assert len(history(mask)) == 2
    assert history(mask)[-1] == "Grow: class 1"
    assert mask.data[7, 30, 20 + 6] == 1  # the stroke has grown, too
    mask.undo()
    np.testing.assert_array_equal(mask.data, painted)


def test_an_answer_waits_for_the_end_of_a_stroke(qtbot, panel, mask, begun):
    go_on, _ = begun
    with mask.block_history():  # as napari does while the mouse is down
        mask.paint((7, 30, 20), 1)
        go_on.set()
        qtbot.wait(150)
        assert panel.work.run.busy
    qtbot.waitUntil(lambda: not panel.work.run.busy)
    assert len(history(mask)) == 2
    assert mask.data[7, 30, 20] == 1


def test_labels_that_never_rest_are_left_alone(qtbot, panel, mask, begun):
    go_on, _ = begun
    mask.paint((7, 30, 20), 2)
    edit = panel.work.run._edit
    panel.work.run._tries = 2
    finish(qtbot, panel, go_on)
    assert edit is not None
    assert "nothing was written" in panel.hint.text()
    assert len(history(mask)) == 1


def test_an_array_that_was_replaced_is_left_alone(qtbot, panel, mask, begun):
    go_on, _ = begun
    mask.data = np.ones_like(mask.data)
    finish(qtbot, panel, go_on)
    assert "nothing was written" in panel.hint.text()
    assert (mask.data == 1).all()


def test_labels_that_are_gone_are_said(qtbot, panel, scene, mask, begun):
    go_on, _ = begun
    scene.layers.remove(mask)
    finish(qtbot, panel, go_on)
    assert history(mask) == []


def test_a_large_run_is_shown_in_the_run_bar_and_cancelled_there(
    qtbot, panel, mask, slow, monkeypatch
):
    monkeypatch.setattr(edit_run, "_LARGE", 100)
    runner, before = panel.work.run._runner, mask.data.copy()
    panel.pane.preview.setChecked(False)
    panel.tools.buttons["grow"].click()
    with qtbot.waitSignal(runner.started) as started:
        panel.apply.click()
    assert started.args == ["Grow: class 1"]
    qtbot.waitUntil(lambda: bool(slow[1]))
    runner.cancel()
    qtbot.waitUntil(lambda: not panel.work.run.busy)
    assert panel.hint.text() == "Grow: class 1: cancelled, nothing was changed."
    np.testing.assert_array_equal(mask.data, before)
    assert history(mask) == []


def test_labels_can_be_edited_while_a_model_runs(qtbot, panel, mask, monkeypatch):
    monkeypatch.setattr(edit_run, "_LARGE", 100)
    end = threading.Event()
    runner = panel.work.run._runner
    runner.start(Task(lambda report: end.wait(20)), "a model")
    panel.tools.buttons["grow"].click()
    panel.apply.click()
    qtbot.waitUntil(lambda: len(history(mask)) == 1)
    assert runner.busy
    end.set()
    qtbot.waitUntil(lambda: not runner.busy)


def test_a_tool_that_breaks_is_said_and_changes_nothing(qtbot, panel, mask, notices, monkeypatch):
    def run(scene, options):
        raise RuntimeError("out of order")

    monkeypatch.setitem(TOOLS, "grow", replace(TOOLS["grow"], run=run))
    before = mask.data.copy()
    panel.pane.preview.setChecked(False)
    panel.tools.buttons["grow"].click()
    panel.apply.click()
    qtbot.waitUntil(lambda: not panel.work.run.busy)
    assert "out of order" in notices[-1].message
    assert "nothing was changed" in panel.hint.text()
    np.testing.assert_array_equal(mask.data, before)


def test_what_the_preview_found_is_written_at_once(qtbot, panel, mask):
    panel.tools.buttons["keep_largest"].click()
    outline = panel.work.preview.outline
    qtbot.waitUntil(lambda: outline.layer is not None and outline.layer.visible)
    panel.apply.click()
    assert not panel.work.run.busy
    assert history(mask) == ["Keep largest: class 1"]
    assert mask.data[2, 35, 35] == 0


def test_a_key_pressed_twice_applies_twice(qtbot, panel, mask, begun):
    go_on, _ = begun
    panel.work.press("grow")
    finish(qtbot, panel, go_on)
    qtbot.waitUntil(lambda: len(history(mask)) == 2)
