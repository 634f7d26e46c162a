"""What all charts have in common: colours of the theme, a frame with numbers, few repaints."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import ReferenceType, ref

from qtpy.QtCore import QRect, QSize, Qt, QTimer
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPalette
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_medseg.widgets.plots.scale import Scale, Tick
from napari_medseg.widgets.theme import colour, follow_theme

if TYPE_CHECKING:
    from napari.viewer import Viewer

GAP = 6  # pixels between things that do not belong together
_BETWEEN_PAINTS = 100  # ms; people see no more, and what is charted has better things to do


class Chart(QWidget):
    """A widget that paints itself, at most ten times a second."""

    def __init__(self) -> None:
        super().__init__()
        self.ink = self.palette().color(QPalette.ColorRole.WindowText)
        self.paper = self.palette().color(QPalette.ColorRole.Window)
        self._viewer: ReferenceType[Viewer] | None = None
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(_BETWEEN_PAINTS)
        self._later.timeout.connect(self.update)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def follow(self, viewer: Viewer) -> None:
        """Take the colours of the viewer's theme, now and whenever it is another one."""
        self._viewer = ref(viewer)
        follow_theme(viewer, self, self._take_theme)

    def draw_soon(self) -> None:
        """Paint what is new, together with what else is new within a tenth of a second."""
        if not self._later.isActive():
            self._later.start()

    def draw(self, painter: QPainter) -> None:
        """Paint everything but the background."""
        raise NotImplementedError

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), self.paper)
        self.draw(painter)

    def sizeHint(self) -> QSize:
        return QSize(360, 220)

    def minimumSizeHint(self) -> QSize:
        return QSize(160, 100)

    def faint(self, share: float) -> QColor:
        """Return the colour of the text mixed into the background: 1 is all text."""
        mixed = [
            round(share * ink + (1 - share) * paper)
            for ink, paper in zip(
                (self.ink.red(), self.ink.green(), self.ink.blue()),
                (self.paper.red(), self.paper.green(), self.paper.blue()),
                strict=True,
            )
        ]
        return QColor(*mixed)

    def draw_numbers_below(
        self, painter: QPainter, frame: QRect, scale: Scale, *, counts: bool = False
    ) -> None:
        """Write round numbers below a frame: whole ones of counts, else with faint lines."""
        metrics = self.fontMetrics()
        each = 2 * metrics.horizontalAdvance("0,000")
        for tick in fitting(scale, frame.width(), each, whole=counts):
            x = frame.left() + round(float(scale.along(tick.value)) * frame.width())
            painter.setPen(self.faint(0.18))
            if not counts:
                painter.drawLine(x, frame.top(), x, frame.bottom())
            painter.setPen(self.faint(0.75))
            width = metrics.horizontalAdvance(tick.text)
            left = min(max(x - width // 2, 0), self.width() - width)
            painter.drawText(left, frame.bottom() + metrics.ascent() + 3, tick.text)

    def draw_numbers_beside(
        self, painter: QPainter, frame: QRect, ticks: list[Tick], scale: Scale
    ) -> None:
        """Write numbers to the left of a frame, with faint lines through it."""
        metrics = self.fontMetrics()
        for tick in ticks:
            y = frame.bottom() - round(float(scale.along(tick.value)) * frame.height())
            painter.setPen(self.faint(0.18))
            painter.drawLine(frame.left(), y, frame.right(), y)
            painter.setPen(self.faint(0.75))
            left = frame.left() - metrics.horizontalAdvance(tick.text) - 4
            painter.drawText(left, y + metrics.ascent() // 2 - 1, tick.text)

    def draw_message(self, painter: QPainter, text: str) -> None:
        """Write a sentence where there is nothing to chart."""
        painter.setPen(self.faint(0.75))
        flags = int(Qt.AlignmentFlag.AlignCenter) | int(Qt.TextFlag.TextWordWrap)
        painter.drawText(self.rect().adjusted(GAP, GAP, -GAP, -GAP), flags, text)

    def _take_theme(self, _event: object = None) -> None:
        viewer = None if self._viewer is None else self._viewer()
        if viewer is not None:
            self.ink, self.paper = colour(viewer, "text"), colour(viewer, "background")
            self.update()


def fitting(scale: Scale, length: int, each: int, *, whole: bool = False) -> list[Tick]:
    """Return round numbers for a length of pixels, `each` of which takes so many."""
    return scale.ticks(max(2, length // max(each, 1)), whole=whole)
