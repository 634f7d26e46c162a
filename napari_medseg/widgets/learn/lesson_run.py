"""A run of learning as the panel sees it: started, paused, gone on with, stopped, ended."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_medseg.widgets.background import Task
from napari_medseg.widgets.learn.lesson import Lesson, Request, forget, interrupted, learn
from napari_medseg.widgets.learn.points import Feed
from napari_medseg.widgets.learn.shelf import Shelf
from napari_medseg.widgets.sessions import runner_of, session_of

if TYPE_CHECKING:
    from pathlib import Path

    from napari.viewer import Viewer


class LessonRun(QObject):
    """Runs one lesson at a time, in the runner of the viewer.

    Emits ``began(feed, resumed)``, then ``learnt(FineTuned or Path)``, ``paused(reason)`` where it
    can be gone on with, or ``dropped(reason)`` where nothing is left of it.
    """

    began = Signal(object, bool)
    learnt = Signal(object)
    paused = Signal(str)
    dropped = Signal(str)

    def __init__(self, viewer: Viewer, shelf: Shelf, parent: QObject) -> None:
        super().__init__(parent)
        self._session, self._runner, self._shelf = session_of(viewer), runner_of(viewer), shelf
        self._project: Path | None = None
        self._stopping = False
        self._reason = ""
        self._result: object = None
        self._feed: Feed | None = None
        self._runner.failed.connect(self._note_failure)
        self._runner.ended.connect(self._end)

    @property
    def going(self) -> bool:
        """Whether it learns now."""
        return self._project is not None

    @property
    def waiting(self) -> Lesson | None:
        """The run that was begun on these cases and can be gone on with."""
        return None if self.going else interrupted(self._shelf.book.project)

    def start(self, lesson: Lesson, *, resume: bool = False) -> None:
        """Begin a lesson on the cases of the shelf, or go on with it."""
        project = self._shelf.book.project
        self._feed = feed = Feed()
        segmenter = self._session.ready_segmenter
        model = self._session.model
        same = model is not None and str(model.path) == lesson.model
        request = Request(project, lesson, resume, feed, segmenter if same else None)
        self._project, self._stopping, self._reason, self._result = project, False, "", None
        self._shelf.held = True
        task = Task(partial(learn, request))
        task.returned.connect(self._note_result)
        self.began.emit(feed, resume)
        self._runner.start(task, f"Learning · {lesson.title}")

    def pause(self) -> None:
        """Stop at the next step, and keep what was learnt."""
        self._runner.cancel()

    def stop(self) -> None:
        """Stop at the next step, and forget what was learnt."""
        self._stopping = True
        if self.going:
            self._runner.cancel()
        else:
            self.forget()
            self.dropped.emit("")

    def forget(self) -> None:
        """Delete what is kept of the last run."""
        forget(self._shelf.book.project)

    def _note_result(self, result: object) -> None:
        self._result = result

    def _note_failure(self, reason: str) -> None:
        self._reason = reason

    def _end(self, _outcome: str) -> None:
        if self._project is None:
            return  # another run
        self._project, result = None, self._result
        self._result = None
        if self._feed is not None:
            self._feed.flush()
        self._shelf.held = False
        if result is not None:
            self.learnt.emit(result)
        elif self._stopping or self.waiting is None:
            self.forget()
            self.dropped.emit(self._reason)
        else:
            self.paused.emit(self._reason)
        self._shelf.look()
