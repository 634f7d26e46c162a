"""Eyes, locks and colours of the class table, drawn in the theme's colour."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QIcon, QPainter, QPainterPath, QPen, QPixmap

SIDE = 16  # of a sign, in points
_SHARP = 3  # pixels drawn for each point: enough for screens with small pixels


def eye(on: bool, colour: QColor) -> QIcon:
    """Return an open eye, or a pale one that is struck through."""
    return _drawn(_draw_eye, on, colour)


def lock(on: bool, colour: QColor) -> QIcon:
    """Return a closed lock, or a pale open one."""
    return _drawn(_draw_lock, on, colour)


def swatch(on: bool, colour: QColor) -> QIcon:
    """Return a square of the colour, pale if it is not `on`."""
    return _drawn(_draw_square, on, colour)


def _drawn(draw: Callable[[QPainter, bool, QColor], None], on: bool, colour: QColor) -> QIcon:
    pixmap = _canvas()
    painter = _painter(pixmap)
    colour = QColor(colour)
    colour.setAlphaF(1.0 if on else 0.4)
    painter.setPen(QPen(colour, 1.4))
    draw(painter, on, colour)
    painter.end()
    icon = QIcon(pixmap)
    icon.addPixmap(pixmap, QIcon.Mode.Selected)  # else Qt tints it in the chosen row
    return icon


def _draw_square(painter: QPainter, _on: bool, colour: QColor) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    painter.drawRoundedRect(QRectF(1, 1, 14, 14), 3, 3)


def _draw_eye(painter: QPainter, on: bool, colour: QColor) -> None:
    outline = QPainterPath(QPointF(1, 8))
    outline.quadTo(QPointF(8, 0.5), QPointF(15, 8))
    outline.quadTo(QPointF(8, 15.5), QPointF(1, 8))
    painter.drawPath(outline)
    if on:
        painter.setBrush(colour)
        painter.drawEllipse(QPointF(8, 8), 2, 2)
    else:
        painter.drawLine(QPointF(3, 13), QPointF(13, 3))


def _draw_lock(painter: QPainter, on: bool, colour: QColor) -> None:
    shackle = QPainterPath(QPointF(5, 8))
    shackle.lineTo(QPointF(5, 5))
    shackle.cubicTo(QPointF(5, 0.7), QPointF(11, 0.7), QPointF(11, 5))
    if on:
        shackle.lineTo(QPointF(11, 8))
    painter.drawPath(shackle)
    if on:
        painter.setBrush(colour)
    painter.drawRoundedRect(QRectF(3, 8, 10, 6.5), 1.5, 1.5)


def _canvas() -> QPixmap:
    pixmap = QPixmap(SIDE * _SHARP, SIDE * _SHARP)
    pixmap.setDevicePixelRatio(_SHARP)
    pixmap.fill(Qt.GlobalColor.transparent)
    return pixmap


def _painter(pixmap: QPixmap) -> QPainter:
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    return painter
