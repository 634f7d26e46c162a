"""The class that prompts are for: chosen with its colour, or made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from napari.layers import Labels
from qtpy.QtCore import Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton

from napari_medseg.engine.card import LabelClass
from napari_medseg.widgets.active_labels import FollowsLabels
from napari_medseg.widgets.classes.class_list import add_class, begin_classes, classes_of
from napari_medseg.widgets.classes.palette import PALETTE
from napari_medseg.widgets.classes.signs import swatch
from napari_medseg.widgets.classes.stored import class_signals, locked_of
from napari_medseg.widgets.interact.given import prompts_changed
from napari_medseg.widgets.layers import is_preview, why_not_editable
from napari_medseg.widgets.notices import show_failure
from napari_medseg.widgets.pieces import enable, narrow_combo
from napari_medseg.widgets.sessions import Connectable

if TYPE_CHECKING:
    from napari.viewer import Viewer

_FIRST = (LabelClass(value=1, name="class 1", colour=PALETTE[0]),)


class ClassRow(FollowsLabels):
    """The classes of the labels one works on; without labels, those they will have.

    The choice is the layer's selected label, both ways. Emits ``chosen()`` when it changes, and
    ``given()`` when prompts of the labels came or went, by undo or from a project.
    """

    chosen = Signal()
    given = Signal()

    def __init__(self, viewer: Viewer) -> None:
        super().__init__(viewer)
        self._classes: list[LabelClass] = []
        self._offered: tuple[LabelClass, ...] = _FIRST
        self.field = narrow_combo("The class your prompts are for")
        self.add = QPushButton("+ New")
        self.field.activated.connect(self._choose)
        self.add.clicked.connect(self._add)
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(QLabel("Class"))
        line.addWidget(self.field, 1)
        line.addWidget(self.add)
        self.look_for_layer()

    @property
    def value(self) -> int:
        """The class; 0 is the background."""
        if self.layer is not None:
            return int(self.layer.selected_label)
        index = self.field.currentIndex()
        return self._classes[index].value if 0 <= index < len(self._classes) else 0

    @property
    def name(self) -> str:
        """What the class is called."""
        return self.name_of(self.value)

    @property
    def offered(self) -> tuple[LabelClass, ...]:
        """The classes that new labels get."""
        return self._offered

    def name_of(self, value: int) -> str:
        """Return what a class is called."""
        named = {0: "background", **{c.value: c.name for c in self._classes}}
        return named.get(value, f"class {value}")

    def colour_of(self, value: int) -> str:
        """Return the colour of a class, ``#rrggbb``."""
        return next((c.colour for c in self._classes if c.value == value), "#808080")

    def offer(self, classes: Sequence[LabelClass]) -> None:
        """Let labels that are made have these classes, a model's; or one, if there are none."""
        offered = tuple(classes) or _FIRST
        if offered != self._offered:
            self._offered = offered
            self._read()

    def show_layer(self, layer: Labels | None) -> None:
        if layer is not None:
            begin_classes(layer)
        self._read()

    def signals_of(self, layer: Labels) -> list[tuple[Connectable, Callable[..., Any]]]:
        signals = class_signals(layer)
        return [
            (signals.changed, self._read),
            (layer.events.selected_label, self._on_selected),
            (layer.events.visible, self._look),
            (prompts_changed(layer), self._on_given),
        ]

    def _wanted(self) -> Labels | None:
        """Return the labels to work on: hidden ones only if a person selected them."""
        wanted, layers = super()._wanted(), self.viewer.layers
        if wanted is None or wanted.visible or wanted is layers.selection.active:
            return wanted
        labels = [o for o in reversed(layers) if isinstance(o, Labels) and not is_preview(o)]
        return next((layer for layer in labels if layer.visible), None)

    def _on_given(self) -> None:
        self.given.emit()

    def _read(self, _event: object = None) -> None:
        layer = self.layer
        before = self.value if layer is None else 0
        self._classes = list(self._offered) if layer is None else classes_of(layer)
        locked = frozenset() if layer is None else locked_of(layer)
        self.field.clear()
        for one in self._classes:
            words = f"{one.name} (locked)" if one.value in locked else one.name
            self.field.addItem(swatch(True, QColor(one.colour)), words)
        if layer is None:
            values = [c.value for c in self._classes]
            self.field.setCurrentIndex(values.index(before) if before in values else 0)
        reason = "" if layer is None else why_not_editable(layer)
        why = reason or ("The first prompt makes labels; add classes then" if not layer else "")
        enable(self.add, why, "Add a class in a colour of its own, for something else")
        self._on_selected()

    def _on_selected(self, _event: object = None) -> None:
        if self.layer is not None:
            values = [c.value for c in self._classes]
            value = self.value
            self.field.setCurrentIndex(values.index(value) if value in values else -1)
        self.chosen.emit()

    def _choose(self, index: int) -> None:
        if self.layer is not None:
            self.layer.selected_label = self._classes[index].value
        else:
            self.chosen.emit()

    def _add(self) -> None:
        if self.layer is None:
            return
        try:
            add_class(self.layer)
        except ValueError as error:
            show_failure(error)
