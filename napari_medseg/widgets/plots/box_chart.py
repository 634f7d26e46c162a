"""A box for each group, with the cases as points one can click."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from qtpy.QtCore import QEvent, QPoint, QRect, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QMouseEvent, QPainter, QPen
from qtpy.QtWidgets import QToolTip

from napari_medseg.widgets.plots.chart import GAP, Chart
from napari_medseg.widgets.plots.five_numbers import FiveNumbers
from napari_medseg.widgets.plots.scale import Scale
from napari_medseg.widgets.plots.swarm import swarm

_ROW = 34  # pixels that a group takes at least
_TALLEST = 90
_RADIUS = 3.5
_REACH = 8  # pixels from a point where the mouse still means it


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
        super().__init__()
        self._message, self._title = message, ""
        self._groups: tuple[BoxGroup, ...] = ()
        self._words: Callable[[float], str] = "{:.4g}".format
        self._scale = Scale(0.0, 1.0)
        self._selected: tuple[int, str] | None = None
        self._aside: dict[int, np.ndarray] = {}
        self._laid_out_for = QRect()

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
        values = [value for group in groups for value in group.values]
        self._scale = Scale.around(values, least=least, most=most)
        self._laid_out_for = QRect()
        metrics = self.fontMetrics()
        self.setMinimumHeight(_ROW * len(self._groups) + 2 * metrics.height() + 3 * GAP)
        self.setAccessibleDescription("; ".join(self.about(group) for group in self._groups))
        self.update()

    def select(self, key: int, case: str) -> None:
        """Mark a point, as the row of a table is marked; an unknown one marks none."""
        self._selected = key, case
        self.update()

    def place_of(self, key: int, case: str) -> QPoint | None:
        """Return where a point stands; None where it is not seen."""
        group = next((g for g in self._groups if g.key == key), None)
        if group is None or case not in group.cases:
            return None
        points = self._points(group)
        x, y = points[:, group.cases.index(case)]
        return QPoint(round(x), round(y)) if np.isfinite(x) else None

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

    def draw(self, painter: QPainter) -> None:
        """Paint title, axis, boxes and points."""
        if not self._groups:
            self.draw_message(painter, self._message)
            return
        frame, metrics = self._frame(), self.fontMetrics()
        painter.setPen(self.ink)
        title = metrics.elidedText(self._title, Qt.TextElideMode.ElideRight, self.width() - GAP)
        painter.drawText(GAP, metrics.ascent() + 2, title)
        self.draw_numbers_below(painter, frame, self._scale)
        for index, group in enumerate(self._groups):
            row = self._row(index)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
            self._draw_name(painter, group, row)
            self._draw_box(painter, group, row)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
            self._draw_points(painter, group)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        found = None if event is None else self._near(event.pos())
        if event is not None and found is not None and event.button() == Qt.MouseButton.LeftButton:
            self.chosen.emit(found[0].key, found[0].cases[found[1]])

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        if event is None:
            return
        words = self.words_at(event.pos())
        shape = Qt.CursorShape.ArrowCursor
        if self._near(event.pos()) is not None:
            shape = Qt.CursorShape.PointingHandCursor
        self.setCursor(shape)
        if words != self.toolTip():
            self.setToolTip(words)
            if words:
                QToolTip.showText(self.mapToGlobal(event.pos()), words, self)
            else:
                QToolTip.hideText()

    def leaveEvent(self, _event: QEvent | None) -> None:
        self.setToolTip("")

    def words_at(self, place: QPoint) -> str:
        """Return what there is to say about a place: the case of a point, else the row's box."""
        found = self._near(place)
        if found is not None:
            group, at = found
            value = self._words(group.values[at])
            return f"{group.cases[at]} · {group.name}: {self._title} {value}"
        for index, group in enumerate(self._groups):
            if self._row(index).contains(QPoint(self._frame().left() + 1, place.y())):
                return self.about(group)
        return ""

    def sizeHint(self) -> QSize:
        return QSize(420, max(self.minimumHeight(), 180))

    def _frame(self) -> QRect:
        """Return where boxes are painted."""
        metrics = self.fontMetrics()
        widest = max((metrics.horizontalAdvance(g.name) for g in self._groups), default=0)
        left = min(widest + 2 * GAP, int(0.3 * self.width())) + GAP
        top = metrics.height() + GAP
        height = self.height() - top - metrics.height() - GAP
        height = min(height, _TALLEST * len(self._groups))
        return QRect(left, top, max(self.width() - left - 2 * GAP, 1), max(height, 1))

    def _row(self, index: int) -> QRect:
        frame = self._frame()
        tall = frame.height() / len(self._groups)
        top, bottom = (round(frame.top() + tall * i) for i in (index, index + 1))
        return QRect(frame.left(), top, frame.width(), bottom - top)

    def _across(self, values: Sequence[float] | np.ndarray) -> np.ndarray:
        frame = self._frame()
        return frame.left() + self._scale.along(values) * frame.width()

    def _points(self, group: BoxGroup) -> np.ndarray:
        """Return where the points of a group stand, ``(2, n)`` pixels."""
        if self._laid_out_for != self.rect():
            self._laid_out_for = self.rect()
            self._aside.clear()
        across, row = self._across(group.values), self._row(self._groups.index(group))
        if group.key not in self._aside:
            self._aside[group.key] = swarm(across, 2 * _RADIUS, 0.4 * row.height())
        return np.stack([across, row.center().y() + self._aside[group.key]])

    def _near(self, place: QPoint) -> tuple[BoxGroup, int] | None:
        """Return the group and the index of the point the mouse means."""
        found, least = None, float(_REACH)
        for group in self._groups:
            x, y = self._points(group)
            far = np.hypot(x - place.x(), y - place.y())
            far[~np.isfinite(far)] = np.inf
            if len(far) and far.min() <= least:
                found, least = (group, int(far.argmin())), float(far.min())
        return found

    def _draw_name(self, painter: QPainter, group: BoxGroup, row: QRect) -> None:
        left = row.left() - GAP
        name = self.fontMetrics().elidedText(group.name, Qt.TextElideMode.ElideMiddle, left - GAP)
        painter.setPen(self.ink)
        flags = int(Qt.AlignmentFlag.AlignRight) | int(Qt.AlignmentFlag.AlignVCenter)
        painter.drawText(QRect(0, row.top(), left, row.height()), flags, name)

    def _draw_box(self, painter: QPainter, group: BoxGroup, row: QRect) -> None:
        box = FiveNumbers.of(group.values)
        if box is None:
            painter.setPen(self.faint(0.6))
            painter.drawText(row, int(Qt.AlignmentFlag.AlignCenter), "no case has a value")
            return
        numbers = (box.low, box.lower, box.median, box.upper, box.high)
        low, lower, median, upper, high = (round(x) for x in self._across(numbers))
        half, middle = round(0.3 * row.height()), row.center().y()
        painter.setPen(self.faint(0.7))
        painter.drawLine(low, middle, high, middle)
        for end in (low, high):
            painter.drawLine(end, middle - half // 2, end, middle + half // 2)
        area = QRect(lower, middle - half, max(upper - lower, 1), 2 * half)
        painter.fillRect(area, self.paper)
        inside = QColor(group.colour)
        inside.setAlphaF(0.35)
        painter.fillRect(area, inside)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(area)
        painter.fillRect(median - 1, middle - half, 3, 2 * half + 1, self.ink)

    def _draw_points(self, painter: QPainter, group: BoxGroup) -> None:
        painter.setBrush(QColor(group.colour))
        painter.setPen(QPen(self.faint(0.85), 1))
        points = self._points(group)
        for x, y in points.T.tolist():
            if np.isfinite(x):
                painter.drawEllipse(QRectF(x - _RADIUS, y - _RADIUS, 2 * _RADIUS, 2 * _RADIUS))
        if self._selected is None or self._selected[0] != group.key:
            return
        place = self.place_of(*self._selected)
        if place is not None:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(self.ink, 2))
            painter.drawEllipse(place, 7, 7)
