"""Unsaved work comes back into its layer as one undo step, or into a new one."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels

from napari_medseg.journal import Identity, Unsaved
from napari_medseg.widgets.classes.class_list import show_classes
from napari_medseg.widgets.classes.stored import class_signals
from napari_medseg.widgets.keeping.keeper import keep, keeper_of
from napari_medseg.widgets.keeping.origins import file_of, is_kept, key_of, shape_of_labels
from napari_medseg.widgets.keeping.prompts import NOTE
from napari_medseg.widgets.layers import why_not_editable
from napari_medseg.widgets.painted import painted_of
from napari_medseg.widgets.placement import image_layers, insert_above, is_map, same_grid
from napari_medseg.widgets.volumes import KEY

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

STEP = "Restored"  # what a person undoes


def restore(viewer: Viewer, unsaved: Unsaved) -> Labels:
    """Bring back what a journal holds.

    It goes into the layer that shows what the labels were when the journal began. Where no layer
    does, as when the file was written by somebody else since, it gets a layer of its own.

    Returns
    -------
    Labels
        The layer.

    Raises
    ------
    ValueError
        If the layer is being painted right now.
    """
    layer = _layer_of(viewer, unsaved)
    if layer is None:
        layer = _new_layer(viewer, unsaved)
    keep(layer, viewer)
    marks = unsaved.edits.marks(unsaved.whole())
    painted_of(layer).restore(unsaved.labels, marks, STEP)
    if unsaved.classes is not None:
        layer.metadata[KEY] = {**layer.metadata.get(KEY, {}), "classes": dict(unsaved.classes)}
        show_classes(layer)
        class_signals(layer).changed.emit()
    for name, content in unsaved.notes.items():
        take_note(layer, name, content)
    return layer


def take_note(layer: Labels, name: str, content: Any) -> None:
    """Give a layer something else that was kept with its labels."""
    keeper = keeper_of(layer)
    if keeper is not None:
        keeper.note(name, content)
    given = sys.modules.get("napari_medseg.widgets.interact.given")
    if name == NOTE and given is not None:
        given.given_of(layer).read_kept(layer)


def _layer_of(viewer: Viewer, unsaved: Unsaved) -> Labels | None:
    """Find the layer that shows what the labels were when the journal began."""
    identity = unsaved.identity
    largest = int(unsaved.labels.max(initial=0))
    fitting = [
        layer
        for layer in reversed(viewer.layers)
        if is_kept(layer)
        and layer.data.shape == identity.shape
        and not why_not_editable(layer)
        and np.iinfo(layer.data.dtype).max >= largest
        and np.array_equal(layer.data, unsaved.base)
    ]
    same_file = [x for x in fitting if identity.labels_path and file_of(x) == identity.labels_path]
    same_name = [layer for layer in fitting if layer.name == identity.layer]
    return next(iter([*same_file, *same_name, *fitting]), None)


def _new_layer(viewer: Viewer, unsaved: Unsaved) -> Labels:
    identity = unsaved.identity
    image = _image_of(viewer, identity)
    place: dict[str, Any] = {} if image is None else same_grid(image)
    if image is None and len(identity.spacing) == len(identity.shape):
        place = {"scale": identity.spacing}
    metadata: dict[str, Any] = {}
    if image is not None and "place" in image.metadata.get(KEY, {}):
        metadata = {KEY: {"place": image.metadata[KEY]["place"]}}
    layer = Labels(
        unsaved.base.copy(), name=identity.layer, opacity=0.6, metadata=metadata, **place
    )
    if image is None:
        viewer.add_layer(layer)
    else:
        insert_above(viewer, image, layer)
    return layer


def _image_of(viewer: Viewer, identity: Identity) -> Image | None:
    images = [
        image
        for image in image_layers(viewer)
        if not is_map(image) and shape_of_labels(image) == identity.shape
    ]
    same = [image for image in images if identity.image_key and key_of(image) == identity.image_key]
    return next(iter([*same, *images]), None)
