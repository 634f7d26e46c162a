"""The classes of a Labels layer as rows: eye, lock, colour, name, voxels, size."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Any

from napari.layers import Labels
from qtpy.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt
from qtpy.QtGui import QColor, QIcon

from napari_medseg.engine.card import LabelClass
from napari_medseg.widgets.classes import signs
from napari_medseg.widgets.classes.class_list import (
    classes_of,
    rename_class,
    set_visible,
)
from napari_medseg.widgets.classes.counts import voxel_counts
from napari_medseg.widgets.classes.stored import hidden_of, locked_of, set_locked
from napari_medseg.widgets.classes.words import size_of_voxel, size_words

_PARENT = QModelIndex()


class Column(IntEnum):
    """What lies where in the table."""

    EYE = 0
    LOCK = 1
    COLOUR = 2
    NAME = 3
    VOXELS = 4
    SIZE = 5


_HEADERS = {Column.NAME: "Class", Column.VOXELS: "Voxels", Column.SIZE: "Volume"}


class ClassRows(QAbstractTableModel):
    """The rows of one layer at a time; a row is a class, by ascending value."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.classes: list[LabelClass] = []
        self.counts: dict[int, int] = {}
        self._layer: Labels | None = None
        self._hidden: frozenset[int] = frozenset()
        self._locked: frozenset[int] = frozenset()
        self._voxel = (0.0, "")
        self._ink = QColor()
        self._drawn: dict[tuple[str, bool, str], QIcon] = {}

    def set_layer(self, layer: Labels | None) -> None:
        """Show the classes of another layer; none without one."""
        self._layer = layer
        self.read()

    def set_ink(self, colour: QColor) -> None:
        """Draw the signs in this colour."""
        self._ink = colour
        self._tell(Column.EYE, Column.LOCK)

    def read(self) -> None:
        """Show what the classes are now."""
        layer = self._layer
        classes = [] if layer is None else classes_of(layer)
        same = [c.value for c in classes] == [c.value for c in self.classes]
        if not same:
            self.beginResetModel()
        self.classes = classes
        self.counts = {} if layer is None else voxel_counts(layer)
        self._hidden = frozenset() if layer is None else hidden_of(layer)
        self._locked = frozenset() if layer is None else locked_of(layer)
        self._voxel = (0.0, "") if layer is None else size_of_voxel(layer)
        if same:
            self._tell(Column.EYE, Column.SIZE)
        else:
            self.endResetModel()

    def read_counts(self) -> None:
        """Show how many voxels there are now; a value that is new gets its row."""
        assert self._layer is not None
        counts = voxel_counts(self._layer)
        if {v for v in counts if 0 < v < 65536} - {c.value for c in self.classes}:
            self.read()
        elif counts != self.counts:
            self.counts = counts
            self._tell(Column.VOXELS, Column.SIZE)

    def row_of(self, value: int) -> int:
        """Return the row of a class; -1 if it has none."""
        return next((i for i, c in enumerate(self.classes) if c.value == value), -1)

    def rowCount(self, parent: QModelIndex = _PARENT) -> int:
        return 0 if parent.isValid() else len(self.classes)

    def columnCount(self, parent: QModelIndex = _PARENT) -> int:
        return 0 if parent.isValid() else len(Column)

    def headerData(
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = int(Qt.ItemDataRole.DisplayRole),
    ) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            if section == Column.SIZE and self._voxel[1] == "mm²":
                return "Area"
            return _HEADERS.get(Column(section), "")
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self._alignment(section)
        return None

    def flags(self, index: QModelIndex) -> Qt.ItemFlags:
        flags = super().flags(index)
        return flags | Qt.ItemFlag.ItemIsEditable if index.column() == Column.NAME else flags

    def data(self, index: QModelIndex, role: int = int(Qt.ItemDataRole.DisplayRole)) -> Any:
        if not index.isValid():
            return None
        own, column = self.classes[index.row()], Column(index.column())
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return self._text(own, column)
        if role == Qt.ItemDataRole.DecorationRole:
            return self._sign(own, column)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self._alignment(column)
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._tip(own, column)
        return None

    def setData(
        self, index: QModelIndex, value: Any, role: int = int(Qt.ItemDataRole.EditRole)
    ) -> bool:
        if role != Qt.ItemDataRole.EditRole or self._layer is None:
            return False
        rename_class(self._layer, self.classes[index.row()].value, str(value))
        return True

    def switch(self, index: QModelIndex) -> None:
        """Do what a click on an eye or a lock does."""
        if self._layer is None or not index.isValid():
            return
        value = self.classes[index.row()].value
        if index.column() == Column.EYE:
            set_visible(self._layer, value, value in self._hidden)
        elif index.column() == Column.LOCK:
            set_locked(self._layer, value, value not in self._locked)

    def _text(self, own: LabelClass, column: Column) -> str | None:
        voxels = self.counts.get(own.value, 0)
        if column == Column.NAME:
            return own.name
        if column == Column.VOXELS:
            return f"{voxels:,}"
        if column == Column.SIZE:
            size, unit = self._voxel
            return size_words(voxels * size, unit) if size else "–"
        return None

    def _sign(self, own: LabelClass, column: Column) -> QIcon | None:
        if column == Column.EYE:
            return self._icon(signs.eye, own.value not in self._hidden, self._ink)
        if column == Column.LOCK:
            return self._icon(signs.lock, own.value in self._locked, self._ink)
        if column == Column.COLOUR:
            return self._icon(signs.swatch, True, QColor(own.colour))
        return None

    def _icon(self, draw: Callable[[bool, QColor], QIcon], on: bool, colour: QColor) -> QIcon:
        key = draw.__name__, on, colour.name()
        if key not in self._drawn:
            self._drawn[key] = draw(on, colour)
        return self._drawn[key]

    def _tip(self, own: LabelClass, column: Column) -> str:
        if column == Column.EYE:
            return (
                "Shown; click to hide" if own.value not in self._hidden else "Hidden; click to show"
            )
        if column == Column.LOCK:
            if own.value in self._locked:
                return "Locked: nothing changes these voxels. Click to unlock"
            return "Click to lock: no brush, tool or model changes these voxels then"
        if column == Column.COLOUR:
            return "Double click to choose another colour"
        if column == Column.NAME:
            return f"{own.name} (value {own.value}). Double click to rename"
        size, unit = self._voxel
        if column == Column.SIZE and not size:
            return f"No volume: {unit}"
        return f"Double click to go to the largest part of {own.name}"

    def _alignment(self, section: int) -> int:
        side = Qt.AlignmentFlag.AlignLeft
        if section in (Column.VOXELS, Column.SIZE):
            side = Qt.AlignmentFlag.AlignRight
        return int(side | Qt.AlignmentFlag.AlignVCenter)

    def _tell(self, first: Column, last: Column) -> None:
        if self.classes:
            end = len(self.classes) - 1
            self.dataChanged.emit(self.index(0, first), self.index(end, last))
