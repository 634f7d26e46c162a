"""A case of the worklist comes into the viewer, at its place in the world, and goes again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import numpy as np
from napari.layers import Image, Labels, Layer

from napari_medseg.engine.card import LabelClass
from napari_medseg.engine.cases import PALETTE
from napari_medseg.io import CaseFiles
from napari_medseg.io.classes import ClassName
from napari_medseg.widgets.case_files import ReadCase, read_case
from napari_medseg.widgets.case_saving import Dropped, leave_case
from napari_medseg.widgets.case_work import follow_work
from napari_medseg.widgets.grids.cases import CaseQuestion
from napari_medseg.widgets.grids.questions import grid_questions
from napari_medseg.widgets.keeping.keeper import keeper_of
from napari_medseg.widgets.keeping.sources import FILE, WRITTEN, with_source
from napari_medseg.widgets.layers import class_look, remove_layer
from napari_medseg.widgets.notices import show_failure
from napari_medseg.widgets.opened_cases import (
    OpenedCase,
    case_images,
    case_labels,
    case_maps,
    checksum,
    remember,
    worklist_of,
)
from napari_medseg.widgets.sessions import session_of, unwrapped
from napari_medseg.widgets.volume_layers import from_labels, from_volume
from napari_medseg.widgets.volumes import KEY
from napari_medseg.worklist_file import State

if TYPE_CHECKING:
    from napari.viewer import Viewer


def open_case(viewer: Viewer, case: CaseFiles | str) -> list[Layer]:
    """Put a case of the worklist into the viewer, in place of the one that is open.

    If that one has labels that are not saved, the person is asked first. Layers that belong to no
    case stay.

    Returns
    -------
    list of Layer
        Its images and, last, its labels if it has any; empty if the person would rather stay.

    Raises
    ------
    ValueError
        If the viewer has no worklist or no such case, or the image cannot be used.
    OSError
        If the image cannot be read.
    """
    worklist = worklist_of(viewer)
    files = worklist.case(case if isinstance(case, str) else case.name)
    dropped = leave_case(viewer)
    if dropped is None:
        return []
    return show_case(viewer, read_case(files, worklist.saved_labels(files.name)), dropped)


def open_next_case(viewer: Viewer) -> list[Image]:
    """Open the next case that is not done, and return its images.

    Returns
    -------
    list of Image
        Empty if all other cases are done, or the person would rather stay.

    Raises
    ------
    ValueError, OSError
        As `open_case`.
    """
    case = worklist_of(viewer).next_after(session_of(viewer).case)
    layers = [] if case is None else open_case(viewer, case)
    return [layer for layer in layers if isinstance(layer, Image)]


def show_case(viewer: Viewer, read: ReadCase, dropped: Dropped | None = None) -> list[Layer]:
    """Show a case that was read, in place of the one that is open; as `open_case`."""
    viewer = unwrapped(viewer)
    if leave_case(viewer, dropped) is None:
        return []
    close_case(viewer)
    opened = OpenedCase(read.case.name, worklist_of(viewer), read.known, WeakSet(viewer.layers))
    images = [
        viewer.add_image(values, **_marked(kwargs, read.case.name))
        for values, kwargs, _ in with_source(
            from_volume(read.volume, read.case.name), read.case.images
        )
    ]
    seen = next((image for image in images if image.visible), images[0])
    viewer.layers.selection.active = seen  # what Segment takes
    layers: list[Layer] = list(images)
    if read.labels is not None and read.relation is None:
        labels = _add_labels(viewer, read, images[0])
        opened.saved[labels] = checksum(labels.data)
        layers.append(labels)
    if len(opened.others):  # else napari did it at the first layer
        viewer.reset_view()
    _go_to_the_middle(viewer, seen)
    remember(viewer, opened)
    follow_work(viewer)
    if read.warning:
        show_failure(ValueError(read.warning))
    if read.labels is not None and read.relation is not None:
        classes = _classes(viewer, read)
        asked = CaseQuestion(read.case.name, read.labels, images[0], read.relation, classes)
        grid_questions(viewer).ask(asked)
    return layers


def close_case(viewer: Viewer) -> None:
    """Take the layers of the open case away, saved or not; `leave_case` asks before that."""
    viewer = unwrapped(viewer)
    gone = [*case_maps(viewer), *case_labels(viewer), *case_images(viewer)]
    remember(viewer, None)
    for layer in gone:
        keeper = keeper_of(layer) if isinstance(layer, Labels) else None
        if keeper is not None:
            keeper.forget()
        remove_layer(viewer, layer)


def _add_labels(viewer: Viewer, read: ReadCase, image: Image) -> Labels:
    assert read.labels is not None
    name = f"{read.case.name} · {'labels' if read.saved else 'labels it came with'}"
    values, kwargs, _ = from_labels(read.labels, name)
    kwargs = _marked(kwargs, read.case.name)
    own, model = kwargs["metadata"][KEY], str(read.provenance.get("model", ""))
    if read.provenance:
        own["provenance"] = read.provenance
    if model and worklist_of(viewer).state_of(read.case.name) is State.SEGMENTED:
        # nobody worked on it yet: the next answer of that model goes into the same layer
        own |= {"image": str(image.unique_id), "model": model, "step": ()}
    classes = _classes(viewer, read)
    look = class_look(classes) if classes else {}
    if read.saved and read.labels.storage is not None:
        own |= {FILE: read.labels.storage.path, WRITTEN: read.known}
    labels: Labels = viewer.add_labels(values, **kwargs, **look, opacity=0.6)
    return labels


def _classes(viewer: Viewer, read: ReadCase) -> Sequence[LabelClass]:
    """Return names and colours of the label values: as the chosen model has them, if it fits."""
    told = {c.value: c for c in read.classes}
    model = session_of(viewer).model
    chosen = {c.value: c for c in model.card.classes} if model is not None else {}
    if not told and not set(read.values) <= set(chosen):
        return ()
    values = sorted({*told, *read.values})
    classes = []
    for index, value in enumerate(values):
        known = told.get(value, ClassName(value, f"class {value}"))
        own = chosen.get(value)
        if own is not None and (value not in told or known.name == own.name):
            classes.append(own)
        else:
            colour = known.colour or PALETTE[index % len(PALETTE)]
            classes.append(LabelClass(value=value, name=known.name, colour=colour))
    return classes


def _marked(kwargs: dict[str, Any], name: str) -> dict[str, Any]:
    """Say in a layer's metadata to which case it belongs."""
    metadata = kwargs.get("metadata", {})
    return {**kwargs, "metadata": {**metadata, KEY: {**metadata.get(KEY, {}), "case": name}}}


def _go_to_the_middle(viewer: Viewer, image: Image) -> None:
    shape = np.asarray(image.data.shape[: image.ndim])
    middle = image.data_to_world((shape - 1) // 2)
    offset = viewer.dims.ndim - image.ndim
    viewer.dims.set_point(range(offset, viewer.dims.ndim), [float(m) for m in middle])
