"""The window of evaluation: what is compared, the numbers, and where they come from."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING
from weakref import WeakMethod, ref

from napari.layers import Labels
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QWidget

from napari_medseg.widgets.background import Runner, Task
from napari_medseg.widgets.classes.class_list import classes_of
from napari_medseg.widgets.evaluate.definitions import definitions_page
from napari_medseg.widgets.evaluate.layout import EvaluateParts
from napari_medseg.widgets.evaluate.memory import recall_choice, remember_choice
from napari_medseg.widgets.evaluate.preflight import Preflight, preflight
from napari_medseg.widgets.evaluate.request import (
    Answer,
    EvaluationRequest,
    evaluated,
    places,
    request_of,
)
from napari_medseg.widgets.evaluate.saving import REPORT_KINDS, save_report
from napari_medseg.widgets.evaluate.watch import Watch
from napari_medseg.widgets.evaluate.words import (
    class_words,
    compared_words,
    legend_words,
    likely_pair,
)
from napari_medseg.widgets.evaluate.wrong import Wrong, find_wrong
from napari_medseg.widgets.evaluate.wrong_layers import WrongLayers
from napari_medseg.widgets.notices import show_failure
from napari_medseg.widgets.pieces import enable
from napari_medseg.widgets.placement import is_preview
from napari_medseg.widgets.sessions import connect_while_alive, unwrapped, when_gone
from napari_medseg.widgets.taking_out import ask_path, copy_text, say_written

if TYPE_CHECKING:
    from napari.viewer import Viewer

_NO_CHOICE = "Choose the true labels and the labels to judge"
_SAME = "The same labels on both sides: choose others to judge"
_PATIENCE = 50  # ms until a choice is looked at; several things may change at once


class EvaluateWindow(QWidget):
    """Compares labels with the truth, in a thread, at *Evaluate*.

    Parameters
    ----------
    viewer : Viewer
        Whose label layers are offered; held weakly.
    """

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        viewer = unwrapped(viewer)
        self._viewer = ref(viewer)
        self.runner = Runner()  # of its own: what is compared need not wait for a model
        self.parts = parts = EvaluateParts(self, self.runner)
        self._asked: EvaluationRequest | None = None  # what the thread compares now
        self._answer: Answer | None = None  # what is shown
        self._asked_layer: ref[Labels] | None = None  # the true one of what is asked
        self._true_layer: ref[Labels] | None = None  # that of the answer
        self._preflight = Preflight(_NO_CHOICE, why_not=_NO_CHOICE)
        self._look_asked = 0
        self._stale = self._stale_before = ""
        self._watch = Watch(self._note_change)
        self._wrong_layers = WrongLayers(viewer)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_PATIENCE)
        self._soon.timeout.connect(self._look)
        self._connect()
        parts.result.chart.follow(viewer)
        parts.definitions.setHtml(definitions_page(None))
        for signal in (viewer.layers.events.inserted, viewer.layers.events.removed):
            connect_while_alive(self, signal, self._offer_layers)
        when_gone(self, partial(_leave, WeakMethod(self._watch.stop), self.runner))
        self._offer_layers()
        self._choose_first()

    @property
    def viewer(self) -> Viewer:
        """The viewer, which lives at least as long as its windows."""
        viewer = self._viewer()
        assert viewer is not None
        return viewer

    @property
    def answer(self) -> Answer | None:
        """What is shown."""
        return self._answer

    def evaluate(self) -> None:
        """Compare what is chosen as it is now."""
        parts = self.parts
        try:
            request = request_of(self.viewer, parts.judged.source, parts.truth.source)
            rule = parts.rule.config if parts.lesions.isChecked() else None
        except (ValueError, OSError) as error:
            show_failure(error)
            return
        truth = parts.truth.source
        self._asked_layer = ref(truth) if isinstance(truth, Labels) else None
        self._asked = replace(
            request,
            tolerance=parts.tolerance.value(),
            lesions=rule,
            resample=parts.resample.isChecked(),
        )
        self._stale_before, self._stale = self._stale, ""
        self._watch.follow(x for x in (parts.judged.source, truth) if isinstance(x, Labels))
        task = Task(partial(evaluated, self._asked))
        task.returned.connect(self._take)
        self.runner.start(task, "Evaluate")

    def _connect(self) -> None:
        parts = self.parts
        for field in (parts.truth, parts.judged):
            field.changed.connect(self._choose)
        parts.swap.clicked.connect(self._swap)
        parts.evaluate.clicked.connect(self.evaluate)
        parts.resample.toggled.connect(self._look_soon)
        parts.tolerance.valueChanged.connect(self._note_option)
        parts.lesions.toggled.connect(self._note_option)
        parts.rule.changed.connect(self._note_option)
        parts.result.picked.connect(self._refresh)
        parts.result.wanted.connect(self._show_wrong)
        parts.show_wrong.clicked.connect(self._show_wrong)
        parts.copy.clicked.connect(self._copy)
        parts.save.clicked.connect(self._save)
        self.runner.started.connect(self._refresh)
        self.runner.ended.connect(self._end)

    def _offer_layers(self, _event: object = None) -> None:
        layers = [
            layer
            for layer in reversed(self.viewer.layers)
            if isinstance(layer, Labels) and not is_preview(layer)
        ]
        for field in (self.parts.truth, self.parts.judged):
            field.offer(layers)

    def _choose_first(self) -> None:
        """Choose what is at hand: two label layers, else the files compared last."""
        parts, memory = self.parts, recall_choice()
        truth, judged = likely_pair(self.viewer)
        parts.truth.choose(truth or memory.truth)
        parts.judged.choose(judged or memory.judged)
        parts.tolerance.setValue(memory.tolerance)
        parts.lesions.setChecked(memory.lesions)
        self._look_soon()

    def _choose(self) -> None:
        """Drop what is being compared: something else is chosen."""
        if self._asked is not None and self.runner.busy:
            self._asked = None
            self.runner.cancel()
        self._note_change("Another choice: press Evaluate")
        self._look_soon()

    def _swap(self) -> None:
        parts = self.parts
        truth, judged = parts.truth.source, parts.judged.source
        parts.truth.choose(judged)
        parts.judged.choose(truth)

    def _look_soon(self, _: object = None) -> None:
        """Say what is missing, or find out soon what would be compared."""
        truth, judged = self.parts.truth.source, self.parts.judged.source
        self._look_asked += 1
        why = _NO_CHOICE if truth is None or judged is None else _SAME if truth == judged else ""
        if why:
            self._soon.stop()
            self._say(self._look_asked, Preflight(why, why_not=why))
        else:
            self._soon.start()

    def _look(self) -> None:
        """Find out in a thread what would be compared: folders may lie far away."""
        judged, truth = self.parts.judged.source, self.parts.truth.source
        if judged is None or truth is None:
            return
        task = Task(partial(preflight, *places(judged, truth), self.parts.resample.isChecked()))
        task.returned.connect(partial(self._say, self._look_asked))
        task.start()

    def _say(self, asked: int, found: Preflight) -> None:
        if asked == self._look_asked:
            self._preflight = found
            self._refresh()

    def _take(self, answer: Answer) -> None:
        if answer.asked is not self._asked:
            return
        parts, self._asked, self._answer = self.parts, None, answer
        self._true_layer, self._stale_before = self._asked_layer, ""
        parts.result.show_evaluation(answer.evaluation, answer.colours, answer.summary)
        parts.definitions.setHtml(answer.page)
        parts.legend.clear()
        remember_choice(parts)

    def _end(self, _outcome: str) -> None:
        """Say what was changed before, if the run brought no answer."""
        self._stale, self._stale_before = self._stale or self._stale_before, ""
        self._refresh()

    def _note_option(self, *_: object) -> None:
        self._note_change("Other settings: press Evaluate")

    def _note_change(self, words: str = "Changed since: press Evaluate") -> None:
        if self._answer is not None or self.runner.busy:
            self._stale = words
        self._refresh()

    def _show_wrong(self) -> None:
        answer, case = self._answer, self.parts.result.case
        if answer is None or case is None or self.runner.busy or self._why_not_shown():
            return
        task = Task(partial(find_wrong, answer.request, case))
        task.returned.connect(self._show_layers)
        self.runner.start(task, "Compare")

    def _show_layers(self, wrong: Wrong) -> None:
        answer = self._answer
        if answer is None or self._why_not_shown():
            return
        truth = None if self._true_layer is None else self._true_layer()
        self._wrong_layers.show(wrong, truth, answer.request.step)
        self.parts.legend.setText(legend_words(wrong.counts))

    def _why_not_shown(self) -> str:
        """Return why the chosen case cannot be shown; empty if it can."""
        if self._answer is None:
            return "Nothing is evaluated yet"
        if self.parts.result.case is None:
            return "Click a case in the table or in the boxes first"
        truth = None if self._true_layer is None else self._true_layer()
        gone = truth is None or truth not in self.viewer.layers
        if self._true_layer is not None and gone:
            return "The true labels are not in the viewer any more; evaluate again"
        return ""

    def _classes(self) -> tuple[dict[int, str], dict[int, str]]:
        """Return names and colours of the classes that are compared, as far as they are known."""
        answer = self._answer
        if answer is not None and not self._stale:
            return dict(answer.evaluation.classes), dict(answer.colours)
        layers = [x for x in (self.parts.judged.source, self.parts.truth.source) if x is not None]
        found = [c for x in layers if isinstance(x, Labels) for c in classes_of(x)]
        return {c.value: c.name for c in found}, {c.value: c.colour for c in found}

    def _copy(self) -> None:
        copy_text(self.parts.result.as_text())

    def _save(self) -> None:
        answer = self._answer
        if answer is None:
            return
        judged, truth = answer.evaluation.compared
        path = ask_path(self, "Save the evaluation", f"{judged} against {truth}", REPORT_KINDS)
        if path is None or self.runner.busy:
            return
        task = Task(partial(save_report, answer.evaluation, path))
        task.returned.connect(say_written)
        self.runner.start(task, "Save")

    def _refresh(self, *_: object) -> None:
        """Say where things are, and what can be done now."""
        parts, answer, busy = self.parts, self._answer, self.runner.busy
        running = "Wait until this is done, or cancel it" if busy else ""
        found = self._preflight
        words = found.words if answer is None else compared_words(answer, self._stale, found)
        parts.preflight.say(words, found.more or words)
        tip = "Measure how well the labels agree with the true ones"
        enable(parts.evaluate, running or found.why_not, tip)
        empty = "" if answer is not None else "Nothing is evaluated yet"
        tip = "Colour what is right, too much and missed in the viewer, at the worst slice"
        enable(parts.show_wrong, running or self._why_not_shown(), tip)
        enable(parts.copy, empty, "Copy both tables as one sees them, for a spreadsheet")
        tip = "Save a report to read or print, a table, or everything for other programs"
        enable(parts.save, empty or running, tip)
        rule = "" if parts.lesions.isChecked() else "Tick 'Lesion by lesion' first"
        enable(parts.more.header, rule, "How lesions are told apart and matched")
        enable(parts.rule, rule, "")
        parts.classes.setText(class_words(*self._classes()))
        same = parts.truth.source is None and parts.judged.source is None
        enable(parts.swap, "Nothing is chosen yet" if same else "", parts.swap.toolTip())


def _leave(stop: WeakMethod, runner: Runner) -> None:
    """Stop what runs for a window whose Qt half is gone."""
    runner.cancel()
    alive = stop()
    if alive is not None:
        alive()
