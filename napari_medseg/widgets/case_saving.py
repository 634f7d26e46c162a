"""Saving the labels of the open case, and asking before something would be lost."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels

from napari_medseg.case_labels import UnknownLabels, write_case_labels
from napari_medseg.widgets import case_questions
from napari_medseg.widgets.case_questions import Choice
from napari_medseg.widgets.keeping.keeper import copy_of, give_up
from napari_medseg.widgets.keeping.saving import note_saved
from napari_medseg.widgets.keeping.waiting import without_freezing
from napari_medseg.widgets.notices import show_failure
from napari_medseg.widgets.opened_cases import (
    OpenedCase,
    case_images,
    checksum,
    labels_to_save,
    opened_case,
    unsaved,
)
from napari_medseg.widgets.sessions import unwrapped
from napari_medseg.widgets.volumes import KEY, place_of
from napari_medseg.worklist_file import State

if TYPE_CHECKING:
    from napari.viewer import Viewer

Dropped = Mapping[Labels, int]
"""Layers, each with the checksum of what a person said may be lost of it."""


def leave_case(viewer: Viewer, dropped: Dropped | None = None) -> Dropped | None:
    """Ask what becomes of labels that are not saved, and save them if that is the answer.

    Parameters
    ----------
    dropped : mapping or None
        What an earlier call returned: of layers that did not change since nobody asks again.

    Returns
    -------
    mapping or None
        What may be lost; None if the person would rather stay, or saving failed.
    """
    viewer, kept = unwrapped(viewer), dropped or {}
    pending = [layer for layer in unsaved(viewer) if kept.get(layer) != checksum(layer.data)]
    opened = opened_case(viewer)
    if opened is None or not pending:
        return kept
    worklist = opened.worklist
    layer, choice = pending[0], Choice.SAVE
    if not worklist.saves_by_itself or len(pending) > 1:
        names = [one.name for one in pending]
        answer = case_questions.ask_unsaved(opened.name, names, worklist.saves_by_itself)
        worklist.saves_by_itself = answer.always
        layer, choice = pending[answer.index], answer.choice
    if choice is Choice.STAY or (choice is Choice.SAVE and not save_case(viewer, layer)):
        return None
    return {one: checksum(one.data) for one in pending}


def save_case(viewer: Viewer, layer: Labels | None = None, state: State | None = None) -> bool:
    """Write the labels of the open case to its file, on the grid of its image; note its state.

    A file that somebody else wrote since is replaced only if the person says so.

    Parameters
    ----------
    layer : Labels or None
        The labels; None takes those of `labels_to_save`, if there are any.
    state : State or None
        None makes a case that nobody worked on one in work, and leaves other states.

    Returns
    -------
    bool
        Whether labels and state are on disk now; if not, the person knows why.
    """
    viewer, opened = unwrapped(viewer), opened_case(viewer)
    if opened is None:
        return False
    worklist = opened.worklist
    layer = layer if layer is not None else labels_to_save(viewer)
    before = worklist.state_of(opened.name)
    if state is None:
        state = State.IN_WORK if before in (State.NEW, State.SEGMENTED) else before
    try:
        written = None if layer is None else _write(viewer, opened, layer)
        if written == "":
            return False
        worklist.set_state(opened.name, state, written=written)
    except (ValueError, OSError) as error:
        show_failure(error)
        return False
    return True


def note_written(viewer: Viewer, layer: Labels, labels: np.ndarray, written: str) -> None:
    """Remember that `labels`, which `layer` shows, are in the file of the open case."""
    opened = opened_case(viewer)
    if opened is not None:
        opened.known = written
        opened.saved[layer] = checksum(labels)


def _write(viewer: Viewer, opened: OpenedCase, layer: Labels) -> str:
    """Write a layer and return its file's fingerprint; empty if the person would rather not."""
    images, copy = case_images(viewer), copy_of(layer)
    labels, path = copy.labels, opened.worklist.labels_path(opened.name)
    arguments: dict[str, Any] = {
        "like": place_of(images[0] if images else layer).volume(),
        "provenance": layer.metadata.get(KEY, {}).get("provenance"),
        "known": opened.known,
    }
    write = partial(write_case_labels, path, labels, **arguments)
    try:
        try:
            written = without_freezing(write, labels.nbytes)
        except UnknownLabels:
            if not case_questions.ask_replace(path.name, path.parent.name):
                return ""
            written = without_freezing(partial(write, replace=True), labels.nbytes)
        note_written(viewer, layer, labels, written)
        note_saved(layer, path, written, copy)
        return written
    finally:
        give_up(layer, copy)
