"""The workbench: one dock with context strip, panels in the order of the work, and run bar."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QTabWidget

from napari_medseg.widgets.context_strip import ContextStrip
from napari_medseg.widgets.dock import Dock
from napari_medseg.widgets.panels import PANELS
from napari_medseg.widgets.sessions import connect_while_alive
from napari_medseg.widgets.theme import colour
from napari_medseg.widgets.warm_up import when_warm

if TYPE_CHECKING:
    from napari.viewer import Viewer


class Workbench(Dock):
    """Everything MedSeg offers for one viewer.

    Parameters
    ----------
    napari_viewer : Viewer
        Given by napari, when it is opened from the menu or by `add_plugin_dock_widget`.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        self.tabs = QTabWidget()
        super().__init__(napari_viewer, tuple(PANELS))
        self.strip = ContextStrip(self.viewer)
        self.strip.wanted.connect(self.go_to)
        for name, page in self.pages.items():
            index = self.tabs.addTab(page, PANELS[name].title)
            self.tabs.setTabToolTip(index, PANELS[name].tip)
        self.column.addWidget(self.strip)
        self.column.addWidget(self.tabs, 1)
        self.column.addWidget(self.run_bar)
        self.go_to("segment")
        self._wire()

    def _wire(self) -> None:
        layers, session = self.viewer.layers, self.session.events
        for event in (layers.events.inserted, layers.events.removed, layers.events.renamed):
            connect_while_alive(self, event, self._refresh_images)
        connect_while_alive(self, layers.selection.events.active, self._follow)
        connect_while_alive(self, session.model, self._show_model)
        when_warm(self, self._show_devices)
        self.segment.follow(layers.selection.active)

    def _refresh_images(self) -> None:
        self.segment.images.refresh()
        self.segment.refresh()

    def _follow(self, event: Any) -> None:
        self.segment.follow(event.value)

    def _show_model(self) -> None:
        self.segment.show_model()
        if self.pages["model"].is_made:
            self.models.show_chosen()

    def _show_devices(self) -> None:
        if self.pages["model"].is_made:
            self.models.show_devices()

    @property
    def models(self) -> Any:
        """The Model panel."""
        return self.panel("model")

    @property
    def segment(self) -> Any:
        """The Segment panel."""
        return self.panel("segment")

    def choose_model(self, path: Path) -> None:
        """Use the checkpoint `path` and go to Segment.

        Raises
        ------
        ValueError, OSError
            If it is no model that can be used here.
        """
        self.models.choose_file(path)
        self.go_to("segment")

    def go_to(self, name: str) -> None:
        self.tabs.setCurrentWidget(self.pages[name])

    def paint(self) -> None:
        super().paint()
        link = colour(self.viewer, "link").name()
        self.tabs.setStyleSheet(
            "QTabBar::tab { padding: 4px 5px; }"
            f"QTabBar::tab:selected {{ border-bottom: 2px solid {link}; }}"
        )
