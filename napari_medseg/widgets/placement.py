"""Where layers lie: on the grid of their image, above it in the list, and how they are removed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Layer, Shapes
from napari.utils.colormaps import DirectLabelColormap

from napari_medseg.engine.card import LabelClass
from napari_medseg.volume import Volume
from napari_medseg.widgets.insertion import unchosen
from napari_medseg.widgets.volumes import KEY, place_of

if TYPE_CHECKING:
    from napari.viewer import Viewer


def class_look(classes: Sequence[LabelClass]) -> dict[str, Any]:
    """Return the colours and names of classes as keywords of a Labels layer."""
    # a value that nobody named is seen, too: somebody may be painting it
    colours: dict[int | None, Any] = {None: "white", 0: "transparent"}
    colours.update({c.value: c.colour for c in classes})
    features = {
        "index": [0, *(c.value for c in classes)],
        "name": ["background", *(c.name for c in classes)],
    }
    return {"colormap": DirectLabelColormap(color_dict=colours), "features": features}


def insert_above(viewer: Viewer, below: Layer, layer: Layer) -> None:
    """Insert a layer right above another one (on top if that is gone); the selection stays.

    Raises
    ------
    ValueError
        If the layer lies nowhere: napari could neither show nor remove it.
    """
    if not np.isfinite(layer.extent.world).all():
        raise ValueError(
            f"the place of '{layer.name}' in the world is not a number; correct the header of "
            "the file it came from and open it again"
        )
    layers = viewer.layers
    with unchosen(layers):
        layers.insert(layers.index(below) + 1 if below in layers else len(layers), layer)


def same_grid(image: Layer, step: tuple[int, ...] = ()) -> dict[str, Any]:
    """Return the transform of `image`, moved to `step` along its first axes.

    With the index of a slice as `step` an array ``(1, H, W)`` is shown on exactly that slice.
    """
    shift = np.zeros(image.ndim)
    shift[: len(step)] = step
    return {
        "scale": image.scale,
        "translate": image.affine.inverse(np.asarray(image.data_to_world(shift))),
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
    shift = np.zeros(image.ndim)
    shift[: len(step)] = step
    corners = np.vstack([np.zeros(layer.ndim), np.eye(layer.ndim)])
    return all(
        np.allclose(layer.data_to_world(corner), image.data_to_world(corner + shift))
        for corner in corners
    )


def grid_of(layer: Layer, others: Iterable[Layer] = ()) -> Volume:
    """Return the grid that what a layer holds is written on, a volume without values.

    Parameters
    ----------
    layer : Image or Labels
        The place its reader gave it, if it has one, else where it is shown.
    others : iterable of Layer
        Layers beside it: labels made by hand lie on the grid of an image in the same place.
    """
    own = place_of(layer)
    alike = (other for other in others if other is not layer and same_place(layer, other))
    for other in (layer, *alike):
        if "place" in other.metadata.get(KEY, {}):
            place = place_of(other)
            if place.storage is not None and place.shape == own.shape:
                return place.volume()
    return own.volume()


def remove_layer(viewer: Viewer, layer: Layer) -> None:
    """Remove a layer if it is there; a Shapes layer stays, empty and hidden.

    To remove the Shapes layer that was added last ends the process at the next draw with some
    graphics drivers.
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


def is_preview(layer: Layer) -> bool:
    """Whether a layer only shows something of another one: nobody edits, saves or segments it."""
    return bool(layer.metadata.get(KEY, {}).get("preview"))
