"""What correcting took, round after round of learning."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHeaderView, QTableWidget, QTableWidgetItem

from napari_medseg.effort import Effort

_COLUMNS = (
    ("Round", "0: cases added before the model had learnt from any of them"),
    ("Cases", "Added in this round"),
    ("Edited", "Voxels changed by hand for a case, on average"),
    ("Prompts", "Clicks, scribbles and boxes for a case, on average; – where none were noted"),
    ("Minutes", "Spent on a case, on average; – where nobody measured"),
)
_ROW = 22  # pixels
_ROWS = 6  # seen at once, at most


class EffortTable(QTableWidget):
    """A row for each round: how much work a case was; less and less if the model learns."""

    def __init__(self) -> None:
        super().__init__(0, len(_COLUMNS))
        self.setHorizontalHeaderLabels([title for title, _ in _COLUMNS])
        for column, (_, tip) in enumerate(_COLUMNS):
            item = self.horizontalHeaderItem(column)
            assert item is not None  # it was just made
            item.setToolTip(tip)
        self.setToolTip("If the model learns what you need, a case takes less work in later rounds")
        self.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QTableWidget.SelectionMode.NoSelection)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        header, rows = self.horizontalHeader(), self.verticalHeader()
        assert header is not None
        assert rows is not None
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        rows.setVisible(False)
        rows.setDefaultSectionSize(_ROW)

    def show_effort(self, rounds: Sequence[Effort]) -> None:
        """Show what the cases of each round took."""
        self.setRowCount(len(rounds))
        for index, effort in enumerate(rounds):
            for column, text in enumerate(effort.cells()):
                item = QTableWidgetItem(text)
                item.setTextAlignment(int(Qt.AlignmentFlag.AlignCenter))
                self.setItem(index, column, item)
        header = self.horizontalHeader()
        assert header is not None
        self.setFixedHeight(header.sizeHint().height() + _ROW * min(max(len(rounds), 1), _ROWS) + 4)
