"""The cases of a worklist as rows of a table: name, and state by sign and word."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QObject, QSortFilterProxyModel, Qt
from qtpy.QtGui import QFont

from napari_medseg.io import CaseFiles
from napari_medseg.worklist import Worklist
from napari_medseg.worklist_file import State

SIGNS = {
    State.NEW: "○",
    State.SEGMENTED: "◐",
    State.IN_WORK: "✎",
    State.DONE: "✓",
    State.DOUBTFUL: "?",
}
MEANINGS = {
    State.NEW: "nobody has begun",
    State.SEGMENTED: "a model found something, nobody has looked at it",
    State.IN_WORK: "somebody works on its labels",
    State.DONE: "its labels are finished",
    State.DOUBTFUL: "to be looked at again",
}
FAILED_SIGN = "⚠"
NAME_ROLE = int(Qt.ItemDataRole.UserRole)
_PARENT = QModelIndex()


def state_words(state: State) -> str:
    """Return a state for people, with its sign: "✓ done"."""
    return f"{SIGNS[state]} {state.value}"


class CaseTable(QAbstractTableModel):
    """The rows; the open case is bold, a case that failed has a sign of its own."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.worklist: Worklist | None = None
        self.opened = ""
        self.failures: dict[str, str] = {}

    def set_worklist(self, worklist: Worklist | None) -> None:
        """Show another folder."""
        self.beginResetModel()
        self.worklist, self.failures = worklist, {}
        self.endResetModel()

    def set_opened(self, name: str) -> None:
        """Mark the case that is open in the viewer."""
        before, self.opened = self.opened, name
        self.tell(before)
        self.tell(name)

    def set_failure(self, name: str, sentence: str) -> None:
        """Note why a case could not be read or segmented; empty takes the note away."""
        if self.failures.get(name, "") != sentence:
            self.failures[name] = sentence
            self.tell(name)

    def tell(self, name: str) -> None:
        """Draw the row of a case again."""
        row = -1 if self.worklist is None else self.worklist.position(name)
        if row >= 0:
            self.dataChanged.emit(self.index(row, 0), self.index(row, 1))

    def rowCount(self, parent: QModelIndex = _PARENT) -> int:
        return 0 if parent.isValid() or self.worklist is None else len(self.worklist.cases)

    def columnCount(self, parent: QModelIndex = _PARENT) -> int:
        return 0 if parent.isValid() else 2

    def headerData(
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = int(Qt.ItemDataRole.DisplayRole),
    ) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return ("Case", "State")[section]
        return None

    def data(self, index: QModelIndex, role: int = int(Qt.ItemDataRole.DisplayRole)) -> Any:
        if self.worklist is None or not index.isValid():
            return None
        case = self.worklist.cases[index.row()]
        if role == NAME_ROLE:
            return case.name
        if role == Qt.ItemDataRole.DisplayRole:
            return case.name if index.column() == 0 else self._state(case)
        if role == Qt.ItemDataRole.FontRole and case.name == self.opened:
            font = QFont()
            font.setBold(True)
            return font
        if role == Qt.ItemDataRole.ToolTipRole:
            return "\n".join([case.name, *self.about(case.name)])
        return None

    def about(self, name: str) -> list[str]:
        """Return what there is to say about a case: what its state means, notes, what failed."""
        if self.worklist is None or name not in self.worklist:
            return []
        record, case = self.worklist.record(name), self.worklist.case(name)
        lines = [f"{record.state.value.capitalize()}: {MEANINGS[record.state]}."]
        if record.note:
            lines.append(f"Note: {record.note}")
        if self.failures.get(name):
            lines.append(f"{FAILED_SIGN} {self.failures[name]}")
        if len(case.images) > 1:
            lines.append(f"Images: {', '.join(path.name for path in case.images)}")
        return lines

    def _state(self, case: CaseFiles) -> str:
        assert self.worklist is not None
        words = state_words(self.worklist.state_of(case.name))
        return f"{words} {FAILED_SIGN}" if self.failures.get(case.name) else words


class CaseFilter(QSortFilterProxyModel):
    """The rows with a word in their name, in one state or in any."""

    def __init__(self, table: CaseTable) -> None:
        super().__init__(table)
        self._table = table
        self._words: list[str] = []
        self._state: State | None = None
        self.setSourceModel(table)

    def narrow(self, text: str, state: State | None) -> None:
        """Show the cases whose name or note has all words of `text`, in `state` if it is one."""
        self._words, self._state = text.casefold().split(), state
        self.invalidateFilter()

    def filterAcceptsRow(self, row: int, parent: QModelIndex) -> bool:
        worklist = self._table.worklist
        if worklist is None:
            return False
        name = worklist.cases[row].name
        record = worklist.record(name)
        text = f"{name} {record.note}".casefold()
        right_state = self._state is None or record.state is self._state
        return right_state and all(word in text for word in self._words)
