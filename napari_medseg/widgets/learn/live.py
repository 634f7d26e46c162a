"""The live preview: which slice one looks at goes to the run, what it would find comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Image
from qtpy.QtCore import QObject
from qtpy.QtWidgets import QWidget

from napari_medseg.packed import Box
from napari_medseg.widgets.image_choice import ImageChoice
from napari_medseg.widgets.learn.candidate import CandidateLayer, slice_of
from napari_medseg.widgets.learn.points import Feed, Glimpse, Look
from napari_medseg.widgets.sessions import connect_while_alive
from napari_medseg.widgets.volumes import to_volume

if TYPE_CHECKING:
    from napari.viewer import Viewer

NAME = "preview: learning now"


class Live(QObject):
    """Shows on the current slice what the candidate of a run finds; off until `show` is called.

    Parameters
    ----------
    viewer : Viewer
        Its camera, slice and selection stay as they are.
    images : ImageChoice
        Which image it looks at.
    owner : QWidget
        Whose end is the end of it.
    """

    def __init__(self, viewer: Viewer, images: ImageChoice, owner: QWidget) -> None:
        super().__init__(owner)
        self._viewer, self._images = viewer, images
        self._feed: Feed | None = None
        self._on = False
        self._looked: tuple[Image, tuple[int, ...], Box | None] | None = None
        self.layer = CandidateLayer(viewer, NAME)
        for event in (viewer.dims.events.current_step, viewer.dims.events.ndisplay):
            connect_while_alive(owner, event, self._look)
        images.changed.connect(self._look)

    def follow(self, feed: Feed | None) -> None:
        """Look at a run, or at none any more."""
        if self._feed is not None:
            self._feed.wanted = None
            self._feed.glimpsed.disconnect(self._show)
        self._feed = feed
        if feed is None:
            self.layer.hide()  # to remove it may end the process with some graphics drivers
        else:
            feed.glimpsed.connect(self._show)
            self._look()

    def show(self, on: bool) -> None:
        """Show it, or take it away."""
        self._on = on
        if not on:
            self.layer.hide()
        self._look()

    def _look(self, *_: object) -> None:
        """Tell the run which slice is wanted; what was shown of another one is hidden."""
        if self._feed is None:
            return
        channels = self._images.channels if self._on else []
        image = next((c for c in channels if c is not None), None)
        seen = None if image is None else slice_of(self._viewer, image)
        if image is None or seen is None:
            self._feed.wanted, self._looked = None, None
            self.layer.hide()
            return
        step, box = seen
        key = (str(image.unique_id), step, str(box))
        if self._feed.wanted is not None and self._feed.wanted.key == key:
            return
        self.layer.hide()
        point = tuple(self._viewer.dims.point)
        volumes = tuple(None if c is None else to_volume(c, point) for c in channels)
        self._looked = image, step, box
        self._feed.wanted = Look(key, volumes, box)

    def _show(self, glimpse: Glimpse) -> None:
        feed = self._feed
        if feed is None or feed.wanted is None or feed.wanted.key != glimpse.key:
            return  # one looks elsewhere by now
        if self._looked is not None:
            image, step, box = self._looked
            self.layer.show(image, step, box, glimpse.labels, glimpse.classes)
