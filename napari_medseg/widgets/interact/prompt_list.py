"""The prompts given so far, each with a button that takes it out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QHBoxLayout, QLabel, QListWidget, QListWidgetItem, QToolButton, QWidget

from napari_medseg.widgets.classes.signs import SIDE, swatch
from napari_medseg.widgets.pieces import ElidedLabel

_ROW = 24  # pixels
_SEEN = 4  # rows seen without scrolling


@dataclass(frozen=True)
class Row:
    """A prompt as people read it.

    Parameters
    ----------
    words : str
        "+ point · liver · slice 31".
    colour : str
        Of its class, ``#rrggbb``.
    state : str
        "", or what there is to know: "waiting", "accepted".
    """

    words: str
    colour: str
    state: str = ""


class PromptList(QListWidget):
    """The prompts, the oldest first; emits ``removed(place)`` and ``wanted(place)``."""

    removed = Signal(int)
    wanted = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[Row] = []
        self.setToolTip("The prompts you gave; a double click goes to where one lies")
        self.setFixedHeight(_SEEN * _ROW + 4)
        self.setSelectionMode(QListWidget.SelectionMode.NoSelection)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.itemDoubleClicked.connect(self._go)

    def show_rows(self, rows: Sequence[Row]) -> None:
        """Show these prompts; the last one is seen."""
        if list(rows) == self._rows:
            return
        same = 0
        while same < min(len(rows), len(self._rows)) and rows[same] == self._rows[same]:
            same += 1
        while self.count() > same:
            self.takeItem(self.count() - 1)
        for place, row in enumerate(rows[same:], same):
            item = QListWidgetItem()
            item.setSizeHint(QSize(0, _ROW))
            self.addItem(item)
            self.setItemWidget(item, self._line(place, row))
        self._rows = list(rows)
        self.scrollToBottom()

    def _line(self, place: int, row: Row) -> QWidget:
        line, sign, words = QWidget(), QLabel(), ElidedLabel(row.words)
        sign.setPixmap(swatch(not row.state, QColor(row.colour)).pixmap(SIDE, SIDE))
        remove = QToolButton()
        remove.setText("×")
        remove.setToolTip("Take this prompt out")
        remove.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        remove.clicked.connect(partial(self._remove, place))
        layout = QHBoxLayout(line)
        layout.setContentsMargins(4, 0, 2, 0)
        layout.addWidget(sign)
        layout.addWidget(words, 1)
        layout.addWidget(QLabel(row.state))
        layout.addWidget(remove)
        return line

    def _remove(self, place: int, _checked: bool = False) -> None:
        self.removed.emit(place)

    def _go(self, item: QListWidgetItem) -> None:
        self.wanted.emit(self.row(item))
