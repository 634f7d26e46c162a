"""The table of measures as Qt shows and sorts it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt
from qtpy.QtGui import QColor, QIcon

from napari_medseg.measures.files import exact
from napari_medseg.measures.table import Column, Measure, Measures
from napari_medseg.widgets.classes import signs
from napari_medseg.widgets.sorted_table import VALUE_ROLE

_PARENT = QModelIndex()


class MeasureRows(QAbstractTableModel):
    """A row for each class, or for each object."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.columns: list[Column] = []
        self.rows: tuple[Measure, ...] = ()
        self._icons: dict[int, QIcon] = {}

    def show_measures(
        self, measures: Measures | None, colours: Mapping[int, str], *, by_object: bool
    ) -> None:
        """Show these measures; None empties the table."""
        self.beginResetModel()
        self.columns, self.rows = [], ()
        if measures is not None:
            self.columns = measures.columns(by_object=by_object)
            self.rows = measures.objects if by_object else measures.classes
        self._icons = {v: signs.swatch(True, QColor(c)) for v, c in colours.items()}
        self.endResetModel()

    def as_text(self, order: list[int]) -> str:
        """Return heading and rows in this order as lines, with tabs between the columns."""
        lines = ["\t".join(column.heading for column in self.columns)]
        lines += ["\t".join(exact(c, self.rows[row]) for c in self.columns) for row in order]
        return "\n".join(lines)

    def rowCount(self, parent: QModelIndex = _PARENT) -> int:
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: QModelIndex = _PARENT) -> int:
        return 0 if parent.isValid() else len(self.columns)

    def headerData(
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = int(Qt.ItemDataRole.DisplayRole),
    ) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        column = self.columns[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return f"{column.title}\n{column.unit}"
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"<p><b>{column.heading}</b>: {column.tip}.</p>"
        return None

    def data(self, index: QModelIndex, role: int = int(Qt.ItemDataRole.DisplayRole)) -> Any:
        if not index.isValid():
            return None
        column, row = self.columns[index.column()], self.rows[index.row()]
        value = column.value(row)
        if role == Qt.ItemDataRole.DisplayRole:
            return _text(value, column.digits)
        if role == VALUE_ROLE:
            return float("-inf") if value is None else value
        if role == Qt.ItemDataRole.DecorationRole and index.column() == 0:
            return self._icons.get(row.label)
        if role == Qt.ItemDataRole.TextAlignmentRole and not isinstance(value, str):
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None


def _text(value: Any, digits: int) -> str:
    if value is None:
        return "–"
    if isinstance(value, str):
        return value
    if digits and 0 < abs(value) < 0.5 * 10**-digits:
        return f"{value:.1g}"  # "0.0" would say that there is nothing
    return f"{value:,.{0 if abs(value) >= 1000 else digits}f}"
