"""What there is to see of a model, in groups; what it lacks is greyed and says why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QTreeWidget, QTreeWidgetItem

if TYPE_CHECKING:
    from napari_medseg.explain.entries import Entry

_KEY = Qt.ItemDataRole.UserRole
_HEIGHT = 170  # pixels
_FIRST = "energy"


class EntryList(QTreeWidget):
    """Emits ``chosen()`` when another entry is chosen, and ``wanted()`` at a double click."""

    chosen = Signal()
    wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setHeaderHidden(True)
        self.setFixedHeight(_HEIGHT)
        self.setIndentation(12)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setToolTip("What is shown of the model; grey is what this model does not have")
        self._entries: dict[str, Entry] = {}
        self.itemSelectionChanged.connect(self.chosen)
        self.itemActivated.connect(self._want)

    @property
    def entry(self) -> Entry | None:
        """The chosen entry."""
        items = self.selectedItems()
        return self._entries.get(items[0].data(0, _KEY)) if items else None

    def choose(self, key: str) -> None:
        """Choose an entry, as a click on it does; nothing happens if it is greyed."""
        for item in self.items():
            if item.data(0, _KEY) == key and not item.isDisabled():
                self.setCurrentItem(item)

    def items(self) -> list[QTreeWidgetItem]:
        """Return the rows of all entries, in order."""
        groups = [self.topLevelItem(i) for i in range(self.topLevelItemCount())]
        rows = [g.child(i) for g in groups if g is not None for i in range(g.childCount())]
        return [row for row in rows if row is not None]

    def show_entries(self, entries: Sequence[Entry]) -> None:
        """Show these instead; the chosen one stays chosen where it is still there."""
        before, opened = self.entry, self._opened()
        self.blockSignals(True)
        self.clear()
        self._entries = {entry.key: entry for entry in entries}
        for group in dict.fromkeys(entry.group for entry in entries):
            top = QTreeWidgetItem(self, [group])
            top.setFlags(Qt.ItemFlag.ItemIsEnabled)
            top.setExpanded(group in opened if opened else not self.topLevelItemCount() > 1)
            for entry in (e for e in entries if e.group == group):
                words = entry.words[:1].upper() + entry.words[1:]
                row = QTreeWidgetItem(top, [words])
                row.setData(0, _KEY, entry.key)
                row.setToolTip(0, entry.why_not or words)
                row.setDisabled(bool(entry.why_not))
        self.choose(before.key if before is not None else _FIRST)
        if self.entry is None:
            self.choose(_FIRST)
        self.blockSignals(False)
        self.chosen.emit()

    def _opened(self) -> set[str]:
        groups = [self.topLevelItem(i) for i in range(self.topLevelItemCount())]
        return {g.text(0) for g in groups if g is not None and g.isExpanded()}

    def _want(self, item: QTreeWidgetItem) -> None:
        if item.data(0, _KEY) is not None and not item.isDisabled():
            self.wanted.emit()
