"""Curves that grow while something runs, each with its name and its last value."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from qtpy.QtCore import QEvent, QPointF, QTimer

from napari_medseg.widgets.classes.palette import next_colour
from napari_medseg.widgets.plots.chart import Chart, pyqtgraph
from napari_medseg.widgets.plots.series import Series

_BETWEEN_DRAWS = 200  # ms; people see no more, and what is charted has better things to do
_FEW = 60  # points that are seen each by itself
_LEAST_STEPS = 5  # that the horizontal axis shows
_MARGIN = 0.04  # of the limits, beyond them
_LARGEST = 1e30  # beyond that nothing is drawn


class CurveChart(Chart):
    """Named curves over one axis; the legend says their last values, or those under the mouse.

    Parameters
    ----------
    below : str
        What the horizontal axis counts: "step".
    message : str
        What stands there while there are no curves.
    limits : (float, float), optional
        The least and the largest that a value can be: nothing beyond is shown.
    """

    def __init__(
        self,
        below: str,
        message: str = "Nothing yet",
        *,
        limits: tuple[float, float] | None = None,
    ) -> None:
        super().__init__(message)
        self._series: dict[str, Series] = {}
        self._colours: dict[str, str] = {}
        self._curves: dict[str, Any] = {}
        self._mouse: float | None = None
        self.drawn = 0  # how often
        self.plot.setLabel("bottom", below)
        self.plot.showGrid(y=True, alpha=0.25)
        view = self.plot.getViewBox()
        view.setLimits(xMin=0, minXRange=_LEAST_STEPS)  # else there are halves of steps
        if limits is not None:
            low, high = limits
            room = _MARGIN * (high - low)
            view.setLimits(yMin=low - room, yMax=high + room, minYRange=3 * room)
        self._line = pyqtgraph().InfiniteLine(angle=90)
        self._line.setVisible(False)
        self.plot.addItem(self._line, ignoreBounds=True)
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(_BETWEEN_DRAWS)
        self._later.timeout.connect(self.draw)
        self.plot.scene().sigMouseMoved.connect(self._follow_mouse)
        self.colour_plot()

    @property
    def names(self) -> tuple[str, ...]:
        """The curves, in the order in which they began."""
        return tuple(self._series)

    def begin(self, name: str, colour: str = "") -> None:
        """Begin a curve in this colour, ``#rrggbb``; else it gets one that is told apart."""
        if name in self._series:
            return
        self._series[name] = Series()
        self._colours[name] = colour or next_colour(self._colours.values())
        pen = pyqtgraph().mkPen(self._colours[name], width=2)
        curve = self.plot.plot(pen=pen, connect="finite", symbolSize=5, symbolPen=None)
        curve.setSymbolBrush(self._colours[name])
        curve.setDownsampling(auto=True, method="peak")
        self._curves[name] = curve

    def append(self, name: str, x: ArrayLike, y: ArrayLike) -> None:
        """Add a point, or several, to a curve, which begins with them if it is new.

        Raises
        ------
        ValueError
            If there are not as many `x` as `y`.
        """
        if name not in self._series:
            Series().extend(x, y)  # what does not fit begins no curve
            self.begin(name)
        self._series[name].extend(x, y)
        if not self._later.isActive():
            self._later.start()

    def points(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Return where the points of a curve lie and how high, ``(n,)`` each."""
        series = self._series[name]
        return series.x.copy(), series.y.copy()

    def clear(self) -> None:
        """Take all curves away."""
        for curve in self._curves.values():
            self.plot.removeItem(curve)
        for kept in (self._series, self._colours, self._curves):
            kept.clear()
        self.draw()

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

    def draw(self) -> None:
        """Draw what there is now."""
        self.drawn += 1
        for name, series in self._series.items():
            y = np.where(np.abs(series.y) <= _LARGEST, series.y, np.nan)
            known = np.abs(series.x) <= _LARGEST
            known &= np.isfinite(y).any()  # a curve of gaps alone has no ends
            few = len(series) <= _FEW
            self._curves[name].setData(series.x[known], y[known], symbol="o" if few else None)
        self._say_legend()
        self.show_plot(any(len(series) for series in self._series.values()))

    def colour_plot(self) -> None:
        super().colour_plot()
        self._line.setPen(self.faint(0.5))

    def leaveEvent(self, event: QEvent | None) -> None:
        super().leaveEvent(event)
        self._mouse = None
        self._line.setVisible(False)
        self._say_legend()

    def _follow_mouse(self, place: QPointF) -> None:
        self._mouse = float(self.plot.getViewBox().mapSceneToView(place).x())
        self._line.setPos(self._mouse)
        self._line.setVisible(True)
        self._say_legend()

    def _say_legend(self) -> None:
        entries = [
            f"<span style='color: {self._colours[name]}'>■</span>&nbsp;{escape(name)} {value}"
            for name, value in self.legend()
        ]
        self.heading.setText(" &nbsp; ".join(entries))
