"""The run bar: what runs, how far it is, how long it will take, and the button that stops it."""

from __future__ import annotations

import time

from qtpy.QtWidgets import (
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_medseg.progress import Step, duration
from napari_medseg.widgets.background import Runner
from napari_medseg.widgets.pieces import ElidedLabel

_OUTCOMES = {
    "done": "Done in {1} · {0}",
    "cancelled": "Cancelled · {0}",
    "paused": "Paused · {0}",
    "failed": "Failed · {0}",
}


class RunBar(QWidget):
    """Shows what a `Runner` does. It has the same height whether something runs or not."""

    def __init__(self, runner: Runner) -> None:
        super().__init__()
        self._title = ""
        self._started = 0.0
        self._first: tuple[str, int, float] | None = None  # unit, done, time
        self._runner = runner
        self.text = ElidedLabel("Nothing is running")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setToolTip("How far the run is")
        self.bar.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.cancel = QPushButton("Cancel")
        self.cancel.clicked.connect(self._cancel)
        below = QHBoxLayout()
        below.addWidget(self.bar, 1)
        below.addWidget(self.cancel)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2, 4, 2, 0)
        layout.setSpacing(2)
        layout.addWidget(self.text)
        layout.addLayout(below)
        runner.started.connect(self._start)
        runner.progressed.connect(self._show)
        runner.ended.connect(self._end)
        self._idle()
        if runner.busy:
            self._start("Running")

    def _start(self, title: str) -> None:
        self._title, self._started, self._first = title, time.monotonic(), None
        self.text.say(f"{title} …")
        self.bar.setRange(0, 0)  # moves to and fro until the first step is known
        self.bar.setEnabled(True)
        self.cancel.setEnabled(True)
        self.cancel.setText("Cancel")
        self.cancel.setToolTip("Stop this run; your layers stay as they are")

    def _show(self, step: Step) -> None:
        self.bar.setRange(0, step.total)
        self.bar.setValue(step.done)
        self.text.say(step.note or self._words(step), f"{self._title}: {step.unit}s")

    def _words(self, step: Step) -> str:
        now = time.monotonic()
        if self._first is None or self._first[0] != step.unit or self._first[1] > step.done:
            self._first = (step.unit, step.done, now)
        if not step.total:
            return f"{self._title} …"
        counted = f"{step.unit} {min(step.done + 1, step.total)} of {step.total}"
        _, first, since = self._first
        if step.done - first < 2:
            return counted
        left = (now - since) / (step.done - first) * (step.total - step.done)
        return f"{counted} · {duration(left)} left"

    def _end(self, outcome: str) -> None:
        took = duration(time.monotonic() - self._started)
        self._idle()
        self.text.say(_OUTCOMES[outcome].format(self._title, took))

    def _idle(self) -> None:
        self.bar.setRange(0, 1)
        self.bar.setValue(0)
        self.bar.setEnabled(False)
        self.cancel.setEnabled(False)
        self.cancel.setText("Cancel")
        self.cancel.setToolTip("Nothing is running")

    def _cancel(self) -> None:
        self._runner.cancel()
        self.cancel.setEnabled(False)
        self.cancel.setToolTip("Stopping at the next step")
        self.text.say(f"{self._title} · stopping …")
