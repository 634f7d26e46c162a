"""Where a run works: the image, a slice, boxes, all open images, the next case of a folder."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from napari.layers import Image, Layer

from napari_medseg.session import ChosenModel
from napari_medseg.widgets.boxes import Box, boxes, drawn, shown_slice, sliced_axis
from napari_medseg.widgets.image_choice import ImageChoice
from napari_medseg.widgets.misfit import misfit
from napari_medseg.widgets.volumes import place_of, shown_step

if TYPE_CHECKING:
    from napari.viewer import Viewer


class Scope(Enum):
    """What a person can choose, in the order of the list."""

    WHOLE = "whole"
    SLICE = "slice"
    BOX = "box"
    BOX_SLICE = "box on this slice"
    OPEN = "all open images"
    NEXT = "next case"


TIPS = {
    Scope.WHOLE: "Everything the image shows",
    Scope.SLICE: "Only the slice you see; the others keep their labels",
    Scope.BOX: "Only within the rectangles of a Shapes layer (the selected ones, if any are), "
    "through all slices of a volume; the rest keeps its labels",
    Scope.BOX_SLICE: "Only within the rectangles, and only on the slice you see",
    Scope.OPEN: "One image after the other; each gets its own labels. Cancel keeps the finished "
    "ones",
    Scope.NEXT: "Opens the next case of the worklist that is not done, and segments it",
}


@dataclass(frozen=True, eq=False)
class Target:
    """Where an answer goes: images, and the part of them that is segmented.

    Parameters
    ----------
    channels : tuple of Image or None
        One per channel of the model, or one for all; None for those it does without.
    step : tuple of int
        Index along the axes before the spatial ones.
    box : tuple of slice or None
        The part, on the grid of the images; None is everything.
    """

    channels: tuple[Image | None, ...]
    step: tuple[int, ...]
    box: Box | None = None

    @property
    def image(self) -> Image:
        """The first image that is there: the answer lies beside it."""
        return next(layer for layer in self.channels if layer is not None)


def words(scope: Scope, flat: bool) -> str:
    """Return what a scope is called, for an image (`flat`) or a volume."""
    return {
        Scope.WHOLE: "Whole image" if flat else "Whole volume",
        Scope.SLICE: "This slice",
        Scope.BOX: "Inside the box" if flat else "Inside the box, all slices",
        Scope.BOX_SLICE: "Inside the box, this slice",
        Scope.OPEN: "All open images",
        Scope.NEXT: "Next case of the folder",
    }[scope]


def why_not(scope: Scope, viewer: Viewer, image: Layer | None) -> str:
    """Return why a scope cannot be chosen for this image, or nothing."""
    if scope not in (Scope.SLICE, Scope.BOX_SLICE) or image is None:
        return ""
    if len(place_of(image).shape) == 2:
        return "A 2D image has no slices"
    if sliced_axis(viewer, image) is None:
        return "The 3D view shows no single slice; go back to the 2D view"
    return ""


def targets(scope: Scope, viewer: Viewer, images: ImageChoice, model: ChosenModel) -> list[Target]:
    """Return what is segmented; empty where there is nothing of that kind."""
    point = tuple(viewer.dims.point)
    if scope is Scope.OPEN:
        groups = [g for g in images.groups() if not misfit(model, g)]
        return [Target(tuple(group), shown_step(group[0], point)) for group in groups]
    channels = tuple(images.channels)
    if not channels:
        return []
    image = Target(channels, ()).image
    step = shown_step(image, point)
    parts: list[Box | None] = [None]
    if scope is Scope.SLICE:
        seen = shown_slice(viewer, image)
        parts = [] if seen is None else [seen]
    elif scope in (Scope.BOX, Scope.BOX_SLICE):
        shapes = drawn(viewer)
        one_slice = scope is Scope.BOX_SLICE
        parts = [] if shapes is None else [*boxes(shapes, viewer, image, one_slice=one_slice)]
    return [Target(channels, step, part) for part in parts]
