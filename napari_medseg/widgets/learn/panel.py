"""The Learn panel: cases and a plan, the run, and the page that judges what was learnt."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer, Signal
from qtpy.QtGui import QHideEvent, QShowEvent
from qtpy.QtWidgets import QWidget

from napari_medseg.widgets.learn.cases_page import CasesPage
from napari_medseg.widgets.learn.lesson_run import LessonRun
from napari_medseg.widgets.learn.pages import Pages
from napari_medseg.widgets.learn.run_view import RunView
from napari_medseg.widgets.learn.running_page import RunningPage
from napari_medseg.widgets.learn.shelf import shelf_of
from napari_medseg.widgets.model_choice import model_choice_of
from napari_medseg.widgets.notices import offer, show_failure
from napari_medseg.widgets.sessions import connect_while_alive, unwrapped

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
        self._shelf = shelf_of(viewer)
        self.cases = CasesPage(self._viewer)
        self._pages = Pages(self)
        self._pages.insert(self.cases)
        self.of_run = RunView(self._viewer, self.cases, self._pages, self)
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(0)
        self._later.timeout.connect(self._look)
        self.of_run.cases_wanted.connect(self._show_cases)
        self.of_run.judged.connect(self._on_judged)
        self.of_run.trained.connect(self._on_trained)
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

    @property
    def run(self) -> LessonRun:
        """The run of learning."""
        return self.of_run.run

    @property
    def running(self) -> RunningPage | None:
        """The page of a run, once there was one."""
        return self.of_run.made.running

    @property
    def gate(self) -> Any:
        """The page that judges what was learnt, once something was."""
        return self.of_run.made.gate

    def _soon(self, *_: object) -> None:
        self._later.start()  # a project that is opened brings its layers first

    def _look(self) -> None:
        self._shelf.look()

    def _on_shelf(self) -> None:
        self.of_run.look()
        self.cases.show_shelf()

    def _show_cases(self) -> None:
        self._pages.turn_to(self.cases)
        if self.isVisible():
            self.cases.wake()

    def _on_judged(self) -> None:
        if not self.isVisible():
            offer("A model has learnt from your cases.", "Look", self._come_forward)

    def _come_forward(self) -> None:
        from napari_medseg.widgets.dock import show_panel  # which makes this panel

        show_panel(self._viewer, "learn")
        self.of_run.show()

    def _on_trained(self, path: Path) -> None:
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
