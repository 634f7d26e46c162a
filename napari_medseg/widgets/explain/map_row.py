"""Which map is seen, how strong, and the way to a file."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakSet

import numpy as np
from napari.layers import Image
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from napari_medseg.widgets.explain.browser import Browser
from napari_medseg.widgets.explain.legend import STEPS, Legend
from napari_medseg.widgets.explain.overlay_layer import OverlayLayer
from napari_medseg.widgets.explain.seen import Seen, title
from napari_medseg.widgets.explain.stack_layer import open_stack
from napari_medseg.widgets.pieces import ElidedLabel, enable
from napari_medseg.widgets.sessions import connect_while_alive

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_medseg.explain.overlay import Overlay

_NOTHING = "Nothing is shown yet"
_BROWSE = "Browse the maps, one after the other: drag, turn the wheel, or press the arrow keys"
_STACK = "Add all these maps as one layer, with a slider of napari's to step through them"


class MapRow(QWidget):
    """Browses the maps of what was computed last; emits ``save_wanted(Overlay)``.

    Parameters
    ----------
    viewer : Viewer
        In which they are seen.
    """

    save_wanted = Signal(object)

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self.on_canvas = OverlayLayer(viewer)
        self._seen: Seen | None = None
        self._pages: list[tuple[Overlay, int]] = []
        self.says, self.number = ElidedLabel(_NOTHING), QLabel()
        self.which, self.opacity = Browser(), QSlider(Qt.Orientation.Horizontal)
        self.opacity.setRange(0, 100)
        self.opacity.setValue(60)
        self.default, self.export = QPushButton("Default"), QPushButton("Export…")
        self.stack, self.legend = QPushButton("Stack"), Legend()
        self._heard: WeakSet[Image] = WeakSet()
        self._lay_out()
        self.which.valueChanged.connect(self._browse)
        self.opacity.valueChanged.connect(self._fade)
        self.default.clicked.connect(self._reset)
        self.export.clicked.connect(self._save)
        self.stack.clicked.connect(self._open_stack)
        self._refresh()

    @property
    def overlay(self) -> Overlay | None:
        """What is seen, all its maps."""
        return self._pages[self.which.value()][0] if self._pages else None

    def show_maps(self, seen: Seen) -> bool:
        """Show the maps of `seen` instead, of the same question the same one as before.

        Returns whether the image is there still.
        """
        same = self._seen is not None and self._seen.what == seen.what and bool(self._pages)
        before = title(*self._pages[self.which.value()], score=False) if same else ""
        self._seen, self._pages = seen, seen.maps()
        titles = [title(*page, score=False) for page in self._pages]
        at = titles.index(before) if before in titles else 0
        self.which.blockSignals(True)
        self.which.setRange(0, max(len(self._pages) - 1, 0))
        self.which.setValue(at)
        self.which.blockSignals(False)
        return self._draw()

    def forget(self) -> None:
        """Show nothing any more."""
        self._seen, self._pages = None, []
        self.on_canvas.hide()
        self.legend.clear()
        self._refresh()

    def is_of(self, image: object) -> bool:
        """Whether what is seen belongs to an image."""
        return self._seen is not None and self._seen.image is image

    def _browse(self, _value: int) -> None:
        self._draw()

    def _draw(self) -> bool:
        there = False
        if self._seen is not None and self._pages:
            overlay, index = self._pages[self.which.value()]
            there = self.on_canvas.show(self._seen.image, self._seen.step, overlay, index)
        layer = self.on_canvas.layer
        if there and layer is not None and layer not in self._heard:
            self._heard.add(layer)
            for event in (
                layer.events.opacity,
                layer.events.colormap,
                layer.events.contrast_limits,
            ):
                connect_while_alive(self, event, self._show_look)
        self._show_look()
        self._refresh()
        return there

    def _refresh(self) -> None:
        why_not = "" if self._pages else _NOTHING
        one = "" if len(self._pages) > 1 else "There is one map only"
        enable(self.which, why_not or one, _BROWSE)
        enable(self.stack, why_not or self._why_no_stack(), _STACK)
        enable(self.opacity, why_not, "How much of the image the map hides")
        enable(self.default, why_not, "Back to colours, limits and opacity that suit this map")
        enable(self.export, why_not, "Save all maps of this kind, in their place over the image")
        if not self._pages:
            self.says.say(_NOTHING)
            self.number.setText("")
            return
        overlay, index = self._pages[self.which.value()]
        unit = f" ({overlay.unit})" if overlay.unit else ""
        tip = "\n".join((f"{overlay.words}{unit}", *overlay.notes))
        self.says.say(title(overlay, index), tip)
        self.number.setText(f"{self.which.value() + 1}/{len(self._pages)}")

    def _why_no_stack(self) -> str:
        several = self.overlay is not None and len(self.overlay.values) > 1
        if several and self.overlay is not None and self.overlay.kind == "rgb":
            return "A picture in colours is one map"
        return "" if several else "There is one map only"

    def _open_stack(self) -> None:
        if self._seen is None or self.overlay is None:
            return
        open_stack(self._viewer, self._seen.image, self._seen.step, self.overlay)
        self.on_canvas.hide()

    def _fade(self, percent: int) -> None:
        if self.on_canvas.layer is not None:
            self.on_canvas.layer.opacity = percent / 100

    def _show_look(self, *_: object) -> None:
        """Say how the layer looks now: a person may have changed it in napari's own controls."""
        layer, overlay = self.on_canvas.layer, self.overlay
        if layer is None or overlay is None or overlay.kind == "rgb":
            self.legend.clear()
        else:
            colours = layer.colormap.map(np.linspace(0, 1, STEPS))
            self.legend.show_colours(colours, tuple(layer.contrast_limits), overlay.unit)
        if layer is not None:
            self.opacity.blockSignals(True)
            self.opacity.setValue(round(100 * layer.opacity))
            self.opacity.blockSignals(False)

    def _reset(self) -> None:
        if self.on_canvas.layer is None:  # a person removed it
            self._draw()
        self.on_canvas.by_default()
        if self.on_canvas.layer is not None:
            self.on_canvas.layer.visible = True

    def _save(self) -> None:
        if self.overlay is not None:
            self.save_wanted.emit(self.overlay)

    def _lay_out(self) -> None:
        column, top, sliders, foot = QVBoxLayout(self), *(QHBoxLayout() for _ in range(3))
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        for row in (top, sliders, foot):
            column.addLayout(row)
        top.addWidget(self.says, 1)
        top.addWidget(self.number)
        for words, slider, share in (("Map", self.which, 3), ("Opacity", self.opacity, 2)):
            sliders.addWidget(QLabel(words))
            sliders.addWidget(slider, share)
        foot.addWidget(self.legend, 1)
        for button in (self.stack, self.default, self.export):
            button.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
            foot.addWidget(button)
