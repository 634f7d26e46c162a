"""Runs in napari's activity dock."""

from __future__ import annotations

import threading

from napari.utils import progress
from qtpy.QtGui import QMovie
from qtpy.QtWidgets import QLabel

from napari_medseg.widgets.background import Task
from napari_medseg.widgets.sessions import runner_of


def _bars():
    return [bar.desc for bar in progress._all_instances if "MedSeg" in bar.desc]


def test_a_run_is_told_while_it_goes_and_not_longer(qtbot, make_napari_viewer):
    viewer, go = make_napari_viewer(show=True), threading.Event()
    runner = runner_of(viewer)
    had_focus = viewer.window._qt_window.focusWidget()
    runner.start(Task(lambda report: go.wait(30)), "case · liver")
    qtbot.waitUntil(lambda: bool(_bars()))
    assert _bars() == ["MedSeg: case · liver"]
    assert viewer.window._qt_window.focusWidget() is had_focus
    assert not viewer.window._qt_window._activity_dialog.isVisible()  # nothing pops up
    go.set()
    qtbot.waitUntil(lambda: not runner.busy)
    assert not _bars()


def test_a_run_that_is_over_at_once_leaves_nothing_behind(qtbot, make_napari_viewer):
    runner = runner_of(make_napari_viewer())
    with qtbot.waitSignal(runner.ended):
        runner.start(Task(lambda report: None), "quick")
    qtbot.wait(20)
    assert not _bars()


def test_a_run_lets_nothing_turn_that_paints_the_window_again_and_again(qtbot, make_napari_viewer):
    viewer, go = make_napari_viewer(show=True), threading.Event()
    labels = viewer.window._qt_window.findChildren(QLabel)
    [wheel] = [label.movie() for label in labels if label.movie() is not None]
    runner = runner_of(viewer)
    runner.start(Task(lambda report: go.wait(30)), "case · liver")
    qtbot.waitUntil(lambda: bool(_bars()))
    assert wheel.state() == QMovie.MovieState.Paused
    go.set()
    qtbot.waitUntil(lambda: wheel.state() == QMovie.MovieState.NotRunning)
    assert not runner.busy
    with progress(total=2):  # napari's own activities have their wheel
        assert wheel.state() == QMovie.MovieState.Running
