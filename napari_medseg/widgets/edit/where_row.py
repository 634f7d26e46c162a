"""Where a tool works: this class or all, and which part of the volume."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Labels
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QStandardItemModel
from qtpy.QtWidgets import QHBoxLayout, QWidget

from napari_medseg.editing.tool import Tool
from napari_medseg.widgets.edit.sight import ACROSS
from napari_medseg.widgets.pieces import narrow_combo
from napari_medseg.widgets.scopes import Scope, why_not, words
from napari_medseg.widgets.volumes import place_of

if TYPE_CHECKING:
    from napari.viewer import Viewer

SCOPES = (Scope.WHOLE, Scope.SLICE, Scope.BOX, Scope.BOX_SLICE)
_TIPS = {
    Scope.WHOLE: "The tool works on all slices",
    Scope.SLICE: "The tool sees and changes only the slice you see",
    Scope.BOX: "Only what lies within the rectangles of a Shapes layer changes (the selected ones, "
    "if any are)",
    Scope.BOX_SLICE: "Only what lies within the rectangles changes, on the slice you see",
}
_ONE_SLICE = (Scope.SLICE, Scope.BOX_SLICE)
_CLASSES = ("This class", "All classes")
_TIP = Qt.ItemDataRole.ToolTipRole


class WhereRow(QWidget):
    """Two choices in a line: the classes, and the part of the volume.

    Emits ``changed()`` when a person chooses.
    """

    changed = Signal()

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self.classes = narrow_combo("Which classes the tool changes")
        self.classes.addItems(_CLASSES)
        self.part = narrow_combo("Where the tool works")
        for scope in SCOPES:
            self.part.addItem(words(scope, flat=False))
        self.classes.currentIndexChanged.connect(self.changed)
        self.part.currentIndexChanged.connect(self.changed)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.classes, 2)
        layout.addWidget(self.part, 3)

    @property
    def every_label(self) -> bool:
        """Whether every class is worked on, one after the other."""
        return self.classes.currentIndex() == 1

    @property
    def scope(self) -> Scope:
        """Which part is chosen."""
        return SCOPES[self.part.currentIndex()]

    def choose(self, scope: Scope) -> None:
        """Choose a part, as a person would."""
        self.part.setCurrentIndex(SCOPES.index(scope))

    def show_for(self, layer: Labels | None, tool: Tool | None) -> None:
        """Offer what there is for these labels and this tool; the rest is grey and says why."""
        flat = layer is not None and len(place_of(layer).shape) == 2
        for index, scope in enumerate(SCOPES):
            reason = "" if layer is None else why_not(scope, self._viewer, layer)
            if not reason and tool is not None and tool.needs & ACROSS and scope in _ONE_SLICE:
                reason = f"“{tool.title}” works from slice to slice"
            self.part.setItemText(index, words(scope, flat))
            _offer(self.part.model(), index, reason)
            self.part.setItemData(index, reason or _TIPS[scope], _TIP)
        if flat and self.scope in _ONE_SLICE:
            self.choose(Scope.WHOLE if self.scope is Scope.SLICE else Scope.BOX)
        self.part.setToolTip(_TIPS[self.scope])
        alone = tool is not None and not tool.all_labels and not tool.any_label
        reason = f"“{tool.title}” works on one class at a time" if tool and alone else ""
        _offer(self.classes.model(), 1, reason)
        if tool is not None and tool.any_label:
            reason = f"“{tool.title}” works on all classes at once"
        self.classes.setEnabled(not (tool and tool.any_label))
        self.classes.setToolTip(reason or "Which classes the tool changes")


def _offer(model: object, index: int, reason: str) -> None:
    assert isinstance(model, QStandardItemModel)
    item = model.item(index)
    if item is not None:
        item.setEnabled(not reason)
