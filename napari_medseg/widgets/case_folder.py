"""Opening a folder of cases as the worklist of a viewer, asking where something must be decided."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_medseg.widgets import case_questions
from napari_medseg.widgets.case_layers import close_case
from napari_medseg.widgets.case_saving import leave_case
from napari_medseg.widgets.notices import show_failure
from napari_medseg.widgets.opened_cases import opened_case
from napari_medseg.widgets.sessions import session_of
from napari_medseg.widgets.settings import preferences
from napari_medseg.worklist import UnusableLabelsFolder, Worklist

if TYPE_CHECKING:
    from napari.viewer import Viewer


def open_folder(
    viewer: Viewer, folder: Path | str, labels_folder: Path | str | None = None
) -> Worklist | None:
    """Make a folder the worklist of a viewer.

    Unsaved labels of the open case, and a labels folder that cannot be used, are asked about; what
    else is wrong is said.

    Returns
    -------
    Worklist or None
        None if nothing changed.
    """
    if leave_case(viewer) is None:
        return None
    try:
        worklist = Worklist.open(folder, labels_folder)
    except UnusableLabelsFolder as error:
        other = case_questions.ask_labels_folder(str(error), str(Path(folder).parent))
        return open_folder(viewer, folder, other) if other else None
    except (ValueError, OSError) as error:
        show_failure(error)
        return None
    close_case(viewer)
    session_of(viewer).worklist = worklist
    return worklist


def choose_folder(viewer: Viewer) -> None:
    """Let the person choose the folder, and open it."""
    worklist = session_of(viewer).worklist
    start = preferences().data_directory if worklist is None else str(worklist.folder)
    folder = case_questions.ask_folder("Folder of images, or of case folders", start)
    if folder:
        open_folder(viewer, folder)


def choose_labels_folder(viewer: Viewer) -> None:
    """Let the person choose another folder for the labels of the worklist."""
    worklist = session_of(viewer).worklist
    if worklist is None:
        return
    other = case_questions.ask_folder("Folder for the labels", str(worklist.labels_folder))
    if other:
        open_folder(viewer, worklist.folder, other)


def look_again(viewer: Viewer) -> None:
    """Read the folder anew: images that came or went, states and labels of other windows."""
    session, opened = session_of(viewer), opened_case(viewer)
    before = session.worklist
    if before is None:
        return
    try:
        anew = Worklist.open(before.folder, before.labels_folder)
    except (ValueError, OSError) as error:
        show_failure(error)
        return
    anew.saves_by_itself = before.saves_by_itself
    if opened is not None and opened.worklist is before:
        opened.worklist = anew
    session.worklist = anew


def show_left_out(viewer: Viewer) -> None:
    """List what of the folder is no case, and why."""
    worklist = session_of(viewer).worklist
    if worklist is not None:
        case_questions.show_left_out(worklist.folder.name, worklist.left_out)
