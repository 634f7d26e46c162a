"""The field that says where a run works."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Image
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QStandardItemModel
from qtpy.QtWidgets import QHBoxLayout, QLabel, QWidget

from napari_medseg.widgets.pieces import narrow_combo
from napari_medseg.widgets.scopes import TIPS, Scope, why_not, words
from napari_medseg.widgets.volumes import place_of

if TYPE_CHECKING:
    from napari.viewer import Viewer


class ScopeChoice(QWidget):
    """Offers every `Scope`; those that an image does not have are grey and say why.

    Emits ``changed()`` when a person chooses another one.
    """

    changed = Signal()

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self.field = narrow_combo("Where the model works")
        for scope in Scope:
            self.field.addItem(words(scope, flat=False))
        self.field.currentIndexChanged.connect(self.changed)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(QLabel("Where"))
        layout.addWidget(self.field, 1)
        self.show_for(None)

    @property
    def scope(self) -> Scope:
        """What is chosen now."""
        return list(Scope)[self.field.currentIndex()]

    def choose(self, scope: Scope) -> None:
        """Choose a scope, as a person would."""
        self.field.setCurrentIndex(list(Scope).index(scope))

    def show_for(self, image: Image | None) -> None:
        """Offer what there is for `image`; what it has not is not left chosen."""
        flat = image is not None and len(place_of(image).shape) == 2
        model = self.field.model()
        assert isinstance(model, QStandardItemModel)
        for index, scope in enumerate(Scope):
            reason = why_not(scope, self._viewer, image)
            self.field.setItemText(index, words(scope, flat))
            self.field.setItemData(index, reason or TIPS[scope], Qt.ItemDataRole.ToolTipRole)
            item = model.item(index)
            if item is not None:
                item.setEnabled(not reason)
        self.field.setToolTip(TIPS[self.scope])
        if flat and self.scope in (Scope.SLICE, Scope.BOX_SLICE):
            self.choose(Scope.WHOLE if self.scope is Scope.SLICE else Scope.BOX)
