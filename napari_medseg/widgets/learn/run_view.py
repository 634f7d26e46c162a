"""A run on the pages of the Learn panel: begun, paused, gone on with, ended, judged."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QWidget

from napari_medseg.progress import Step
from napari_medseg.widgets.learn.cases_page import CasesPage
from napari_medseg.widgets.learn.lesson import Lesson
from napari_medseg.widgets.learn.lesson_run import LessonRun
from napari_medseg.widgets.learn.live import Live
from napari_medseg.widgets.learn.pages import Pages
from napari_medseg.widgets.learn.points import Feed
from napari_medseg.widgets.learn.run_pages import RunPages
from napari_medseg.widgets.learn.run_words import words_of
from napari_medseg.widgets.learn.shelf import shelf_of
from napari_medseg.widgets.learn.start_row import RunState
from napari_medseg.widgets.notices import sentence
from napari_medseg.widgets.sessions import runner_of

if TYPE_CHECKING:
    from napari.viewer import Viewer


class RunView(QObject):
    """Takes a lesson from the page of the cases over its run to the page that judges it.

    Emits ``cases_wanted()`` where there is nothing of a run to be seen any more, ``judged()`` when
    something was learnt from a model there was, and ``trained(Path)`` when a new model was.

    Parameters
    ----------
    viewer : Viewer
        Of the panel.
    cases : CasesPage
        Where lessons begin.
    pages : Pages
        Where the pages of the run are shown.
    owner : QWidget
        Whose end is the end of it.
    """

    cases_wanted = Signal()
    judged = Signal()
    trained = Signal(object)

    def __init__(self, viewer: Viewer, cases: CasesPage, pages: Pages, owner: QWidget) -> None:
        super().__init__(owner)
        self._runner, self._shelf = runner_of(viewer), shelf_of(viewer)
        self._cases, self._pages = cases, pages
        self.lesson: Lesson | None = None
        self._state: RunState = ""
        self._found: Path | None = None  # the project whose interrupted run was shown
        self.run = LessonRun(viewer, self._shelf, self)
        self.live = Live(viewer, cases.collect.images, owner)
        self.made = RunPages(viewer, pages, self)
        self._connect()

    def show(self) -> None:
        """Go to the run, or to what came of it."""
        page = self.made.gate_page() if self._state == "learnt" else self.made.running_page()
        self._cases.rest()
        self._pages.turn_to(page)

    def look(self) -> None:
        """Show once a run that waits among the cases that are there now."""
        project, waiting = self._shelf.book.project, self.run.waiting
        if self._state in ("going", "learnt"):
            return
        if waiting is None:
            self._found = None
            if self._state == "paused":  # it was of other cases
                self._set_state("")
                self.cases_wanted.emit()
        elif self._state == "paused" and waiting == self.lesson:
            self._found = project  # its cases were moved with the project
        elif project != self._found:
            self._found, self.lesson = project, waiting
            page = self.made.running_page()
            page.begin(words_of(waiting), anew=True)
            self._wait("Learning was interrupted; what was learnt is kept on disk.")
            self._pages.turn_to(page)

    def _connect(self) -> None:
        self._cases.planned.connect(partial(self.made.prepare, self.made.running_page))
        self._cases.start_wanted.connect(self._start)
        self._cases.run_wanted.connect(self.show)
        self._runner.progressed.connect(self._on_progress)
        self.run.began.connect(self._on_began)
        self.run.learnt.connect(self._on_learnt)
        self.run.paused.connect(self._on_paused)
        self.run.dropped.connect(self._on_dropped)
        made = self.made
        made.cases_wanted.connect(self.cases_wanted)
        made.pause_wanted.connect(self._pause)
        made.resume_wanted.connect(self._resume)
        made.stop_wanted.connect(self._stop)
        made.preview_wanted.connect(self.live.show)
        made.decided.connect(self._on_decided)
        made.discarded.connect(self.run.forget)  # what is shown can be taken up again
        made.back.connect(self._on_back)

    def _set_state(self, state: RunState) -> None:
        self._state = state
        self._cases.show_run(state)

    def _start(self, lesson: Lesson) -> None:
        before, self.lesson = self.lesson, lesson
        try:
            self.run.start(lesson)
        except (ValueError, OSError) as error:
            self.lesson = before
            self._cases.say(sentence(error))

    def _resume(self) -> None:
        if self.lesson is None or self._runner.busy:
            self._wait("Another run is going; go on when it has ended.")
            return
        try:
            self.lesson = self.lesson.at_rate(self._cases.rate)
            self.run.start(self.lesson, resume=True)
        except (ValueError, OSError) as error:
            self._wait(sentence(error))

    def _on_began(self, feed: Feed, resumed: bool) -> None:
        assert self.lesson is not None
        self._found = self._shelf.book.project
        page = self.made.running_page()
        page.begin(words_of(self.lesson), anew=not resumed)
        feed.points.connect(page.show_points)
        self.live.follow(feed)
        self._cases.rest()
        self._set_state("going")
        self._pages.turn_to(page)
        if self.lesson.model:
            self.made.prepare(self.made.gate_page)

    def _on_progress(self, step: Step) -> None:
        if self.run.going and self.made.running is not None:
            self.made.running.show_step(step)

    def _on_learnt(self, result: object) -> None:
        self.live.follow(None)
        if isinstance(result, Path):
            self._on_decided()
            self.trained.emit(result)
            return
        self.made.gate_page().show_tuned(result, self._shelf.book)
        self._set_state("learnt")
        if self._pages.shown is self.made.running:
            self.show()
        else:  # somebody works on the cases: nothing is taken from under their hands
            self._cases.say("Learning has ended.")
        self.judged.emit()

    def _on_paused(self, reason: str) -> None:
        self.live.follow(None)
        self._wait(reason)

    def _wait(self, reason: str) -> None:
        if self.made.running is not None and self.lesson is not None:
            self.made.running.show_paused(words_of(self.lesson).title, reason)
        self._set_state("paused")
        if self._pages.shown is self._cases:
            self._cases.say(reason)

    def _on_dropped(self, reason: str) -> None:
        self.live.follow(None)
        self._set_state("")
        self.cases_wanted.emit()
        self._cases.say(reason)

    def _on_decided(self) -> None:
        """Forget the run: its model was kept, or one went on without it."""
        self._set_state("")
        self.run.forget()
        self.cases_wanted.emit()

    def _on_back(self) -> None:
        if self.made.gate.is_discarded:
            self._on_decided()
        else:
            self.cases_wanted.emit()

    def _pause(self) -> None:
        self.made.running_page().show_stopping()
        self.run.pause()

    def _stop(self) -> None:
        if self.run.going:
            self.made.running_page().show_stopping()
        self.run.stop()
