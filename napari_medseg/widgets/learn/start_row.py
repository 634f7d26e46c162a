"""Below the cases: what holds a run back, the way to the one there is, the button that begins."""

from __future__ import annotations

from typing import Literal

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_medseg.widgets.pieces import enable, main_button, wrapped_label

RunState = Literal["", "going", "paused", "learnt"]
"""Of the run on these cases: none, or it learns, or waits, or nobody has judged its result yet."""

_WAYS: dict[RunState, tuple[str, str, str]] = {
    # the way to it, what one finds there, why nothing else can begin
    "going": (
        "To the run",
        "How far it is, its curves; pause it or stop it there",
        "A model learns from the cases it began with; what you add or change here joins the next "
        "run.",
    ),
    "paused": (
        "To the paused run",
        "Go on with it, or stop it",
        "A run is paused: go on with it or stop it before another one begins; what you add or "
        "change here joins the next one.",
    ),
    "learnt": (
        "To what was learnt",
        "Compare the model with what it was, and keep or discard it",
        "Something was learnt: keep it or discard it before another run begins.",
    ),
}


class StartRow(QWidget):
    """Begins a run, or shows the way to the one there is.

    Emits ``start_wanted()`` and ``run_wanted()``.
    """

    start_wanted = Signal()
    run_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.run: RunState = ""
        self.hint = wrapped_label()
        self.to_run = QPushButton()
        self.start = main_button("Start learning")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for widget in (self.hint, self.to_run, self.start):
            column.addWidget(widget)
        self.to_run.clicked.connect(self.run_wanted)
        self.start.clicked.connect(self.start_wanted)
        self.show_run("")

    @property
    def why_not(self) -> str:
        """Why no run can begin beside the one there is; empty without one."""
        return _WAYS[self.run][2] if self.run else ""

    def show_run(self, state: RunState) -> None:
        """Show the way to a run."""
        self.run = state
        if state:
            self.to_run.setText(_WAYS[state][0])
            self.to_run.setToolTip(_WAYS[state][1])
        self.to_run.setVisible(bool(state))

    def say(self, told: str, waiting: str, why_not: str, cost: str) -> None:
        """Say what was done last, what is waited for, why no run can begin, or what it costs."""
        enable(self.start, why_not, "Learn from the cases in the background; one can go on working")
        if self.run and told:
            told = f"{told} {self.why_not}"
        self.hint.setText(told or waiting or why_not or cost)
        self.hint.setVisible(bool(self.hint.text()))
