"""The napari adapter: how answers become Labels layers and how edits become undo steps.

Every private name of napari that the project uses is in this file (and has a test that fails
when napari changes it): ``Labels._save_history``, ``_undo_history`` and ``_block_history``.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Layer
from napari.utils.colormaps import DirectLabelColormap

from napari_medseg.engine.card import LabelClass
from napari_medseg.widgets.volumes import KEY, place_of

if TYPE_CHECKING:
    from napari.viewer import Viewer

_SMALL = 1 << 20  # bytes; compressing less than this saves nothing anybody notices


def show_answer(
    viewer: Viewer,
    image: Layer,
    labels: np.ndarray,
    *,
    model: str,
    classes: Sequence[LabelClass],
    provenance: dict[str, Any],
    step: tuple[int, ...] = (),
) -> Labels:
    """Put what a model found beside the image it was found in.

    A second run of the same model on the same image writes into the same layer, as one undo step,
    unless somebody changed that layer since: then a new one is made and theirs stays. Camera,
    slice and selection stay as they are.

    Parameters
    ----------
    labels : ndarray
        ``(*S)``, the grid of the image.
    model : str
        For people; part of the layer's name.
    step : tuple of int
        Index of the image along its axes before the spatial ones, if it has such.

    Returns
    -------
    Labels
        The layer that now shows the answer.
    """
    values = np.ascontiguousarray(labels.reshape((1,) * len(step) + labels.shape))
    earlier = _earlier_answer(viewer, image, model, step)
    if earlier is not None and earlier.data.shape == values.shape:
        apply_edit(earlier, values.astype(earlier.data.dtype, copy=False), f"Segment: {model}")
        earlier.metadata[KEY].update(provenance=provenance, checksum=_checksum(earlier.data))
        return earlier
    layer = Labels(
        values,
        name=" · ".join([image.name, model, *(f"{i}" for i in step)]),
        metadata={
            KEY: {
                "place": place_of(image),
                "image": str(image.unique_id),
                "model": model,
                "step": step,
                "provenance": provenance,
                "checksum": _checksum(values),
            }
        },
        opacity=0.6,
        **same_grid(image, step),
        **class_look(classes),
    )
    insert_above(viewer, image, layer)
    return layer


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


def is_being_painted(layer: Labels) -> bool:
    """Whether a brush stroke is going on, which an edit of ours would tear in two."""
    return bool(layer._block_history)


class UndoStep(tuple):
    """A named region delta ``(box, before, after)``; lies in napari's own undo history."""

    name = ""


def apply_edit(layer: Labels, edited: np.ndarray, name: str) -> int:
    """Write `edited` into a Labels layer as one named undo step.

    Parameters
    ----------
    edited : ndarray
        What the whole layer shall hold; the same shape and dtype.
    name : str
        What a person undoes ("Segment: liver").

    Returns
    -------
    int
        How many voxels changed; with 0 there is no step.

    Raises
    ------
    ValueError
        If the layer cannot be edited, or is being painted right now.
    """
    if not _is_writable(layer):
        raise ValueError(
            f"the layer '{layer.name}' cannot be written; duplicate it and use the copy"
        )
    if edited.shape != layer.data.shape or edited.dtype != layer.data.dtype:
        raise ValueError(
            f"the layer '{layer.name}' holds {layer.data.shape} {layer.data.dtype}, the edit is "
            f"{edited.shape} {edited.dtype}"
        )
    if is_being_painted(layer):
        raise ValueError(f"a stroke in '{layer.name}' is not finished; finish it first")
    different = edited != layer.data
    box = _bounding_box(different)
    if box is None:
        return 0
    step = UndoStep((box, _Packed(layer.data[box]), _Packed(edited[box])))
    step.name = name
    with layer.block_history():  # the paint event then fires after the array is written
        layer._save_history(step)
        layer.data[box] = edited[box]
    layer.refresh(extent=False)
    return int(np.count_nonzero(different))


def undo_name(layer: Labels) -> str:
    """Return the name of what the next undo takes back; empty if there is nothing."""
    if not layer._undo_history:
        return ""
    return getattr(layer._undo_history[-1][0], "name", "Brush")


def same_grid(image: Layer, step: tuple[int, ...]) -> dict[str, Any]:
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


def image_layers(viewer: Viewer) -> list[Image]:
    """Return the image layers, the topmost first, as people see them in the list."""
    return [layer for layer in reversed(viewer.layers) if isinstance(layer, Image)]


def is_map(layer: Layer) -> bool:
    """Whether a layer is a map we made (likely, unsure), not an image to segment."""
    return "map" in layer.metadata.get(KEY, {})


class _Packed:
    """An array that lies compressed in the undo history and unfolds when napari writes it."""

    def __init__(self, values: np.ndarray) -> None:
        self._shape, self._dtype = values.shape, values.dtype
        self._zipped = values.nbytes > _SMALL
        content = np.ascontiguousarray(values).tobytes()
        self._content = zlib.compress(content, 1) if self._zipped else content

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        content = zlib.decompress(self._content) if self._zipped else self._content
        return np.frombuffer(content, self._dtype).reshape(self._shape).astype(dtype or self._dtype)


def _bounding_box(mask: np.ndarray) -> tuple[slice, ...] | None:
    box = []
    for axis in range(mask.ndim):
        others = tuple(a for a in range(mask.ndim) if a != axis)
        where = np.flatnonzero(mask.any(axis=others))
        if not where.size:
            return None
        box.append(slice(int(where[0]), int(where[-1]) + 1))
    return tuple(box)


def _earlier_answer(
    viewer: Viewer, image: Layer, model: str, step: tuple[int, ...]
) -> Labels | None:
    """Find what this model found in this image before, if nobody changed it since."""
    wanted = (str(image.unique_id), model, step)
    for layer in viewer.layers:
        ours = layer.metadata.get(KEY, {})
        if not isinstance(layer, Labels) or not _is_writable(layer) or is_being_painted(layer):
            continue
        if (ours.get("image"), ours.get("model"), ours.get("step")) == wanted:
            same_grid = np.allclose(layer.scale, image.scale)
            if same_grid and ours.get("checksum") == _checksum(layer.data):
                return layer
    return None


def _is_writable(layer: Labels) -> bool:
    return isinstance(layer.data, np.ndarray) and bool(layer.data.flags.writeable)


def _checksum(values: np.ndarray) -> int:
    return zlib.crc32(np.ascontiguousarray(values).data)
