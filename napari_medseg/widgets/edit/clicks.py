"""Clicks on the image for tools that need them; Escape leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Labels
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QWidget

from napari_medseg.widgets.edit.sight import voxel_at
from napari_medseg.widgets.pointing import Pointing

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
        self._layer: Labels | None = None
        self._pointing = Pointing(viewer, panel)
        self._pointing.pointed.connect(self._take)
        self._pointing.left.connect(self.left)
        self.points: tuple[tuple[int, ...], ...] = ()

    @property
    def on(self) -> bool:
        """Whether clicks are taken now."""
        return self._pointing.on

    def start(self, layer: Labels) -> None:
        """Take the clicks on the volume of a layer from now on; earlier ones are forgotten."""
        self.points = ()
        self._layer = layer
        self._pointing.take()

    def stop(self) -> None:
        """Leave the mouse to napari again."""
        self._pointing.leave()
        self._layer = None
        self.points = ()

    def clear(self) -> None:
        """Forget the clicks so far."""
        if self.points:
            self.points = ()
            self.changed.emit()

    def _take(self, position: tuple[float, ...]) -> None:
        if self._layer is None or self._viewer.dims.ndisplay != 2:
            return
        voxel = voxel_at(self._viewer, self._layer, position)
        if voxel is not None and voxel not in self.points:
            self.points = (*self.points, voxel)
            self.changed.emit()
