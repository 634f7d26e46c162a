"""What napari saves: Labels and Image layers, on the grid of the file they came from."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import napari
import numpy as np
from napari.layers import Image, Labels, Layer

from napari_medseg.io import write_image, write_labels
from napari_medseg.volume import Volume
from napari_medseg.widgets.keeping.origins import file_of
from napari_medseg.widgets.keeping.saving import (
    named_classes,
    note_napari_saved,
    one_image,
    place_for_file,
    provenance_of,
)
from napari_medseg.widgets.keeping.waiting import without_freezing
from napari_medseg.widgets.placement import grid_of
from napari_medseg.widgets.volumes import realised

_Layer = TypeVar("_Layer", Image, Labels)


def save_labels(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write a Labels layer with the names of its classes, and its provenance as JSON beside it.

    Parameters
    ----------
    path : str
        The suffix says the format.
    data : array
        The labels; axes of length 1 before the spatial ones are dropped.
    meta : dict
        The layer's attributes, as napari gives them to writers.

    Returns
    -------
    list of str
        The file written.

    Raises
    ------
    OSError
        If the format cannot hold the labels, or the file cannot be written. napari says nothing of
        the `ValueError` of a writer.
    """
    viewer = napari.current_viewer()
    layer, is_open = _layer(data, meta, Labels)
    others = viewer.layers if viewer is not None else ()
    try:
        like = grid_of(layer, others)
        labels = _filled(layer, like).array[0]
        like = place_for_file(like, file_of(layer)) if is_open else like
        write = partial(
            write_labels,
            path,
            labels,
            like=like,
            provenance=provenance_of(viewer if is_open else None, layer),
            classes=named_classes(layer),
        )
        without_freezing(write, labels.nbytes)
    except ValueError as error:
        raise OSError(str(error)) from error
    if is_open:
        note_napari_saved(layer, path)
    return [str(path)]


def save_image(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write an Image layer, in the place and the voxel order of the file it came from.

    Parameters
    ----------
    path, data, meta
        As `save_labels`. Of an image in several sizes the finest is written.

    Returns
    -------
    list of str
        The file written.

    Raises
    ------
    OSError
        If the format cannot hold the image, it is larger than memory, or the file cannot be
        written.
    """
    layer, _ = _layer(data, meta, Image)
    viewer = napari.current_viewer()
    try:
        like = grid_of(layer, viewer.layers if viewer is not None else ())
        volume = _filled(layer, like)
        without_freezing(partial(write_image, path, volume), volume.array.nbytes)
    except ValueError as error:
        raise OSError(str(error)) from error
    return [str(path)]


def _layer(data: Any, meta: dict[str, Any], kind: type[_Layer]) -> tuple[_Layer, bool]:
    """Return the layer that is saved, and whether it is that of the window or made for this."""
    viewer = napari.current_viewer()
    for layer in viewer.layers if viewer is not None else ():
        if isinstance(layer, kind) and layer.data is data and layer.name == meta.get("name"):
            return layer, True
    made = Layer.create(data, meta, kind.__name__.lower())
    assert isinstance(made, kind)
    return made, False


def _filled(layer: Image | Labels, place: Volume) -> Volume:
    """Return a place with the values of a layer ``(C, *S)``, of several sizes the finest.

    Raises
    ------
    ValueError
        If there are several images, one after the other, or they do not fit into memory.
    """
    values = layer.data[0] if layer.multiscale else layer.data
    colour = isinstance(layer, Image) and layer.rgb
    values = one_image(values, layer.name, place.spatial_dims + colour)
    last = values.ndim - 1
    channels = values.transpose((last, *range(last)))[:3] if colour else values[np.newaxis]
    names = ("red", "green", "blue") if colour else ()
    return realised(replace(place, array=channels, name=layer.name, channels=names))
