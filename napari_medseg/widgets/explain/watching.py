"""Hears when the image one looks into is another one all of a sudden, or lies elsewhere."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import TYPE_CHECKING
from weakref import ref

import numpy as np
from napari.layers import Image
from napari.utils.events import Event, EventEmitter
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QWidget

from napari_medseg.widgets.interact.plane import Plane, shown_plane
from napari_medseg.widgets.sessions import when_gone

if TYPE_CHECKING:
    from napari.viewer import Viewer

_EVENTS = ("data", "scale", "translate", "rotate", "shear", "affine", "units")
_MOST = 1 << 20  # values of a slice that are looked at; of a larger one, some rows and columns


class Watching(QObject):
    """Emits ``changed()`` when a watched image gets other values or another place.

    napari tells of new arrays and of new places. Values that were written into the array are found
    out where they are seen: when a slice is drawn again that was drawn before, and while the panel
    is seen, too.

    Parameters
    ----------
    viewer : Viewer
        In which they are seen.
    panel : QWidget
        Whose end is the end of it.
    """

    changed = Signal()

    def __init__(self, viewer: Viewer, panel: QWidget) -> None:
        super().__init__(panel)
        self._viewer, self._panel = ref(viewer), panel
        self._images: tuple[Image, ...] = ()
        self._drawn: dict[Hashable, int] = {}  # checksums of the slices that were seen
        when_gone(panel, partial(_leave, ref(self)))

    def watch(self, images: Sequence[Image]) -> None:
        """Watch these, and no others any more."""
        for emitter, hear in self._emitters():
            emitter.disconnect(hear)
        self._images = tuple(images)
        for emitter, hear in self._emitters():
            emitter.connect(hear)
        self._begin()

    def look(self) -> None:
        """Find out what was written into the slice one sees while the panel was not seen."""
        for image in self._images:
            if self._is_drawn_anew(image):
                self._renew()
                return

    def _emitters(self) -> list[tuple[EventEmitter, Callable[[Event], None]]]:
        told = [(getattr(y.events, name), self._tell) for y in self._images for name in _EVENTS]
        return [*told, *((image.events.set_data, self._compare) for image in self._images)]

    def _begin(self) -> None:
        self._drawn.clear()
        for image in self._images:
            self._is_drawn_anew(image)

    def _tell(self, _event: Event) -> None:
        self._renew()

    def _renew(self) -> None:
        self._begin()
        self.changed.emit()

    def _compare(self, event: Event) -> None:
        if self._panel.isVisible() and self._is_drawn_anew(event.source):
            self._renew()

    def _is_drawn_anew(self, image: Image) -> bool:
        """Whether the slice one sees was seen with other values before."""
        viewer = self._viewer()
        there = viewer is not None and image in viewer.layers
        plane = shown_plane(viewer, image) if viewer is not None and there else None
        if plane is None or not isinstance(image.data, np.ndarray):
            return False  # whose values nobody writes, or whose reading takes long
        which = (image.unique_id, id(image.data), plane.step, plane.axis, plane.index)
        now = _checksum(plane)
        return self._drawn.setdefault(which, now) != now


def _checksum(plane: Plane) -> int:
    values = plane.layer.data[(*plane.step, *plane.box)]
    skip = int(np.ceil(np.sqrt(max(values.size / _MOST, 1))))
    some = tuple(slice(None, None, skip if a in plane.across else 1) for a in range(values.ndim))
    return zlib.crc32(values[some].tobytes())


def _leave(watching: ref[Watching]) -> None:
    """Watch nothing for a panel that is gone."""
    alive = watching()
    if alive is not None:
        alive.watch(())
