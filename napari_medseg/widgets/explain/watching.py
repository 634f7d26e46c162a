"""Hears when the image one looks into is another one all of a sudden, or lies elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from weakref import ref

from napari.layers import Image
from napari.utils.events import Event, EventEmitter
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QWidget

from napari_medseg.widgets.sessions import when_gone

_EVENTS = ("data", "scale", "translate", "rotate", "shear", "affine", "units")


class Watching(QObject):
    """Emits ``changed()`` when a watched image gets other values or another place.

    Parameters
    ----------
    panel : QWidget
        Whose end is the end of it.
    """

    changed = Signal()

    def __init__(self, panel: QWidget) -> None:
        super().__init__(panel)
        self._images: tuple[Image, ...] = ()
        when_gone(panel, partial(_leave, ref(self)))

    def watch(self, images: Sequence[Image]) -> None:
        """Watch these, and no others any more."""
        for emitter in self._emitters():
            emitter.disconnect(self._tell)
        self._images = tuple(images)
        for emitter in self._emitters():
            emitter.connect(self._tell)

    def _emitters(self) -> list[EventEmitter]:
        return [getattr(image.events, name) for image in self._images for name in _EVENTS]

    def _tell(self, _event: Event) -> None:
        self.changed.emit()


def _leave(watching: ref[Watching]) -> None:
    """Watch nothing for a panel that is gone."""
    alive = watching()
    if alive is not None:
        alive.watch(())
