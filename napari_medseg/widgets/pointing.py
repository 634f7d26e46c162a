"""The click on the canvas that says which voxel is meant; Escape leaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QShortcut, QWidget

from napari_medseg.widgets.layers import Drag, on_drag

if TYPE_CHECKING:
    from napari.viewer import Viewer


class Pointing(QObject):
    """Takes the clicks on the canvas while it is on.

    Emits ``pointed(position)``, a place of the world, and ``left()`` at Escape.
    """

    pointed = Signal(object)
    left = Signal()

    def __init__(self, viewer: Viewer, panel: QWidget) -> None:
        super().__init__(panel)
        self._viewer, self._panel = viewer, panel
        self._stop: Callable[[], None] | None = None
        self._escape: QShortcut | None = None

    @property
    def on(self) -> bool:
        """Whether clicks are taken now."""
        return self._stop is not None

    def take(self) -> None:
        """Take the clicks from now on."""
        if self._stop is None:
            self._stop = on_drag(self._viewer, self._click)
            self._viewer.cursor.style = "cross"
            self._escape = QShortcut(QKeySequence("Escape"), self._panel.window())
            self._escape.activated.connect(self.left)

    def leave(self) -> None:
        """Leave the mouse to napari again."""
        if self._stop is not None:
            self._stop()
            self._viewer.cursor.style = "standard"
        if self._escape is not None:
            self._escape.deleteLater()
        self._stop = self._escape = None

    def _click(self, drag: Drag) -> None:
        if drag.phase == "release" and drag.click:
            self.pointed.emit(drag.position)
