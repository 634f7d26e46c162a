"""Runs in napari's activity dock, beside our own run bar."""

from __future__ import annotations

from napari.utils import progress
from qtpy.QtCore import QObject, QTimer
from qtpy.QtWidgets import QApplication, QLabel

from napari_medseg.widgets.background import Runner


class Activity(QObject):
    """Says what a `Runner` does where napari says what it does itself; opens nothing.

    It says only that a run is going. How far it is stands in the run bar: napari processes all
    waiting events whenever a bar of its own moves, the end of the run and clicks among them. The
    turning wheel beside it is held still: each of its frames paints the whole window anew.

    Parameters
    ----------
    runner : Runner
        Keeps this object as its child.
    """

    def __init__(self, runner: Runner) -> None:
        super().__init__(runner)
        self._runner = runner
        self._title = ""
        self._bar: progress | None = None
        runner.started.connect(self._wait)
        runner.ended.connect(self._close)

    def _wait(self, title: str) -> None:
        self._title = title
        QTimer.singleShot(0, self._open)  # not in the middle of what starts the run

    def _open(self) -> None:
        if self._bar is None and self._runner.busy:
            self._bar = progress(total=0, desc=f"MedSeg: {self._title}")
            _hold_still()
            if not self._runner.busy:  # it ended while napari made the bar
                self._close()

    def _close(self, _outcome: str = "") -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def _hold_still() -> None:
    """Pause what napari's windows animate; napari starts it again with its next activity."""
    for window in QApplication.topLevelWidgets():
        for label in window.findChildren(QLabel):
            movie = label.movie()
            if movie is not None:
                movie.setPaused(True)
