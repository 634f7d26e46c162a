"""The context strip: which image, which model, which device; always there, above the tabs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from napari.layers import Layer
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from napari_medseg.widgets.keeping.file_button import FileButton
from napari_medseg.widgets.pieces import ElidedLabel
from napari_medseg.widgets.sessions import connect_while_alive, session_of
from napari_medseg.widgets.volumes import place_of
from napari_medseg.widgets.warm_up import known_devices, when_warm
from napari_medseg.worklist_file import State

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
    """Says what a run would work on; emits ``wanted(panel)`` where a person clicks.

    The line of the worklist is there while a folder is open, and only then.
    """

    wanted = Signal(str)
    _case_changed = Signal()  # a worklist may speak from a thread; Qt brings it to the window's

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer, self._session = viewer, session_of(viewer)
        self.image, self.model, self.case = ClickableLine(), ClickableLine(), ClickableLine()
        self.image.clicked.connect(partial(self.wanted.emit, "segment"))
        self.model.clicked.connect(partial(self.wanted.emit, "model"))
        self.case.clicked.connect(partial(self.wanted.emit, "worklist"))
        self.files = FileButton(viewer)
        self.keys = QToolButton()
        self.keys.setText("Keys")
        self.keys.setToolTip("The keys of MedSeg, all on one page")
        self.keys.clicked.connect(self._show_keys)
        first = QHBoxLayout()
        first.addWidget(self.image, 1)
        first.addWidget(self.files)
        first.addWidget(self.keys)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2, 2, 2, 2)
        layout.setSpacing(2)
        layout.addLayout(first)
        layout.addWidget(self.model)
        layout.addWidget(self.case)
        session, layers = self._session.events, viewer.layers.events
        for event in (session.images, session.model, session.device, session.case):
            connect_while_alive(self, event, self.refresh)
        for event in (layers.inserted, layers.removed, layers.renamed):
            connect_while_alive(self, event, self.refresh)
        connect_while_alive(self, session.worklist, self._follow_worklist)
        self._case_changed.connect(self._say_case)
        when_warm(self, self.refresh)
        self._follow_worklist()
        self.refresh()

    def refresh(self) -> None:
        """Say what the session and the viewer hold now."""
        self._say_image()
        self._say_model()
        self._say_case()

    def _say_image(self) -> None:
        layers = [self._viewer.layers[n] for n in self._session.images if n in self._viewer.layers]
        if layers:
            more = f" and {len(layers) - 1} more" if len(layers) > 1 else ""
            text, detail = image_words(layers[0])
            self.image.say(f"▣ {text}{more}", f"{detail}\nClick to choose another image.")
        else:
            self.image.say("▣ no image yet", "Open an image or a sample; click to go to Segment.")

    def _say_model(self) -> None:
        model = self._session.model
        if model is None:
            self.model.say("◆ no model yet", "Click to choose a model.")
        else:
            device = device_words(self._session.device)
            self.model.say(
                f"◆ {model.title} · {device}", f"{model.card.name} on {device}\nClick to change."
            )

    def _say_case(self) -> None:
        worklist = self._session.worklist
        self.case.setVisible(worklist is not None)
        if worklist is None:
            return
        count, done = len(worklist.cases), worklist.count(State.DONE)
        place = worklist.position(self._session.case) + 1
        where = f"case {place} of {count}" if place else f"{count} cases"
        self.case.say(
            f"▤ {where} · {done} done",
            f"{worklist.folder}: {self._session.case or 'no case is open'}\n"
            "Click to see the worklist.",
        )

    def _follow_worklist(self) -> None:
        worklist = self._session.worklist
        if worklist is not None:
            connect_while_alive(self, worklist.changed, self._on_case)
        self._say_case()

    def _on_case(self, _name: str) -> None:
        self._case_changed.emit()

    def _show_keys(self) -> None:
        from napari_medseg.widgets.keys_page import show_keys

        show_keys(self)


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
