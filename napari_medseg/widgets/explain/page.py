"""A page of sentences, bars, curves and tables, each of which can be saved."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_medseg.widgets.explain.bars import Bars
from napari_medseg.widgets.explain.grid import Grid
from napari_medseg.widgets.explain.heat import Heat
from napari_medseg.widgets.explain.lines import Lines
from napari_medseg.widgets.explain.short_button import ShortButton
from napari_medseg.widgets.pieces import wrapped_label

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_medseg.explain.splines import Curves
    from napari_medseg.explain.table import Table

_CHART = 220  # pixels
_LEFT_OUT = "and {count} {which}; they are in the saved table"


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
        self.begin()
        if self._empty:
            self.say(self._empty)

    def begin(self) -> None:
        """Take everything away, for what comes next."""
        while self._column.count():
            item = self._column.takeAt(0)
            widget = None if item is None else item.widget()
            if widget is not None:
                widget.hide()
                widget.setParent(None)
                widget.deleteLater()

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
        if table.kind == "lines":
            x, *columns = np.array(table.rows, float).T if table.rows else [np.zeros(0)]
            named = dict(zip(table.columns[1:], columns, strict=True))
            self._chart(Lines(table.columns[0], x, named))
        elif table.kind == "matrix":
            self._column.addWidget(Heat(table.matrices()))
        else:
            self._bars(table)
            if table.kind == "table":
                self._column.addWidget(Grid(table))

    def add_bars(self, table: Table) -> None:
        """Add the column that says most as bars; all of the table is saved."""
        self._caption(table.words, table.definition, table)
        self._bars(table)

    def add_curves(self, curves: Curves) -> None:
        """Add learnt functions over the histogram of what they were given."""
        self._caption(f"{curves.words} (grey)", "", curves)
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

    def _bars(self, table: Table) -> None:
        rows = table.measured()
        likely = table.kind == "bars" and all(0 <= value <= 1 for _, value in rows)
        if table.kind != "bars":
            self.say(f"{table.drawn[:1].upper()}{table.drawn[1:]}:")
        bars = Bars(rows, 1.0 if likely else 0.0)
        self._column.addWidget(bars)
        if bars.left_out:
            self.say(_LEFT_OUT.format(count=bars.left_out, which="smaller ones"))

    def _chart(self, chart: Lines) -> None:
        chart.setFixedHeight(_CHART)
        chart.follow(self._viewer)
        self._column.addWidget(chart)
        if chart.left_out:
            self.say(_LEFT_OUT.format(count=chart.left_out, which="more"))
