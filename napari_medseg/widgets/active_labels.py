"""The Labels layer a person works on: the active one, or the last that was."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakMethod, ref

from napari.layers import Labels
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QWidget

from napari_medseg.widgets.layers import is_preview
from napari_medseg.widgets.sessions import (
    Connectable,
    connect_while_alive,
    unwrapped,
    when_gone,
)

if TYPE_CHECKING:
    from napari.viewer import Viewer


class FollowsLabels(QWidget):
    """A widget on one Labels layer at a time.

    It is the active layer; while another kind of layer is active it stays the one it was, and if
    that is gone it becomes the topmost that is there. Layers that only show something do not count.

    Parameters
    ----------
    viewer : Viewer
        Held weakly.
    """

    layer_changed = Signal(object)

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        viewer = unwrapped(viewer)
        self._viewer_ref = ref(viewer)
        self._layer_ref: ref[Labels] | None = None
        connect_while_alive(self, viewer.layers.selection.events.active, self._look)
        connect_while_alive(self, viewer.layers.events.inserted, self._look)
        connect_while_alive(self, viewer.layers.events.removed, self._look)
        when_gone(self, partial(_leave, WeakMethod(self._leave_layer)))

    @property
    def viewer(self) -> Viewer:
        """The viewer, which lives at least as long as its widgets."""
        viewer = self._viewer_ref()
        assert viewer is not None
        return viewer

    @property
    def layer(self) -> Labels | None:
        """The layer one works on; None if there is none."""
        return None if self._layer_ref is None else self._layer_ref()

    def show_layer(self, layer: Labels | None) -> None:
        """Show another layer than before, or none."""
        raise NotImplementedError

    def signals_of(self, layer: Labels) -> list[tuple[Connectable, Callable[..., Any]]]:
        """Return what calls which method while the layer is the one one works on."""
        raise NotImplementedError

    def look_for_layer(self) -> None:
        """Show the layer there is; once, when all parts of the widget are made."""
        self.show_layer(None)
        self._look()

    def _look(self, _event: Any = None) -> None:
        before, layer = self.layer, self._wanted()
        if layer is before:
            return
        self._leave_layer()
        self._layer_ref = None if layer is None else ref(layer)
        self.show_layer(layer)
        for signal, method in [] if layer is None else self.signals_of(layer):
            signal.connect(method)
        self.layer_changed.emit(layer)

    def _leave_layer(self) -> None:
        layer, self._layer_ref = self.layer, None
        for signal, method in [] if layer is None else self.signals_of(layer):
            signal.disconnect(method)

    def _wanted(self) -> Labels | None:
        layers = self.viewer.layers
        offered = [o for o in reversed(layers) if isinstance(o, Labels) and not is_preview(o)]
        active, before = layers.selection.active, self.layer
        wanted = next((o for o in offered if o is active), None)
        kept = next((o for o in offered if o is before), None)
        return wanted or kept or next(iter(offered), None)


def _leave(method: WeakMethod[Callable[[], None]]) -> None:
    """Let a widget whose Qt half is gone leave its layer."""
    alive = method()
    if alive is not None:
        alive()
