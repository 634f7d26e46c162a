"""A page of sentences, bars, curves and tables, each of which can be saved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_medseg.widgets.explain.bars import Bars
from napari_medseg.widgets.explain.heat import Heat
from napari_medseg.widgets.explain.lines import Lines
from napari_medseg.widgets.explain.short_button import ShortButton
from napari_medseg.widgets.pieces import wrapped_label

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_medseg.explain.splines import Curves
    from napari_medseg.explain.table import Table

_CHART = 220  # pixels
_ROW, _ROWS = 24, 8  # pixels of a row of a table, and how many are seen at once
_NAME, _WIDEST = 110, 84  # pixels of the first column, and of others


class Page(QWidget):
    """Emits ``save_wanted(table or curves)`` when a person wants numbers in a file.

    Parameters
    ----------
    viewer : Viewer
        Whose theme it takes.
    empty : str
        What stands there while there is nothing.
    """

    save_wanted = Signal(object)

    def __init__(self, viewer: Viewer, empty: str = "") -> None:
        super().__init__()
        self._viewer, self._empty = viewer, empty
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self.clear()

    def clear(self) -> None:
        """Show nothing but what stands there while there is nothing."""
        self._take_away()
        if self._empty:
            self.say(self._empty)

    def begin(self) -> None:
        """Take everything away, for what comes next."""
        self._take_away()

    def say(self, text: str, *, bold: bool = False) -> None:
        """Add a sentence."""
        label = wrapped_label(text)
        font = label.font()
        font.setBold(bold)
        label.setFont(font)
        self._column.addWidget(label)

    def add_table(self, table: Table) -> None:
        """Add numbers, as bars, curves or rows, whichever they are."""
        self._caption(table.words, table.definition, table)
        if table.kind == "bars":
            rows = [(str(row[0]), float(row[-1])) for row in table.rows]
            likely = all(0 <= value <= 1 for _, value in rows)
            bars = Bars(rows, 1.0 if likely else 0.0)
            self._column.addWidget(bars)
            if bars.left_out:
                self.say(f"and {bars.left_out} smaller ones; they are in the saved table")
        elif table.kind == "lines":
            x, *columns = np.array(table.rows, float).T if table.rows else [np.zeros(0)]
            self._chart(Lines(table.columns[0], x, dict(zip(table.columns[1:], columns,
                                                            strict=True))))  # fmt: skip
        elif table.kind == "matrix":
            self._column.addWidget(Heat(table.matrices()))
        else:
            self._column.addWidget(Bars([(str(row[0]), float(row[-1])) for row in table.rows]))
            self._column.addWidget(_grid(table))

    def add_bars(self, table: Table, rows: Sequence[tuple[str, float]]) -> None:
        """Add one column of a table as bars; all of the table is saved."""
        self._caption(table.words, table.definition, table)
        self._column.addWidget(Bars(rows))

    def add_curves(self, curves: Curves) -> None:
        """Add learnt functions over the histogram of what they were given."""
        self._caption(f"{curves.words}; grey: the inputs they saw", "", curves)
        named = dict(zip(curves.channels, curves.values, strict=True))
        self._chart(Lines("input", curves.points, named, (curves.edges, curves.counts.sum(0))))
        for note in curves.notes:
            self.say(note)

    def add_button(self, text: str, tip: str, call: Callable[[], Any]) -> ShortButton:
        """Add something one can press."""
        button = ShortButton(text, tip)
        button.clicked.connect(call)
        self._column.addWidget(button)
        return button

    def words(self) -> str:
        """Return all sentences, a line each."""
        return "\n".join(label.text() for label in self.findChildren(QLabel))

    def _caption(self, words: str, definition: str, what: object) -> None:
        line, row = QWidget(), QHBoxLayout()
        label = wrapped_label(words[:1].upper() + words[1:])
        label.setToolTip(definition or words)
        save = QPushButton("CSV…")
        save.setToolTip("Save these numbers for a spreadsheet, with how they were computed")
        save.clicked.connect(partial(self._save, what))
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(label, 1)
        row.addWidget(save)
        line.setLayout(row)
        self._column.addWidget(line)

    def _save(self, what: object, *_: object) -> None:
        self.save_wanted.emit(what)

    def _chart(self, chart: Lines) -> None:
        chart.setFixedHeight(_CHART)
        chart.follow(self._viewer)
        self._column.addWidget(chart)

    def _take_away(self) -> None:
        while self._column.count():
            item = self._column.takeAt(0)
            widget = None if item is None else item.widget()
            if widget is not None:
                widget.hide()
                widget.setParent(None)
                widget.deleteLater()


def _grid(table: Table) -> QTableWidget:
    """Return the rows as a table one can read and copy from."""
    grid = QTableWidget(len(table.rows), len(table.columns))
    grid.setHorizontalHeaderLabels(list(table.columns))
    grid.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    grid.setToolTip(table.definition or table.words)
    grid.setTextElideMode(Qt.TextElideMode.ElideMiddle)  # paths of layers end differently
    down = grid.verticalHeader()
    assert down is not None
    down.setVisible(False)
    down.setDefaultSectionSize(_ROW)
    for r, row in enumerate(table.rows):
        for c, cell in enumerate(row):
            text = f"{cell:.4g}" if isinstance(cell, float) else str(cell)
            grid.setItem(r, c, QTableWidgetItem(text))
    _narrow(grid)
    return grid


def _narrow(grid: QTableWidget) -> None:
    """Break the titles of wide columns, and give the table the height of its rows."""
    along = grid.horizontalHeader()
    assert along is not None
    centred = Qt.AlignmentFlag.AlignCenter
    along.setDefaultAlignment(Qt.AlignmentFlag(int(centred) | int(Qt.TextFlag.TextWordWrap)))
    grid.resizeColumnsToContents()
    for column in range(grid.columnCount()):
        widest = _NAME if column == 0 else _WIDEST
        grid.setColumnWidth(column, min(grid.columnWidth(column), widest))
    along.setStretchLastSection(True)
    along.setFixedHeight(2 * _ROW)
    grid.setFixedHeight(_ROW * (min(grid.rowCount(), _ROWS) + 2) + 20)
