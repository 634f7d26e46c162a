"""The layer in which overlays are seen: made once, then written anew in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np
from napari.layers import Image

from napari_medseg.widgets.explain.placing import on_image, values_of
from napari_medseg.widgets.layers import insert_above, remove_layer
from napari_medseg.widgets.volumes import KEY

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_medseg.explain.overlay import Overlay

_PLACE = ("scale", "rotate", "shear", "affine", "translate", "units", "axis_labels")


class OverlayLayer:
    """Shows one map at a time over its image; selection, camera and slice stay as they are.

    napari cannot give a layer other axes, or colours of its own: there is one for each kind, and
    the others are hidden.

    Parameters
    ----------
    viewer : Viewer
        Held weakly.
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = ref(viewer)
        self._layers: dict[tuple[int, bool], Image] = {}  # by number of axes and whether rgb
        self._shown: tuple[int, bool] | None = None
        self._colours: dict[tuple[int, bool], str] = {}  # what the engine wanted for each last
        self._look: dict[str, Any] = {}  # of what is shown, by default

    @property
    def layer(self) -> Image | None:
        """The layer one sees; None if nothing was shown, or a person removed it."""
        return None if self._shown is None else self._there(self._shown)

    def show(self, image: Image, step: tuple[int, ...], overlay: Overlay, index: int = 0) -> bool:
        """Show one map of an overlay; whether the image is there still.

        Parameters
        ----------
        step : tuple of int
            Index of the image along its axes before the spatial ones.
        index : int
            Which map of the stack.
        """
        viewer = self._viewer()
        if viewer is None or image not in viewer.layers:
            return False
        rgb = overlay.kind == "rgb"
        one = overlay if rgb else overlay.only(index)
        values, scale, translate = values_of(one)
        values = values if rgb else values[0]
        values = values.reshape((1,) * len(step) + values.shape)
        kind = (values.ndim - rgb, rgb)
        if self._shown not in (None, kind):
            self.hide()
        self._shown = kind
        place = on_image(image, step, scale, translate)
        name = f"{image.name} · {overlay.name.replace(':', ' ')}"
        look: dict[str, Any] = {"opacity": overlay.opacity}
        if not rgb:
            look |= {"colormap": overlay.colormap, "contrast_limits": one.limits}
        self._look = look
        ours = {"map": overlay.name, "of": str(image.unique_id)}
        layer = self.layer
        if layer is None:
            self._make(viewer, image, values, name, {**place, **look}, ours)
        else:
            self._rewrite(layer, values, name, place, ours)
        self._colours[kind] = overlay.colormap
        return True

    def hide(self) -> None:
        """Show nothing."""
        if self.layer is not None:
            self.layer.visible = False

    def remove(self) -> None:
        """Take what there is off the list."""
        viewer = self._viewer()
        for kind in list(self._layers):
            layer = self._there(kind)
            if viewer is not None and layer is not None:
                remove_layer(viewer, layer)
        self._layers.clear()
        self._shown = None

    def by_default(self) -> None:
        """Give what is shown its colours, limits and opacity back."""
        if self.layer is not None:
            for name, value in self._look.items():
                setattr(self.layer, name, value)

    def _make(
        self,
        viewer: Viewer,
        image: Image,
        values: np.ndarray,
        name: str,
        kwargs: dict[str, Any],
        ours: dict[str, Any],
    ) -> None:
        assert self._shown is not None
        layer = Image(
            values,
            name=name,
            rgb=self._shown[1],
            blending="translucent_no_depth",
            interpolation2d="linear",
            metadata={KEY: ours},
            **kwargs,
        )
        self._layers[self._shown] = layer
        insert_above(viewer, image, layer)

    def _rewrite(
        self,
        layer: Image,
        values: np.ndarray,
        name: str,
        place: dict[str, Any],
        ours: dict[str, Any],
    ) -> None:
        assert self._shown is not None
        layer.visible = False  # drawn once, when all of it is new
        layer.data = values
        for part in _PLACE:
            setattr(layer, part, place[part])
        if not self._shown[1]:
            layer.contrast_limits = self._look["contrast_limits"]
            if self._colours.get(self._shown) != self._look["colormap"]:
                layer.colormap = self._look["colormap"]  # else a person's choice stays
        layer.name = name
        layer.metadata[KEY] = ours
        layer.visible = True

    def _there(self, kind: tuple[int, bool]) -> Image | None:
        viewer, layer = self._viewer(), self._layers.get(kind)
        return layer if viewer is not None and layer in viewer.layers else None
