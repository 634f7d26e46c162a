"""What napari's menu *File > IO Utilities > MedSeg* does; the same as the File button."""

from __future__ import annotations

from functools import partial

import napari

from napari_medseg.widgets.keeping.file_names import where_to_save
from napari_medseg.widgets.keeping.following import follow
from napari_medseg.widgets.keeping.opening import open_project, save_project, save_project_as
from napari_medseg.widgets.keeping.saving import labels_to_save, save, save_as
from napari_medseg.widgets.notices import show_failure

_NONE = "there are no labels to save yet; segment or paint first"


def save_labels(viewer: napari.Viewer) -> None:
    """Save the selected labels where they were saved last."""
    layer = labels_to_save(viewer)
    if layer is None:
        show_failure(ValueError(_NONE))
    else:
        save(viewer, layer, ask=partial(where_to_save, viewer))


def save_labels_as(viewer: napari.Viewer) -> None:
    """Save the selected labels in a file that is asked for."""
    layer = labels_to_save(viewer)
    if layer is None:
        show_failure(ValueError(_NONE))
    else:
        save_as(viewer, layer, where_to_save(viewer, layer))


def open_a_project(viewer: napari.Viewer) -> None:
    """Open a project that is asked for."""
    open_project(viewer)


def save_the_project(viewer: napari.Viewer) -> None:
    """Save the project where it was saved last."""
    follow(viewer)
    save_project(viewer)


def save_the_project_as(viewer: napari.Viewer) -> None:
    """Save the project in a file that is asked for."""
    follow(viewer)
    save_project_as(viewer)
