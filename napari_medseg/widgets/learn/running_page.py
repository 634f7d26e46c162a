"""While a model learns: how far it is, its curves, what it would find on the slice one looks at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_medseg.progress import Step, duration
from napari_medseg.widgets.edit.scrolled import Scrolled
from napari_medseg.widgets.learn.points import Point
from napari_medseg.widgets.learn.run_words import RunWords
from napari_medseg.widgets.pieces import enable, main_button, wrapped_label
from napari_medseg.widgets.plots import CurveChart

if TYPE_CHECKING:
    from napari.viewer import Viewer

_DICE = "Dice"
_PREVIEW = (
    "Every few seconds a layer shows the answer of the model as it is; it is hidden at the end"
)
_HEIGHT = 150  # pixels of a chart


class RunningPage(QWidget):
    """Shows a run.

    Emits ``pause_wanted()``, ``resume_wanted()``, ``stop_wanted()`` and ``preview_wanted(bool)``.
    """

    pause_wanted = Signal()
    resume_wanted = Signal()
    stop_wanted = Signal()
    preview_wanted = Signal(bool)

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self.back = QToolButton()
        self.back.setText("← Cases")
        self.back.setToolTip("Go on collecting cases for the next run; this one goes on meanwhile")
        self.title = wrapped_label()
        self.stage = wrapped_label()
        self.losses = CurveChart("step", "The curves begin with the first step")
        self.dice = CurveChart("step", limits=(0, 1))
        self.preview = QCheckBox("Show on this slice what it would find now")
        self.pause, self.stop = main_button("Pause"), QPushButton("Stop")
        self.note = wrapped_label(
            "Go on working: the cases were copied when learning began, and your layers stay as "
            "they are. Cases you add now join the next run."
        )
        self._paused = False
        self._no_preview = ""
        self.stop.setToolTip("End it and forget what was learnt; the cases stay")
        for chart in (self.losses, self.dice):
            chart.setFixedHeight(_HEIGHT)
            chart.follow(viewer)
        below = QHBoxLayout()
        below.addWidget(self.pause, 1)
        below.addWidget(self.stop)
        rows = [self.title, self.stage, self.losses, self.dice, self.preview, self.note]
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 4)
        column.addWidget(self.back)
        column.addWidget(Scrolled(rows), 1)
        column.addLayout(below)
        self.pause.clicked.connect(self._on_pause)
        self.stop.clicked.connect(self.stop_wanted)
        self.preview.toggled.connect(self.preview_wanted)
        self.show_running("")

    def begin(self, words: RunWords, *, anew: bool) -> None:
        """Show a run from its beginning, or one that goes on."""
        self.dice.message.setText(words.dice)
        self._no_preview = words.no_preview
        if anew:
            self.losses.clear()
            self.dice.clear()
        self.stage.setText("Getting ready …")
        self.show_running(words.title)

    def show_running(self, title: str) -> None:
        """Say what learns, and offer to pause it."""
        self._paused = False
        self.title.setText(title)
        self.pause.setText("Pause")
        self.pause.setToolTip("Stop here and keep what was learnt, to go on later")
        self.pause.setEnabled(True)
        self.stop.setEnabled(True)
        enable(self.preview, self._no_preview, _PREVIEW)

    def show_paused(self, title: str, reason: str = "") -> None:
        """Say that a run waits, and offer to go on."""
        self._paused = True
        self.title.setText(title)
        self.stage.setText(reason or "Paused: what was learnt is kept on disk.")
        self.pause.setText("Go on learning")
        self.pause.setToolTip("Go on where it stopped; the result is as without the pause")
        self.pause.setEnabled(True)
        self.stop.setEnabled(True)
        enable(self.preview, "Nothing is learning now; go on first", _PREVIEW)

    def show_stopping(self) -> None:
        """Say that the run stops at its next step."""
        self.stage.setText("Stopping at the next step …")
        self.pause.setEnabled(False)
        self.stop.setEnabled(False)

    def show_step(self, step: Step) -> None:
        """Say what else is done than learning: scoring."""
        if "scoring" in step.note and not self._paused and self.pause.isEnabled():
            self.stage.setText(f"{step.note[:1].upper()}{step.note[1:]}")

    def show_points(self, points: Sequence[Point]) -> None:
        """Draw what is new, and say how long it takes still."""
        for point in points:
            for name, value in point.values.items():
                chart = self.dice if name.startswith(_DICE) else self.losses
                chart.append(name, point.step, value)
        last = points[-1]
        if self._paused or not self.pause.isEnabled():
            return
        left = "" if last.seconds_left is None else f" · about {duration(last.seconds_left)} left"
        of = f" of {last.steps}" if last.steps else ""
        self.stage.setText(f"{last.stage[:1].upper()}{last.stage[1:]}, step {last.step}{of}{left}")

    def _on_pause(self) -> None:
        (self.resume_wanted if self._paused else self.pause_wanted).emit()
