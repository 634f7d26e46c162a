"""What a model that is not chosen yet finds in the slice one looks at, as a layer nobody edits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np
from napari.layers import Image, Labels

from napari_medseg.engine.card import LabelClass
from napari_medseg.packed import Box
from napari_medseg.widgets.boxes import shown_slice, sliced_axis
from napari_medseg.widgets.layers import class_look, insert_above, remove_layer, same_grid
from napari_medseg.widgets.volumes import KEY, place_of, shown_step

if TYPE_CHECKING:
    from napari.viewer import Viewer


class CandidateLayer:
    """The preview of a viewer: there while it is wanted, gone afterwards.

    Parameters
    ----------
    viewer : Viewer
        Held weakly.
    name : str
        Of the layer.
    """

    def __init__(self, viewer: Viewer, name: str) -> None:
        self._viewer = ref(viewer)
        self._name = name
        self._layer: Labels | None = None

    @property
    def layer(self) -> Labels | None:
        """The layer, if it is in the viewer: a person may have removed it."""
        viewer = self._viewer()
        there = viewer is not None and self._layer is not None and self._layer in viewer.layers
        return self._layer if there else None

    def show(
        self,
        image: Image,
        step: tuple[int, ...],
        box: Box | None,
        labels: np.ndarray,
        classes: Sequence[LabelClass],
    ) -> None:
        """Show labels on an image.

        Parameters
        ----------
        step : tuple of int
            Index of the image along its axes before the spatial ones.
        box : tuple of slice or None
            Which part of the image, over its spatial axes; None is all.
        labels : ndarray
            Of the shape of the box.
        classes : sequence of LabelClass
            Their names and colours.
        """
        viewer = self._viewer()
        if viewer is None or image not in viewer.layers:
            return
        values = labels.reshape((1,) * len(step) + labels.shape)
        starts = (0,) * labels.ndim if box is None else tuple(s.start or 0 for s in box)
        place: dict[str, Any] = same_grid(image, (*step, *starts))
        self.hide()
        layer = self.layer
        if layer is not None and layer.ndim != values.ndim:
            self.remove()
            layer = None
        look = class_look(classes)
        if layer is None:
            self._layer = layer = Labels(
                values,
                name=self._name,
                opacity=0.6,
                metadata={KEY: {"preview": True}},
                **look,
                **place,
            )
            layer.editable = False
            insert_above(viewer, viewer.layers[-1], layer)
            return
        layer.data = values
        layer.editable = False
        layer.colormap, layer.features = look["colormap"], look["features"]
        for attribute in ("scale", "rotate", "shear", "affine", "translate"):
            setattr(layer, attribute, place[attribute])
        layer.visible = True

    def hide(self) -> None:
        """Show nothing."""
        if self.layer is not None:
            self.layer.visible = False

    def remove(self) -> None:
        """Take the layer off the list."""
        viewer, layer = self._viewer(), self.layer
        self._layer = None
        if viewer is not None and layer is not None:
            remove_layer(viewer, layer)


def slice_of(viewer: Viewer, image: Image) -> tuple[tuple[int, ...], Box | None] | None:
    """Return what of an image one looks at: its step, and its slice (None: all of a 2D image).

    None where there is no single slice: in the 3D view, and outside the image.
    """
    step = shown_step(image, tuple(viewer.dims.point))
    if len(place_of(image).shape) == 2:
        return step, None
    box = shown_slice(viewer, image) if sliced_axis(viewer, image) is not None else None
    return None if box is None else (step, box)
