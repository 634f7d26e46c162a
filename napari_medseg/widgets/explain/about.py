"""What an answer is about, and whether the image is still what it was then."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image

from napari_medseg.widgets.interact.question import Ground

if TYPE_CHECKING:
    from napari.viewer import Viewer

GONE = "The image was removed while this was computed."
CHANGED = "The image has changed since: ask again."


class Same:
    """Equal to all that hold the very same object, which is not let go meanwhile."""

    def __init__(self, thing: Any) -> None:
        self._thing = thing

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self._thing is other._thing

    def __hash__(self) -> int:
        return id(self._thing)


def state_of(image: Image) -> Hashable:
    """Return what is equal while a layer holds the same array in the same place."""
    corners = np.vstack([np.zeros(image.ndim), np.eye(image.ndim)])
    place = tuple(float(p) for corner in corners for p in image.data_to_world(corner))
    return image.unique_id, Same(image.data), place, tuple(map(str, image.units))


@dataclass(frozen=True, eq=False)
class About:
    """For what an answer is computed; stays in the GUI thread.

    Parameters
    ----------
    images : tuple of Image or None
        One for each channel, or one with all.
    states : tuple
        What they were, by `state_of`.
    step : tuple of int
        Their index along the axes before the spatial ones.
    ground : Ground
        The same as plain values, and the model.
    at : tuple of int
        The voxel asked about.
    what : str
        The entry of the catalogue that was asked for; empty where it is a page or a comparison.
    """

    images: Sequence[Image | None]
    states: tuple[Hashable, ...]
    step: tuple[int, ...]
    ground: Ground
    at: tuple[int, ...]
    what: str = ""

    @property
    def image(self) -> Image:
        """The first image that is there: what is found is laid over it."""
        return next(image for image in self.images if image is not None)

    def stale(self, viewer: Viewer) -> str:
        """Return why what is found is of no use any more, as a sentence; empty if it is."""
        if any(image is not None and image not in viewer.layers for image in self.images):
            return GONE
        return "" if self.states == states_of(self.images) else CHANGED


def states_of(images: Sequence[Image | None]) -> tuple[Hashable, ...]:
    """Return `state_of` each image, None for one that is not there."""
    return tuple(None if image is None else state_of(image) for image in images)
