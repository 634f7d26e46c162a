"""The workbench: one dock with context strip, panels in the order of the work, and run bar."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, QTimer
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QTabWidget, QVBoxLayout, QWidget

from napari_medseg.widgets.background import Task
from napari_medseg.widgets.context_strip import ContextStrip
from napari_medseg.widgets.model_panel import ModelPanel
from napari_medseg.widgets.pieces import scrolled
from napari_medseg.widgets.run_bar import RunBar
from napari_medseg.widgets.segment_panel import SegmentPanel
from napari_medseg.widgets.sessions import runner_of, session_of, unwrapped
from napari_medseg.widgets.volumes import place_of
from napari_medseg.widgets.warm_up import thaw, warm_up

if TYPE_CHECKING:
    from napari.utils.events import Event
    from napari.viewer import Viewer

_WARM_UP_AFTER = 1000  # ms after the first paint


class Workbench(QWidget):
    """Everything MedSeg offers for one viewer.

    Parameters
    ----------
    napari_viewer : Viewer
        Given by napari, when it is opened from the menu or by `add_plugin_dock_widget`.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self._viewer = viewer = unwrapped(napari_viewer)
        self.session, self.runner = session_of(viewer), runner_of(viewer)
        self.strip = ContextStrip(viewer, self.session)
        self.models = ModelPanel(viewer)
        self.segment = SegmentPanel(viewer)
        self.run_bar = RunBar(self.runner)
        self.tabs = QTabWidget()
        self.tabs.addTab(scrolled(self.models), "Model")
        self.tabs.addTab(scrolled(self.segment), "Segment")
        self.tabs.setTabToolTip(0, "Choose a model and see what it is")
        self.tabs.setTabToolTip(1, "Run the model on an image")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addWidget(self.strip)
        layout.addWidget(self.tabs, 1)
        layout.addWidget(self.run_bar)
        self.setMinimumWidth(380)
        self._warm_up = QTimer(self)
        self._warm_up.setSingleShot(True)
        self._warm_up.timeout.connect(self._start_warm_up)
        self._connect()
        self._choose_first()

    def choose_model(self, path: Path) -> None:
        """Use the checkpoint `path` and go to Segment.

        Raises
        ------
        ValueError, OSError
            If it is no model that can be used here.
        """
        self.models.choose_file(path)
        self.show_segment()

    def show_models(self) -> None:
        """Go to the Model panel."""
        self.tabs.setCurrentIndex(0)

    def show_segment(self) -> None:
        """Go to the Segment panel."""
        self.tabs.setCurrentIndex(1)

    def sizeHint(self) -> QSize:
        return QSize(380, 600)  # the panels scroll; without this the dock becomes much wider

    def showEvent(self, event: QShowEvent | None) -> None:
        super().showEvent(event)
        self._warm_up.start(_WARM_UP_AFTER)

    def _connect(self) -> None:
        self.strip.model_clicked.connect(self.show_models)
        self.strip.image_clicked.connect(self.show_segment)
        self.segment.model_wanted.connect(self.show_models)
        layers = self._viewer.layers
        for event in (layers.events.inserted, layers.events.removed, layers.events.renamed):
            event.connect(self._on_layers)
        layers.selection.events.active.connect(self._on_active)
        self.session.events.model.connect(self._on_model)
        self.session.events.device.connect(self._on_context)
        self.session.events.images.connect(self._on_context)
        self.destroyed.connect(_farewell(self))

    def _choose_first(self) -> None:
        self.segment.follow(self._viewer.layers.selection.active)
        self._choose_fitting_model()
        self.strip.refresh()
        self.show_segment()

    def _choose_fitting_model(self) -> None:
        layers = self.segment.images.layers
        if layers:
            channels = 3 if layers[0].rgb else 1
            self.models.choose_fitting(len(place_of(layers[0]).shape), channels)
        elif self._viewer.layers == []:
            self.models.choose_fitting(3, 1)

    def _on_layers(self, event: Event) -> None:
        self.segment.images.refresh()
        self.segment.refresh()
        self._choose_fitting_model()
        self.strip.refresh()

    def _on_active(self, event: Event) -> None:
        self.segment.follow(event.value)

    def _on_model(self) -> None:
        self.models.show_chosen()
        self.segment.show_model()
        self.strip.refresh()

    def _on_context(self) -> None:
        self.strip.refresh()

    def _start_warm_up(self) -> None:
        self._task = task = Task(warm_up)
        task.returned.connect(self._on_warm)
        task.start()

    def _on_warm(self, _devices: object) -> None:
        self.models.show_devices()
        self.strip.refresh()


def _farewell(workbench: Workbench) -> Callable[..., None]:
    """Return what is called when the window is gone; it must not keep the workbench alive."""
    runner, session = workbench.runner, workbench.session
    listener = weakref.ref(workbench)

    def stop(*_: object) -> None:
        runner.cancel()
        thaw()
        gone = listener()
        if gone is not None:  # its Python half may outlive its Qt half
            session.events.model.disconnect(gone._on_model, missing_ok=True)
            session.events.device.disconnect(gone._on_context, missing_ok=True)
            session.events.images.disconnect(gone._on_context, missing_ok=True)

    return stop
