"""A line with a word and the layers one can choose there."""

from __future__ import annotations

from collections.abc import Sequence

from napari.layers import Layer
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QWidget

from napari_medseg.widgets.pieces import narrow_combo


class LayerRow(QWidget):
    """Offers layers by name; emits ``changed()`` when a person chooses another one.

    Parameters
    ----------
    word : str
        What the layer is for.
    tip : str
        The tooltip.
    none : str
        What is offered first and means no layer; not offered when empty.
    """

    changed = Signal()

    def __init__(self, word: str, tip: str, none: str = "") -> None:
        super().__init__()
        self._layers: list[Layer | None] = []
        self._none: list[Layer | None] = [None] if none else []
        self._words = none
        self.field = narrow_combo(tip)
        self.field.currentIndexChanged.connect(self.changed)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(QLabel(word))
        layout.addWidget(self.field, 1)
        self.offer([])

    @property
    def layer(self) -> Layer | None:
        """The chosen layer."""
        index = self.field.currentIndex()
        return self._layers[index] if 0 <= index < len(self._layers) else None

    @property
    def is_choice(self) -> bool:
        """Whether there is more than one to choose from."""
        return len(self._layers) > 1

    def offer(self, layers: Sequence[Layer]) -> None:
        """Offer these layers; the chosen one stays if it is among them."""
        names = [self._words or "", *(layer.name for layer in layers)][not self._none :]
        shown = [self.field.itemText(i) for i in range(self.field.count())]
        wanted = [*self._none, *layers]
        if wanted == self._layers and names == shown:
            return
        chosen, self._layers = self.layer, wanted
        self.field.blockSignals(True)
        self.field.clear()
        self.field.addItems(names)
        self.field.setCurrentIndex(wanted.index(chosen) if chosen in wanted else 0)
        self.field.blockSignals(False)
