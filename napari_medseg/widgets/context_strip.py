"""The context strip: which image, which model, which device; always there, above the tabs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Layer
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_medseg.session import Session
from napari_medseg.widgets.pieces import ElidedLabel
from napari_medseg.widgets.volumes import place_of
from napari_medseg.widgets.warm_up import known_devices

if TYPE_CHECKING:
    from napari.viewer import Viewer


class ClickableLine(ElidedLabel):
    """A line of text that emits ``clicked()``."""

    clicked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        self.clicked.emit()


class ContextStrip(QWidget):
    """Says what a run would work on; emits ``model_clicked()`` and ``image_clicked()``."""

    model_clicked = Signal()
    image_clicked = Signal()

    def __init__(self, viewer: Viewer, session: Session) -> None:
        super().__init__()
        self._viewer, self._session = viewer, session
        self.image, self.model = ClickableLine(), ClickableLine()
        self.image.clicked.connect(self.image_clicked)
        self.model.clicked.connect(self.model_clicked)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2, 2, 2, 2)
        layout.setSpacing(2)
        layout.addWidget(self.image)
        layout.addWidget(self.model)
        self.refresh()

    def refresh(self) -> None:
        """Say what the session and the viewer hold now."""
        layers = [self._viewer.layers[n] for n in self._session.images if n in self._viewer.layers]
        if layers:
            more = f" and {len(layers) - 1} more" if len(layers) > 1 else ""
            text, detail = image_words(layers[0])
            self.image.say(f"▣ {text}{more}", f"{detail}\nClick to choose another image.")
        else:
            self.image.say("▣ no image yet", "Open an image or a sample; click to go to Segment.")
        model = self._session.model
        if model is None:
            self.model.say("◆ no model yet", "Click to choose a model.")
        else:
            device = device_words(self._session.device)
            self.model.say(
                f"◆ {model.title} · {device}", f"{model.card.name} on {device}\nClick to change."
            )


def image_words(layer: Layer) -> tuple[str, str]:
    """Return a line and a longer text about an image: name, size, voxels."""
    place = place_of(layer)
    size = "×".join(map(str, reversed(place.shape)))
    voxel = "×".join(f"{s:.3g}" for s in reversed(place.spacing))
    unknown = f"{'pixel' if len(place.shape) == 2 else 'voxel'} size unknown"
    spacing = f"{voxel} mm" if place.spacing_known else unknown
    detail = f"{layer.name}: {size} voxels (left-right × front-back × slices), {spacing}"
    if len(place.shape) == 2:
        detail = f"{layer.name}: {size} pixels (width × height), {spacing}"
    line = f"{layer.name}  {size} · {spacing}"
    if place.tilt >= 1:
        line += f" · tilted {place.tilt:.0f}°"
        detail += ". The scan is tilted: it is shown without its tilt, saved labels keep it"
    return line, detail


def device_words(device: str) -> str:
    """Return what people call a device; the automatic one by name once it is known."""
    if device == "auto":
        known = known_devices()
        return f"automatic: {device_words(known[0])}" if known else "automatic"
    kind, _, number = device.partition(":")
    words = {"cpu": "CPU", "cuda": f"GPU {number}".strip(), "mps": "Apple GPU"}
    return words.get(kind, device)
