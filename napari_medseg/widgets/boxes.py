"""The shown slice, and the rectangles a person drew, as parts of an image: world to voxels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Layer, Shapes

from napari_medseg.widgets.layers import same_grid
from napari_medseg.widgets.volumes import place_of

if TYPE_CHECKING:
    from napari.viewer import Viewer

Box = tuple[slice, ...]
"""One slice per spatial axis of an image."""


def shown_slice(viewer: Viewer, image: Layer) -> Box | None:
    """Return the slice of a volume one sees; None if there is none.

    That is so for a 2D image, in the 3D view, and where the viewer stands outside the image.
    """
    axis = sliced_axis(viewer, image)
    if axis is None:
        return None
    shape = place_of(image).shape
    leading = image.ndim - len(shape)
    index = int(np.round(image.world_to_data(viewer.dims.point)[leading + axis]))
    if not 0 <= index < shape[axis]:
        return None
    return tuple(slice(index, index + 1) if a == axis else slice(0, s) for a, s in enumerate(shape))


def sliced_axis(viewer: Viewer, image: Layer) -> int | None:
    """Return the spatial axis of a volume that one steps through; None where there is none."""
    shape = place_of(image).shape
    first = viewer.dims.ndim - len(shape)
    hidden = [axis - first for axis in viewer.dims.not_displayed if axis >= first]
    return hidden[0] if len(shape) == 3 and len(hidden) == 1 else None


def drawn(viewer: Viewer) -> Shapes | None:
    """Return the layer of shapes that says where: the selected one, else the topmost one seen."""
    layers = [i for i in reversed(viewer.layers) if isinstance(i, Shapes) and i.nshapes]
    active = viewer.layers.selection.active
    seen = [layer for layer in layers if layer.visible]
    return active if active in layers else next(iter(seen), None)


def boxes(shapes: Shapes, viewer: Viewer, image: Layer, *, one_slice: bool = False) -> list[Box]:
    """Return the voxels of `image` within each shape: the selected ones, or all.

    A rectangle on a volume reaches through all slices, or lies in the shown one with `one_slice`.
    What is not a rectangle on the grid of the image (a turned one, an ellipse) is taken with the
    voxels around it that make it one. Shapes outside the image are left out.
    """
    shape = place_of(image).shape
    leading = image.ndim - len(shape)
    chosen = sorted(shapes.selected_data) or range(shapes.nshapes)
    plane = shown_slice(viewer, image) if one_slice else None
    if one_slice and plane is None:
        return []
    found: list[Box] = []
    for index in chosen:
        corners = np.array([_in_image(c, shapes, viewer, image) for c in shapes.data[index]])
        low, high = corners[:, leading:].min(0), corners[:, leading:].max(0)
        if len(shape) == 3:
            through = 0 if shapes.ndim < 3 else int(np.argmin(high - low))
            low[through], high[through] = 0, shape[through] - 1
        box = [
            slice(max(int(np.floor(a + 0.5)), 0), min(int(np.ceil(b + 0.5)), side))
            for a, b, side in zip(low, high, shape, strict=True)
        ]
        if plane is not None:
            axis = sliced_axis(viewer, image)
            box = [plane[a] if a == axis else b for a, b in enumerate(box)]
        if all(b.start < b.stop for b in box) and tuple(box) not in found:
            found.append(tuple(box))
    return found


def add_box_layer(viewer: Viewer, image: Image) -> Shapes:
    """Add a layer to draw rectangles in, on the grid of `image`, ready to draw.

    An empty one from before is used again: napari may end the process when one is removed.
    """
    layer = next((i for i in viewer.layers if isinstance(i, Shapes) and not i.nshapes), None)
    if layer is None or layer.ndim != image.ndim:
        place: dict[str, Any] = same_grid(image)
        layer = Shapes(
            ndim=image.ndim,
            name="box",
            face_color="transparent",
            edge_color="#f0e442",
            edge_width=max(place_of(image).shape[-2:]) / 120,
            **place,
        )
        viewer.layers.append(layer)
    layer.visible = True
    viewer.layers.selection.active = layer
    layer.mode = "add_rectangle"
    return layer


def _in_image(corner: np.ndarray, shapes: Shapes, viewer: Viewer, image: Layer) -> np.ndarray:
    """Return a corner in the voxels of `image`; what shapes of fewer axes leave open is shown."""
    world = np.array(viewer.dims.point, float)
    at = np.asarray(shapes.data_to_world(corner), float)
    if len(at) > len(world):
        world = at
    else:
        world[len(world) - len(at) :] = at
    return np.asarray(image.world_to_data(world), float)
