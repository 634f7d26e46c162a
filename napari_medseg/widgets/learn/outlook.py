"""The plan kept up to date in the background: the latest question is answered, others are not."""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Callable
from functools import partial

from qtpy.QtCore import QObject, QTimer, Signal

from napari_medseg.progress import Report
from napari_medseg.widgets.background import Task
from napari_medseg.widgets.learn.forecast import Forecast, Question, look_ahead, unanswered
from napari_medseg.widgets.plots.chart import pyqtgraph

_PAUSE = 600  # ms without a change before cases are read and a step is tried


class Outlook(QObject):
    """Answers one question at a time; a newer one ends the one before.

    Emits ``answered(Forecast)``, twice where the plan is known before what it costs.
    """

    answered = Signal(object)
    _told = Signal(object, object)  # from the thread: the question and what is known so far

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._wanted: Question | None = None
        self._asked: Question | None = None
        self._task: Task | None = None
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE)
        self._pause.timeout.connect(self._start)
        self._told.connect(self._tell)

    def ask(self, question: Question) -> None:
        """Answer a question soon."""
        self.forget()
        self._wanted = question
        self._pause.start()

    def forget(self) -> None:
        """Ask for nothing any more."""
        self._wanted = self._asked = None
        self._pause.stop()
        if self._task is not None:
            self._task.quit()

    def _start(self) -> None:
        if self._task is not None or self._wanted is None:
            return  # what still runs calls this at its end
        question, self._wanted = self._wanted, None
        self._asked = question
        tell = partial(self._told.emit, question)
        self._task = task = Task(partial(_answer, question, tell=tell))
        task.returned.connect(partial(self._tell, question))
        task.errored.connect(partial(self._give_up, question))
        task.finished.connect(self._end)
        task.start()

    def _tell(self, question: Question, forecast: Forecast | None) -> None:
        if question is self._asked and forecast is not None:
            self.answered.emit(forecast)

    def _give_up(self, question: Question, error: Exception) -> None:
        """Wait no longer for an answer; what went wrong is said as every failure is."""
        self._tell(question, unanswered(error))

    def _end(self) -> None:
        self._task = None
        if self._wanted is not None and not self._pause.isActive():
            self._start()


def _answer(question: Question, report: Report, *, tell: Callable[[Forecast], object]) -> Forecast:
    known = len(sys.modules)
    pyqtgraph()  # the pages of a run need both, and their import would stop the window then
    importlib.import_module("napari_medseg.widgets.learn.gate")
    try:
        return look_ahead(question, report, tell=tell)
    finally:
        if len(sys.modules) > known:  # the first step imports half of torch, which is no garbage
            gc.freeze()
