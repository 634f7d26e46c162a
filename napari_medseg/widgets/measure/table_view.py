"""The table of measures: sorted by a click on a heading, a click on a row says which."""

from __future__ import annotations

from collections.abc import Mapping

from qtpy.QtCore import QModelIndex, QSortFilterProxyModel, Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QTableView

from napari_medseg.measures.table import Measure, Measures
from napari_medseg.widgets.measure.rows import VALUE_ROLE, MeasureRows


class MeasureTable(QTableView):
    """Shows measures; emits ``chosen(Measure)`` when a person picks a row, by mouse or arrow keys.

    It emits ``chosen(None)`` when other rows are shown.
    """

    chosen = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.rows = MeasureRows(self)
        self._sorted = QSortFilterProxyModel(self)
        self._sorted.setSourceModel(self.rows)
        self._sorted.setSortRole(VALUE_ROLE)
        self.setModel(self._sorted)
        self.setSortingEnabled(True)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setToolTip(
            "Click a row to go there, a heading to sort; the tip of a heading says what it means"
        )
        rows = self.verticalHeader()
        assert rows is not None
        rows.setVisible(False)
        self.clicked.connect(self._tell)
        self.activated.connect(self._tell)

    @property
    def row(self) -> Measure | None:
        """The chosen row."""
        selection = self.selectionModel()
        found = selection.selectedRows() if selection is not None else []
        return self._measure(found[0]) if found else None

    def show_measures(
        self, measures: Measures | None, colours: Mapping[int, str], *, by_object: bool
    ) -> None:
        """Show these measures, unsorted; None empties the table."""
        self.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
        self.rows.show_measures(measures, colours, by_object=by_object)
        self.resizeColumnsToContents()
        self.chosen.emit(None)

    def as_text(self) -> str:
        """Return the table as one sees it as lines, with tabs between the columns."""
        shown = range(self._sorted.rowCount())
        return self.rows.as_text(
            [self._sorted.mapToSource(self._sorted.index(i, 0)).row() for i in shown]
        )

    def _measure(self, index: QModelIndex) -> Measure:
        return self.rows.rows[self._sorted.mapToSource(index).row()]

    def _tell(self, index: QModelIndex) -> None:
        self.chosen.emit(self._measure(index))
