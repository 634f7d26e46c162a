"""One signal for all that changes what a tool would do: layers, strokes, slice, boxes, locks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from weakref import WeakMethod

from napari.layers import Labels, Shapes
from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QWidget

from napari_medseg.widgets.classes.stored import ClassSignals, class_signals
from napari_medseg.widgets.layers import Happened, Step, follow_steps, is_preview
from napari_medseg.widgets.sessions import connect_while_alive

if TYPE_CHECKING:
    from napari.utils.events import Event
    from napari.viewer import Viewer

_SOON = 30  # ms: several changes at once are told once


class Changes(QWidget):
    """Emits ``happened()`` soon after something changed. It is never shown.

    Parameters
    ----------
    viewer : Viewer
        Whose layers and view are followed, as long as `parent` lives.
    """

    happened = Signal()

    def __init__(self, viewer: Viewer, parent: QWidget) -> None:
        super().__init__(parent)
        self.hide()
        self._classes: ClassSignals | None = None
        self._leave: Callable[[], None] | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_SOON)
        self._timer.timeout.connect(self.happened)
        layers, dims = viewer.layers.events, viewer.dims.events
        for event in (layers.inserted, layers.removed, layers.renamed):
            connect_while_alive(self, event, self._on_layers)
        for event in (dims.ndisplay, dims.order, dims.current_step):
            connect_while_alive(self, event, self._on_change)
        for layer in viewer.layers:
            self._follow_shapes(layer)

    def follow(self, layer: Labels | None) -> None:
        """Follow the steps, classes and locks of another layer."""
        if self._leave is not None:
            self._leave()
            self._leave = None
        if self._classes is not None:
            self._classes.changed.disconnect(self._on_change)
            self._classes = None
        if layer is None:
            return
        self._classes = class_signals(layer)
        self._classes.changed.connect(self._on_change)
        self._leave = follow_steps(layer, _weakly(self._on_step))

    def _on_layers(self, event: Event) -> None:
        if is_preview(event.value):
            return
        if event.type == "inserted":
            self._follow_shapes(event.value)
        self._timer.start()

    def _on_step(self, _happened: Happened, _step: Step) -> None:
        self._timer.start()

    def _on_change(self, *_: object) -> None:
        self._timer.start()

    def _follow_shapes(self, layer: object) -> None:
        if isinstance(layer, Shapes):
            connect_while_alive(self, layer.events.data, self._on_change)


def _weakly(method: Callable[[Happened, Step], None]) -> Callable[[Happened, Step], None]:
    """Return what calls a method of a widget, as long as that lives, and does not keep it alive."""
    held = WeakMethod(method)

    def call(happened: Happened, step: Step) -> None:
        alive = held()
        if alive is not None:
            alive(happened, step)

    return call
