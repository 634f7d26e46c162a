"""Which map is seen, how strong, and the way to a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari.layers import Image
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QGridLayout, QLabel, QPushButton, QSlider, QWidget

from napari_medseg.widgets.explain.overlay_layer import OverlayLayer
from napari_medseg.widgets.pieces import ElidedLabel, enable

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_medseg.explain.overlay import Overlay

_NOTHING = "Nothing is shown yet"
MAP_KINDS = {
    "Volume or picture in its place (*.nii.gz)": ".nii.gz",
    "TIFF (*.tif)": ".tif",
    "Picture of the first map in colour (*.png)": ".png",
    "Table of all values (*.csv)": ".csv",
}


@dataclass(frozen=True, eq=False)
class Seen:
    """Overlays, the image they are of, and its time."""

    image: Image
    step: tuple[int, ...]
    overlays: tuple[Overlay, ...]


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
        self.which, self.opacity = (QSlider(Qt.Orientation.Horizontal) for _ in range(2))
        self.opacity.setRange(0, 100)
        self.opacity.setValue(60)
        self.default, self.export = QPushButton("Default"), QPushButton("Export…")
        self._lay_out()
        self.which.valueChanged.connect(self._browse)
        self.opacity.valueChanged.connect(self._fade)
        self.default.clicked.connect(self._reset)
        self.export.clicked.connect(self._save)
        self._refresh()

    @property
    def overlay(self) -> Overlay | None:
        """What is seen, all its maps."""
        return self._pages[self.which.value()][0] if self._pages else None

    def show_maps(self, seen: Seen) -> bool:
        """Show the maps of `seen` instead, the same one of them as before where that is there.

        Returns whether the image is there still.
        """
        before = [overlay.name for overlay, _ in self._pages[:1]]
        self._seen = seen
        self._pages = [
            (overlay, index)
            for overlay in seen.overlays
            for index in range(1 if overlay.kind == "rgb" else len(overlay.values))
        ]
        same = before == [overlay.name for overlay, _ in self._pages[:1]]
        at = min(self.which.value(), len(self._pages) - 1) if same else 0
        self.which.blockSignals(True)
        self.which.setRange(0, max(len(self._pages) - 1, 0))
        self.which.setValue(at)
        self.which.blockSignals(False)
        return self._draw()

    def forget(self) -> None:
        """Show nothing any more."""
        self._seen, self._pages = None, []
        self.on_canvas.hide()
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
        if there and self.on_canvas.layer is not None:
            self._show_opacity(self.on_canvas.layer.opacity)
        self._refresh()
        return there

    def _refresh(self) -> None:
        why_not = "" if self._pages else _NOTHING
        enable(self.which, why_not, "Browse the maps, one after the other")
        enable(self.opacity, why_not, "How much of the image the map hides")
        enable(self.default, why_not, "Back to colours, limits and opacity that suit this map")
        enable(self.export, why_not, "Save all maps of this kind, in their place over the image")
        if not self._pages:
            self.says.say(_NOTHING)
            self.number.setText("")
            return
        overlay, index = self._pages[self.which.value()]
        channel = "" if overlay.kind == "rgb" else overlay.channels[index]
        unit = f" ({overlay.unit})" if overlay.unit else ""
        self.says.say(
            f"{channel} · {overlay.name}" if channel else overlay.name,
            "\n".join((f"{overlay.words}{unit}", *overlay.notes)),
        )
        self.number.setText(f"{self.which.value() + 1}/{len(self._pages)}")

    def _fade(self, percent: int) -> None:
        if self.on_canvas.layer is not None:
            self.on_canvas.layer.opacity = percent / 100

    def _show_opacity(self, opacity: float) -> None:
        self.opacity.blockSignals(True)
        self.opacity.setValue(round(100 * opacity))
        self.opacity.blockSignals(False)

    def _reset(self) -> None:
        self.on_canvas.by_default()
        if self.on_canvas.layer is not None:
            self.on_canvas.layer.visible = True
            self._show_opacity(self.on_canvas.layer.opacity)

    def _save(self) -> None:
        if self.overlay is not None:
            self.save_wanted.emit(self.overlay)

    def _lay_out(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        rows: Sequence[tuple[str, QWidget]] = (("Map", self.which), ("Opacity", self.opacity))
        for row, (title, slider) in enumerate(rows, start=1):
            grid.addWidget(QLabel(title), row, 0)
            grid.addWidget(slider, row, 1)
        grid.addWidget(self.says, 0, 0, 1, 2)
        grid.addWidget(self.export, 0, 2)
        grid.addWidget(self.number, 1, 2)
        grid.addWidget(self.default, 2, 2)
        grid.setColumnStretch(1, 1)
        self.number.setMinimumWidth(self.fontMetrics().horizontalAdvance("888/888"))
