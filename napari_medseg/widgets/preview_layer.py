"""A Labels layer that only shows something: made when needed, hidden when empty, edited by none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np
from napari.layers import Labels, Layer

from napari_medseg.widgets.insertion import leave_out_tools
from napari_medseg.widgets.layers import insert_above, remove_layer, same_grid
from napari_medseg.widgets.volumes import KEY

if TYPE_CHECKING:
    from napari.viewer import Viewer


class PreviewLayer:
    """A preview of a viewer.

    napari cannot give a layer more or fewer axes, so there is one layer for images and one for
    volumes, where both are looked at; the other one is hidden.

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
        self._layers: dict[int, Labels] = {}  # by the number of axes
        self._looks: dict[int, dict[str, Any]] = {}
        self._axes = 0  # of the layer that is shown, or was shown last

    @property
    def layer(self) -> Labels | None:
        """The layer that is shown or was last; None if it is gone: a person may remove it."""
        return self._there(self._axes)

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
        if self._axes != values.ndim:
            self.hide()
            self._axes = values.ndim
        place: dict[str, Any] = same_grid(on, at)
        layer = self.layer
        before, self._looks[self._axes] = self._looks.get(self._axes, {}), look
        if layer is None:
            self._layers[self._axes] = layer = Labels(
                values,
                name=self._name,
                opacity=self._opacity,
                metadata={KEY: {"preview": True}},
                **look,
                **place,
            )
            layer.editable = False
            leave_out_tools(layer)
            insert_above(viewer, viewer.layers[-1], layer)  # no image hides it
            return
        if viewer.layers.index(layer) < viewer.layers.index(on):  # that came later
            viewer.layers.move(viewer.layers.index(layer), len(viewer.layers))
        new = {name: value for name, value in look.items() if before.get(name) is not value}
        for name in ("scale", "rotate", "shear", "affine", "translate"):
            if not _alike(getattr(layer, name), place[name]):  # each of them costs 20 ms
                new[name] = place[name]
        if new:
            layer.visible = False  # drawn once, when all of it is new
        layer.data = values
        layer.editable = False
        for name, value in new.items():
            setattr(layer, name, value)
        if not layer.visible:
            layer.visible = True

    def hide(self) -> None:
        """Show nothing."""
        if self.layer is not None and self.layer.visible:
            self.layer.visible = False

    def remove(self) -> None:
        """Take what there is off the list."""
        viewer = self._viewer()
        for axes in list(self._layers):
            layer = self._there(axes)
            if viewer is not None and layer is not None:
                remove_layer(viewer, layer)
        self._layers.clear()

    def _there(self, axes: int) -> Labels | None:
        viewer, layer = self._viewer(), self._layers.get(axes)
        return layer if viewer is not None and layer in viewer.layers else None


def _alike(one: Any, other: Any) -> bool:
    """Whether two parts of a transform are the same: vectors, matrices or an `Affine`."""
    one, other = (getattr(part, "affine_matrix", part) for part in (one, other))
    return np.array_equal(one, other)
