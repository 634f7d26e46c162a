"""A Labels layer that only shows something: made when needed, hidden when empty, edited by none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np
from napari.layers import Labels, Layer

from napari_medseg.widgets.layers import insert_above, remove_layer, same_grid
from napari_medseg.widgets.volumes import KEY

if TYPE_CHECKING:
    from napari.viewer import Viewer


class PreviewLayer:
    """A preview of a viewer.

    Parameters
    ----------
    viewer : Viewer
        Held weakly; its selection stays as it is.
    name : str
        Of the layer.
    opacity : float
        Of the layer.
    """

    def __init__(self, viewer: Viewer, name: str, opacity: float) -> None:
        self._viewer = ref(viewer)
        self._name, self._opacity = name, opacity
        self._layer: Labels | None = None
        self._look: dict[str, Any] = {}

    @property
    def layer(self) -> Labels | None:
        """The layer, if it is in the viewer: a person may have removed it."""
        viewer = self._viewer()
        there = viewer is not None and self._layer is not None and self._layer in viewer.layers
        return self._layer if there else None

    def place(self, on: Layer, at: tuple[int, ...], values: np.ndarray, **look: Any) -> None:
        """Show values on another layer; nothing happens if that is gone.

        Parameters
        ----------
        at : tuple of int
            The voxel of that layer on which the first value lies.
        values : ndarray
            With an axis for each of that layer.
        **look : Any
            Attributes of the layer: ``colormap``, ``features``; the same objects as before cost
            nothing.
        """
        viewer = self._viewer()
        if viewer is None or on not in viewer.layers:
            return
        place: dict[str, Any] = same_grid(on, at)
        layer = self.layer
        if layer is not None and layer.ndim != values.ndim:
            self.remove()
            layer = None
        before, self._look = self._look, look
        if layer is None:
            self._layer = layer = Labels(
                values,
                name=self._name,
                opacity=self._opacity,
                metadata={KEY: {"preview": True}},
                **look,
                **place,
            )
            layer.editable = False
            insert_above(viewer, viewer.layers[-1], layer)  # no image hides it
            return
        layer.visible = False  # drawn once, when all of it is new
        layer.data = values
        layer.editable = False
        for name in ("scale", "rotate", "shear", "affine", "translate"):
            setattr(layer, name, place[name])
        for name, value in look.items():
            if before.get(name) is not value:
                setattr(layer, name, value)
        layer.visible = True

    def hide(self) -> None:
        """Show nothing."""
        if self.layer is not None:
            self.layer.visible = False

    def remove(self) -> None:
        """Take the layer off the list."""
        viewer = self._viewer()
        if viewer is not None and self.layer is not None:
            remove_layer(viewer, self.layer)
        self._layer = None
