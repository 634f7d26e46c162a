"""Where layers come from: which file, and which image labels lie on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Layer

from napari_medseg.journal import Identity, content_key
from napari_medseg.widgets.keeping.sources import FILE
from napari_medseg.widgets.placement import image_layers, is_map, is_preview, same_place
from napari_medseg.widgets.volumes import KEY, place_of

if TYPE_CHECKING:
    from napari.viewer import Viewer


def is_kept(layer: object) -> bool:
    """Whether a layer holds labels a person may lose: no preview, no view of a part."""
    return (
        isinstance(layer, Labels)
        and not is_preview(layer)
        and not layer.multiscale
        and isinstance(layer.data, np.ndarray)
    )


def file_of(layer: Layer) -> str:
    """Return the path of the file a layer was read from or saved in; empty if there is none."""
    own = layer.metadata.get(KEY, {})
    if own.get(FILE):
        return str(own[FILE])
    if layer.source.path:
        return str(layer.source.path)
    place = own.get("place")
    storage = getattr(place, "storage", None)
    # labels that were made for an image know its place, which is not theirs
    return storage.path if storage is not None and isinstance(layer, Image) else ""


def note_file(layer: Layer, path: str | Path) -> None:
    """Remember the file a layer was saved in, or read from."""
    layer.metadata[KEY] = {**layer.metadata.get(KEY, {}), FILE: str(Path(path).absolute())}


def image_under(viewer: Viewer, layer: Labels) -> Image | None:
    """Return the image that labels lie on: the one they were made for, else one of their shape."""
    images = [image for image in image_layers(viewer) if not is_map(image)]
    made_for = layer.metadata.get(KEY, {}).get("image")
    for image in images:
        if made_for and str(image.unique_id) == made_for:
            return image
    alike = [image for image in images if shape_of_labels(image) == layer.data.shape]
    there = [image for image in alike if same_place(layer, image)]
    return next(iter([*there, *alike]), None)


def shape_of_labels(image: Image) -> tuple[int, ...]:
    """Return the shape of labels for every voxel of an image."""
    data = image.data[0] if image.multiscale else image.data
    return tuple(data.shape[:-1] if image.rgb else data.shape)


def key_of(layer: Layer) -> str:
    """Return the key of a layer's content; empty if its values are not in memory."""
    data: Any = layer.data
    return content_key(data) if isinstance(data, np.ndarray) and data.size else ""


def identity_of(viewer: Viewer | None, layer: Labels, labels_key: str) -> Identity:
    """Return how the labels of a layer are known again in another sitting."""
    image = image_under(viewer, layer) if viewer is not None else None
    return Identity(
        layer=layer.name,
        shape=tuple(layer.data.shape),
        dtype=str(layer.data.dtype),
        spacing=tuple(place_of(layer).spacing),
        labels_path=file_of(layer),
        labels_key=labels_key,
        image="" if image is None else image.name,
        image_path="" if image is None else file_of(image),
        image_key="" if image is None else key_of(image),
    )
