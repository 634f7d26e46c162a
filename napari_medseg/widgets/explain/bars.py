"""Named numbers as bars from zero, to the right or, below it, to the left."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent
from qtpy.QtWidgets import QSizePolicy, QWidget

_ROW = 20  # pixels
_MOST = 16  # bars
_BAR = QColor("#0072b2")
_AGAINST = QColor("#d55e00")
_NAMES, _NUMBERS = 0.34, 0.18  # shares of the width
_SMALL = 1e-3  # below which the power of ten is written


class Bars(QWidget):
    """Rows of a name, a bar and the number; of many the largest are shown.

    Parameters
    ----------
    rows : sequence of (str, float)
        In the order of the table.
    whole : float
        As long as the longest bar can be; 0 is the largest number.
    """

    def __init__(self, rows: Sequence[tuple[str, float]], whole: float = 0.0) -> None:
        super().__init__()
        largest = sorted(range(len(rows)), key=lambda i: -abs(rows[i][1]))[:_MOST]
        self.rows = [rows[i] for i in sorted(largest)]
        self.left_out = len(rows) - len(self.rows)
        self._whole = whole or max((abs(v) for _, v in self.rows), default=1.0) or 1.0
        self._signed = any(v < 0 for _, v in self.rows)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip("\n".join(f"{name}: {value:.4g}" for name, value in self.rows))

    def sizeHint(self) -> QSize:
        return QSize(200, _ROW * max(len(self.rows), 1))

    def minimumSizeHint(self) -> QSize:
        return QSize(120, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent | None) -> None:
        painter, width = QPainter(self), self.width()
        names, numbers = width * _NAMES, width * _NUMBERS
        room = width - names - numbers
        zero = names + (room / 2 if self._signed else 0)
        unit = (room / 2 if self._signed else room) / self._whole
        metrics = self.fontMetrics()
        ink = self.palette().color(self.foregroundRole())
        for index, (name, value) in enumerate(self.rows):
            top = index * _ROW
            painter.setPen(ink)
            short = metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, round(names) - 6)
            painter.drawText(QRectF(0, top, names - 6, _ROW), _left(), short)
            painter.drawText(QRectF(width - numbers, top, numbers, _ROW), _right(), _number(value))
            start = zero if value >= 0 else zero + value * unit
            bar = QRectF(start, top + 4, max(abs(value) * unit, 1.0), _ROW - 8)
            painter.fillRect(bar, _BAR if value >= 0 else _AGAINST)


def _number(value: float) -> str:
    return f"{value:.0e}" if 0 < abs(value) < _SMALL else f"{value:.3g}"


def _left() -> int:
    return int(Qt.AlignmentFlag.AlignLeft) | int(Qt.AlignmentFlag.AlignVCenter)


def _right() -> int:
    return int(Qt.AlignmentFlag.AlignRight) | int(Qt.AlignmentFlag.AlignVCenter)
