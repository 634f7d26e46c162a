"""Save and Save as: labels on the grid of their image, whole or not at all, in a thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from napari.layers import Labels
from qtpy.QtCore import QObject, Signal

import napari_medseg
from napari_medseg.case_labels import UnknownLabels, fingerprint, write_case_labels
from napari_medseg.io.atomic import UnwritableFile, unwritable
from napari_medseg.io.classes import ClassName
from napari_medseg.progress import Report, silent
from napari_medseg.volume import Volume
from napari_medseg.widgets import case_questions
from napari_medseg.widgets.background import Task
from napari_medseg.widgets.classes.class_list import classes_of
from napari_medseg.widgets.keeping.keeper import Copy, copy_of, give_up, keeper_of
from napari_medseg.widgets.keeping.origins import file_of, image_under, is_kept, note_file
from napari_medseg.widgets.keeping.prompts import NOTE
from napari_medseg.widgets.keeping.sources import WRITTEN
from napari_medseg.widgets.keeping.waiting import wait_for
from napari_medseg.widgets.notices import show_failure
from napari_medseg.widgets.painted import painted_of
from napari_medseg.widgets.placement import grid_of
from napari_medseg.widgets.sessions import unwrapped
from napari_medseg.widgets.volumes import KEY

if TYPE_CHECKING:
    from napari.viewer import Viewer


@dataclass(frozen=True, eq=False)
class Request:
    """What a thread needs to write labels; as `write_case_labels`.

    Parameters
    ----------
    known : str or None
        Fingerprint of the file that may be overwritten; None for whatever is there.
    """

    path: Path
    labels: np.ndarray
    like: Volume
    provenance: dict[str, Any]
    known: str | None
    replace: bool = False
    classes: tuple[ClassName, ...] = ()

    def write(self, report: Report = silent) -> str | None:
        """Write, and return the fingerprint; None if somebody else wrote the file since."""
        try:
            return write_case_labels(
                self.path,
                self.labels,
                like=self.like,
                provenance=self.provenance,
                known=fingerprint(self.path) if self.known is None else self.known,
                replace=self.replace,
                classes=self.classes,
            )
        except UnknownLabels:
            return None
        except UnwritableFile:
            raise
        except OSError as error:
            raise unwritable(self.path, error) from error


class Saves(QObject):
    """What is being saved in one viewer.

    Emits ``changed()`` when a save begins and ends, and ``saved(path)``.
    """

    changed = Signal()
    saved = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.running: set[Task] = set()

    def start(self, viewer: Viewer, layer: Labels, request: Request, copy: Copy) -> None:
        """Write in a thread, apart from the runner: a run in the background goes on."""
        task = Task(request.write)
        task.returned.connect(partial(self._end, viewer, layer, request, copy))
        task.errored.connect(partial(give_up, layer, copy))
        self.watch(task)
        task.start()

    def watch(self, task: Task) -> None:
        """Count a task among what is being saved, until it has ended."""
        self.running.add(task)
        task.finished.connect(partial(self._note_end, task))
        self.changed.emit()

    def _end(
        self, viewer: Viewer, layer: Labels, request: Request, copy: Copy, written: str | None
    ) -> None:
        if written is not None:
            note_saved(layer, request.path, written, copy)
            viewer.status = f"'{layer.name}' is saved in {request.path.name}"
            self.saved.emit(str(request.path))
        elif case_questions.ask_replace(request.path.name, request.path.parent.name):
            self.start(viewer, layer, replace(request, replace=True), copy)
        else:
            give_up(layer, copy)

    def _note_end(self, task: Task) -> None:
        self.running.discard(task)
        self.changed.emit()


_saves: WeakKeyDictionary[Any, Saves] = WeakKeyDictionary()


def saves_of(viewer: Viewer) -> Saves:
    """Return what is being saved in a viewer."""
    return _saves.setdefault(unwrapped(viewer), Saves())


def labels_to_save(viewer: Viewer) -> Labels | None:
    """Return the labels a person means: the selected layer, else the topmost labels."""
    viewer = unwrapped(viewer)
    active = viewer.layers.selection.active
    if is_kept(active):
        return active
    return next((layer for layer in reversed(viewer.layers) if is_kept(layer)), None)


def save(viewer: Viewer, layer: Labels, *, ask: Callable[[Labels], str]) -> None:
    """Save labels where they were saved last; where that is not known, `ask` says the path."""
    path = file_of(layer)
    if path:
        _start(viewer, layer, Path(path), layer.metadata.get(KEY, {}).get(WRITTEN, ""))
    else:
        save_as(viewer, layer, ask(layer))


def save_as(viewer: Viewer, layer: Labels, path: str) -> None:
    """Save labels in a file that a person named; nothing happens without a name."""
    if path:
        _start(viewer, layer, Path(path), None)


def save_now(viewer: Viewer, layer: Labels, path: str, known: str | None) -> bool:
    """Save and wait until it is done; returns whether the labels are on disk."""
    copy = copy_of(layer)
    try:
        request = _request(unwrapped(viewer), layer, Path(path), known, copy)
        written = wait_for(request.write)
        if written is None and case_questions.ask_replace(Path(path).name, Path(path).parent.name):
            written = wait_for(replace(request, replace=True).write)
    except (ValueError, OSError, MemoryError) as error:
        show_failure(error)
        written = None
    if written is None:
        give_up(layer, copy)
        return False
    note_saved(layer, Path(path), written, copy)
    return True


def known_file(layer: Labels) -> tuple[str, str]:
    """Return the file labels were saved in last, and its fingerprint; empty if there is none."""
    return file_of(layer), str(layer.metadata.get(KEY, {}).get(WRITTEN, ""))


def note_saved(layer: Labels, path: Path, written: str, copy: Copy) -> None:
    """Remember that what a layer showed is in a file; the journal begins anew."""
    note_file(layer, path)
    layer.metadata[KEY] = {**layer.metadata[KEY], WRITTEN: written}
    keeper = keeper_of(layer)
    if keeper is not None:
        keeper.saved(copy)


def provenance_of(viewer: Viewer | None, layer: Labels) -> dict[str, Any]:
    """Return how labels came about, for the file beside them."""
    image = image_under(viewer, layer) if viewer is not None else None
    own = layer.metadata.get(KEY, {}).get("provenance") or {
        "program": "napari-medseg",
        "version": napari_medseg.__version__,
        "image": layer.name if image is None else image.name,
    }
    classes = classes_of(layer)
    about = {
        **own,
        "classes": {str(c.value): c.name for c in classes} or own.get("classes", {}),
        "colours": {str(c.value): c.colour for c in classes},
        "saved": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    if is_kept(layer):
        painted = painted_of(layer)
        about |= {
            "voxels_reviewed": painted.count_reviewed,
            "voxels_changed": painted.count_changed,
        }
    prompts = layer.metadata.get(KEY, {}).get(NOTE)
    return {**about, NOTE: prompts} if prompts else about


def named_classes(layer: Labels) -> tuple[ClassName, ...]:
    """Return the classes of a layer as files hold them."""
    return tuple(ClassName(c.value, c.name, c.colour) for c in classes_of(layer))


def one_image(values: np.ndarray, name: str, dims: int) -> np.ndarray:
    """Return values as one image or volume, axes of length 1 before the last `dims` dropped.

    Raises
    ------
    ValueError
        If they are more than one.
    """
    while values.ndim > dims and values.shape[0] == 1:
        values = values[0]
    if values.ndim != dims:
        raise ValueError(
            f"the layer '{name}' has {values.ndim} axes; layers are saved as one image or one "
            "volume at a time"
        )
    return values


def place_for_file(like: Volume, path: str) -> Volume:
    """Return a place that does not forbid to write its own file: labels go where they were."""
    if like.storage is None or not path or Path(like.storage.path) != Path(path):
        return like
    return replace(like, storage=replace(like.storage, path=""))


def note_napari_saved(layer: Labels, path: str) -> None:
    """Remember that napari wrote, just now, what a layer shows."""
    note_saved(layer, Path(path), fingerprint(Path(path)), copy_of(layer))


def _start(viewer: Viewer, layer: Labels, path: Path, known: str | None) -> None:
    viewer = unwrapped(viewer)
    copy = copy_of(layer)
    try:
        request = _request(viewer, layer, path, known, copy)
    except ValueError as error:
        give_up(layer, copy)
        show_failure(error)
        return
    saves_of(viewer).start(viewer, layer, request, copy)


def _request(viewer: Viewer, layer: Labels, path: Path, known: str | None, copy: Copy) -> Request:
    like = grid_of(layer, viewer.layers)
    labels = one_image(copy.labels, layer.name, like.spatial_dims)
    like = place_for_file(like, file_of(layer))
    provenance = provenance_of(viewer, layer)
    return Request(path, labels, like, provenance, known, classes=named_classes(layer))
