"""The slice one sees of an image: where the mouse is in it, in voxels and on the slice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Layer

from napari_medseg.packed import Box
from napari_medseg.volume import Volume
from napari_medseg.widgets.boxes import shown_slice, sliced_axis
from napari_medseg.widgets.volumes import Place, place_of, shown_step

if TYPE_CHECKING:
    from napari.viewer import Viewer


@dataclass(frozen=True, eq=False)
class Plane:
    """The slice of an image one sees, or the whole of a 2D image.

    Parameters
    ----------
    layer : Layer
        The image.
    place : Place
        Of the image: shape ``(*S)``, spacing, affine.
    step : tuple of int
        Index along the axes before the spatial ones (time).
    axis, index : int or None
        Of the slice of a volume; None in 2D.
    """

    layer: Layer
    place: Place
    step: tuple[int, ...] = ()
    axis: int | None = None
    index: int | None = None

    @property
    def grid(self) -> Volume:
        """The image's grid, a volume without values."""
        return self.place.volume()

    @property
    def across(self) -> tuple[int, ...]:
        """The two axes of ``*S`` one sees, in array order."""
        return tuple(a for a in range(len(self.place.shape)) if a != self.axis)

    @property
    def shape(self) -> tuple[int, ...]:
        """The two sides of the slice, in voxels."""
        return tuple(self.place.shape[a] for a in self.across)

    @property
    def spacing(self) -> tuple[float, ...]:
        """Distance of voxels along the two sides, in mm."""
        return tuple(self.place.spacing[a] for a in self.across)

    @property
    def box(self) -> Box:
        """The slice as a box of the image."""
        return tuple(
            slice(self.index, self.index + 1) if a == self.axis and self.index is not None
            else slice(0, side)
            for a, side in enumerate(self.place.shape)
        )  # fmt: skip

    @property
    def middle(self) -> tuple[float, ...]:
        """The voxel in the middle of the slice."""
        return tuple((s.start + s.stop - 1) / 2 for s in self.box)

    def voxel(self, position: tuple[float, ...]) -> np.ndarray:
        """Return a place of the world in voxels of ``*S``, fractional, on this very slice."""
        dims = len(self.place.shape)
        at = np.asarray(self.layer.world_to_data(position), float)[-dims:]
        if self.axis is not None and self.index is not None:
            at[self.axis] = self.index
        return at

    def on_slice(self, voxels: np.ndarray) -> np.ndarray:
        """Return voxels ``(N, ndim)`` as places on the slice, ``(N, 2)``."""
        return np.asarray(voxels, float).reshape(-1, len(self.place.shape))[:, self.across]

    def holds(self, voxels: np.ndarray) -> np.ndarray:
        """Return which voxels ``(N, ndim)`` lie within the image, as booleans ``(N,)``."""
        at = np.asarray(voxels).reshape(-1, len(self.place.shape))
        inside = (at >= -0.5) & (at < np.asarray(self.place.shape) - 0.5)
        return np.asarray(inside.all(axis=1))


def shown_plane(viewer: Viewer, image: Layer) -> Plane | None:
    """Return the slice of `image` one sees; None in the 3D view and beside the image."""
    place, step = place_of(image), shown_step(image, tuple(viewer.dims.point))
    if viewer.dims.ndisplay != 2:
        return None
    if len(place.shape) == 2:
        return Plane(image, place, step)
    seen, axis = shown_slice(viewer, image), sliced_axis(viewer, image)
    if seen is None or axis is None:
        return None
    return Plane(image, place, step, axis, int(seen[axis].start))
