"""All maps of an overlay in one layer, with an axis of its own to step through them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image

from napari_medseg.widgets.explain.placing import on_image, values_of
from napari_medseg.widgets.layers import insert_above
from napari_medseg.widgets.volumes import KEY

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_medseg.explain.overlay import Overlay


def open_stack(viewer: Viewer, image: Image, step: tuple[int, ...], overlay: Overlay) -> Image:
    """Add the maps of an overlay as a layer above its image; the first axis is which map.

    It is a person's own from then on: nothing of ours changes or removes it.

    Parameters
    ----------
    step : tuple of int
        Index of the image along its axes before the spatial ones.
    overlay : Overlay
        A stack; no colour picture.
    """
    values, scale, translate = values_of(overlay)
    values = values.reshape((len(values), *(1 for _ in step), *values.shape[1:]))
    place = on_image(image, step, scale, translate)
    one = Image(np.zeros(values.shape[1:], np.uint8), **place)
    world = np.eye(image.ndim + 2)  # the axis of the maps stands before those of the image
    world[1:-1, -1] = one.data_to_world(np.zeros(image.ndim))
    for axis, unit in enumerate(np.eye(image.ndim)):
        world[1:-1, 1 + axis] = one.data_to_world(unit) - world[1:-1, -1]
    layer = Image(
        values,
        name=f"{image.name} · {overlay.name.replace(':', ' ')} · stack",
        affine=world,
        units=("pixel", *image.units),
        axis_labels=("map", *image.axis_labels),
        colormap=overlay.colormap,
        contrast_limits=overlay.limits,
        opacity=overlay.opacity,
        blending="translucent_no_depth",
        interpolation2d="linear",
        metadata={KEY: {"map": overlay.name, "of": str(image.unique_id)}},
    )
    insert_above(viewer, image, layer)
    return layer
