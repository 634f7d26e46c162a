"""A table that a click on a heading sorts, and a click on a row tells about."""

from __future__ import annotations

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QSortFilterProxyModel, Qt, Signal
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QAbstractItemView, QTableView

_ROW = 25  # pixels
VALUE_ROLE = int(Qt.ItemDataRole.UserRole)  # what of a cell rows are sorted by


class SortedTable(QTableView):
    """Shows the rows of a model whose cells say under `VALUE_ROLE` how they are sorted.

    Emits ``picked(row)`` when a person picks a row of the model, by mouse or by key, and
    ``opened(row)`` at a double click or Enter.

    Parameters
    ----------
    model : QAbstractTableModel
        With a tip for each heading.
    tip : str
        What one can do with the table.
    """

    picked = Signal(int)
    opened = Signal(int)

    def __init__(self, model: QAbstractTableModel, tip: str) -> None:
        super().__init__()
        model.setParent(self)
        self._rows, self._sorted = model, QSortFilterProxyModel(self)
        self._sorted.setSourceModel(model)
        self._sorted.setSortRole(VALUE_ROLE)
        self.setModel(self._sorted)
        self.setSortingEnabled(True)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setToolTip(tip)
        rows = self.verticalHeader()
        assert rows is not None
        rows.setVisible(False)
        rows.setDefaultSectionSize(_ROW)
        self.clicked.connect(self._tell)
        self.activated.connect(self._tell)
        self.doubleClicked.connect(self._open)

    @property
    def chosen(self) -> int | None:
        """The chosen row of the model."""
        selection = self.selectionModel()
        found = selection.selectedRows() if selection is not None else []
        return self._sorted.mapToSource(found[0]).row() if found else None

    def choose(self, row: int) -> None:
        """Choose a row of the model, and bring it into sight; tells nobody."""
        index = self._sorted.mapFromSource(self._rows.index(row, 0))
        self.selectRow(index.row())
        self.scrollTo(index)

    def fit_columns(self, widest: int) -> None:
        """Make each column as wide as what is in it, up to so many pixels."""
        self.resizeColumnsToContents()
        for column in range(self._rows.columnCount()):
            self.setColumnWidth(column, min(self.columnWidth(column), widest))

    def show_column(self, column: int) -> None:
        """Bring the first row and a column into sight."""
        self.scrollTo(self._sorted.index(0, column))

    def unsort(self) -> None:
        """Show the rows in the order of the model."""
        self.sortByColumn(-1, Qt.SortOrder.AscendingOrder)

    def order(self) -> list[int]:
        """Return the rows of the model as one sees them, from top to bottom."""
        shown = range(self._sorted.rowCount())
        return [self._sorted.mapToSource(self._sorted.index(i, 0)).row() for i in shown]

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        if event is not None and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._tell(self.currentIndex())
            self._open(self.currentIndex())
            return
        before = self.currentIndex().row()
        super().keyPressEvent(event)
        if self.currentIndex().row() != before:
            self._tell(self.currentIndex())

    def _open(self, index: QModelIndex) -> None:
        if index.isValid():
            self.opened.emit(self._sorted.mapToSource(index).row())

    def _tell(self, index: QModelIndex) -> None:
        if index.isValid():
            self.picked.emit(self._sorted.mapToSource(index).row())
