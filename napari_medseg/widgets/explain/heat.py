"""Square tables of weights as small pictures: who looks at whom, one picture for each head."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from qtpy.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QHelpEvent, QImage, QPainter, QPaintEvent
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from napari_medseg.explain.colours import coloured

_ACROSS = 4  # pictures in a row
_GAP, _WORDS = 6, 16  # pixels between pictures, and for the words over each


class Heat(QWidget):
    """Pictures of matrices in the same colours; the tooltip says the number under the mouse.

    Parameters
    ----------
    matrices : mapping of str to ndarray
        ``(rows, columns)`` each, by name, from 0 up.
    """

    def __init__(self, matrices: Mapping[str, np.ndarray]) -> None:
        super().__init__()
        self._matrices = dict(matrices)
        self.highest = max((float(m.max()) for m in matrices.values() if m.size), default=0.0)
        self._pictures = [_picture(m, self.highest or 1.0) for m in matrices.values()]
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def heightForWidth(self, width: int) -> int:
        rows = -(-len(self._pictures) // _ACROSS)
        return round(rows * (self._side(width) + _WORDS + _GAP))

    def sizeHint(self) -> QSize:
        return QSize(320, self.heightForWidth(320))

    def minimumSizeHint(self) -> QSize:
        return QSize(160, self.heightForWidth(160))

    def paintEvent(self, event: QPaintEvent | None) -> None:
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        for index, (name, picture) in enumerate(zip(self._matrices, self._pictures, strict=True)):
            square = self._square(index)
            words = QRectF(square.left(), square.top() - _WORDS, square.width(), _WORDS)
            painter.drawText(words, int(Qt.AlignmentFlag.AlignLeft), name)
            painter.drawImage(square, picture)

    def event(self, event: QEvent | None) -> bool:
        if isinstance(event, QHelpEvent):
            QToolTip.showText(event.globalPos(), self.said_at(QPointF(event.pos())), self)
            return True
        return super().event(event)

    def said_at(self, place: QPointF) -> str:
        """Return what the tooltip says at a place of the widget; empty beside the pictures."""
        for index, (name, matrix) in enumerate(self._matrices.items()):
            square = self._square(index)
            if square.contains(place) and matrix.size:
                down = (place.y() - square.top()) / square.height() * len(matrix)
                along = (place.x() - square.left()) / square.width() * matrix.shape[1]
                row, column = min(int(down), len(matrix) - 1), min(int(along), matrix.shape[1] - 1)
                return f"{name}: {row + 1} takes {matrix[row, column]:.3g} of {column + 1}"
        return ""

    def _side(self, width: int) -> float:
        return (width - (_ACROSS - 1) * _GAP) / _ACROSS

    def _square(self, index: int) -> QRectF:
        side, (row, column) = self._side(self.width()), divmod(index, _ACROSS)
        top = row * (side + _WORDS + _GAP) + _WORDS
        return QRectF(column * (side + _GAP), top, side, side)


def _picture(matrix: np.ndarray, highest: float) -> QImage:
    pixels = np.ascontiguousarray(np.moveaxis(coloured(matrix, "viridis", (0.0, highest)), 0, -1))
    height, width = matrix.shape
    return QImage(
        pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888
    ).copy()  # what Qt draws must not lie in numpy's memory
