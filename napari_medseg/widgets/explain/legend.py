"""What the colours of a map mean: a bar from its lowest to its highest value, with the unit."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import QRectF, QSize, Qt
from qtpy.QtGui import QImage, QPainter, QPaintEvent
from qtpy.QtWidgets import QSizePolicy, QWidget

STEPS = 128
"""Colours that a bar is drawn from."""


class Legend(QWidget):
    """A bar of colours between two numbers, whose unit its tooltip says; else nothing is drawn."""

    def __init__(self) -> None:
        super().__init__()
        self._picture: QImage | None = None
        self.low, self.high = "", ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_colours(self, colours: np.ndarray, limits: tuple[float, float], unit: str) -> None:
        """Draw these instead.

        Parameters
        ----------
        colours : ndarray
            ``(n, 4)``, RGBA from 0 to 1, the lowest first.
        limits : tuple of float
            What the first and the last one mean.
        """
        row = np.ascontiguousarray((colours[None, :, :3] * 255 + 0.5).astype(np.uint8))
        count = row.shape[1]
        self._picture = QImage(
            row.tobytes(), count, 1, 3 * count, QImage.Format.Format_RGB888
        ).copy()
        self.low, self.high = (f"{limit:.3g}" for limit in limits)
        self.setToolTip(f"From {self.low} to {self.high} {unit}".strip())
        self.update()

    def clear(self) -> None:
        """Draw nothing."""
        self._picture, self.low, self.high = None, "", ""
        self.setToolTip("")
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(120, self.fontMetrics().height() + 2)

    def minimumSizeHint(self) -> QSize:
        return QSize(60, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent | None) -> None:
        if self._picture is None:
            return
        painter, gap = QPainter(self), 6
        painter.setPen(self.palette().color(self.foregroundRole()))
        ends = [self.fontMetrics().horizontalAdvance(text) for text in (self.low, self.high)]
        room = QRectF(self.rect())
        painter.drawText(room, int(Qt.AlignmentFlag.AlignLeft), self.low)
        painter.drawText(room, int(Qt.AlignmentFlag.AlignRight), self.high)
        bar = room.adjusted(ends[0] + gap, 3, -ends[1] - gap, -3)
        if bar.width() > 0:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(bar, self._picture)
