"""The workbench: one dock with context strip, panels in the order of the work, and run bar."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QTabWidget

from napari_medseg.widgets.context_strip import ContextStrip
from napari_medseg.widgets.dock import Dock
from napari_medseg.widgets.grids.strip import GridStrip
from napari_medseg.widgets.keeping.restore_strip import RestoreStrip
from napari_medseg.widgets.model_choice import model_choice_of
from napari_medseg.widgets.panels import PANELS
from napari_medseg.widgets.theme import colour, follow_theme

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
        super().__init__(napari_viewer, tuple(PANELS))
        self.tabs = QTabWidget()
        self.strip, self.restore = ContextStrip(self.viewer), RestoreStrip(self.viewer)
        self.grids = GridStrip(self.viewer)
        self.strip.wanted.connect(self.go_to)
        for name, page in self.pages.items():
            index = self.tabs.addTab(page, PANELS[name].title)
            self.tabs.setTabToolTip(index, PANELS[name].tip)
        self.column.addWidget(self.strip)
        self.column.addWidget(self.restore)
        self.column.addWidget(self.grids)
        self.column.addWidget(self.tabs, 1)
        self.column.addWidget(self.run_bar)
        self.go_to("segment")
        follow_theme(self.viewer, self, self._paint)

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
        model_choice_of(self.viewer).open(path)
        self.go_to("segment")

    def go_to(self, name: str) -> None:
        if name in self.pages:
            self.panel(name)  # made also while the window is hidden: it fills the session
            self.tabs.setCurrentWidget(self.pages[name])
        else:
            super().go_to(name)

    def _paint(self) -> None:
        link = colour(self.viewer, "link").name()
        self.tabs.setStyleSheet(
            "QTabBar::tab { padding: 4px 3px; }"
            f"QTabBar::tab:selected {{ border-bottom: 2px solid {link}; }}"
        )
