"""Whether layers that were compared have changed since."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from weakref import WeakMethod, ref

from napari.layers import Labels

from napari_medseg.widgets.classes.stored import class_signals
from napari_medseg.widgets.layers import stepped
from napari_medseg.widgets.sessions import Connectable


class Watch:
    """Calls a method when one of some label layers is painted on, replaced or renamed.

    Parameters
    ----------
    changed : bound method
        Without arguments; held weakly.
    """

    def __init__(self, changed: Callable[[], Any]) -> None:
        self._changed = WeakMethod(changed)
        self._layers: list[ref[Labels]] = []

    def follow(self, layers: Iterable[Labels]) -> None:
        """Watch these layers from now on, and no others."""
        self.stop()
        for layer in layers:
            for signal in _signals(layer):
                signal.connect(self._tell)
            self._layers.append(ref(layer))

    def stop(self) -> None:
        """Watch nothing any more."""
        for layer in (one() for one in self._layers):
            for signal in () if layer is None else _signals(layer):
                signal.disconnect(self._tell)
        self._layers.clear()

    def _tell(self, *_: object) -> None:
        changed = self._changed()
        if changed is not None:
            changed()


def _signals(layer: Labels) -> list[Connectable]:
    return [stepped(layer), layer.events.data, class_signals(layer).changed]
