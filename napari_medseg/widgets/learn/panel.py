"""The Learn panel: cases and a plan, the run, and the page that judges what was learnt."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer, Signal
from qtpy.QtGui import QHideEvent, QShowEvent
from qtpy.QtWidgets import QWidget

from napari_medseg.progress import Step
from napari_medseg.widgets.learn.cases_page import CasesPage
from napari_medseg.widgets.learn.lesson import Lesson
from napari_medseg.widgets.learn.lesson_run import LessonRun
from napari_medseg.widgets.learn.live import Live
from napari_medseg.widgets.learn.pages import Pages
from napari_medseg.widgets.learn.points import Feed
from napari_medseg.widgets.learn.running_page import RunningPage
from napari_medseg.widgets.learn.shelf import shelf_of
from napari_medseg.widgets.learn.start_row import RunState
from napari_medseg.widgets.model_choice import model_choice_of
from napari_medseg.widgets.notices import offer, sentence, show_failure
from napari_medseg.widgets.sessions import connect_while_alive, runner_of, unwrapped

if TYPE_CHECKING:
    from napari.viewer import Viewer


class LearnPanel(QWidget):
    """Lets a model learn from the images a person corrected.

    Emits ``segment_wanted()`` when a person wants to use a model that was trained.
    """

    segment_wanted = Signal()

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = unwrapped(viewer)
        self._runner, self._shelf = runner_of(viewer), shelf_of(viewer)
        self.cases = CasesPage(self._viewer)
        self.running: RunningPage | None = None  # its charts take a moment: made when needed
        self.gate: Any = None
        self.run = LessonRun(self._viewer, self._shelf, self)
        self.live = Live(self._viewer, self.cases.collect.images, self)
        self._lesson: Lesson | None = None
        self._state: RunState = ""
        self._found: Path | None = None  # the project whose interrupted run was shown
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(0)
        self._later.timeout.connect(self._look)
        self._pages = Pages(self)
        self._pages.insert(self.cases)
        self.cases.start_wanted.connect(self._start)
        self.cases.run_wanted.connect(self._show_run)
        self._runner.progressed.connect(self._on_progress)
        self.run.began.connect(self._on_began)
        self.run.learnt.connect(self._on_learnt)
        self.run.paused.connect(self._on_paused)
        self.run.dropped.connect(self._on_dropped)
        connect_while_alive(self, self._shelf.changed, self._on_shelf)
        connect_while_alive(self, self._viewer.layers.events.inserted, self._soon)
        self._on_shelf()

    def showEvent(self, event: QShowEvent | None) -> None:
        super().showEvent(event)
        self._look()
        if self.page is self.cases:
            self.cases.wake()

    def hideEvent(self, event: QHideEvent | None) -> None:
        super().hideEvent(event)
        self.cases.rest()

    @property
    def page(self) -> QWidget:
        """The page that is shown."""
        return self._pages.shown

    def _soon(self, *_: object) -> None:
        self._later.start()  # a project that is opened brings its layers first

    def _look(self) -> None:
        self._shelf.look()

    def _on_shelf(self) -> None:
        """Show the cases that are there now, and once a run that waits among them."""
        project, waiting = self._shelf.book.project, self.run.waiting
        if self._state in ("going", "learnt"):
            pass
        elif waiting is None:
            self._found = None
            if self._state == "paused":  # it was of other cases
                self._set_state("")
                self._show_cases()
        elif self._state == "paused" and waiting == self._lesson:
            self._found = project  # its cases were moved with the project
        elif project != self._found:
            self._found, self._lesson = project, waiting
            page = self._running_page()
            page.begin(_title(waiting), anew=True)
            self._wait("Learning was interrupted; what was learnt is kept on disk.")
            self._pages.turn_to(page)
        self.cases.show_shelf()

    def _set_state(self, state: RunState) -> None:
        self._state = state
        self.cases.show_run(state)

    def _start(self, lesson: Lesson) -> None:
        before, self._lesson = self._lesson, lesson
        try:
            self.run.start(lesson)
        except (ValueError, OSError) as error:
            self._lesson = before
            self.cases.say(sentence(error))

    def _resume(self) -> None:
        if self._lesson is None or self._runner.busy:
            self._wait("Another run is going; go on when it has ended.")
            return
        self._lesson = self.cases.changed_rate(self._lesson)
        try:
            self.run.start(self._lesson, resume=True)
        except (ValueError, OSError) as error:
            self._wait(sentence(error))

    def _on_began(self, feed: Feed, resumed: bool) -> None:
        assert self._lesson is not None
        self._found = self._shelf.book.project
        page = self._running_page()
        page.begin(_title(self._lesson), anew=not resumed)
        feed.points.connect(page.show_points)
        self.live.follow(feed)
        self.cases.rest()
        self._set_state("going")
        self._pages.turn_to(page)

    def _on_progress(self, step: Step) -> None:
        if self.run.going and self.running is not None:
            self.running.show_step(step)

    def _on_learnt(self, result: object) -> None:
        self.live.follow(None)
        if isinstance(result, Path):
            self._on_trained(result)
            return
        self._gate_page().show_tuned(result, self._shelf.book)
        self._set_state("learnt")
        if self.page is self.running:
            self._show_run()
        else:  # somebody works on the cases: nothing is taken from under their hands
            self.cases.say("Learning has ended.")
        if not self.isVisible():
            offer("A model has learnt from your cases.", "Look", self._come_forward)

    def _on_trained(self, path: Path) -> None:
        self.run.forget()
        self._set_state("")
        self._show_cases()
        try:
            model_choice_of(self._viewer).open(path)
        except (ValueError, OSError) as error:
            show_failure(error)
            return
        offer(
            f"The new model is saved as {path.name} and chosen.",
            "Segment",
            self.segment_wanted.emit,
        )

    def _on_paused(self, reason: str) -> None:
        self.live.follow(None)
        self._wait(reason)

    def _wait(self, reason: str) -> None:
        if self.running is not None and self._lesson is not None:
            self.running.show_paused(_title(self._lesson), reason)
        self._set_state("paused")
        if self.page is self.cases:
            self.cases.say(reason)

    def _on_dropped(self, reason: str) -> None:
        self.live.follow(None)
        self._set_state("")
        self._show_cases()
        self.cases.say(reason)

    def _on_decided(self, *_: object) -> None:
        """Forget the run: its model was promoted, or one went on without it."""
        self._set_state("")
        self.run.forget()
        self._show_cases()

    def _on_back(self) -> None:
        if self.gate.is_discarded:
            self._on_decided()
        else:
            self._show_cases()

    def _show_run(self) -> None:
        """Go to the run, or to what came of it."""
        page = self._gate_page() if self._state == "learnt" else self._running_page()
        self.cases.rest()
        self._pages.turn_to(page)

    def _show_cases(self) -> None:
        self._pages.turn_to(self.cases)
        if self.isVisible():
            self.cases.wake()

    def _come_forward(self) -> None:
        from napari_medseg.widgets.dock import show_panel  # which makes this panel

        show_panel(self._viewer, "learn")
        self._show_run()

    def _pause(self) -> None:
        if self.running is not None:
            self.running.show_stopping()
        self.run.pause()

    def _stop(self) -> None:
        if self.running is not None and self.run.going:
            self.running.show_stopping()
        self.run.stop()

    def _running_page(self) -> RunningPage:
        if self.running is None:
            self.running = page = RunningPage(self._viewer)
            page.back.clicked.connect(self._show_cases)
            page.pause_wanted.connect(self._pause)
            page.resume_wanted.connect(self._resume)
            page.stop_wanted.connect(self._stop)
            page.preview_wanted.connect(self.live.show)
            self._pages.insert(page)
        return self.running

    def _gate_page(self) -> Any:
        if self.gate is None:
            from napari_medseg.widgets.learn.gate import GatePage  # when something was learnt

            self.gate = gate = GatePage(self._viewer)
            gate.promoted.connect(self._on_decided)
            gate.discarded.connect(self.run.forget)  # what is shown can be taken up again
            gate.back.connect(self._on_back)
            self._pages.insert(gate)
        return self.gate


def _title(lesson: Lesson) -> str:
    cases = "1 case" if lesson.cases == 1 else f"{lesson.cases} cases"
    verb = "Teaching" if lesson.model else "Training"
    return f"{verb} {lesson.title} on {cases}"
