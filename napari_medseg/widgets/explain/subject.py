"""What is looked at: image, model and voxel; or what stands in the way, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image, Labels

from napari_medseg.packed import Box
from napari_medseg.session import written_at
from napari_medseg.widgets.edit.sight import drawn_boxes, images_under, voxel_at
from napari_medseg.widgets.explain.about import About, states_of
from napari_medseg.widgets.image_choice import ImageChoice
from napari_medseg.widgets.interact.plane import shown_plane
from napari_medseg.widgets.interact.question import Ground
from napari_medseg.widgets.layers import is_map, is_preview
from napari_medseg.widgets.readiness import Fix, Obstacle, obstacle
from napari_medseg.widgets.scopes import Scope
from napari_medseg.widgets.sessions import session_of
from napari_medseg.widgets.volumes import place_of, shown_step, to_volume, too_large

if TYPE_CHECKING:
    from napari.viewer import Viewer

_FIXES = (Fix.SAMPLE, Fix.MODEL, Fix.DEVICE)
FLAT_VIEW = "A voxel is pointed at on a slice: go back to the 2D view."
OUTSIDE = "That is outside of the image; point at the image itself."


class Subject:
    """The image, the session's model, and the voxel one asks about.

    Parameters
    ----------
    viewer : Viewer
        Whose layers they are.
    images : ImageChoice
        The image.
    """

    def __init__(self, viewer: Viewer, images: ImageChoice) -> None:
        self._viewer, self._session, self._images = viewer, session_of(viewer), images
        self._pointed: tuple[tuple[int, ...], tuple[int, ...]] | None = None  # shape and voxel

    @property
    def image(self) -> Image | None:
        """The image one asks about."""
        return self._images.first

    @property
    def step(self) -> tuple[int, ...]:
        """The time that is shown: the index along the axes before the spatial ones."""
        image = self.image
        return () if image is None else shown_step(image, tuple(self._viewer.dims.point))

    @property
    def axis(self) -> int | None:
        """The axis of the volume one steps through; None in 2D, in the 3D view, and beside it."""
        plane = None if self.image is None else shown_plane(self._viewer, self.image)
        return None if plane is None else plane.axis

    @property
    def pointed(self) -> bool:
        """Whether a person pointed at a voxel of this image."""
        return self._pointed is not None and self._pointed[0] == self._shape()

    def obstacle(self) -> Obstacle | None:
        """Return what is in the way of looking inside; None if nothing is."""
        if not self._images.empty and self._images.missing():
            return Obstacle(f"Choose the image for {self._images.missing()}.")
        found = obstacle(self._viewer, self._session, self._images, Scope.WHOLE, busy=False)
        large = "" if self.image is None else too_large(self.image)
        if found is not None and large and found.reason.startswith(large):
            return Obstacle(f"{large}: save a part of it as an image of its own, and look at that.")
        return found if found is None or found.fix in _FIXES else Obstacle(found.reason)

    def at(self) -> tuple[int, ...]:
        """Return the voxel asked about: the one pointed at, or the middle, on the slice shown."""
        shape = self._shape()
        at = list(self._pointed[1] if self._pointed and self.pointed else (n // 2 for n in shape))
        image = self.image
        plane = None if image is None else shown_plane(self._viewer, image)
        if plane is not None and plane.axis is not None and plane.index is not None:
            at[plane.axis] = int(np.clip(plane.index, 0, shape[plane.axis] - 1))
        return tuple(at)

    def point(self, position: tuple[float, ...]) -> str:
        """Ask about the voxel at a place of the world; return why not, empty if it is done."""
        image = self.image
        if image is None:
            return OUTSIDE
        if self._viewer.dims.ndisplay != 2:
            return FLAT_VIEW
        voxel = voxel_at(self._viewer, image, position)
        if voxel is None:
            return OUTSIDE
        self._pointed = self._shape(), voxel
        return ""

    def about(self) -> About:
        """Return the image as it is shown now, the model beside it, and the voxel."""
        images, model, session = self._images.channels, self._session.model, self._session
        assert model is not None  # nothing is asked while there is an obstacle
        point, states = tuple(self._viewer.dims.point), states_of(images)
        ground = Ground(
            (states, self.step, (model.path, session.device, written_at(model.path))),
            tuple(None if image is None else to_volume(image, point) for image in images),
            model.path,
            session.device,
            session.ready_segmenter,
        )
        return About(images, states, self.step, ground, self.at())

    def box(self) -> Box | None:
        """Return the box a person drew, or selected, on the image; None without one."""
        image = self.image
        drawn = () if image is None else drawn_boxes(self._viewer, image)
        return drawn[0] if drawn else None

    def labels(self) -> Labels | None:
        """Return the labels that lie on the image: the selected ones, else the topmost."""
        image, active = self.image, self._viewer.layers.selection.active
        fitting = [
            layer
            for layer in reversed(self._viewer.layers)
            if isinstance(layer, Labels) and not is_preview(layer) and layer.visible
            if image in images_under(self._viewer, layer)
        ]
        return active if active in fitting else next(iter(fitting), None)

    def labelled(self) -> np.ndarray | None:
        """Return what those labels say now ``(*S)``, a copy; None without labels."""
        layer = self.labels()
        if layer is None:
            return None
        return np.array(layer.data[shown_step(layer, tuple(self._viewer.dims.point))])

    def follow(self, layer: object) -> None:
        """Take the image a person selected."""
        if isinstance(layer, Image) and layer.visible and not is_map(layer):
            self._images.choose(layer)

    def _shape(self) -> tuple[int, ...]:
        image = self.image
        return () if image is None else place_of(image).shape
