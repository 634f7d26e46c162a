"""Where the cases of a viewer are kept: with its project, else in a folder of the user's own."""

from __future__ import annotations

import secrets
import shutil
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

from psygnal import Signal

from napari_medseg.casebook import Casebook, casebook_folder
from napari_medseg.casebook_file import INDEX
from napari_medseg.journal import journal_directory
from napari_medseg.progress import Report, Step, silent
from napari_medseg.project import SUFFIX
from napari_medseg.widgets.background import Task
from napari_medseg.widgets.keeping.opening import project_path
from napari_medseg.widgets.keeping.saving import saves_of
from napari_medseg.widgets.learn.lesson import run_folder
from napari_medseg.widgets.notices import show_failure
from napari_medseg.widgets.sessions import unwrapped

if TYPE_CHECKING:
    from napari.viewer import Viewer

_UNSAVED = "unsaved"


class Shelf:
    """The casebook of a viewer; it follows the project that is open or saved there.

    Emits ``changed()`` when there is another book or its list is another one. While `held`, for a
    run reads from the book's folder, it stays where it is.
    """

    changed = Signal()

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = ref(viewer)
        self.held = False
        self._moving = False
        self.book = self._opened(project_path(viewer) or _new_project())
        saves_of(viewer).changed.connect(self._on_saves)

    @property
    def is_saved(self) -> bool:
        """Whether the cases lie with a project, and not in a folder of the user's own."""
        return self.book.project.parent != _folder()

    def look(self) -> None:
        """Go to the cases of the project that is open now."""
        viewer = self._viewer()
        if viewer is not None:
            self._follow(project_path(viewer), saved=bool(saves_of(viewer).running))

    def take(self, project: Path) -> None:
        """Go on with the cases of an earlier sitting."""
        _in_use.discard(self.book.project)
        self.book = self._opened(project)
        self.changed.emit()

    def refresh(self) -> None:
        """Read the list again: something was added, changed or removed."""
        try:
            self.book.refresh()
        except (ValueError, OSError) as error:
            show_failure(error)
        self.changed.emit()

    def earlier(self) -> list[Casebook]:
        """Return the cases of sittings that were never saved as a project, the latest first."""
        found = []
        for index in _folder().glob(f"{_UNSAVED}*.medseg-cases/{INDEX}"):
            project = _folder() / f"{index.parent.stem}{SUFFIX}"
            if project in _in_use:
                continue
            try:
                book = Casebook.open(project)
            except (ValueError, OSError):
                continue  # it cannot be offered, and nobody asked for it
            if book.entries:
                found.append(book)
        return sorted(found, key=lambda book: book.entries[-1].added, reverse=True)

    def _on_saves(self) -> None:
        viewer = self._viewer()
        if viewer is not None:
            self._follow(project_path(viewer), saved=True)

    def _follow(self, project: Path | None, *, saved: bool) -> None:
        if project is None or self._moving or self.held or project == self.book.project:
            return
        if not (saved and self.book.entries):
            self.take(project)
            return
        self._moving = True
        work = partial(take_along, self.book.project, project, keep=self.is_saved)
        task = Task(work)
        task.returned.connect(partial(_arrive, ref(self), project))
        task.finished.connect(partial(_settle, ref(self)))
        task.start()

    def _opened(self, project: Path) -> Casebook:
        _in_use.add(project)
        try:
            return Casebook.open(project)
        except (ValueError, OSError) as error:  # of a newer program: it is left alone
            show_failure(error)
            return Casebook.open(_new_project())


def shelf_of(viewer: Viewer) -> Shelf:
    """Return where the cases of a viewer are kept."""
    viewer = unwrapped(viewer)
    if viewer not in _shelves:
        _shelves[viewer] = Shelf(viewer)
    return _shelves[viewer]


def take_along(old: Path, new: Path, *, keep: bool, report: Report = silent) -> None:
    """Bring the cases of one project to another, after those that are there.

    Parameters
    ----------
    keep : bool
        Leave them where they were, too.

    Raises
    ------
    OSError
        If they cannot be written; they are then where they were.
    """
    source, target = casebook_folder(old), casebook_folder(new)
    if not target.exists():
        report(Step(0, 0, "case", "moving the cases …"))
        if keep:
            shutil.copytree(source, target)
        else:
            shutil.move(source, target)
        return
    books = Casebook.open(old), Casebook.open(new)
    for done, entry in enumerate(books[0].entries):
        report(Step(done, len(books[0].entries), "case"))
        case = books[0].load(entry)
        if books[1].find(case.volume) is None:
            added = books[1].add(case, copy_image=entry.copied, rounds=entry.rounds)
            books[1].update(added, weight=entry.weight, used=entry.used)
    begun, free = run_folder(old), run_folder(new)
    if begun.is_dir() and not free.exists():
        shutil.copytree(begun, free)  # a run that waits goes on there
    if not keep:
        shutil.rmtree(source)


_shelves: WeakKeyDictionary[Any, Shelf] = WeakKeyDictionary()
_in_use: set[Path] = set()  # by the viewers of this program


def _arrive(shelf: ref[Shelf], project: Path, _nothing: object) -> None:
    alive = shelf()
    if alive is not None:
        alive.take(project)


def _settle(shelf: ref[Shelf]) -> None:
    alive = shelf()
    if alive is not None:
        alive._moving = False


def _folder() -> Path:
    return journal_directory() / "cases"


def _new_project() -> Path:
    now = datetime.now().strftime("%Y-%m-%d-%H%M%S")
    return _folder() / f"{_UNSAVED}-{now}-{secrets.token_hex(2)}{SUFFIX}"
