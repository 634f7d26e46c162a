"""Docks: panels alone and together, hidden and shown again, and what happens at their end."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from qtpy.QtCore import QCoreApplication, QEvent, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QDockWidget

from napari_medseg.progress import Step
from napari_medseg.widgets import dock as dock_module
from napari_medseg.widgets.background import Task
from napari_medseg.widgets.dock import docks_of, reveal, show_panel
from napari_medseg.widgets.panels import PANELS
from napari_medseg.widgets.sessions import runner_of, session_of
from napari_medseg.widgets.workbench import Workbench


@pytest.fixture
def open_dock(models):
    """Open a dock of ours as napari's plugin menu does."""

    def open_it(viewer, title):
        _, widget = viewer.window.add_plugin_dock_widget("napari-medseg", title)
        return widget

    return open_it


@pytest.fixture
def long_run():
    """Start a run that lasts until it is cancelled; tell whether it was."""
    cancelled = threading.Event()

    def start(viewer):
        def work(report):
            try:
                while True:
                    report(Step(0, 0))
                    threading.Event().wait(0.005)
            finally:
                cancelled.set()

        runner_of(viewer).start(Task(work), "a long run")
        return cancelled

    return start


def _destroy(viewer, title):
    widget = viewer.window.dock_widgets[f"{title} (napari-medseg)"]
    viewer.window.remove_dock_widget(widget)
    widget.deleteLater()
    deletion = QEvent.Type.DeferredDelete
    QCoreApplication.sendPostedEvents(widget, getattr(deletion, "value", deletion))


def test_napari_s_menus_offer_the_workbench_and_every_panel():
    from npe2 import PluginManifest

    manifest = PluginManifest.from_distribution("napari-medseg")
    titles = [w.display_name for w in manifest.contributions.widgets]
    assert titles == ["Workbench", *(panel.title for panel in PANELS.values())]
    commands = {item.command for item in manifest.contributions.menus["napari_medseg_panels"]}
    assert commands >= {w.command for w in manifest.contributions.widgets}
    (entry,) = manifest.contributions.menus["napari/layers/segment"]
    assert entry.submenu == "napari_medseg_panels"


@pytest.mark.parametrize("title", [panel.title for panel in PANELS.values()])
def test_every_panel_opens_alone_with_what_it_needs(viewer, open_dock, title):
    viewer.add_image(np.zeros((9, 8)))
    alone = open_dock(viewer, title)
    alone.show()
    assert alone.session is session_of(viewer)
    assert not alone.run_bar.isHidden()
    assert alone.minimumSizeHint().width() <= 380
    assert alone.session.model is not None


def test_segmenting_needs_no_workbench(qtbot, viewer, open_dock, press_segment, volume_values):
    viewer.add_image(volume_values, name="case")
    alone = open_dock(viewer, "Segment")
    qtbot.mouseClick(alone.panel("segment").segment, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not alone.runner.busy)
    assert len(viewer.layers) == 2
    assert alone.run_bar.text.whole().startswith("Done")


def test_a_panel_alone_shows_no_second_run_bar_beside_the_workbench(
    qtbot, make_napari_viewer, open_dock
):
    viewer = make_napari_viewer(show=True)
    workbench = open_dock(viewer, "Workbench")
    qtbot.waitUntil(workbench.run_bar.isVisible)
    alone = open_dock(viewer, "Segment")
    qtbot.waitUntil(alone.isVisible)
    assert workbench.run_bar.isVisible()
    assert alone.run_bar.isHidden()
    assert alone.runner is workbench.runner


def test_the_way_to_another_panel_leads_to_the_workbench_or_to_a_dock_of_its_own(viewer, open_dock):
    alone = open_dock(viewer, "Segment")
    alone.panel("segment").model_wanted.emit()
    assert {type(d).__name__ for d in docks_of(viewer)} == {"SegmentDock", "ModelDock"}
    workbench = open_dock(viewer, "Workbench")
    alone.panel("segment").model_wanted.emit()
    assert workbench.tabs.currentWidget() is workbench.pages["model"]


def test_a_panel_is_made_when_it_is_first_needed(viewer, open_dock):
    workbench = open_dock(viewer, "Workbench")
    assert not workbench.pages["model"].is_made
    assert show_panel(viewer, "model") is workbench.models
    assert workbench.pages["model"].is_made


def test_a_dock_closed_by_its_cross_comes_back_as_it_was(make_napari_viewer, open_dock):
    viewer = make_napari_viewer(show=True)
    workbench = open_dock(viewer, "Workbench")
    workbench.go_to("model")
    outer = workbench.parentWidget()
    while not isinstance(outer, QDockWidget):
        outer = outer.parentWidget()
    outer.hide()
    assert open_dock(viewer, "Workbench") is workbench
    reveal(workbench)
    assert workbench.isVisible()
    assert workbench.tabs.currentWidget() is workbench.pages["model"]


def test_the_workbench_opened_twice_is_one(viewer, open_dock):
    assert open_dock(viewer, "Workbench") is open_dock(viewer, "Workbench")
    assert [type(d) for d in docks_of(viewer)] == [Workbench]


def test_a_run_goes_on_until_the_last_dock_is_gone(qtbot, viewer, open_dock, long_run, monkeypatch):
    thawed = []
    monkeypatch.setattr(dock_module, "thaw", lambda: thawed.append(1))
    open_dock(viewer, "Segment")
    open_dock(viewer, "Model")
    cancelled = long_run(viewer)
    _destroy(viewer, "Model")
    assert runner_of(viewer).busy
    assert not cancelled.is_set()
    assert not thawed
    _destroy(viewer, "Segment")
    qtbot.waitUntil(cancelled.is_set)
    qtbot.waitUntil(lambda: not runner_of(viewer).busy)
    assert thawed == [1]


@pytest.mark.parametrize("title", ["Workbench", "Segment"])
def test_closing_the_viewer_ends_its_run_and_no_other_one_s(
    qtbot, make_napari_viewer, open_dock, long_run, title
):
    closing, staying = make_napari_viewer(), make_napari_viewer()
    open_dock(closing, title)
    open_dock(staying, title)
    cancelled = long_run(closing)
    closing.close()
    qtbot.waitUntil(cancelled.is_set)
    staying.add_image(np.zeros((9, 8)))  # nothing of the closed one listens any more
    assert not runner_of(staying).busy


def test_the_dock_brings_torch_in_whichever_panel_it_shows(
    qtbot, make_napari_viewer, open_dock, monkeypatch
):
    started = []
    monkeypatch.setattr(dock_module, "_WARM_UP_AFTER", 1)
    monkeypatch.setattr(dock_module, "start_warm_up", lambda: started.append(1))
    open_dock(make_napari_viewer(show=True), "Model")
    qtbot.waitUntil(lambda: bool(started))


def test_the_key_of_the_views_works_whatever_panel_is_shown(make_napari_viewer, open_dock, qtbot):
    from napari_medseg.widgets.views import views_of

    viewer = make_napari_viewer(show=True)
    viewer.add_image(np.zeros((6, 20, 20)))
    dock = open_dock(viewer, "Workbench")
    assert not dock.pages["edit"].is_made
    canvas = viewer.window._qt_viewer.canvas.native
    QTest.keyClick(canvas, Qt.Key.Key_F4)
    qtbot.waitUntil(lambda: views_of(viewer) is not None and views_of(viewer).is_on)
    QTest.keyClick(canvas, Qt.Key.Key_F4)
    qtbot.waitUntil(lambda: not views_of(viewer).is_on)
