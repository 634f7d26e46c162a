"""A table that a click on a heading sorts, and a click on a row tells about."""

from __future__ import annotations

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QSortFilterProxyModel, Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QTableView

VALUE_ROLE = int(Qt.ItemDataRole.UserRole)  # what of a cell rows are sorted by


class SortedTable(QTableView):
    """Shows the rows of a model whose cells say under `VALUE_ROLE` how they are sorted.

    Emits ``picked(row)`` when a person picks a row of the model, by mouse or by key.

    Parameters
    ----------
    model : QAbstractTableModel
        With a tip for each heading.
    tip : str
        What one can do with the table.
    """

    picked = Signal(int)

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
        self.clicked.connect(self._tell)
        self.activated.connect(self._tell)

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

    def unsort(self) -> None:
        """Show the rows in the order of the model."""
        self.sortByColumn(-1, Qt.SortOrder.AscendingOrder)

    def order(self) -> list[int]:
        """Return the rows of the model as one sees them, from top to bottom."""
        shown = range(self._sorted.rowCount())
        return [self._sorted.mapToSource(self._sorted.index(i, 0)).row() for i in shown]

    def _tell(self, index: QModelIndex) -> None:
        self.picked.emit(self._sorted.mapToSource(index).row())
