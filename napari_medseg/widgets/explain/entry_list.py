"""What there is to see of a model, in groups; what it lacks is greyed and says why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import QRect, QSize, Qt, Signal
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QTreeWidget, QTreeWidgetItem

if TYPE_CHECKING:
    from napari_medseg.explain.entries import Entry

_KEY = Qt.ItemDataRole.UserRole
_HEIGHT, _INDENT = 170, 12  # pixels
_PADDING = 10  # pixels that the style keeps free around words
_FIRST = "energy"


class EntryList(QTreeWidget):
    """Emits ``chosen()`` when another entry is chosen, and ``wanted()`` at a double click."""

    chosen = Signal()
    wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setHeaderHidden(True)
        self.setFixedHeight(_HEIGHT)
        self.setIndentation(_INDENT)
        self.setWordWrap(True)
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
                self.scrollToItem(item)

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
                words = _words(entry)
                row = QTreeWidgetItem(top, [words])
                row.setData(0, _KEY, entry.key)
                row.setToolTip(0, entry.why_not or words)
                row.setDisabled(bool(entry.why_not))
        self.choose(before.key if before is not None else _FIRST)
        if self.entry is None:
            self.choose(_FIRST)
        self.blockSignals(False)
        self._wrap()
        self.chosen.emit()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        self._wrap()

    def _wrap(self) -> None:
        """Give each row the height that its words need at this width; Qt does not by itself."""
        view = self.viewport()
        assert view is not None  # every view has one
        room = QRect(0, 0, view.width() - 2 * _INDENT - _PADDING, 1000)
        for row in self.items():
            words = self.fontMetrics().boundingRect(room, Qt.TextFlag.TextWordWrap, row.text(0))
            row.setSizeHint(0, QSize(room.width(), words.height() + _PADDING // 2))

    def _opened(self) -> set[str]:
        groups = [self.topLevelItem(i) for i in range(self.topLevelItemCount())]
        return {g.text(0) for g in groups if g is not None and g.isExpanded()}

    def _want(self, item: QTreeWidgetItem) -> None:
        if item.data(0, _KEY) is not None and not item.isDisabled():
            self.wanted.emit()


def _words(entry: Entry) -> str:
    """Return what stands in the list; what is of one block names it at the end."""
    path, _, what = entry.words.partition(": ") if ":" in entry.key else ("", "", entry.words)
    return f"{what[:1].upper()}{what[1:]}" + (f" ({path})" if path else "")
