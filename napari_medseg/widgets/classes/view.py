"""How the class table looks: narrow columns, rows of one height, a sentence where there is none."""

from __future__ import annotations

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from napari_medseg.widgets.classes.rows import ClassRows, Column

_ROW, _HEADER = 24, 26
_FEWEST, _MOST = 3, 4  # rows there is room for
_WIDTHS = {Column.EYE: 24, Column.LOCK: 24, Column.COLOUR: 24, Column.VOXELS: 78, Column.SIZE: 68}


class ClassView(QTableView):
    """Shows `ClassRows`; it is as high as its rows, up to four."""

    def __init__(self, rows: ClassRows) -> None:
        super().__init__()
        self._rows, self._words, self._ink = rows, "", QColor()
        self.setModel(rows)
        chosen = self.selectionModel()
        assert chosen is not None
        self.chosen = chosen
        self.setShowGrid(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.DoubleClicked)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self._lay_out_columns()
        rows.modelReset.connect(self._fit)
        self._fit()

    def say(self, words: str) -> None:
        """Show these words while there are no rows."""
        self._words = words
        self._draw()

    def set_ink(self, colour: QColor) -> None:
        """Write in this colour."""
        self._ink = colour
        self._draw()

    def choose(self, row: int) -> None:
        """Mark a row; none with -1. Nothing is told."""
        if self.chosen.currentIndex().row() == row and self.chosen.hasSelection():
            return
        self.chosen.blockSignals(True)
        if row < 0:
            self.chosen.clear()
        else:
            self.selectRow(row)
            self.scrollTo(self._rows.index(row, Column.NAME))
        self.chosen.blockSignals(False)
        self._draw()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        super().paintEvent(event)
        viewport = self.viewport()
        if self._rows.rowCount() == 0 and viewport is not None:
            painter = QPainter(viewport)
            painter.setPen(self._ink)
            room = viewport.rect().adjusted(12, 0, -12, 0)
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(room, int(flags), self._words)

    def sizeHint(self) -> QSize:
        return QSize(200, self.minimumHeight())

    def _draw(self) -> None:
        viewport = self.viewport()
        if viewport is not None:
            viewport.update()

    def _lay_out_columns(self) -> None:
        across, down = self.horizontalHeader(), self.verticalHeader()
        assert across is not None
        assert down is not None
        down.setVisible(False)
        down.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        down.setDefaultSectionSize(_ROW)
        across.setMinimumSectionSize(20)
        across.setFixedHeight(_HEADER)
        across.setHighlightSections(False)
        across.setSectionsClickable(False)
        across.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        across.setSectionResizeMode(Column.NAME, QHeaderView.ResizeMode.Stretch)
        for column, width in _WIDTHS.items():
            self.setColumnWidth(column, width)

    def _fit(self) -> None:
        rows = min(max(self._rows.rowCount(), _FEWEST), _MOST)
        self.setFixedHeight(rows * _ROW + _HEADER + 4)
