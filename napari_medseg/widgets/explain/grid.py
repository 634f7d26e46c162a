"""Rows of numbers one can read and copy from, never wider than the panel."""

from __future__ import annotations

from qtpy.QtCore import QRect, Qt
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QAbstractItemView, QTableWidget, QTableWidgetItem

from napari_medseg.explain.table import Cell, Table

_ROW, _ROWS = 24, 8  # pixels of a row, and how many are seen at once
_NAME = 110  # pixels that the first column takes at most
_PADDING = 8  # pixels that the style keeps free around words


class Grid(QTableWidget):
    """A table whose columns share the width there is; titles that need several lines get them.

    Parameters
    ----------
    table : Table
        What it shows.
    """

    def __init__(self, table: Table) -> None:
        super().__init__(len(table.rows), len(table.columns))
        self.setHorizontalHeaderLabels(list(table.columns))
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setToolTip(table.definition or table.words)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)  # paths of layers end differently
        down, along = self.verticalHeader(), self.horizontalHeader()
        assert down is not None
        assert along is not None
        self._along = along
        down.setVisible(False)
        down.setDefaultSectionSize(_ROW)
        along.setMinimumSectionSize(1)
        centred = int(Qt.AlignmentFlag.AlignCenter) | int(Qt.TextFlag.TextWordWrap)
        along.setDefaultAlignment(Qt.AlignmentFlag(centred))
        self._titles, self._lines = table.columns, centred
        for r, row in enumerate(table.rows):
            for c, cell in enumerate(row):
                item = QTableWidgetItem(_words(cell))
                item.setToolTip(str(cell))
                self.setItem(r, c, item)
        self._share_width()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        self._share_width()

    def _share_width(self) -> None:
        """Give each column room for its words and numbers, the first what is left, all the rest."""
        view, metrics = self.viewport(), self._along.fontMetrics()
        assert view is not None  # every view has one
        widths = [
            max(metrics.horizontalAdvance(word) for word in title.split()) + _PADDING
            for title in self._titles
        ]
        widths[1:] = [max(w, self.sizeHintForColumn(c)) for c, w in enumerate(widths[1:], 1)]
        wanted = min(self.sizeHintForColumn(0) + _PADDING, _NAME)
        widths[0] = max(widths[0], min(wanted, view.width() - sum(widths[1:])))
        spare = max(view.width() - sum(widths), 0) // len(widths)
        height = 0
        for column, (title, width) in enumerate(zip(self._titles, widths, strict=True)):
            self.setColumnWidth(column, width + spare)
            room = QRect(0, 0, width + spare - _PADDING, 1000)
            needed = metrics.boundingRect(room, self._lines, title)
            height = max(height, needed.height() + _PADDING)
        self._along.setFixedHeight(height)
        rows = min(self.rowCount(), _ROWS)
        self.setFixedHeight(height + _ROW * rows + 2 * self.frameWidth())


def _words(cell: Cell) -> str:
    return f"{cell:.3g}" if isinstance(cell, float) else str(cell)
