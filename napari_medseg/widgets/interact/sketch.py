"""The one layer that shows what is drawn and what would come of it; nobody edits it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.utils.colormaps import DirectLabelColormap
from qtpy.QtCore import QObject, QTimer

from napari_medseg.engine.card import LabelClass
from napari_medseg.widgets.interact.marks import Mark, colours_of
from napari_medseg.widgets.interact.plane import Plane
from napari_medseg.widgets.preview_layer import PreviewLayer

if TYPE_CHECKING:
    from napari.viewer import Viewer

NAME = "prompts"
_EVERY = 60  # ms between two redraws while the mouse draws


class Sketch(QObject):
    """Marks on the slice one sees: there while they are needed, hidden while there are none.

    Parameters
    ----------
    viewer : Viewer
        Held weakly.
    parent : QObject
        With which it ends.
    """

    def __init__(self, viewer: Viewer, parent: QObject) -> None:
        super().__init__(parent)
        self._shown = PreviewLayer(viewer, NAME, opacity=1.0)
        self._classes: list[LabelClass] | None = None
        self.set_classes([])
        self._marks = np.zeros((0, 0), np.uint8)
        self._line = np.zeros((0, 2), int)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_EVERY)
        self._timer.timeout.connect(self._draw)
        self._plane: Plane | None = None
        self._where: tuple[object, ...] = ()  # the layer lies

    def set_classes(self, classes: list[LabelClass]) -> None:
        """Outline classes in their colours."""
        if classes != self._classes:
            self._classes = list(classes)
            self._colours = DirectLabelColormap(color_dict=dict(colours_of(classes)))

    def show(self, plane: Plane, marks: np.ndarray) -> None:
        """Show marks ``(H, W)``, values of `Mark`, on a slice."""
        self._timer.stop()
        self._line = np.zeros((0, 2), int)
        self._plane, self._marks = plane, marks
        if marks.any():
            self._write(plane, marks)
        else:
            self._shown.hide()

    def draw(self, plane: Plane, pixels: np.ndarray, *, positive: bool) -> None:
        """Show the line the mouse draws now, over the marks; soon, and not too often.

        Parameters
        ----------
        pixels : ndarray
            ``(M, 2)`` of the slice: all of the line so far.
        """
        self._plane, self._line = plane, pixels
        self._positive = positive
        if not self._timer.isActive():
            self._timer.start()

    def hide(self) -> None:
        """Show nothing."""
        self._timer.stop()
        self._plane = None
        self._shown.hide()

    def remove(self) -> None:
        """Take the layer off the list."""
        self.hide()
        self._shown.remove()

    def _draw(self) -> None:
        plane = self._plane
        if plane is None:
            return
        same = self._marks.shape == plane.shape
        marks = self._marks.copy() if same else np.zeros(plane.shape, np.uint8)
        marks[tuple(self._line.T)] = Mark.ADDS if self._positive else Mark.REMOVES
        self._write(plane, marks)

    def _write(self, plane: Plane, marks: np.ndarray) -> None:
        """Show marks, in place where the layer lies on the slice already: that costs far less."""
        layer, values = self._shown.layer, self._in_layer(plane, marks)
        at = [0] * len(plane.place.shape)
        if plane.axis is not None and plane.index is not None:
            at[plane.axis] = plane.index
        corner, image = (*plane.step, *at), plane.layer
        world = tuple(image.data_to_world(corner)), plane.place.spacing
        where = image.unique_id, corner, world, id(self._colours)
        if layer is None or where != self._where or layer.data.shape != values.shape:
            self._where = where
            self._shown.place(image, corner, values.copy(), colormap=self._colours)
            return
        layer.data[:] = values
        layer.visible = True
        layer.refresh(extent=False, thumbnail=False, highlight=False)

    def _in_layer(self, plane: Plane, marks: np.ndarray) -> np.ndarray:
        """Return marks with an axis for each of the image's layer."""
        sides = [1] * len(plane.place.shape)
        for axis, side in zip(plane.across, plane.shape, strict=True):
            sides[axis] = side
        return marks.reshape((1,) * len(plane.step) + tuple(sides))
