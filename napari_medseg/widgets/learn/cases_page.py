"""The first page of the Learn panel: the cases, the plan, and the button that starts learning."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_medseg.widgets.edit.scrolled import Scrolled
from napari_medseg.widgets.learn.adding import Adding
from napari_medseg.widgets.learn.collect import Collect
from napari_medseg.widgets.learn.forecast import Forecast, Question
from napari_medseg.widgets.learn.gate_roll_back import RollBack
from napari_medseg.widgets.learn.intent import lesson_of, question_of
from napari_medseg.widgets.learn.kept_cases import KeptCases
from napari_medseg.widgets.learn.label_values import names_in, unknown_to
from napari_medseg.widgets.learn.obstacle import obstacle
from napari_medseg.widgets.learn.outlook import Outlook
from napari_medseg.widgets.learn.parts import Stored
from napari_medseg.widgets.learn.plan_view import PlanView
from napari_medseg.widgets.learn.shelf import shelf_of
from napari_medseg.widgets.learn.start_row import RunState, StartRow
from napari_medseg.widgets.notices import sentence
from napari_medseg.widgets.sessions import connect_while_alive, runner_of, session_of

if TYPE_CHECKING:
    from napari.viewer import Viewer


class CasesPage(QWidget):
    """Collects cases and says what learning from them means.

    Emits ``planned()`` when it is known what would be learnt, ``start_wanted(Lesson)``, and
    ``run_wanted()`` where a run is to be looked at.
    """

    planned = Signal()
    start_wanted = Signal(object)
    run_wanted = Signal()

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._session, self._runner = session_of(viewer), runner_of(viewer)
        self._shelf = shelf_of(viewer)
        self._forecast: Forecast | None = None
        self._awake = self._asked = False
        self._told = ""
        self.collect, self.plan = Collect(viewer), PlanView()
        self.kept = KeptCases(viewer, self.collect)
        self.back = RollBack(viewer)
        self.below = StartRow()
        self._adding = Adding(viewer, self.collect, self._shelf)
        self._outlook = Outlook(self)
        self._lay_out()
        self._connect()
        self.show_model()

    def wake(self) -> None:
        """Look at the cases again: the page is seen."""
        self._awake = True
        self.collect.refresh()
        self._ask_again()

    def rest(self) -> None:
        """Look at nothing: nobody sees it, or something learns."""
        self._awake = self._asked = False
        self._outlook.forget()

    def show_shelf(self) -> None:
        """List the cases that are there now."""
        self.kept.show_shelf()
        self.ask()

    def show_model(self) -> None:
        """Offer the session's model."""
        self.plan.show_model(self._session.model)
        self.ask()

    def show_run(self, state: RunState) -> None:
        """Show the way to a run, and let none begin beside it."""
        self.below.show_run(state)
        self.kept.show_remarks(learns=state in ("going", "paused"))
        self.refresh()

    def say(self, text: str) -> None:
        """Say what became of a run."""
        self._told = text
        self.refresh()

    def ask(self) -> None:
        """Have the plan made anew."""
        self._forecast = None
        self._told = ""
        used = self._shelf.book.used
        model = self._session.model
        unknown = [] if model is None else unknown_to(model.card, used, self._names())
        self.plan.show_new_classes(unknown)
        dims = {len(entry.shape) for entry in used}
        self.plan.show_dims(max(dims) if dims else None)
        free = self._awake and not self._runner.busy and not self.below.run
        question = self._question() if used and free else None
        self._asked = question is not None
        if question is not None:
            self._outlook.ask(question)
        else:
            self._outlook.forget()
        self.refresh()

    def refresh(self, *_: object) -> None:
        """Say what can be started, or why not."""
        waiting = "Looking at the cases …" if self._forecast is None and self._asked else ""
        if self._asked and self._forecast is not None and self._forecast.measuring:
            waiting = "Trying a step to tell how long it takes …"
        self.plan.show_forecast(self._forecast)
        cost = "" if self._forecast is None else self._forecast.cost
        self.below.say(self._told, waiting, self._why_not(), cost)

    @property
    def rate(self) -> float:
        """The learning rate the plan says."""
        return self.plan.config.learning_rate

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 4)
        column.addWidget(Scrolled([self.back, self.collect, self.kept, self.plan]), 1)
        column.addWidget(self.below)

    def _connect(self) -> None:
        self.collect.add_wanted.connect(self._add)
        self.collect.changed.connect(self.kept.show_remarks)
        self._adding.added.connect(self._on_added)
        self.plan.changed.connect(self.ask)
        self.below.run_wanted.connect(self.run_wanted)
        self.below.start_wanted.connect(self._start)
        self._outlook.answered.connect(self._show_forecast)
        self._runner.started.connect(self._on_run)
        self._runner.ended.connect(self._ask_again)
        connect_while_alive(self, self._session.events.model, self.show_model)
        connect_while_alive(self, self._session.events.device, self.ask)

    def _on_run(self, _title: str) -> None:
        """Leave the computer to what runs."""
        self._asked = False
        self._outlook.forget()
        self.refresh()

    def _ask_again(self, *_: object) -> None:
        """Ask what could not be asked while something ran."""
        known = self._forecast is not None and not self._forecast.measuring
        if not known and not self._asked:
            self.ask()
        self.refresh()

    def _add(self) -> None:
        self._adding.start(picture=self.plan.pictures.isChecked())

    def _on_added(self, stored: Stored) -> None:
        self.kept.show_picture(stored.entry.key, stored.picture)
        what = "brought up to date" if stored.replaced else "added"
        self.say(f"{stored.entry.name} is {what}.")

    def _question(self) -> Question | None:
        book, unseen = self._shelf.book, self.kept.list.unseen
        try:
            return question_of(self._session, book, self.plan, self._names(), unseen)
        except ValueError as error:
            self._told = sentence(error)
            return None

    def _show_forecast(self, forecast: Forecast) -> None:
        for key, picture in forecast.pictures.items():
            self.kept.show_picture(key, picture)
        if forecast.loaded is not None and self._session.ready_segmenter is None:
            self._session.loaded = forecast.loaded
        self._forecast, self._told = forecast, ""
        self.refresh()
        self.planned.emit()

    def _why_not(self) -> str:
        busy = self._runner.busy
        return self.below.why_not or obstacle(
            self._shelf.book, self._forecast, busy=busy, told=self._told
        )

    def _start(self) -> None:
        forecast = self._forecast
        if forecast is None or forecast.config is None or self._why_not():
            return
        try:
            lesson = lesson_of(self._session, self._shelf.book, self.plan, forecast)
        except ValueError as error:
            self.say(sentence(error))
            return
        if lesson is not None:
            self.start_wanted.emit(lesson)

    def _names(self) -> dict[int, str]:
        """Return what the classes are called in the layers the cases were made from."""
        return names_in(self.collect.labels_of(entry.key) for entry in self._shelf.book.used)
