"""What lies over a canvas: the crosshair, which way is which, what the plane is called."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QEvent, QObject, QPointF, QRect, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QWidget

from napari_medseg.widgets.sessions import connect_while_alive
from napari_medseg.widgets.views.planes import Anatomy

if TYPE_CHECKING:
    from napari.components import ViewerModel

_GAP = 12  # pixels the lines leave free around the point, so that it can be seen
_MARGIN = 6
_AXES = ("#56b4e9", "#e69f00", "#cc79a7")  # a line has the colour of the plane it stands for


class Overlay(QWidget):
    """Draws over a canvas without taking its mouse; none of it is a layer.

    Parameters
    ----------
    canvas : QWidget
        What it lies on; it has the same size.
    viewer : ViewerModel
        What the canvas shows, in 2D.
    """

    def __init__(self, canvas: QWidget, viewer: ViewerModel) -> None:
        super().__init__(canvas)
        self._viewer, self._canvas = viewer, canvas
        self.anatomy = Anatomy()
        self.point: tuple[float, ...] = ()
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        canvas.installEventFilter(self)
        self.resize(canvas.size())
        camera = viewer.scene.camera.events
        for emitter in (camera.zoom, camera.center, camera.orientation, viewer.dims.events.order):
            connect_while_alive(self, emitter, self._redraw)
        connect_while_alive(self, viewer.dims.events.ndisplay, self._redraw)
        self.show()

    def show_point(self, point: tuple[float, ...], anatomy: Anatomy) -> None:
        """Cross the lines at a point of the world."""
        if point != self.point or anatomy is not self.anatomy:
            self.point, self.anatomy = point, anatomy
            self.update()

    def place_of_point(self) -> tuple[float, float] | None:
        """Return where the point is on the canvas, in pixels from its left and top."""
        dims, camera = self._viewer.dims, self._viewer.scene.camera
        if dims.ndisplay != 2 or not 3 <= dims.ndim == len(self.point):
            return None
        down, right = dims.displayed
        vertical, horizontal = (str(o) for o in camera.orientation2d)
        away = (self.point[right] - camera.center[-1]) * camera.zoom
        below = (self.point[down] - camera.center[-2]) * camera.zoom
        return (
            self.width() / 2 + (away if horizontal == "right" else -away),
            self.height() / 2 + (below if vertical == "down" else -below),
        )

    def letters(self) -> tuple[str, str, str, str]:
        """Return the letters at the left, right, top and bottom; empty where not known."""
        dims = self._viewer.dims
        if dims.ndisplay != 2 or dims.ndim < 3:
            return "", "", "", ""
        vertical, horizontal = (str(o) for o in self._viewer.scene.camera.orientation2d)
        down, right = (axis - dims.ndim for axis in dims.displayed)
        if min(down, right) < -3:
            return "", "", "", ""
        left, end = self.anatomy.ends(right)[:: 1 if horizontal == "right" else -1]
        top, bottom = self.anatomy.ends(down)[:: 1 if vertical == "down" else -1]
        return left, end, top, bottom

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        if event is not None and event.type() == QEvent.Type.Resize:
            self.resize(self._canvas.size())
        return False

    def paintEvent(self, event: QPaintEvent | None) -> None:
        painter = QPainter(self)
        at = self.place_of_point()
        if at is not None:
            self._draw_lines(painter, *at)
            self._draw_words(painter)

    def _draw_lines(self, painter: QPainter, x: float, y: float) -> None:
        down, right = (axis - self._viewer.dims.ndim for axis in self._viewer.dims.displayed)
        for axis, ends in (
            (right, ((x, 0), (x, y - _GAP), (x, y + _GAP), (x, self.height()))),
            (down, ((0, y), (x - _GAP, y), (x + _GAP, y), (self.width(), y))),
        ):
            painter.setPen(QPen(QColor(_AXES[axis]), 1))
            points = [QPointF(*np.round(end)) for end in ends]
            painter.drawLine(points[0], points[1])
            painter.drawLine(points[2], points[3])

    def _draw_words(self, painter: QPainter) -> None:
        across = self._viewer.dims.order[-3] - self._viewer.dims.ndim
        font = painter.font()
        font.setBold(True)
        painter.setFont(font)
        room = self.rect().adjusted(_MARGIN, _MARGIN, -_MARGIN, -_MARGIN)
        flags = Qt.AlignmentFlag
        left, right, top, bottom = self.letters()
        for words, where in (
            (left, flags.AlignLeft | flags.AlignVCenter),
            (right, flags.AlignRight | flags.AlignVCenter),
            (top, flags.AlignHCenter | flags.AlignTop),
            (bottom, flags.AlignHCenter | flags.AlignBottom),
            (self.anatomy.plane(across) if across >= -3 else "", flags.AlignLeft | flags.AlignTop),
        ):
            _draw_outlined(painter, room, int(where), words)

    def _redraw(self, _event: object = None) -> None:
        self.update()


def _draw_outlined(painter: QPainter, room: QRect, where: int, words: str) -> None:
    """Draw words that can be read on any image: white on a dark rim."""
    painter.setPen(QColor(0, 0, 0, 200))
    for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        painter.drawText(room.translated(dx, dy), where, words)
    painter.setPen(QColor(255, 255, 255))
    painter.drawText(room, where, words)
