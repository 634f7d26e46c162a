"""Which layers of a viewer are those of the open case, and what of them is not on disk yet."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, WeakSet

import numpy as np
from napari.layers import Image, Labels, Layer

from napari_medseg.widgets.layers import is_map, is_preview, same_place
from napari_medseg.widgets.sessions import session_of, unwrapped
from napari_medseg.widgets.volumes import KEY
from napari_medseg.worklist import Worklist

if TYPE_CHECKING:
    from napari.viewer import Viewer


@dataclass(eq=False)
class OpenedCase:
    """What is remembered of the case that is open in a viewer.

    Parameters
    ----------
    name : str
        Its name in the worklist.
    worklist : Worklist
        The folder it is of; the session may be at another one already.
    known : str
        Fingerprint of its saved label file as last read or written here; empty for none.
    others : set of Layer
        Layers that were there before, and are not of the case.
    saved : mapping
        Label layers to the checksum of what is on disk of them.
    """

    name: str
    worklist: Worklist
    known: str = ""
    others: WeakSet[Layer] = field(default_factory=WeakSet)
    saved: WeakKeyDictionary[Labels, int] = field(default_factory=WeakKeyDictionary)


_opened: WeakKeyDictionary[Any, OpenedCase] = WeakKeyDictionary()


def opened_case(viewer: Viewer) -> OpenedCase | None:
    """Return what is remembered of the open case; None if none is open."""
    return _opened.get(unwrapped(viewer))


def remember(viewer: Viewer, opened: OpenedCase | None) -> None:
    """Make `opened` the open case, or none."""
    viewer = unwrapped(viewer)
    if opened is None:
        _opened.pop(viewer, None)
    else:
        _opened[viewer] = opened
    session_of(viewer).case = "" if opened is None else opened.name


def worklist_of(viewer: Viewer) -> Worklist:
    """Return the worklist of a viewer.

    Raises
    ------
    ValueError
        If it has none.
    """
    worklist = session_of(viewer).worklist
    if worklist is None:
        raise ValueError("no folder of cases is open; choose one in the worklist first")
    return worklist


def case_images(viewer: Viewer) -> list[Image]:
    """Return the images of the open case that are still in the viewer."""
    opened = opened_case(viewer)
    if opened is None:
        return []
    layers = [layer for layer in viewer.layers if isinstance(layer, Image)]
    return [layer for layer in layers if _is_own(layer, opened) and not is_map(layer)]


def case_labels(viewer: Viewer) -> list[Labels]:
    """Return the label layers of the open case, the topmost first.

    Those of an answer and those made by hand count if they lie on the voxels of its image; those
    that were there before the case was opened do not.
    """
    opened, images = opened_case(viewer), case_images(viewer)
    if opened is None:
        return []
    return [
        layer
        for layer in reversed(viewer.layers)
        if isinstance(layer, Labels)
        and not is_preview(layer)
        and layer not in opened.others
        and (_is_own(layer, opened) or any(_on_voxels_of(layer, image) for image in images))
    ]


def case_maps(viewer: Viewer) -> list[Layer]:
    """Return the maps (likely, unsure) that were made while the case was open."""
    opened = opened_case(viewer)
    if opened is None:
        return []
    return [layer for layer in viewer.layers if is_map(layer) and layer not in opened.others]


def labels_to_save(viewer: Viewer) -> Labels | None:
    """Return the layer that is saved as the labels of the open case, if it has any.

    The selected one if it is one of them, else one with something new in it, else the topmost.
    """
    layers = case_labels(viewer)
    active = unwrapped(viewer).layers.selection.active
    if active in layers:
        return active
    return next(iter(unsaved(viewer)), next(iter(layers), None))


def unsaved(viewer: Viewer) -> list[Labels]:
    """Return the label layers of the open case that hold more than is on disk, topmost first."""
    opened = opened_case(viewer)
    if opened is None:
        return []
    return [layer for layer in case_labels(viewer) if _is_unsaved(layer, opened)]


def checksum(values: Any) -> int:
    """Return a number that changes with the values of a label layer."""
    return zlib.crc32(np.ascontiguousarray(values).data)


def _is_unsaved(layer: Labels, opened: OpenedCase) -> bool:
    if layer in opened.saved:
        return opened.saved[layer] != checksum(layer.data)
    return bool(np.any(layer.data))


def _is_own(layer: Layer, opened: OpenedCase) -> bool:
    return bool(layer.metadata.get(KEY, {}).get("case") == opened.name)


def _on_voxels_of(layer: Labels, image: Image) -> bool:
    shape = image.data.shape[:-1] if image.rgb else image.data.shape
    return bool(layer.data.shape == shape) and same_place(layer, image)
