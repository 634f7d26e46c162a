"""The first page of the Learn panel: the cases, the plan, and the button that starts learning."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_medseg.casebook_file import CaseEntry
from napari_medseg.engine.finetune_config import FineTuneConfig
from napari_medseg.engine.training_config import TrainingConfig
from napari_medseg.session import ChosenModel
from napari_medseg.widgets.edit.scrolled import Scrolled
from napari_medseg.widgets.learn import questions
from napari_medseg.widgets.learn.adding import Adding
from napari_medseg.widgets.learn.case_list import CHANGED, NEXT_RUN, CaseList
from napari_medseg.widgets.learn.collect import Collect
from napari_medseg.widgets.learn.forecast import Forecast, Question
from napari_medseg.widgets.learn.gate_roll_back import RollBack
from napari_medseg.widgets.learn.label_values import named, names_in, unknown_to
from napari_medseg.widgets.learn.lesson import Lesson, files_learnt_from
from napari_medseg.widgets.learn.outlook import Outlook
from napari_medseg.widgets.learn.parts import Stored
from napari_medseg.widgets.learn.plan_view import PlanView
from napari_medseg.widgets.learn.shelf import shelf_of
from napari_medseg.widgets.learn.start_row import RunState, StartRow
from napari_medseg.widgets.notices import sentence, show_failure
from napari_medseg.widgets.pieces import wrapped_label
from napari_medseg.widgets.sessions import connect_while_alive, runner_of, session_of

if TYPE_CHECKING:
    from napari.viewer import Viewer


class CasesPage(QWidget):
    """Collects cases and says what learning from them means.

    Emits ``start_wanted(Lesson)``, and ``run_wanted()`` where a run is to be looked at.
    """

    start_wanted = Signal(object)
    run_wanted = Signal()

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._session, self._runner = session_of(viewer), runner_of(viewer)
        self._shelf = shelf_of(viewer)
        self._forecast: Forecast | None = None
        self._awake = self._asked = False
        self._told = ""
        self._remarks: dict[str, str] = {}
        self.collect, self.list, self.plan = Collect(viewer), CaseList(), PlanView()
        self.back = RollBack(viewer)
        self.earlier = wrapped_label()
        self.take_earlier = QPushButton("Go on with them")
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
        book = self._shelf.book
        self._remarks = self._remarked()
        self.list.show_cases(book, self._remarks)
        earlier = [] if book.entries else self._shelf.earlier()
        if earlier:
            count = len(earlier[0].entries)
            cases = "1 case" if count == 1 else f"{count} cases"
            day = earlier[0].entries[-1].added[:10]
            self.earlier.setText(f"{cases} of {day} were not saved with a project.")
        for widget in (self.earlier, self.take_earlier):
            widget.setVisible(bool(earlier))
        self.ask()

    def show_model(self) -> None:
        """Offer the session's model."""
        self.plan.show_model(self._session.model)
        self.ask()

    def show_run(self, state: RunState) -> None:
        """Show the way to a run, and let none begin beside it."""
        self.below.show_run(state)
        self._show_remarks()
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

    def changed_rate(self, lesson: Lesson) -> Lesson:
        """Return a lesson with the learning rate the form says now; all else must stay."""
        config = lesson.config
        if not isinstance(config, FineTuneConfig):
            return lesson
        rate = self.plan.config.learning_rate
        return replace(lesson, config=config.replace(learning_rate=rate))

    def _lay_out(self) -> None:
        offered = QWidget()
        line = QHBoxLayout(offered)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(self.earlier, 1)
        line.addWidget(self.take_earlier)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 4)
        above = [self.back, self.collect, offered, self.list, self.plan]
        column.addWidget(Scrolled(above), 1)
        column.addWidget(self.below)
        self.take_earlier.setToolTip("Show the cases of that day again")

    def _connect(self) -> None:
        self.collect.add_wanted.connect(self._add)
        self.collect.changed.connect(self._show_remarks)
        self._adding.added.connect(self._on_added)
        self.list.use_changed.connect(self._use)
        self.list.weight_changed.connect(self._weigh)
        self.list.removed.connect(self._remove)
        self.plan.changed.connect(self.ask)
        self.take_earlier.clicked.connect(self._take_earlier)
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
        model = self._session.model
        rounds = 0 if model is None else _rounds(model)
        self._adding.start(picture=self.plan.pictures.isChecked(), rounds=rounds)

    def _on_added(self, stored: Stored) -> None:
        self.list.show_picture(stored.entry.key, stored.picture)
        what = "brought up to date" if stored.replaced else "added"
        self.say(f"{stored.entry.name} is {what}.")

    def _show_remarks(self) -> None:
        remarks = self._remarked()
        if remarks != self._remarks:
            self._remarks = remarks
            self.list.show_cases(self._shelf.book, remarks)

    def _remarked(self) -> dict[str, str]:
        """Return what is to be said of some cases."""
        entries = self._shelf.book.entries
        learns = self.below.run in ("going", "paused")
        files = files_learnt_from(self._shelf.book.project) if learns else None
        later = {e.key: NEXT_RUN for e in entries if files is not None and e.file not in files}
        return later | {e.key: CHANGED for e in entries if self.collect.is_stale(e.key)}

    def _use(self, entry: CaseEntry, used: bool) -> None:
        self._change(entry, used=used)

    def _weigh(self, entry: CaseEntry, weight: float) -> None:
        self._change(entry, weight=weight)

    def _change(self, entry: CaseEntry, **changes: object) -> None:
        try:
            self._shelf.book.update(entry, **changes)
        except (ValueError, OSError) as error:
            show_failure(error)
        self._shelf.refresh()

    def _remove(self, entry: CaseEntry) -> None:
        try:
            self._shelf.book.remove(entry)
        except (ValueError, OSError) as error:
            show_failure(error)
        self._shelf.refresh()

    def _take_earlier(self) -> None:
        earlier = self._shelf.earlier()
        if earlier:
            self._shelf.take(earlier[0].project)

    def _question(self) -> Question | None:
        model = self.plan.model
        try:
            config = self.plan.config
        except ValueError as error:
            self._told = sentence(error)
            return None
        return Question(
            self._shelf.book.project,
            None if model is None else model.path,
            self._session.device,
            config,
            replace(self.plan.new, classes=named(self._shelf.book.used, self._names())),
            self._session.ready_segmenter if model is not None else None,
            self.list.unseen,
        )

    def _show_forecast(self, forecast: Forecast) -> None:
        for key, picture in forecast.pictures.items():
            self.list.show_picture(key, picture)
        if forecast.loaded is not None and self._session.ready_segmenter is None:
            self._session.loaded = forecast.loaded
        self._forecast, self._told = forecast, ""
        self.refresh()

    def _why_not(self) -> str:
        if self.below.run:
            return self.below.why_not
        if self._runner.busy:
            return "A run is going; wait for it or cancel it below."
        if not self._shelf.book.entries:
            return "No case yet: add an image you corrected."
        if not self._shelf.book.used:
            return "All cases are left out; tick one in the list."
        if self._forecast is None:
            return self._told or "The cases are being looked at; a moment."
        if not self._forecast.may_start:
            return "This cannot be learnt yet: see above what is in the way."
        return ""

    def _start(self) -> None:
        forecast, model = self._forecast, self.plan.model
        if forecast is None or forecast.config is None or self._why_not():
            return
        count, device, config = len(self._shelf.book.used), self._session.device, forecast.config
        if model is not None:
            lesson = Lesson(str(model.path), model.title, device, config, cases=count)
        else:
            path = questions.ask_model("my-model")
            if path is None:
                return
            if path.exists():
                self.say(f"{path.name} is there already, and no model is ever replaced.")
                return
            assert isinstance(config, TrainingConfig)  # it was asked for a new model
            config = config.replace(name=path.stem)
            lesson = Lesson("", path.stem, device, config, str(path), count)
        self.start_wanted.emit(lesson)

    def _names(self) -> dict[int, str]:
        """Return what the classes are called in the layers the cases were made from."""
        return names_in(self.collect.labels_of(entry.key) for entry in self._shelf.book.used)


def _rounds(model: ChosenModel) -> int:
    """Return how often a model was fine-tuned."""
    return sum(str(e.get("what", "")).startswith("fine-tuned") for e in model.card.history)
