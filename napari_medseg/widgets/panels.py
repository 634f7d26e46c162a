"""The panels in the order of the work: one table; each is imported and made when first shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QFrame, QScrollArea, QWidget

if TYPE_CHECKING:
    from napari.viewer import Viewer


@dataclass(frozen=True)
class Panel:
    """A panel one can open, in the workbench or alone.

    Parameters
    ----------
    title : str
        On its tab, and in napari's plugin menu.
    where : str
        "module:class"; the class takes the viewer, and may have signals named ``model_wanted``,
        ``segment_wanted``, ...: the way to another panel.
    tip : str
        What one does there.
    """

    title: str
    where: str
    tip: str

    def make(self, viewer: Viewer) -> QWidget:
        """Return the panel for `viewer`."""
        module, name = self.where.split(":")
        panel: QWidget = getattr(import_module(module), name)(viewer)
        return panel


PANELS: dict[str, Panel] = {
    "worklist": Panel(
        "Worklist",
        "napari_medseg.widgets.worklist_panel:WorklistPanel",
        "Work through a folder of cases",
    ),
    "model": Panel(
        "Model",
        "napari_medseg.widgets.model_panel:ModelPanel",
        "Choose a model and see what it is",
    ),
    "segment": Panel(
        "Segment",
        "napari_medseg.widgets.segment_panel:SegmentPanel",
        "Run the model on an image",
    ),
    "interact": Panel(
        "Interact",
        "napari_medseg.widgets.interact.panel:InteractPanel",
        "Point at what is wrong and see it mended",
    ),
    "edit": Panel(
        "Edit",
        "napari_medseg.widgets.edit.panel:EditPanel",
        "Correct a mask: classes, tools, undo",
    ),
    "learn": Panel(
        "Learn",
        "napari_medseg.widgets.learn.panel:LearnPanel",
        "Let a model learn from what you corrected",
    ),
    "explain": Panel(
        "Explain",
        "napari_medseg.widgets.explain.panel:ExplainPanel",
        "See what the model sees, and why a voxel got its label",
    ),
}


class PanelPage(QScrollArea):
    """A panel that scrolls up and down, never sideways, and is made when it is first shown.

    Parameters
    ----------
    make : callable
        Makes the panel.
    """

    def __init__(self, make: Callable[[], QWidget]) -> None:
        super().__init__()
        self._make = make
        self._panel: QWidget | None = None
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    @property
    def panel(self) -> QWidget:
        """The panel, made now if it was not yet."""
        if self._panel is None:
            self._panel = self._make()
            self.setWidget(self._panel)
        return self._panel

    @property
    def is_made(self) -> bool:
        """Whether somebody has needed the panel already."""
        return self._panel is not None

    def showEvent(self, event: QShowEvent | None) -> None:
        self.panel  # noqa: B018  # made before it is seen
        super().showEvent(event)
