"""What kind of image a person has before them, read from layers: for proposing a model."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image

from napari_medseg.engine.channels import is_grey
from napari_medseg.engine.fit import ImageKind, modality_of, words_of
from napari_medseg.widgets.layers import image_layers, is_map, same_place
from napari_medseg.widgets.pyramids import pyramid_of
from napari_medseg.widgets.volumes import place_of, some_voxels

if TYPE_CHECKING:
    from napari.viewer import Viewer

_PIXELS = 64  # along each side of the slice whose values are looked at


def chosen_image(viewer: Viewer, names: Iterable[str] = ()) -> Image | None:
    """Return the image a run would work on.

    That is the first of `names` that is there, else the selected image layer, else the newest one.
    """
    offered = [layer for layer in image_layers(viewer) if not is_map(layer)]
    by_name = {layer.name: layer for layer in offered}
    found = [by_name[name] for name in names if name in by_name]
    active = viewer.layers.selection.active
    if not found and active in offered:
        found = [active]
    return (found or offered or [None])[0]


def kind_of(image: Image, viewer: Viewer) -> ImageKind:
    """Return what is known of an image, with the images of the same case beside it."""
    place = place_of(image)
    beside = [image]
    colour = bool(image.rgb) and not is_grey_picture(image)
    if not image.rgb:
        others = (o for o in image_layers(viewer) if o is not image and not o.rgb)
        beside += [o for o in others if not is_map(o) and _same_grid(o, image)]
    words = words_of(*(layer.name for layer in beside))
    own = words_of(image.name)
    modality = modality_of(own) or modality_of(words, None if image.rgb else _some_values(image))
    spacing = place.spacing if place.spacing_known else None
    return ImageKind(place.shape, spacing, colour, len(beside), words, modality)


def _same_grid(one: Image, other: Image) -> bool:
    return place_of(one).shape == place_of(other).shape and same_place(one, other)


def is_grey_picture(image: Image) -> bool:
    """Whether an image in colours shows only grey, as far as its coarsest level says."""
    return is_grey(np.moveaxis(some_voxels(image.data), -1, 0))


def _some_values(image: Image) -> np.ndarray | None:
    """Return a few values of the middle slice, of several sizes of the coarsest.

    None of values that would have to be computed first, which may take any time.
    """
    if not (isinstance(image.data, np.ndarray) or image.multiscale or pyramid_of(image)):
        return None
    data: Any = some_voxels(image.data)
    if 0 in data.shape:
        return None
    middle = tuple(side // 2 for side in data.shape[:-2])
    steps = tuple(slice(None, None, max(side // _PIXELS, 1)) for side in data.shape[-2:])
    values: np.ndarray = np.asarray(data[(*middle, *steps)])
    return values
