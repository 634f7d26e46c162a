"""Curves that grow while something runs, each with its name and its last value."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from qtpy.QtCore import QEvent, QPointF, QRect, Qt
from qtpy.QtGui import QColor, QMouseEvent, QPainter, QPen, QPolygonF

from napari_medseg.widgets.classes.palette import next_colour
from napari_medseg.widgets.plots.chart import GAP, Chart, fitting
from napari_medseg.widgets.plots.scale import Scale
from napari_medseg.widgets.plots.series import Series, runs, thinned

_FEW = 60  # points that are seen each by itself
_SIGN = 14  # pixels of a curve's colour beside its name


class CurveChart(Chart):
    """Named curves over one axis; the legend says their last values, or those under the mouse.

    Parameters
    ----------
    below : str
        What the horizontal axis counts: "step".
    message : str
        What stands there while there are no curves.
    log : bool
        Whether the values stand on a logarithmic axis, which leaves out what is not positive.
    """

    def __init__(self, below: str, message: str = "Nothing yet", *, log: bool = False) -> None:
        super().__init__()
        self._below, self._message, self._log = below, message, log
        self._series: dict[str, Series] = {}
        self._colours: dict[str, str] = {}
        self._mouse: float | None = None
        self.painted = 0  # how often; tests of the throttle read it
        self._frame, self._across = QRect(), Scale(0.0, 1.0)  # where it was painted last

    @property
    def names(self) -> tuple[str, ...]:
        """The curves, in the order in which they began."""
        return tuple(self._series)

    @property
    def log(self) -> bool:
        """Whether the values stand on a logarithmic axis."""
        return self._log

    def set_log(self, log: bool) -> None:
        """Show the values on a logarithmic axis, or on an even one."""
        self._log = log
        self.update()

    def begin(self, name: str, colour: str = "") -> None:
        """Begin a curve in this colour, ``#rrggbb``; else it gets one that is told apart."""
        if name not in self._series:
            self._series[name] = Series()
            self._colours[name] = colour or next_colour(self._colours.values())

    def append(self, name: str, x: ArrayLike, y: ArrayLike) -> None:
        """Add a point, or several, to a curve, which begins with them if it is new.

        Raises
        ------
        ValueError
            If there are not as many `x` as `y`.
        """
        self.begin(name)
        self._series[name].extend(x, y)
        self.draw_soon()

    def points(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Return where the points of a curve lie and how high, ``(n,)`` each."""
        series = self._series[name]
        return series.x.copy(), series.y.copy()

    def clear(self) -> None:
        """Take all curves away."""
        self._series.clear()
        self._colours.clear()
        self.update()

    def legend(self) -> list[tuple[str, str]]:
        """Return names and values: the last ones, or those nearest to the mouse."""
        found = []
        for name, series in self._series.items():
            known = np.flatnonzero(np.isfinite(series.y))
            if not len(known):
                found.append((name, "–"))
                continue
            at = known[-1]
            if self._mouse is not None:
                at = known[np.argmin(np.abs(series.x[known] - self._mouse))]
            found.append((name, f"{series.y[at]:.4g}"))
        return found

    def draw(self, painter: QPainter) -> None:
        """Paint axes, curves and legend."""
        self.painted += 1
        values = [s.y for s in self._series.values()]
        places = [s.x for s in self._series.values()]
        if not any(len(v) for v in values):
            self.draw_message(painter, self._message)
            return
        top = self._draw_legend(painter)
        scale = Scale.around(np.concatenate(values), log=self._log)
        metrics = self.fontMetrics()
        height = self.height() - top - 2 * metrics.height() - GAP
        ticks = fitting(scale, height, 2 * metrics.height())
        left = max((metrics.horizontalAdvance(t.text) for t in ticks), default=0) + 2 * GAP
        frame = QRect(left, top + GAP, self.width() - left - GAP, max(height, 1))
        below = _span(places)
        self._frame, self._across = frame, below
        self.draw_numbers_beside(painter, frame, ticks, scale)
        self.draw_numbers_below(painter, frame, below, counts=True)
        painter.setPen(self.faint(0.75))
        line = QRect(
            frame.left(), self.height() - metrics.height(), frame.width(), metrics.height()
        )
        painter.drawText(line, int(Qt.AlignmentFlag.AlignRight), self._below)
        painter.setClipRect(frame.adjusted(-3, -3, 4, 4))
        for name, series in self._series.items():
            self._draw_curve(painter, frame, below, scale, series, QColor(self._colours[name]))
        if self._mouse is not None:
            x = frame.left() + round(float(below.along(self._mouse)) * frame.width())
            painter.setPen(self.faint(0.5))
            painter.drawLine(x, frame.top(), x, frame.bottom())

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        if event is None or self._frame.isEmpty():
            return
        share = (event.pos().x() - self._frame.left()) / max(self._frame.width(), 1)
        scale = self._across
        self._mouse = scale.low + min(max(share, 0.0), 1.0) * (scale.high - scale.low)
        self.draw_soon()

    def leaveEvent(self, _event: QEvent | None) -> None:
        self._mouse = None
        self.draw_soon()

    def _draw_legend(self, painter: QPainter) -> int:
        """Paint the legend, in as many lines as it takes; return where it ends."""
        metrics = self.fontMetrics()
        height, x, y = metrics.height(), GAP, GAP // 2
        for name, value in self.legend():
            room = self.width() - 2 * GAP - _SIGN - 4
            text = f"{name} {value}"
            if metrics.horizontalAdvance(text) > room:
                kept = room - metrics.horizontalAdvance(f" {value}")
                text = f"{metrics.elidedText(name, Qt.TextElideMode.ElideRight, kept)} {value}"
            width = _SIGN + 4 + metrics.horizontalAdvance(text)
            if x > GAP and x + width > self.width() - GAP:
                x, y = GAP, y + height
            painter.fillRect(x, y + height // 2 - 1, _SIGN, 3, QColor(self._colours[name]))
            painter.setPen(self.ink)
            painter.drawText(x + _SIGN + 4, y + metrics.ascent(), text)
            x += width + 2 * GAP
        return y + height

    def _draw_curve(
        self,
        painter: QPainter,
        frame: QRect,
        below: Scale,
        scale: Scale,
        series: Series,
        colour: QColor,
    ) -> None:
        x = frame.left() + below.along(series.x) * frame.width()
        y = frame.bottom() - scale.along(series.y) * frame.height()
        known = np.isfinite(x)
        x, y = thinned(x[known], y[known])
        painter.setPen(QPen(colour, 1))  # wider or smooth lines take Qt a hundred times as long
        dots = len(series) <= _FEW
        for part in runs(y):
            pairs = list(zip(x[part].tolist(), y[part].tolist(), strict=True))
            for shift in (0, 1):
                painter.drawPolyline(QPolygonF([QPointF(a, b + shift) for a, b in pairs]))
            for a, b in pairs if dots or len(pairs) == 1 else ():
                painter.fillRect(round(a) - 2, round(b) - 2, 5, 5, colour)


def _span(places: list[np.ndarray]) -> Scale:
    """Return the horizontal axis: from the first point to the last."""
    known = np.concatenate(places)
    known = known[np.isfinite(known)]
    if not len(known) or known.min() == known.max():
        middle = float(known[0]) if len(known) else 0.0
        return Scale(middle - 0.5, middle + 0.5)
    return Scale(float(known.min()), float(known.max()))
