"""What a model that is not chosen yet finds in the slice one looks at, as a layer nobody edits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image

from napari_medseg.engine.card import LabelClass
from napari_medseg.packed import Box
from napari_medseg.widgets.boxes import shown_slice
from napari_medseg.widgets.layers import class_look
from napari_medseg.widgets.preview_layer import PreviewLayer
from napari_medseg.widgets.volumes import place_of, shown_step

if TYPE_CHECKING:
    from napari.viewer import Viewer


class CandidateLayer(PreviewLayer):
    """The answer of a candidate; seen while it is wanted, hidden afterwards.

    Parameters
    ----------
    viewer : Viewer
        Held weakly.
    name : str
        Of the layer.
    """

    def __init__(self, viewer: Viewer, name: str) -> None:
        super().__init__(viewer, name, opacity=0.6)
        self._classes: tuple[LabelClass, ...] | None = None
        self._class_look: dict[str, Any] = {}

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
        values = labels.reshape((1,) * len(step) + labels.shape)
        starts = (0,) * labels.ndim if box is None else tuple(s.start or 0 for s in box)
        if self._classes != tuple(classes):
            self._classes, self._class_look = tuple(classes), class_look(classes)
        self.place(image, (*step, *starts), values, **self._class_look)


def slice_of(viewer: Viewer, image: Image) -> tuple[tuple[int, ...], Box | None] | None:
    """Return what of an image one looks at: its step, and its slice (None: all of a 2D image).

    None where there is no single slice: in the 3D view, and outside the image.
    """
    step = shown_step(image, tuple(viewer.dims.point))
    if len(place_of(image).shape) == 2:
        return step, None
    box = shown_slice(viewer, image)
    return None if box is None else (step, box)
