"""The cases collected: a picture, what was reviewed and corrected, and whether they are used."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QIcon, QImage, QPixmap
from qtpy.QtWidgets import (
    QAbstractItemView,
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_medseg.casebook import Casebook
from napari_medseg.casebook_file import CaseEntry
from napari_medseg.widgets.pieces import enable

_SIDE = 44  # pixels of a picture
_ROWS = 3.4  # seen at once at most: the next one shows that there are more
_KEY = Qt.ItemDataRole.UserRole
CHANGED, NEXT_RUN = "changed since", "next run"
REMARKS = {
    CHANGED: "The labels were changed since: add the image again to learn from them",
    NEXT_RUN: "What learns now began before this was added; the next run learns from it",
}
"""What may be said of a case beside its numbers, and what it means."""


class CaseList(QWidget):
    """Lists the cases of a casebook.

    Emits ``use_changed(entry, bool)``, ``weight_changed(entry, float)`` and ``removed(entry)``.
    """

    use_changed = Signal(object, bool)
    weight_changed = Signal(object, float)
    removed = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._entries: dict[str, CaseEntry] = {}
        self._pictures: dict[str, QIcon] = {}
        self.rows = QListWidget()
        self.rows.setIconSize(QSize(_SIDE, _SIDE))
        self.rows.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.rows.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.rows.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.rows.setToolTip("The images to learn from; untick one to leave it out")
        self.weight = QDoubleSpinBox()
        self.weight.setRange(0.1, 10)
        self.weight.setSingleStep(0.5)
        self.weight.setDecimals(1)
        self.weight.setPrefix("× ")
        self.remove = QPushButton("Remove")
        below = QHBoxLayout()
        below.addWidget(QLabel("This case counts"))
        below.addWidget(self.weight)
        below.addStretch(1)
        below.addWidget(self.remove)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.rows)
        column.addLayout(below)
        self.rows.itemChanged.connect(self._on_tick)
        self.rows.currentRowChanged.connect(self._show_chosen)
        self.weight.editingFinished.connect(self._on_weight)
        self.remove.clicked.connect(self._on_remove)
        self._show_chosen()

    @property
    def unseen(self) -> frozenset[str]:
        """Keys of the cases that have no picture here yet."""
        return frozenset(set(self._entries) - set(self._pictures))

    @property
    def chosen(self) -> CaseEntry | None:
        """The case that is selected."""
        item = self.rows.currentItem()
        return None if item is None else self._entries.get(item.data(_KEY))

    def show_cases(self, book: Casebook, remarks: Mapping[str, str]) -> None:
        """List the cases of a book; what is selected stays so.

        Parameters
        ----------
        remarks : mapping
            Key of a case to what else is to be said of it, a key of `REMARKS`.
        """
        before = self.chosen
        self._entries = {entry.key: entry for entry in book.entries}
        for entry in book.entries:
            if entry.key not in self._pictures:
                self._read_picture(entry.key, book.picture(entry))
        self.rows.blockSignals(True)
        self.rows.clear()
        for entry in book.entries:
            self._add_row(entry, remarks.get(entry.key, ""))
        keys = list(self._entries)
        at = keys.index(before.key) if before is not None and before.key in keys else 0
        self.rows.setCurrentRow(at if keys else -1)
        self.rows.blockSignals(False)
        seen = min(max(len(keys), 1), _ROWS)
        self.rows.setFixedHeight(round(seen * (_SIDE + 6)) + 4)
        self.setVisible(bool(keys))
        self._show_chosen()

    def show_picture(self, key: str, picture: np.ndarray) -> None:
        """Show the picture ``(H, W, 3)`` of a case."""
        pixels = np.ascontiguousarray(picture, np.uint8)
        height, width, _ = pixels.shape
        values = pixels.tobytes()
        image = QImage(values, width, height, 3 * width, QImage.Format.Format_RGB888)
        self._pictures[key] = QIcon(QPixmap.fromImage(image))
        for at in range(self.rows.count()):
            item = self.rows.item(at)
            if item is not None and item.data(_KEY) == key:
                self.rows.blockSignals(True)
                item.setIcon(self._pictures[key])
                self.rows.blockSignals(False)

    def _read_picture(self, key: str, path: Path) -> None:
        if path.is_file():
            icon = QPixmap(str(path))
            if not icon.isNull():
                self._pictures[key] = QIcon(icon)

    def _add_row(self, entry: CaseEntry, remark: str) -> None:
        said = f" · {remark}" if remark else ""
        item = QListWidgetItem(f"{entry.name}\n{about(entry)}{said}")
        item.setData(_KEY, entry.key)
        item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
        ticked = Qt.CheckState.Checked if entry.used else Qt.CheckState.Unchecked
        item.setCheckState(ticked)
        item.setToolTip(_tip(entry, remark))
        item.setSizeHint(QSize(0, _SIDE + 6))
        if entry.key in self._pictures:
            item.setIcon(self._pictures[entry.key])
        self.rows.addItem(item)

    def _show_chosen(self, *_: object) -> None:
        entry = self.chosen
        why_not = "" if entry is not None else "There is no case in the list yet"
        enable(
            self.weight,
            why_not,
            "How often this case is learnt from: × 2 is twice as often as the others",
        )
        enable(self.remove, why_not, "Take the case off the list; image and labels stay")
        self.weight.blockSignals(True)
        self.weight.setValue(1.0 if entry is None else entry.weight)
        self.weight.blockSignals(False)

    def _on_tick(self, item: QListWidgetItem) -> None:
        entry = self._entries[item.data(_KEY)]
        used = item.checkState() == Qt.CheckState.Checked
        if used != entry.used:
            self.use_changed.emit(entry, used)

    def _on_weight(self) -> None:
        entry = self.chosen
        if entry is not None and self.weight.value() != entry.weight:
            self.weight_changed.emit(entry, self.weight.value())

    def _on_remove(self) -> None:
        if self.chosen is not None:
            self.removed.emit(self.chosen)


def about(entry: CaseEntry) -> str:
    """Return what a list says of a case below its name."""
    share = entry.reviewed_voxels / max(math.prod(entry.shape), 1)
    parts = [f"{percent(share)} reviewed", f"{count(entry.edited_voxels)} corrected"]
    if entry.weight != 1:
        parts.append(f"× {entry.weight:g}")
    return " · ".join(parts)


def percent(share: float) -> str:
    """Return a share for people: "all", "12 %", "0.3 %"."""
    if share >= 1:
        return "all"
    return f"{share:.0%}" if share >= 0.01 else f"{100 * share:.1g} %"


def count(voxels: int) -> str:
    """Return a number of voxels for people: "640", "12,300"."""
    return f"{voxels:,}"


def _tip(entry: CaseEntry, remark: str) -> str:
    lines = [
        f"{entry.name}: {'×'.join(map(str, entry.shape))} voxels",
        f"{count(entry.reviewed_voxels)} of them reviewed, {count(entry.edited_voxels)} corrected",
    ]
    if remark:
        lines.append(REMARKS[remark])
    return "\n".join(lines)
