"""Panels opened alone from napari's plugin menu; they share the viewer's session and runner."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from qtpy.QtGui import QShowEvent

from napari_medseg.widgets.dock import Dock, docks_of
from napari_medseg.widgets.grids.strip import GridStrip

if TYPE_CHECKING:
    from napari.viewer import Viewer


class PanelDock(Dock):
    """One panel in a dock of its own, with a run bar where the workbench does not show one."""

    name: ClassVar[str]

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer, (self.name,))
        self.column.addWidget(GridStrip(self.viewer))
        self.column.addWidget(self.pages[self.name], 1)
        self.column.addWidget(self.run_bar)
        self.panel(self.name)

    def go_to(self, name: str) -> None:
        if name not in self.pages:
            super().go_to(name)

    def showEvent(self, event: QShowEvent | None) -> None:
        others = [d for d in docks_of(self.viewer) if d is not self and d.run_bar.isVisible()]
        self.run_bar.setVisible(not others)
        super().showEvent(event)


class WorklistDock(PanelDock):
    """The Worklist panel alone."""

    name = "worklist"


class ModelDock(PanelDock):
    """The Model panel alone."""

    name = "model"


class SegmentDock(PanelDock):
    """The Segment panel alone."""

    name = "segment"


class InteractDock(PanelDock):
    """The Interact panel alone."""

    name = "interact"


class EditDock(PanelDock):
    """The Edit panel alone."""

    name = "edit"


class LearnDock(PanelDock):
    """The Learn panel alone."""

    name = "learn"


class ExplainDock(PanelDock):
    """The Explain panel alone."""

    name = "explain"
