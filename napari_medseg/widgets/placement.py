"""Where layers lie: on the grid of their image, above it in the list, and how they are removed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Layer, Shapes
from napari.utils.colormaps import DirectLabelColormap

from napari_medseg.engine.card import LabelClass
from napari_medseg.widgets.volumes import KEY

if TYPE_CHECKING:
    from napari.viewer import Viewer


def class_look(classes: Sequence[LabelClass]) -> dict[str, Any]:
    """Return the colours and names of classes as keywords of a Labels layer."""
    colours: dict[int | None, Any] = {None: "transparent", 0: "transparent"}
    colours.update({c.value: c.colour for c in classes})
    features = {
        "index": [0, *(c.value for c in classes)],
        "name": ["background", *(c.name for c in classes)],
    }
    return {"colormap": DirectLabelColormap(color_dict=colours), "features": features}


def insert_above(viewer: Viewer, below: Layer, layer: Layer) -> None:
    """Insert a layer right above another one (on top if that is gone); the selection stays."""
    layers = viewer.layers
    selected, active = set(layers.selection), layers.selection.active
    layers.insert(layers.index(below) + 1 if below in layers else len(layers), layer)
    layers.selection.clear()
    layers.selection.update(selected)
    layers.selection.active = active


def same_grid(image: Layer, step: tuple[int, ...] = ()) -> dict[str, Any]:
    """Return the transform of `image`, moved to `step` along its axes before the spatial ones."""
    shift = np.zeros(image.ndim)
    shift[: len(step)] = step
    return {
        "scale": image.scale,
        "translate": np.asarray(image.translate) + shift * np.asarray(image.scale),
        "rotate": image.rotate,
        "shear": image.shear,
        "affine": image.affine,
        "units": image.units,
        "axis_labels": image.axis_labels,
    }


def same_place(layer: Layer, image: Layer, step: tuple[int, ...] = ()) -> bool:
    """Whether the voxels of `layer` lie on those of `image` at `step`."""
    if layer.ndim != image.ndim:
        return False
    corners = np.vstack([np.zeros(layer.ndim), np.eye(layer.ndim)])
    shift = np.zeros(image.ndim)
    shift[: len(step)] = step
    return all(
        np.allclose(layer.data_to_world(corner), image.data_to_world(corner + shift))
        for corner in corners
    )


def one_slice(image: Layer, index: int) -> dict[str, Any]:
    """Return the transform that shows ``(1, H, W)`` on exactly one slice of a 3D `image`."""
    return same_grid(image, (index,))


def check_place(values: Any, **place: Any) -> None:
    """Raise before napari adds a layer that it could neither show nor remove.

    Raises
    ------
    ValueError
        If there are no voxels, or a spacing, an origin or an affine is not a finite number.
    """
    if 0 in np.shape(values):
        raise ValueError(f"an image of {np.shape(values)} voxels is empty; open another one")
    for what in ("scale", "translate", "affine", "rotate", "shear"):
        numbers = np.asarray(place.get(what, 0.0) if place.get(what) is not None else 0.0, float)
        if not np.isfinite(numbers).all():
            raise ValueError(
                f"the {what} of this image is not a number ({numbers.tolist()}); "
                "correct its header and open it again"
            )
        if what == "scale" and not numbers.all() and what in place:
            raise ValueError(
                f"voxels of size {numbers.tolist()} have no extent; correct the header of the "
                "image and open it again"
            )


def remove_layer(viewer: Viewer, layer: Layer) -> None:
    """Remove a layer if it is there; a Shapes layer stays, empty and hidden.

    Removing the Shapes layer that was added last ends the process at the next draw with some
    drivers, so napari may keep such a layer until its window closes.
    """
    if layer not in viewer.layers:
        return
    if isinstance(layer, Shapes):
        layer.data = []
        layer.visible = False
        return
    viewer.layers.remove(layer)


def image_layers(viewer: Viewer) -> list[Image]:
    """Return the image layers, the topmost first, as people see them in the list."""
    return [layer for layer in reversed(viewer.layers) if isinstance(layer, Image)]


def is_map(layer: Layer) -> bool:
    """Whether a layer is a map we made (likely, unsure), not an image to segment."""
    return "map" in layer.metadata.get(KEY, {})
