"""Saving and opening projects: what is asked, what runs in a thread, and which were used last."""

from __future__ import annotations

import json
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

from napari_medseg.io import atomic_path
from napari_medseg.journal import journal_directory
from napari_medseg.project import Project, read_project
from napari_medseg.widgets.background import Task
from napari_medseg.widgets.keeping import questions
from napari_medseg.widgets.keeping.closing import may_close
from napari_medseg.widgets.keeping.file_names import proposed_project, start_folder
from napari_medseg.widgets.keeping.following import follow
from napari_medseg.widgets.keeping.keeper import give_up, keeper_of
from napari_medseg.widgets.keeping.projects import (
    Loaded,
    Snapshot,
    build,
    load,
    missing_files,
    show,
)
from napari_medseg.widgets.keeping.projects import snapshot as snapshot_of
from napari_medseg.widgets.keeping.saving import saves_of
from napari_medseg.widgets.model_choice import model_choice_of
from napari_medseg.widgets.notices import show_failure
from napari_medseg.widgets.sessions import unwrapped

if TYPE_CHECKING:
    from napari.viewer import Viewer

_MOST = 10  # recent projects that are remembered

_paths: WeakKeyDictionary[Any, Path] = WeakKeyDictionary()


def project_path(viewer: Viewer) -> Path | None:
    """Return the project that is open in a viewer; None if none is."""
    return _paths.get(unwrapped(viewer))


def save_project(viewer: Viewer) -> None:
    """Save the project where it was saved last; where it never was, ask."""
    path = project_path(viewer)
    if path is None:
        save_project_as(viewer)
    else:
        _save(unwrapped(viewer), path)


def save_project_as(viewer: Viewer) -> None:
    """Ask for a file, and save the project there."""
    path = questions.ask_project(str(proposed_project(unwrapped(viewer))))
    if path:
        _save(unwrapped(viewer), Path(path))


def open_project(viewer: Viewer, path: Path | str | None = None) -> None:
    """Open a project in place of what is in a viewer; without a path, ask for one.

    What is not saved there is asked about, and where files are that were moved. If something of
    the project cannot be read, nothing is opened, and a sentence says why.
    """
    viewer = unwrapped(viewer)
    follow(viewer)
    path = path or questions.ask_which_project(str(start_folder()))
    if not path:
        return
    try:
        project = read_project(path)
        found = _found(project)
    except (ValueError, OSError) as error:
        show_failure(error)
        return
    if found is None:
        return
    task = Task(partial(load, project, found))
    task.returned.connect(partial(_show, ref(viewer)))
    viewer.status = f"Opening {project.path.name} …"
    task.start()


def recent_projects() -> list[Path]:
    """Return the projects that were opened or saved last, the latest first."""
    try:
        listed = json.loads(_recent_file().read_text("utf-8"))
    except (OSError, ValueError):
        return []
    return [Path(one) for one in listed if isinstance(one, str)] if isinstance(listed, list) else []


def remember_project(viewer: Viewer, path: Path) -> None:
    """Note that a project is open in a viewer, and was used last."""
    _paths[unwrapped(viewer)] = path
    _write_recent([path, *(other for other in recent_projects() if other != path)])


def forget_missing() -> None:
    """Drop the recent projects that are not there any more."""
    projects = recent_projects()
    there = [path for path in projects if path.is_file()]
    if there != projects:
        _write_recent(there)


def _write_recent(paths: list[Path]) -> None:
    with suppress(OSError), atomic_path(_recent_file()) as target:  # it is a convenience only
        target.write_text(json.dumps([str(path) for path in paths[:_MOST]]), "utf-8")


def _recent_file() -> Path:
    return journal_directory() / "recent-projects.json"


def _save(viewer: Viewer, path: Path) -> None:
    try:
        snapshot = snapshot_of(viewer)
    except ValueError as error:
        show_failure(error)
        return
    task = Task(partial(snapshot.write, path))
    task.returned.connect(partial(_note_saved, ref(viewer), path, snapshot))
    task.errored.connect(partial(_give_up, snapshot))
    saves_of(viewer).watch(task)
    task.start()


def _note_saved(viewer: ref[Viewer], path: Path, snapshot: Snapshot, _none: object) -> None:
    for layer, copy in snapshot.copies.items():
        keeper = keeper_of(layer)
        if keeper is not None:
            keeper.saved(copy)
    alive = viewer()
    if alive is not None:
        remember_project(alive, path)
        more = f"; {snapshot.left_out} other layers are no part of it" if snapshot.left_out else ""
        alive.status = f"The project is saved in {path.name}{more}"


def _give_up(snapshot: Snapshot, _error: object) -> None:
    for layer, copy in snapshot.copies.items():
        give_up(layer, copy)


def _found(project: Project) -> dict[str, Path] | None:
    """Ask where files are that were moved; None if the person does not know."""
    found: dict[str, Path] = {}
    folder = project.path.parent
    for told in missing_files(project):
        name = Path(told["absolute"]).name
        path = folder / name  # beside the last one that was found
        if not path.exists():
            is_folder = bool(told.get("folder"))
            chosen = questions.ask_where_it_is(name, str(folder), folder=is_folder)
            if not chosen:
                return None
            path = Path(chosen)
        found[told["absolute"]] = path
        folder = path.parent
    return found


def _show(viewer: ref[Viewer], loaded: Loaded) -> None:
    alive = viewer()
    if alive is None:
        return
    try:
        layers = build(loaded)
    except ValueError as error:
        show_failure(error)
        return
    if not may_close(alive):
        return
    from napari_medseg.widgets.case_layers import close_case

    close_case(alive)
    for layer in list(alive.layers):
        keeper = keeper_of(layer)
        if keeper is not None:
            keeper.forget()
    alive.layers.clear()
    show(alive, loaded, layers)
    remember_project(alive, loaded.project.path)
    model = loaded.project.content.get("model")
    if model is not None:
        _choose_model(alive, loaded.model, model)
    alive.status = f"{loaded.project.path.name} is open"


def _choose_model(viewer: Viewer, path: Path | None, told: dict[str, Any]) -> None:
    try:
        if path is None:
            raise ValueError(
                f"the model of this project, {told.get('title', told['name'])}, is not in "
                f"{Path(told['absolute']).parent} any more, or was replaced; choose one in the "
                "Model panel"
            )
        model_choice_of(viewer).open(path)
    except (ValueError, OSError) as error:
        show_failure(error)
