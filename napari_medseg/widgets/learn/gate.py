"""The gate: what learning gained and forgot, and the person's decision about it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QWidget

from napari_medseg.engine.checkpoint import SUFFIX
from napari_medseg.engine.finetune_report import REPORT_KINDS, save_report
from napari_medseg.engine.finetune_verdict import Verdict, is_measured, verdict
from napari_medseg.engine.zoo import user_directory
from napari_medseg.progress import duration
from napari_medseg.widgets.background import Task
from napari_medseg.widgets.learn.gate_parts import GateParts
from napari_medseg.widgets.learn.gate_saving import promote, suggested_name, why_not_named
from napari_medseg.widgets.model_choice import model_choice_of
from napari_medseg.widgets.notices import show_failure
from napari_medseg.widgets.pieces import enable
from napari_medseg.widgets.sessions import runner_of, unwrapped
from napari_medseg.widgets.taking_out import ask_path, say_written

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_medseg.casebook import Casebook
    from napari_medseg.engine.finetune_result import FineTuned

_TRAINED = {"head": "its last layer", "decoder": "its decoder", "all": "all of it"}


class GatePage(QWidget):
    """Shows a fine-tuning and asks what becomes of it.

    Emits ``promoted(Path)`` with the new model, which is chosen then; ``discarded()``, which can be
    undone; ``back()``.
    """

    promoted = Signal(object)
    discarded = Signal()
    back = Signal()

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = unwrapped(viewer)
        self._runner = runner_of(viewer)
        self._tuned: FineTuned | None = None
        self._casebook: Casebook | None = None
        self._saved: Path | None = None
        self._folder = user_directory()
        self.is_discarded = False
        self.parts = GateParts(self, self._viewer)
        self._connect()
        self.refresh()

    def show_tuned(self, tuned: FineTuned, casebook: Casebook | None) -> None:
        """Show what a run of learning gave.

        Parameters
        ----------
        tuned : FineTuned
            Both models and their scores.
        casebook : Casebook or None
            What it learnt from.
        """
        self._tuned, self._casebook = tuned, casebook
        self._saved, self._folder, self.is_discarded = None, user_directory(), False
        parts = self.parts
        parts.name.setText(suggested_name(tuned.teacher.card.name))
        parts.keep_replay.setChecked(False)
        parts.slider.begin(tuned.alpha)
        parts.effort.show_effort([] if casebook is None else casebook.effort())
        parts.notes.setText(_about(tuned))
        parts.preview.begin(tuned, casebook)
        self._show_mix()

    def refresh(self, *_: object) -> None:
        """Say what can be done now."""
        parts, tuned = self.parts, self._tuned
        nothing = "" if tuned is not None else "Nothing has learnt yet"
        busy = "Wait until the run is done, or cancel it" if self._runner.busy else ""
        over = ""
        if self._saved is not None:
            over = f"It is the model {self._saved.stem} now"
        elif self.is_discarded:
            over = "It was discarded; press Undo to take it up again"
        old = "This is the model you have; move the slider" if self.alpha == 0 else ""
        named = "" if over else why_not_named(parts.name.text(), self._folder)
        path = self._folder / f"{parts.name.text().strip()}{SUFFIX}"
        why = nothing or over or busy or old or named
        enable(parts.promote, why, f"Write {path} and use it from now on; the old model stays")
        enable(parts.discard, nothing or over or busy, "Keep the model you have; the cases stay")
        enable(parts.report, nothing or busy, "Save these numbers to read, print or compute with")
        parts.name.setToolTip(named or f"The new model is written to {path}")
        free = nothing or over
        enable(parts.folder, free, f"Choose another folder; now {self._folder}")
        for piece in (parts.name, parts.keep_replay, parts.slider, parts.preview):
            piece.setEnabled(not free)
        parts.keep_replay.setVisible(not over)
        parts.undo.setVisible(self.is_discarded)
        parts.done.setText(self._done_words())
        parts.done.setVisible(bool(parts.done.text()))

    @property
    def alpha(self) -> float:
        """The chosen mix of old and new weights."""
        return self.parts.slider.alpha

    def _connect(self) -> None:
        parts = self.parts
        parts.back.clicked.connect(self.back)
        parts.slider.changed.connect(self._show_mix)
        parts.name.textChanged.connect(self.refresh)
        parts.folder.clicked.connect(self._ask_folder)
        parts.promote.clicked.connect(self._promote)
        parts.discard.clicked.connect(self._discard)
        parts.undo.clicked.connect(self._restore)
        parts.report.clicked.connect(self._save_report)
        self._runner.started.connect(self.refresh)
        self._runner.ended.connect(self.refresh)

    def _show_mix(self, *_: object) -> None:
        tuned, parts = self._tuned, self.parts
        if tuned is None:
            return
        said = verdict(tuned, self.alpha)
        parts.gained.setText(said.gained)
        parts.caution.setText(said.caution)
        parts.caution.setVisible(bool(said.caution))
        parts.forgotten.setText(said.forgotten)
        parts.slider.say(is_measured(tuned, self.alpha))
        parts.table.show_mix(tuned, self.alpha)
        self._weigh(said)
        if not self.is_discarded:
            parts.preview.show_mix(self.alpha)
        self.refresh()

    def _weigh(self, said: Verdict) -> None:
        """Make that button the main one which the numbers speak for."""
        for button, main in (
            (self.parts.promote, said.advisable),
            (self.parts.discard, not said.advisable),
        ):
            font = button.font()
            font.setBold(main)
            button.setFont(font)

    def _ask_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(
            self, "Where the new model is kept", str(self._folder)
        )
        if chosen:
            self._folder = Path(chosen)
            self.refresh()

    def _promote(self) -> None:
        tuned = self._tuned
        if tuned is None or not self.parts.promote.isEnabled():
            return
        path = self._folder / f"{self.parts.name.text().strip()}{SUFFIX}"
        keep = self.parts.keep_replay.isChecked()
        task = Task(partial(promote, tuned, path, self.alpha, keep_replay=keep))
        task.returned.connect(self._take_promoted)
        self._runner.start(task, "Promote")

    def _take_promoted(self, path: Path) -> None:
        self._saved = path
        self.parts.preview.end()
        try:
            model_choice_of(self._viewer).open(path)
        except (ValueError, OSError) as error:  # it was moved in this moment
            show_failure(error)
        self.refresh()
        self.promoted.emit(path)

    def _discard(self) -> None:
        self.is_discarded = True
        self.parts.preview.end()
        self.refresh()
        self.discarded.emit()

    def _restore(self) -> None:
        self.is_discarded = False
        assert self._tuned is not None  # something was discarded
        self.parts.preview.begin(self._tuned, self._casebook)
        self._show_mix()

    def _save_report(self) -> None:
        tuned = self._tuned
        if tuned is None:
            return
        name = f"{self.parts.name.text().strip() or 'model'} before and after"
        path = ask_path(self, "Save the report", name, REPORT_KINDS)
        if path is None or self._runner.busy:
            return
        effort = [] if self._casebook is None else self._casebook.effort()
        task = Task(partial(save_report, tuned, path, alpha=self.alpha, effort=effort))
        task.returned.connect(say_written)
        self._runner.start(task, "Save")

    def _done_words(self) -> str:
        if self._saved is not None:
            return f"Promoted: {self._saved.stem} is in use now."
        if self.is_discarded:
            return "Discarded: your model stays as it is."
        return ""


def _about(tuned: FineTuned) -> str:
    """Say how it learnt, and what a person should know."""
    cases = len(tuned.cases)
    facts = (
        f"Learnt {_TRAINED.get(tuned.trained, tuned.trained)} from {cases} "
        f"{'case' if cases == 1 else 'cases'} with {tuned.edited_voxels:,} corrected voxels, "
        f"{tuned.steps} steps in {duration(tuned.seconds)}."
    )
    return "\n".join([facts, *(f"{note[0].upper()}{note[1:]}." for note in tuned.notes)])
