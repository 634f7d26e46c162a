"""Layers as entries of a project: where they lie, how they look, and what they carry."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
from napari.layers import Image, Labels, Layer
from napari.utils.colormaps import Colormap

from napari_medseg.journal import content_key
from napari_medseg.widgets.classes.stored import class_signals
from napari_medseg.widgets.keeping.prompts import kept_prompts
from napari_medseg.widgets.keeping.sources import SOURCE
from napari_medseg.widgets.painted import painted_of
from napari_medseg.widgets.volumes import KEY, some_voxels

_PLACE = ("scale", "translate", "rotate", "shear", "affine")
_LOOK = ("opacity", "blending", "visible")
_IMAGE = ("gamma", "contrast_limits", "interpolation2d")
_LABELS = ("contour", "selected_label")
_CARRIED = ("classes", "provenance", "model", "step", "case", "prompts", "file", "written")
_MARKS = ("painted", "confirmed", "kept", "reference")


def image_entry(image: Image) -> dict[str, Any]:
    """Return what a project says of an image; its files are added in a thread.

    Raises
    ------
    ValueError
        If it comes from no file and is not in memory.
    """
    source = image.metadata.get(KEY, {}).get(SOURCE)
    if source is None and not isinstance(image.data, np.ndarray):
        raise ValueError(
            f"the image '{image.name}' is read piece by piece and from no file MedSeg knows; save "
            "it as a file, open that, and save the project again"
        )
    colours = image.colormap
    look = {name: plain(getattr(image, name)) for name in _IMAGE}
    colormap = {
        "name": colours.name,
        "colors": plain(colours.colors),
        "controls": plain(colours.controls),
    }
    entry = _entry(image) | {"look": _look(image) | look, "rgb": bool(image.rgb)}
    if not image.rgb:
        entry["colormap"] = colormap
    if source is not None:
        entry |= {"source": dict(source), "key": content_key(some_voxels(image.data))}
    return entry


def image_layer(entry: Mapping[str, Any], data: Any, own: Mapping[str, Any]) -> Image:
    """Return the image of an entry.

    Parameters
    ----------
    own : mapping
        Our part of its metadata, as the reader of its files gives it.
    """
    kwargs = _kwargs(entry) | {"metadata": {KEY: {**_carried(entry), **own}}}
    colours = entry.get("colormap")
    if colours is not None:
        kwargs["colormap"] = Colormap(
            np.asarray(colours["colors"]),
            name=str(colours["name"]),
            controls=np.asarray(colours["controls"]),
        )
    return Image(data, rgb=bool(entry["rgb"]), **kwargs)


def labels_entry(layer: Labels, image: int | None) -> dict[str, Any]:
    """Return what a project says of labels.

    Parameters
    ----------
    image : int or None
        Place of the image they lie on in the list of images.
    """
    look = {name: plain(getattr(layer, name)) for name in _LABELS}
    entry = _entry(layer) | {"look": _look(layer) | look, "image": image}
    entry["made_for_image"] = "image" in layer.metadata.get(KEY, {})
    queue = sys.modules.get("napari_medseg.widgets.review.queue")
    if queue is not None:
        entry["queue"] = queue.queue_of(layer).state()
    return entry


def labels_layer(
    entry: Mapping[str, Any], arrays: Mapping[str, np.ndarray], image: Image | None
) -> Labels:
    """Return the labels of an entry, with what a person reviewed and changed in them."""
    own = _carried(entry)
    if image is not None:
        if entry.get("made_for_image"):
            own["image"] = str(image.unique_id)
        place = image.metadata.get(KEY, {}).get("place")
        if place is not None:
            own["place"] = place
    values = arrays["labels"]
    layer = Labels(values, metadata={KEY: own}, **_kwargs(entry))
    marks = {name: arrays[name] for name in _MARKS}
    painted_of(layer).restore(values, marks, "")
    for name in _LABELS:
        setattr(layer, name, entry["look"][name])
    kept_prompts(layer)  # damaged ones are found now, not when somebody prompts
    return layer


def show_labels_state(layer: Labels, entry: Mapping[str, Any]) -> None:
    """Show classes, and take over the places to review, once a layer is in its viewer."""
    if "classes" in layer.metadata.get(KEY, {}):
        from napari_medseg.widgets.classes.class_list import show_classes

        show_classes(layer)
        class_signals(layer).changed.emit()
    if entry.get("queue"):
        from napari_medseg.widgets.review.queue import queue_of

        queue_of(layer).restore(entry["queue"])


def plain(value: Any) -> Any:
    """Return a value as JSON has it.

    Raises
    ------
    TypeError
        If JSON has none.
    """
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, tuple | list):
        return [plain(one) for one in value]
    return value if isinstance(value, bool | int | float | type(None)) else str(value)


def _entry(layer: Layer) -> dict[str, Any]:
    own = layer.metadata.get(KEY, {})
    carried = {name: own[name] for name in _CARRIED if _fits_json(own.get(name))}
    _, meta, _ = layer.as_layer_data_tuple()
    return {
        "name": layer.name,
        "place": {name: plain(np.asarray(meta[name])) for name in _PLACE if name in meta},
        "units": [str(unit) for unit in layer.units],
        "axis_labels": list(layer.axis_labels),
        "carried": carried,
    }


def _look(layer: Layer) -> dict[str, Any]:
    return {name: plain(getattr(layer, name)) for name in _LOOK}


def _kwargs(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": entry["name"],
        "units": tuple(entry["units"]),
        "axis_labels": tuple(entry["axis_labels"]),
        **{name: np.asarray(value) for name, value in entry["place"].items()},
        **{name: value for name, value in entry["look"].items() if name not in _LABELS},
    }


def _carried(entry: Mapping[str, Any]) -> dict[str, Any]:
    own = dict(entry.get("carried", {}))
    if "step" in own:
        own["step"] = tuple(own["step"])
    return own


def _fits_json(value: Any) -> bool:
    if value is None:
        return False
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True
