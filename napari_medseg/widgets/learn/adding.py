"""Adding a case in the background, and the one question that may come up."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_medseg.case_file import ImageNotKept
from napari_medseg.casebook import Casebook
from napari_medseg.session import ChosenModel
from napari_medseg.widgets.background import Task
from napari_medseg.widgets.edit.version import version_of
from napari_medseg.widgets.learn import questions
from napari_medseg.widgets.learn.collect import Collect
from napari_medseg.widgets.learn.parts import CaseParts, Stored, parts_of, store
from napari_medseg.widgets.learn.shelf import Shelf
from napari_medseg.widgets.notices import show_failure
from napari_medseg.widgets.sessions import session_of

if TYPE_CHECKING:
    from napari.layers import Labels
    from napari.viewer import Viewer


class Adding(QObject):
    """Stores one case at a time; emits ``added(Stored)``.

    Parameters
    ----------
    viewer : Viewer
        Whose layers they are.
    collect : Collect
        Which ones.
    shelf : Shelf
        Where the case goes.
    """

    added = Signal(object)

    def __init__(self, viewer: Viewer, collect: Collect, shelf: Shelf) -> None:
        super().__init__(collect)
        self._viewer, self._collect, self._shelf = viewer, collect, shelf
        self._task: Task | None = None

    def start(self, *, picture: bool) -> None:
        """Add what is chosen now.

        Parameters
        ----------
        picture : bool
            Keep a small picture of it on disk.
        """
        model = session_of(self._viewer).model
        rounds = 0 if model is None else _rounds(model)
        labels = self._collect.labels
        if labels is None:
            return
        try:
            parts = parts_of(self._viewer, self._collect.images.channels, labels)
        except (ValueError, MemoryError) as error:
            show_failure(error)
            return
        self._store(parts, labels, version_of(labels), picture, rounds, copy_image=False)

    def _store(
        self,
        parts: CaseParts,
        labels: Labels,
        version: object,
        picture: bool,
        rounds: int,
        *,
        copy_image: bool,
    ) -> None:
        options = {"copy_image": copy_image, "picture": picture, "rounds": rounds}
        self._task = task = Task(partial(_keep, parts, self._shelf.book, **options))
        task.returned.connect(partial(self._end, parts, labels, version, picture, rounds))
        task.finished.connect(partial(self._settle, task))
        self._collect.set_busy(True)
        task.start()

    def _settle(self, task: Task) -> None:
        if task is self._task:  # else a second try has begun, with consent
            self._collect.set_busy(False)

    def _end(
        self,
        parts: CaseParts,
        labels: Labels,
        version: object,
        picture: bool,
        rounds: int,
        stored: Stored | None,
    ) -> None:
        if stored is None:
            if questions.ask_copy(parts.name):
                self._store(parts, labels, version, picture, rounds, copy_image=True)
            return
        self._collect.note_added(stored.entry.key, labels, version)
        self._shelf.refresh()
        self.added.emit(stored)


def _rounds(model: ChosenModel) -> int:
    """Return how often a model was fine-tuned."""
    return sum(str(e.get("what", "")).startswith("fine-tuned") for e in model.card.history)


def _keep(parts: CaseParts, book: Casebook, **options: Any) -> Stored | None:
    """Store a case; None if a copy of the image would have to be kept."""
    try:
        return store(parts, book, **options)
    except ImageNotKept:
        return None
