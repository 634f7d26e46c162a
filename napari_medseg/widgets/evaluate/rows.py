"""An evaluation as Qt shows and sorts it: over cases, and case by case."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt
from qtpy.QtGui import QColor, QIcon

from napari_medseg.engine.evaluation import CaseScore, Evaluation
from napari_medseg.engine.evaluation_table import class_rows
from napari_medseg.engine.metric_table import Metric
from napari_medseg.widgets.classes import signs
from napari_medseg.widgets.model_words import tip_page
from napari_medseg.widgets.sorted_table import VALUE_ROLE

_PARENT = QModelIndex()
_DISPLAY = int(Qt.ItemDataRole.DisplayRole)
_OVER_CASES = {
    "mean": "Each case is measured by itself, then averaged",
    "95 % interval": "How much the mean depends on which cases were chosen",
    "median": "Half of the cases are below, half above",
    "quartiles": "Half of the cases lie between these two",
    "range": "The lowest and the highest case",
    "pooled": "The voxels of all cases counted as one image",
}
_EMPTY = {
    "both": "empty on both sides",
    "prediction": "nothing marked",
    "truth": "nothing true",
}


SummaryRow = tuple[int | None, str, list[str]]
"""A class (None for the mean of all), what its numbers are ("median"), one text a metric."""


def summary_of(evaluation: Evaluation) -> list[SummaryRow]:
    """Return the numbers over cases, class by class."""
    metrics = evaluation.metrics
    found: list[SummaryRow] = []
    for value in evaluation.classes:
        rows = class_rows(evaluation, value, metrics)
        found += [(value, what, cells) for what, cells in rows.items()]
    if len(evaluation.classes) > 1:
        found.append((None, "mean", [m.shown(evaluation.mean(m.name)) for m in metrics]))
    return found


class _Rows(QAbstractTableModel):
    """What both tables have in common: first columns with words, then one for each metric."""

    first: tuple[tuple[str, str], ...] = ()  # headings with their tips

    def __init__(self) -> None:
        super().__init__()
        self.metrics: tuple[Metric, ...] = ()
        self.evaluation: Evaluation | None = None
        self.icons: dict[int, QIcon] = {}

    def begin(self, evaluation: Evaluation | None, colours: Mapping[int, str]) -> None:
        """Take what the columns are made of."""
        self.evaluation = evaluation
        self.metrics = () if evaluation is None else evaluation.metrics
        self.icons = {v: signs.swatch(True, QColor(c)) for v, c in colours.items()}

    def column_of(self, metric: str) -> int:
        """Return the column of a metric."""
        return len(self.first) + [m.name for m in self.metrics].index(metric)

    def metric_at(self, column: int) -> Metric | None:
        """Return the metric of a column, None for the first ones."""
        at = column - len(self.first)
        return self.metrics[at] if 0 <= at < len(self.metrics) else None

    def columnCount(self, parent: QModelIndex = _PARENT) -> int:
        return 0 if parent.isValid() else len(self.first) + len(self.metrics)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = _DISPLAY) -> Any:
        if orientation != Qt.Orientation.Horizontal or self.evaluation is None:
            return None
        metric = self.metric_at(section)
        if metric is None:
            return self._first_heading(section, role)
        if role == Qt.ItemDataRole.DisplayRole:
            unit = metric.unit(self.evaluation.unit, self.evaluation.dims)
            return f"{metric.title}\n{unit}"
        if role == Qt.ItemDataRole.ToolTipRole:
            return metric_tip(metric)
        return None

    def as_text(self, order: list[int]) -> str:
        """Return headings and rows in this order as lines, with tabs between the columns."""
        heads = [self.headerData(c, Qt.Orientation.Horizontal) for c in range(self.columnCount())]
        lines = ["\t".join(str(head).replace("\n", " ").strip() for head in heads)]
        for row in order:
            cells = [self.index(row, c).data() for c in range(self.columnCount())]
            lines.append("\t".join("" if cell is None else str(cell) for cell in cells))
        return "\n".join(lines)

    def _first_heading(self, section: int, role: int) -> Any:
        if section >= len(self.first):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return f"{self.first[section][0]}\n"
        return tip_page(self.first[section][1]) if role == Qt.ItemDataRole.ToolTipRole else None

    def _alignment(self, column: int, role: int) -> Any:
        if role == Qt.ItemDataRole.TextAlignmentRole and column >= len(self.first):
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None


class SummaryRows(_Rows):
    """Each class over all cases: mean, interval, median, quartiles, range and pooled."""

    first = (
        ("Class", "Name of the class"),
        ("Over cases", "How the numbers of all cases are put into one"),
    )

    def __init__(self) -> None:
        super().__init__()
        self._rows: Sequence[SummaryRow] = ()

    def show_evaluation(
        self,
        evaluation: Evaluation | None,
        colours: Mapping[int, str],
        rows: Sequence[SummaryRow] = (),
    ) -> None:
        """Show the rows that `summary_of` made of an evaluation; None empties the table."""
        self.beginResetModel()
        self.begin(evaluation, colours)
        self._rows = () if evaluation is None else rows
        self.endResetModel()

    def rowCount(self, parent: QModelIndex = _PARENT) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: QModelIndex, role: int = _DISPLAY) -> Any:
        if not index.isValid() or self.evaluation is None:
            return None
        value, what, cells = self._rows[index.row()]
        column = index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            if column == 0:
                return "mean of classes" if value is None else self.evaluation.classes[value]
            return what if column == 1 else cells[column - 2]
        if role == Qt.ItemDataRole.DecorationRole and column == 0:
            return self.icons.get(-1 if value is None else value)
        if role == Qt.ItemDataRole.ToolTipRole:
            metric = self.metric_at(column)
            tip = f"{_OVER_CASES.get(what, '')}."
            return tip_page(tip) if metric is None else metric_tip(metric, tip)
        return self._alignment(column, role)


class CaseRows(_Rows):
    """Each class of each case."""

    first = (
        ("Case", "Name of the case"),
        ("Class", "Name of the class"),
        ("Remark", "Which side has no voxel of the class"),
    )

    remark_column = 2

    def __init__(self) -> None:
        super().__init__()
        self.cases: tuple[CaseScore, ...] = ()

    def show_evaluation(
        self, evaluation: Evaluation | None, colours: Mapping[int, str], value: int | None = None
    ) -> None:
        """Show the cases of one class, or of all; without an evaluation nothing."""
        self.beginResetModel()
        self.begin(evaluation, colours)
        cases = () if evaluation is None else evaluation.cases
        self.cases = tuple(case for case in cases if value in (None, case.value))
        self.endResetModel()

    def rowCount(self, parent: QModelIndex = _PARENT) -> int:
        return 0 if parent.isValid() else len(self.cases)

    def data(self, index: QModelIndex, role: int = _DISPLAY) -> Any:
        if not index.isValid():
            return None
        case, column = self.cases[index.row()], index.column()
        metric = self.metric_at(column)
        if role == Qt.ItemDataRole.DisplayRole or (role == VALUE_ROLE and metric is None):
            words = (case.case, case.name, _EMPTY.get(case.scores.counts.empty, ""))
            return words[column] if metric is None else metric.shown(case.number(metric.name))
        if role == VALUE_ROLE and metric is not None:
            return sort_value(metric, case.number(metric.name))
        if role == Qt.ItemDataRole.DecorationRole and column == 1:
            return self.icons.get(case.value)
        if role == Qt.ItemDataRole.ToolTipRole:
            return tip_page(case.case) if metric is None else metric_tip(metric)
        return self._alignment(column, role)


def sort_value(metric: Metric, number: float) -> float:
    """Return what a number is sorted by; what is none comes last where the worst come first."""
    if math.isnan(number):
        return math.inf if metric.higher_is_better else -math.inf
    return abs(number) if metric.higher_is_better is None else number


def worst_first(metric: Metric) -> Qt.SortOrder:
    """Return the order in which the worst case is the first one."""
    rising = metric.higher_is_better
    return Qt.SortOrder.AscendingOrder if rising else Qt.SortOrder.DescendingOrder


def metric_tip(metric: Metric, more: str = "") -> str:
    """Return what a metric says and how it is defined, as a tooltip."""
    lines = [f"{metric.title}: {metric.words}.", f"{metric.definition}.", more]
    return tip_page("\n".join(line for line in lines if line))
