"""Clicks on the image for tools that need them; Escape leaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from napari.layers import Labels
from qtpy.QtCore import QObject, Signal
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QShortcut, QWidget

from napari_medseg.widgets.edit.sight import voxel_at
from napari_medseg.widgets.layers import Drag, on_drag

if TYPE_CHECKING:
    from napari.viewer import Viewer


class Clicks(QObject):
    """The voxels a person clicked while a tool asked for them.

    Emits ``changed()`` at each, and ``left()`` when a person presses Escape.
    """

    changed = Signal()
    left = Signal()

    def __init__(self, viewer: Viewer, panel: QWidget) -> None:
        super().__init__(panel)
        self._viewer = viewer
        self._panel = panel
        self._layer: Labels | None = None
        self._stop: Callable[[], None] | None = None
        self._escape: QShortcut | None = None
        self.points: tuple[tuple[int, ...], ...] = ()

    @property
    def on(self) -> bool:
        """Whether clicks are taken now."""
        return self._stop is not None

    def start(self, layer: Labels) -> None:
        """Take the clicks on the volume of a layer from now on; earlier ones are forgotten."""
        self.points = ()
        self._layer = layer
        if self._stop is None:
            self._stop = on_drag(self._viewer, self._take)
            self._escape = QShortcut(QKeySequence("Escape"), self._panel.window())
            self._escape.activated.connect(self.left)

    def stop(self) -> None:
        """Leave the mouse to napari again."""
        if self._stop is not None:
            self._stop()
        if self._escape is not None:
            self._escape.deleteLater()
        self._stop = self._escape = self._layer = None
        self.points = ()

    def clear(self) -> None:
        """Forget the clicks so far."""
        if self.points:
            self.points = ()
            self.changed.emit()

    def _take(self, drag: Drag) -> None:
        if drag.phase != "release" or not drag.click or len(drag.displayed) != 2:
            return
        assert self._layer is not None
        voxel = voxel_at(self._viewer, self._layer, drag.position)
        if voxel is not None and voxel not in self.points:
            self.points = (*self.points, voxel)
            self.changed.emit()
