"""A box for each group, with the cases as points one can click."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from qtpy.QtCore import QPoint, QPointF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QPen

from napari_medseg.widgets.plots.chart import Chart, pyqtgraph
from napari_medseg.widgets.plots.five_numbers import FiveNumbers
from napari_medseg.widgets.plots.swarm import swarm

_ROW = 34  # pixels that a group takes at least
_TALLEST = 80  # pixels that it takes at most
_AXIS = 60  # pixels for heading and numbers
_HALF = 0.3  # of a row: half the height of a box
_POINT = 8  # pixels
_NAMES = 130  # pixels for the names of groups at most
_FREE = 0.05  # of the width left free beyond the outermost points


@dataclass(frozen=True)
class BoxGroup:
    """The values of one group.

    Parameters
    ----------
    key : int
        What it stands for; the value of a class.
    name : str
        For people.
    colour : str
        ``#rrggbb``.
    cases : tuple of str
        Whose values they are.
    values : tuple of float
        One for each case; nan for a case that has none.
    """

    key: int
    name: str
    colour: str
    cases: tuple[str, ...]
    values: tuple[float, ...]


class BoxChart(Chart):
    """Shows groups below each other; emits ``chosen(key, case)`` when a point is clicked."""

    chosen = Signal(int, str)

    def __init__(self, message: str = "Nothing yet") -> None:
        super().__init__(message)
        self._title = ""
        self._limits: tuple[float | None, float | None] = None, None
        self._groups: tuple[BoxGroup, ...] = ()
        self._words: Callable[[float], str] = "{:.4g}".format
        self._selected: tuple[int, str] | None = None
        self._points: dict[int, Any] = {}
        self._ring: Any = pyqtgraph().ScatterPlotItem(size=15, brush=None, hoverable=False)
        self._ring.setEnabled(False)  # else it takes the clicks on the points it surrounds
        self.plot.showGrid(x=True, alpha=0.25)
        self.plot.getAxis("bottom").setStyle(maxTickLevel=0)
        self.plot.getViewBox().invertY(True)
        self.plot.getViewBox().sigResized.connect(self._spread)
        self.colour_plot()

    def show_groups(
        self,
        groups: Sequence[BoxGroup],
        title: str,
        *,
        least: float | None = None,
        most: float | None = None,
        words: Callable[[float], str] = "{:.4g}".format,
    ) -> None:
        """Show these groups instead.

        Parameters
        ----------
        title : str
            What the axis measures, with its unit.
        least, most : float, optional
            Where the values can end: 0 and 1 for a Dice.
        words : callable
            Writes a value for people.
        """
        self._groups, self._title, self._words = tuple(groups), title, words
        self._selected = None
        self.heading.setText(escape(title))
        self.setMinimumHeight(_ROW * len(self._groups) + _AXIS if self._groups else 0)
        self.setAccessibleDescription("; ".join(self.about(group) for group in self._groups))
        self.show_plot(bool(self._groups))
        self._limits = least, most
        self._draw()

    def select(self, key: int, case: str) -> None:
        """Mark a point, as the row of a table is marked; an unknown one marks none."""
        self._selected = key, case
        self._mark()

    def place_of(self, key: int, case: str) -> QPoint | None:
        """Return where a point stands in the plot's viewport; None where it is not seen."""
        found = self._point(key, case)
        if found is None:
            return None
        scene = self.plot.getViewBox().mapViewToScene(QPointF(*found))
        place: QPoint = self.plot.mapFromScene(scene)
        return place

    def about(self, group: BoxGroup) -> str:
        """Return what the box of a group says, in words."""
        box = FiveNumbers.of(group.values)
        if box is None:
            return f"{group.name}: no case has a value"
        known = sum(np.isfinite(value) for value in group.values)
        cases = f"{known} case" if known == 1 else f"{known} cases"
        without = len(group.values) - known
        rest = f", {without} without a value" if without else ""
        w = self._words
        return (
            f"{group.name}: median {w(box.median)}, half of the cases from {w(box.lower)} to "
            f"{w(box.upper)}, whiskers from {w(box.low)} to {w(box.high)} ({cases}{rest})"
        )

    def colour_plot(self) -> None:
        super().colour_plot()
        self._draw()

    def sizeHint(self) -> QSize:
        return QSize(420, max(self.minimumHeight(), 180))

    def _draw(self) -> None:
        """Draw boxes, points and names anew."""
        self.plot.clear()
        self._points.clear()
        values = np.array([v for group in self._groups for v in group.values], float)
        self.plot.setXRange(*_ends(values, *self._limits), padding=0)
        axis, metrics = self.plot.getAxis("left"), self.fontMetrics()
        names = [
            metrics.elidedText(group.name, Qt.TextElideMode.ElideMiddle, _NAMES)
            for group in self._groups
        ]
        axis.setTicks([list(enumerate(names))])
        axis.setWidth(max((metrics.horizontalAdvance(name) for name in names), default=0) + 14)
        for row, group in enumerate(self._groups):
            self._draw_box(row, group)
        for group in self._groups:
            points = pyqtgraph().ScatterPlotItem(
                size=_POINT,
                pen=QPen(self.faint(0.85), 0),
                brush=group.colour,
                hoverable=True,
                hoverPen=QPen(self.ink, 0),
                hoverSize=_POINT + 3,
                tip=self._tip(group),
            )
            points.sigClicked.connect(self._tell)
            self._points[group.key] = points
            self.plot.addItem(points)
        self.plot.addItem(self._ring)
        self._spread()

    def _draw_box(self, row: int, group: BoxGroup) -> None:
        box = FiveNumbers.of(group.values)
        library = pyqtgraph()
        if box is None:
            text = library.TextItem("no case has a value", color=self.faint(0.7), anchor=(0, 0.5))
            self.plot.addItem(text)
            text.setPos(self.plot.getViewBox().viewRange()[0][0], row)
            return
        half = _HALF / 2
        across = [box.low, box.high, box.low, box.low, box.high, box.high]
        down = [row, row, row - half, row + half, row - half, row + half]
        line = QPen(self.faint(0.7), 0)
        self.plot.addItem(
            library.PlotDataItem(across, down, connect="pairs", pen=line), ignoreBounds=True
        )
        inside = QColor(group.colour)
        inside.setAlphaF(0.4)
        sides = {"x0": [box.lower], "x1": [box.upper], "y0": [row - _HALF], "y1": [row + _HALF]}
        self.plot.addItem(library.BarGraphItem(**sides, brush=self.paper, pen=None))
        bar = library.BarGraphItem(**sides, brush=inside, pen=line)
        bar.setToolTip(self.about(group))
        self.plot.addItem(bar)
        median = library.mkPen(self.ink, width=3)
        ends = [row - _HALF, row + _HALF]
        self.plot.addItem(library.PlotDataItem([box.median] * 2, ends, pen=median))

    def _spread(self, *_: object) -> None:
        """Place the points so that each is seen, whatever the size of the plot."""
        if not self._points or len(self._points) < len(self._groups):
            return  # while it is drawn, the plot takes its size
        view = self.plot.getViewBox()
        rows = max(len(self._groups), view.height() / _TALLEST)
        view.setYRange(-0.5, rows - 0.5, padding=0)
        wide, tall = view.viewPixelSize()
        for row, group in enumerate(self._groups):
            across = np.array(group.values, float)
            aside = swarm(across / wide, _POINT - 1, 0.4 / tall) * tall
            known = np.isfinite(across)
            self._points[group.key].setData(
                x=across[known],
                y=row + aside[known],
                data=[case for case, k in zip(group.cases, known, strict=True) if k],
            )
        self._mark()

    def _mark(self) -> None:
        found = None if self._selected is None else self._point(*self._selected)
        self._ring.setPen(pyqtgraph().mkPen(self.ink, width=2))
        self._ring.setData(*([[], []] if found is None else [[found[0]], [found[1]]]))

    def _point(self, key: int, case: str) -> tuple[float, float] | None:
        points = self._points.get(key)
        for point in () if points is None else points.points():
            if point.data() == case:
                return float(point.pos().x()), float(point.pos().y())
        return None

    def _tip(self, group: BoxGroup) -> Callable[..., str]:
        """Return what says whose a point is."""

        def tip(x: float, y: float, data: str) -> str:
            return f"{data} · {group.name}: {self._title} {self._words(x)}"

        return tip

    def _tell(self, points: Any, clicked: Sequence[Any], _event: object = None) -> None:
        key = next(key for key, one in self._points.items() if one is points)
        if len(clicked):
            self.chosen.emit(key, str(clicked[0].data()))


def _ends(values: np.ndarray, least: float | None, most: float | None) -> tuple[float, float]:
    """Return the ends of an axis on which all points have room; limits are hardly passed."""
    known = values[np.isfinite(values)]
    low, high = (known.min(), known.max()) if len(known) else (0.0, 1.0)
    if low == high:
        low, high = low - max(abs(low), 1.0) / 2, high + max(abs(high), 1.0) / 2
    room = _FREE * (high - low)
    low, high = low - room, high + room
    if least is not None:
        low = max(low, min(least, known.min(initial=least)) - room)
    if most is not None:
        high = min(high, max(most, known.max(initial=most)) + room)
    return float(low), float(high)
