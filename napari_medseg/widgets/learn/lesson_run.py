"""A run of learning as the panel sees it: started, paused, gone on with, stopped, ended."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_medseg.progress import Report
from napari_medseg.widgets.background import Task
from napari_medseg.widgets.learn.lesson import Lesson, Request, forget, interrupted, learn
from napari_medseg.widgets.learn.points import Feed
from napari_medseg.widgets.learn.shelf import Shelf
from napari_medseg.widgets.learn.turn import Turn, is_taken
from napari_medseg.widgets.sessions import runner_of, session_of

if TYPE_CHECKING:
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
        self.going = False  # whether it learns now
        self._stopping = False
        self._reason = ""
        self._result: object = None
        self._feed: Feed | None = None
        self._runner.failed.connect(self._note_failure)
        self._runner.ended.connect(self._end)

    @property
    def waiting(self) -> Lesson | None:
        """The run that was begun on these cases and can be gone on with."""
        project = self._shelf.book.project
        return None if is_taken(project) else interrupted(project)

    def start(self, lesson: Lesson, *, resume: bool = False) -> None:
        """Begin a lesson on the cases of the shelf, or go on with it.

        Raises
        ------
        ValueError, OSError
            If another window learns, or nothing can be written beside the cases.
        """
        project = self._shelf.book.project
        turn = Turn(project)
        self._feed = feed = Feed()
        segmenter = self._session.ready_segmenter
        model = self._session.model
        same = model is not None and str(model.path) == lesson.model
        request = Request(project, lesson, resume, feed, segmenter if same else None)
        self.going, self._stopping, self._reason, self._result = True, False, "", None
        self._shelf.held = True
        task = Task(partial(_learn_and_end, request, turn))
        task.returned.connect(self._note_result)
        self.began.emit(feed, resume)
        self._runner.start(task, f"Learning · {lesson.title}")

    def pause(self) -> None:
        """Stop at the next step, and keep what was learnt."""
        self._runner.pause()

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
        if not is_taken(self._shelf.book.project):
            forget(self._shelf.book.project)

    def _note_result(self, result: object) -> None:
        self._result = result

    def _note_failure(self, reason: str) -> None:
        self._reason = reason

    def _end(self, _outcome: str) -> None:
        if not self.going:
            return  # another run
        self.going, result = False, self._result
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


def _learn_and_end(request: Request, turn: Turn, report: Report) -> object:
    try:
        return learn(request, report)
    finally:
        turn.end()  # also where the window is gone
