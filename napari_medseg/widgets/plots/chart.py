"""What all charts have in common: a plot of pyqtgraph in the colours of napari's theme."""

from __future__ import annotations

import os
from types import ModuleType
from typing import TYPE_CHECKING, Any
from weakref import ReferenceType, ref

from qtpy import API_NAME
from qtpy.QtCore import QSize
from qtpy.QtGui import QColor, QPalette
from qtpy.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from napari_medseg.widgets.pieces import wrapped_label
from napari_medseg.widgets.theme import colour, follow_theme

if TYPE_CHECKING:
    from napari.viewer import Viewer


def pyqtgraph() -> ModuleType:
    """Return the library that draws, for the Qt that napari uses."""
    os.environ["PYQTGRAPH_QT_LIB"] = API_NAME
    import pyqtgraph as library

    module: ModuleType = library
    return module


class Chart(QWidget):
    """A line of words over a plot; a wheel or a drag over it does nothing.

    Parameters
    ----------
    message : str
        What stands there while there is nothing to draw.
    """

    def __init__(self, message: str) -> None:
        super().__init__()
        self.ink = self.palette().color(QPalette.ColorRole.WindowText)
        self.paper = self.palette().color(QPalette.ColorRole.Window)
        self._viewer: ReferenceType[Viewer] | None = None
        self.heading: QLabel = wrapped_label(rich=True)
        self.message = wrapped_label(message)
        self.plot: Any = pyqtgraph().PlotWidget()
        self.plot.setMenuEnabled(False)
        self.plot.hideButtons()
        self.plot.setMouseEnabled(x=False, y=False)
        self.plot.setFrameShape(self.plot.Shape.NoFrame)
        # a scroll area gives a chart with lines that wrap the height its plot would like, else
        self.plot.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
        self.plot.setVisible(False)
        self.heading.setVisible(False)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self.heading)
        column.addWidget(self.message)
        column.addWidget(self.plot, 1)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def follow(self, viewer: Viewer) -> None:
        """Take the colours of the viewer's theme, now and whenever it is another one."""
        self._viewer = ref(viewer)
        follow_theme(viewer, self, self._take_theme)

    def show_plot(self, there_is_something: bool) -> None:
        """Show the plot, or the message instead."""
        for widget in (self.plot, self.heading):
            widget.setVisible(there_is_something)
        self.message.setVisible(not there_is_something)

    def colour_plot(self) -> None:
        """Give everything the colours of the theme."""
        self.plot.setBackground(self.paper)
        for side in ("left", "bottom"):
            axis = self.plot.getAxis(side)
            axis.setPen(self.faint(0.4))
            axis.setTextPen(self.faint(0.8))

    def faint(self, share: float) -> QColor:
        """Return the colour of the text mixed into the background: 1 is all text."""
        pairs = (
            (self.ink.red(), self.paper.red()),
            (self.ink.green(), self.paper.green()),
            (self.ink.blue(), self.paper.blue()),
        )
        return QColor(*(round(share * ink + (1 - share) * paper) for ink, paper in pairs))

    def sizeHint(self) -> QSize:
        return QSize(360, 220)

    def minimumSizeHint(self) -> QSize:
        return QSize(160, 100)

    def _take_theme(self, _event: object = None) -> None:
        viewer = None if self._viewer is None else self._viewer()
        if viewer is not None:
            self.ink, self.paper = colour(viewer, "text"), colour(viewer, "background")
            self.colour_plot()
