"""Which image layers a run works on: one, or one per channel of the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Image
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QFormLayout, QLabel, QWidget

from napari_medseg.engine.card import ModelCard
from napari_medseg.engine.channels import can_do_without, expects_colour
from napari_medseg.widgets.channel_names import case_of, shows
from napari_medseg.widgets.layers import image_layers, is_map
from napari_medseg.widgets.pieces import narrow_combo
from napari_medseg.widgets.volumes import place_of

if TYPE_CHECKING:
    from napari.viewer import Viewer

_WITHOUT = "not available"
_TIP = Qt.ItemDataRole.ToolTipRole


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
        self._without: set[int] = set()  # channels a person said are not there
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
        """The chosen layers that are there; empty while one is missing."""
        return [layer for layer in self.channels if layer is not None]

    @property
    def first(self) -> Image | None:
        """The image, or the first of its channels that is there."""
        return next(iter(self.layers), None)

    @property
    def channels(self) -> list[Image | None]:
        """One layer per channel, or one for all; None for those the model does without.

        Empty while one is missing.
        """
        needed = self._chosen[: self._shown()]
        return [] if self.missing() or not any(needed) else list(needed)

    def missing(self) -> str:
        """Return the name of the first channel without an image, or nothing."""
        for index, layer in enumerate(self._chosen[: self._shown()]):
            if layer is None and index not in self._without:
                return self._name(index)
        return ""

    def set_model(self, card: ModelCard | None) -> None:
        """Offer as many fields as the model has channels, filled in by name anew."""
        if card != self._card:
            chosen = [layer for layer in self._chosen if layer is not None]
            self._card = card
            self._without = set()
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

    def groups(self) -> list[list[Image]]:
        """Return what a run over all open images works on: the images of every complete case."""
        if self._shown() == 1:
            return [[layer] for layer in reversed(self._offered)]
        names = self._channel_names()
        cases = dict.fromkeys(case_of(layer.name, names) for layer in reversed(self._offered))
        groups = []
        for case in cases:
            mates = [i for i in self._offered if case_of(i.name, names) == case]
            found = [self._only(mates, index) for index in range(len(self._chosen))]
            whole = [layer for layer in found if layer is not None]
            if len(whole) == len(found):
                groups.append(whole)
        return groups

    def _place(self, layer: Image) -> None:
        """Make `layer` the only chosen one, as the channel its name says, else the first."""
        count = len(self._chosen)
        own = [i for i in range(count) if shows(layer.name, self._channel_names(), i)]
        self._chosen = [None] * count
        self._without = set()
        self._chosen[own[0] if own and not layer.rgb else 0] = layer

    def _shown(self) -> int:
        """Return how many fields are needed: one if the first image has all channels itself."""
        if self._card is None:
            return 1
        first = self._chosen[0] if self._chosen else None
        one = expects_colour(self._card) or (first is not None and first.rgb)
        return 1 if one else self._card.in_channels

    def _fill_in(self) -> None:
        for index in range(len(self._chosen)):
            if self._chosen[index] is None and index not in self._without:
                self._chosen[index] = self._by_name(index)
        if self._offered and not any(layer is not None for layer in self._chosen):
            visible = [layer for layer in self._offered if layer.visible]
            self._without.discard(0)
            self._chosen[0] = (visible or self._offered)[0]

    def _by_name(self, index: int) -> Image | None:
        """Return the layer whose name says that it is this channel, of the same case."""
        if len(self._chosen) == 1:
            return None
        names, found = self._channel_names(), self._offered
        anchor = next((layer for layer in self._chosen if layer is not None), None)
        if anchor is not None:
            case = case_of(anchor.name, names)
            found = [i for i in found if case_of(i.name, names) == case]
        return self._only(found, index)

    def _only(self, layers: list[Image], index: int) -> Image | None:
        """Return the one of `layers` that is channel `index`; None if none or several are."""
        found = [i for i in layers if not i.rgb and shows(i.name, self._channel_names(), index)]
        return found[0] if len(found) == 1 else None

    def _channel_names(self) -> tuple[str, ...]:
        names = self._card.preprocessing.channels if self._card is not None else ()
        return names if len(names) == len(self._chosen) > 1 else ()

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
        for layer in self._offered:
            field.addItem(layer.name)
            size = "×".join(map(str, place_of(layer).shape))
            field.setItemData(field.count() - 1, f"{layer.name}: {size}", _TIP)
        if self._card is not None and can_do_without(self._card) and len(self.fields) > 1:
            field.addItem(_WITHOUT)
            tip = "The model was trained to do without this image; the answer is less sure"
            field.setItemData(field.count() - 1, tip, _TIP)
        chosen, at = self._chosen[index], -1
        if chosen is not None:
            at = self._offered.index(chosen)
        elif index in self._without:
            at = field.count() - 1
        field.setCurrentIndex(at)
        field.setPlaceholderText("choose …" if self._offered else "no image yet")
        field.setEnabled(bool(self._offered))
        field.setToolTip(
            f"The layer the model takes as {self._name(index)}"
            if self._offered
            else "There is no image layer yet; open an image or a sample"
        )
        field.blockSignals(False)

    def _choose_field(self) -> None:
        for index, field in enumerate(self.fields):
            if field.currentIndex() < 0:
                continue
            layer = (*self._offered, None)[min(field.currentIndex(), len(self._offered))]
            self._chosen[index] = layer
            (self._without.add if layer is None else self._without.discard)(index)
        self.refresh()
