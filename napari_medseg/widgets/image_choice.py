"""Which image layers a run works on: one, or one per channel of the model."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from napari.layers import Image
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QFormLayout, QLabel, QWidget

from napari_medseg.engine.card import ModelCard
from napari_medseg.widgets.layers import image_layers, is_map
from napari_medseg.widgets.pieces import narrow_combo

if TYPE_CHECKING:
    from napari.viewer import Viewer

_COLOURS = ("red", "green", "blue")  # come in one layer


class ImageChoice(QWidget):
    """One field per input channel, filled in by layer names; one field for a colour image.

    Emits ``changed()`` when the choice changed, by a person or because layers came and went.
    """

    changed = Signal()

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self._card: ModelCard | None = None
        self._offered: list[Image] = []
        self._chosen: list[Image | None] = [None]
        self._told: list[str] = []
        self.fields: list[QComboBox] = []
        self._labels: list[QLabel] = []
        self._form = QFormLayout(self)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._add_field()

    @property
    def empty(self) -> bool:
        """Whether the viewer has no image at all."""
        return not self._offered

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the layers chosen so far, also while some are missing."""
        return tuple(layer.name for layer in self._chosen[: self._shown()] if layer is not None)

    @property
    def layers(self) -> list[Image]:
        """The chosen layers, one per channel or one for all; empty while one is missing."""
        needed = self._chosen[: self._shown()]
        present = [layer for layer in needed if layer is not None]
        return present if len(present) == len(needed) else []

    def missing(self) -> str:
        """Return the name of the first channel without an image, or nothing."""
        for index, layer in enumerate(self._chosen[: self._shown()]):
            if layer is None:
                return self._name(index)
        return ""

    def set_model(self, card: ModelCard | None) -> None:
        """Offer as many fields as the model has channels, filled in by name anew."""
        if card != self._card:
            chosen = [layer for layer in self._chosen if layer is not None]
            self._card = card
            self._chosen = [None] * (card.in_channels if card is not None else 1)
            if chosen:
                self._place(chosen[0])
        self.refresh()

    def choose(self, layer: Image) -> None:
        """Take `layer` as the channel its name says, and fill the others in by name."""
        if layer not in self._chosen[: self._shown()]:
            self._place(layer)
            self.refresh()

    def refresh(self) -> None:
        """Offer the image layers the viewer has now; what is chosen and still there stays."""
        self._offered = [i for i in image_layers(self._viewer) if not is_map(i)]
        count = self._card.in_channels if self._card is not None else 1
        kept = [layer if layer in self._offered else None for layer in self._chosen]
        if count == 1:
            kept = [layer for layer in kept if layer is not None] or [None]
        self._chosen = kept[:count] + [None] * (count - len(kept))
        self._fill_in()
        self._show_fields(self._shown())
        names = [field.currentText() for field in self.fields]
        if names != self._told:
            self._told = names
            self.changed.emit()

    def _place(self, layer: Image) -> None:
        """Make `layer` the only chosen one, as the channel its name says, else the first."""
        names = [self._channel_word(index) for index in range(len(self._chosen))]
        own = [i for i, word in enumerate(names) if word and word in _words(layer)]
        self._chosen = [None] * len(self._chosen)
        self._chosen[own[0] if own and not layer.rgb else 0] = layer

    def _shown(self) -> int:
        """Return how many fields are needed: one if the first image has all channels itself."""
        if self._card is None:
            return 1
        first = self._chosen[0] if self._chosen else None
        colour = tuple(c.lower() for c in self._card.preprocessing.channels) == _COLOURS
        return 1 if colour or (first is not None and first.rgb) else self._card.in_channels

    def _fill_in(self) -> None:
        for index in range(len(self._chosen)):
            if self._chosen[index] is None:
                self._chosen[index] = self._by_name(index)
        if self._offered and not any(layer is not None for layer in self._chosen):
            visible = [layer for layer in self._offered if layer.visible]
            self._chosen[0] = (visible or self._offered)[0]

    def _by_name(self, index: int) -> Image | None:
        """Return the layer whose name says that it is this channel, of the same case."""
        word = self._channel_word(index)
        found = [i for i in self._offered if word and word in _words(i)]
        anchor = next((layer for layer in self._chosen if layer is not None), None)
        if anchor is not None:
            case = _case(anchor)
            found = [i for i in found if _case(i) == case]
        return found[0] if len(found) == 1 else None

    def _channel_word(self, index: int) -> str:
        names = self._card.preprocessing.channels if self._card is not None else ()
        return names[index].lower() if len(names) == len(self._chosen) > 1 else ""

    def _name(self, index: int) -> str:
        names = self._card.preprocessing.channels if self._card is not None else ()
        if self._shown() == 1 or self._card is None:
            return "Image"
        return names[index] if index < len(names) else f"Channel {index + 1}"

    def _add_field(self) -> None:
        field = narrow_combo("The image to segment")
        label = QLabel("Image")
        field.activated.connect(self._choose_field)
        self.fields.append(field)
        self._labels.append(label)
        self._form.addRow(label, field)

    def _show_fields(self, count: int) -> None:
        while len(self.fields) > count:  # a hidden row would leave a gap
            self._form.removeRow(self.fields.pop())
            self._labels.pop()
        while len(self.fields) < count:
            self._add_field()
        for index, field in enumerate(self.fields):
            self._show(index, field)

    def _show(self, index: int, field: QComboBox) -> None:
        self._labels[index].setText(self._name(index))
        field.blockSignals(True)
        field.clear()
        field.addItems([layer.name for layer in self._offered])
        chosen = self._chosen[index]
        field.setCurrentIndex(self._offered.index(chosen) if chosen is not None else -1)
        field.setPlaceholderText("choose …" if self._offered else "no image yet")
        field.setEnabled(bool(self._offered))
        field.setToolTip(
            f"The layer the model takes as {self._name(index).lower()}"
            if self._offered
            else "There is no image layer yet; open an image or a sample"
        )
        field.blockSignals(False)

    def _choose_field(self) -> None:
        for index, field in enumerate(self.fields):
            if field.currentIndex() >= 0:
                self._chosen[index] = self._offered[field.currentIndex()]
        self.refresh()


def _words(layer: Image) -> list[str]:
    """Return the words of a layer's name: "case_2 · T1ce" has case, 2 and t1ce."""
    return re.split(r"[\W_]+", layer.name.lower())


def _case(layer: Image) -> str:
    """Return what the names of all images of one case share: all but the last word."""
    return re.sub(r"[\W_]*[^\W_]+$", "", layer.name.lower())
