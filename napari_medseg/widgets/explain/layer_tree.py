"""The layers of a model as a tree, with the number of channels and the size of their maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHeaderView, QTreeWidget, QTreeWidgetItem

if TYPE_CHECKING:
    from napari_medseg.explain.layers import Layer

_NAME = Qt.ItemDataRole.UserRole
_HEIGHT = 120  # pixels
_TIP = "The layer whose maps are shown; bold ones end a stage of the model"


class LayerTree(QTreeWidget):
    """Emits ``chosen()`` when another layer is chosen."""

    chosen = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setHeaderLabels(["layer", "channels", "size"])
        self.setFixedHeight(_HEIGHT)
        self.setIndentation(12)
        self.setToolTip(_TIP)
        header = self.header()
        assert header is not None
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column, width in ((1, 70), (2, 60)):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
            self.setColumnWidth(column, width)
        self._shown: tuple[object, tuple[str, ...], str] = (None, (), "")
        self._kept: dict[str, str | None] = {}  # what was chosen, by what it began with
        self._rows: dict[str, QTreeWidgetItem] = {}
        self.itemSelectionChanged.connect(self.chosen)

    @property
    def name(self) -> str | None:
        """The chosen layer's path."""
        items = self.selectedItems()
        return str(items[0].data(0, _NAME)) if items else None

    def choose(self, name: str) -> None:
        """Choose a layer, as a click on it does; nothing happens if there is no such one."""
        row = self._rows.get(name)
        if row is not None and row.flags() & Qt.ItemFlag.ItemIsSelectable:
            self.setCurrentItem(row)

    def show_layers(self, root: Layer, choices: Sequence[str], first: str) -> None:
        """Show the tree; what is not among `choices` is greyed and says why.

        Parameters
        ----------
        first : str
            Chosen where nothing else was, of what began with it, that is there.
        """
        shown = root, tuple(choices), first
        if shown == self._shown:
            return
        self._kept[self._shown[-1]] = self.name
        before, self._shown = self._kept.get(first), shown
        self.blockSignals(True)
        self.clear()
        self._rows = {}
        known = {layer.name for layer in root.walk()}
        for layer in root.children:
            self._add(self.invisibleRootItem(), layer, set(choices))
        for name in choices:
            if name not in known:  # it runs several times, or gives no maps
                self._rows[name] = _row(self.invisibleRootItem(), name, ("", ""))
                self._rows[name].setText(0, name)
        for wanted in (before, first, *choices):
            if wanted is not None and self.name is None:
                self.choose(wanted)
        self.blockSignals(False)
        self.chosen.emit()

    def _add(self, parent: QTreeWidgetItem | None, layer: Layer, choices: set[str]) -> None:
        size = ("full" if layer.stride == 1 else f"1/{layer.stride}") if layer.channels else ""
        row = _row(parent, layer.name, (str(layer.channels or ""), size))
        self._rows[layer.name] = row
        can = layer.name in choices
        row.setToolTip(0, f"{layer.name}: {layer.words}")
        if not can:
            row.setToolTip(0, f"{layer.name}: {layer.why_not or 'not a layer for this'}")
            # what is below must stay within reach
            row.setFlags(Qt.ItemFlag.ItemIsEnabled)
            if not layer.children:
                row.setDisabled(True)
        if layer.stage:
            font = row.font(0)
            font.setBold(True)
            row.setFont(0, font)
        for child in layer.children:
            self._add(row, child, choices)


def _row(parent: QTreeWidgetItem | None, name: str, about: tuple[str, str]) -> QTreeWidgetItem:
    assert parent is not None
    row = QTreeWidgetItem(parent, [name.rpartition(".")[2] or name, *about])
    row.setData(0, _NAME, name)
    row.setTextAlignment(1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    row.setToolTip(0, name)
    return row
