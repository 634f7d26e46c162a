"""All background work: a `Task` runs in a thread, a `Runner` runs one task after another."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from napari.qt.threading import WorkerBase, WorkerBaseSignals
from qtpy.QtCore import QObject, QThreadPool, Signal

from napari_medseg.progress import Cancelled, Step
from napari_medseg.widgets.collector import collector
from napari_medseg.widgets.notices import sentence, show_failure

_log = logging.getLogger(__name__)
_BETWEEN_STEPS = 0.1  # seconds; people see no more, and the GUI thread has better things to do


class TaskSignals(WorkerBaseSignals):
    """The signals of a `Task`, beside those every napari worker has."""

    progressed = Signal(object)
    cancelled = Signal()


class Task(WorkerBase):
    """Calls ``work(report=...)`` in a thread.

    Emits, in the GUI thread: ``progressed(Step)``, then at most one of ``returned(result)``,
    ``errored(exception)``, ``cancelled()``, and always ``finished()``. ``quit()`` asks the work to
    stop at its next report; so does napari when the viewer is closed.

    Parameters
    ----------
    work : callable
        Everything the thread needs is in it: no widget, no layer, no session.
    """

    def __init__(self, work: Callable[..., Any]) -> None:
        super().__init__(SignalsClass=TaskSignals)
        self._work = work
        self.over = False  # also where nobody hears the end
        self._last_step = 0.0
        self.errored.connect(show_failure)

    def start(self) -> None:
        collector().begin(self)
        self.finished.connect(collector().end)
        super().start()
        # It takes no place in the pool: Qt itself converts images there while the GUI thread holds
        # the interpreter's lock, and would wait for ever behind tasks that wait for that lock.
        _pool().releaseThread()

    def run(self) -> None:
        try:
            super().run()
        except RuntimeError:  # Qt's half of the signals is gone: the program is ending
            _log.debug("ended after its window", exc_info=True)
        finally:
            self.over = True
            _pool().reserveThread()

    def work(self) -> Any:
        try:
            result = self._work(report=self._report)
            self._stop_if_asked()  # asked after the last report: drop the result
            return result
        except Cancelled:
            self.cancelled.emit()
        except Exception:
            if not self.abort_requested:
                raise
            # nobody waits for the result any more, so nobody wants to read this either
            _log.debug("failed after it was cancelled", exc_info=True)
            self.cancelled.emit()
        finally:
            self.over = True  # before others hear of it
        return None

    def _report(self, step: Step) -> None:
        self._stop_if_asked()
        now = time.monotonic()
        if step.note or now - self._last_step >= _BETWEEN_STEPS:
            self._last_step = now
            self.progressed.emit(step)

    def _stop_if_asked(self) -> None:
        if self.abort_requested:
            raise Cancelled


def _pool() -> QThreadPool:
    pool = QThreadPool.globalInstance()
    assert pool is not None  # Qt makes it when it is asked for
    return pool


def quit_all(tasks: Sequence[Task]) -> None:
    """End tasks nobody waits for any more."""
    for task in tasks:
        task.quit()


def forget(tasks: list[Task], task: Task) -> None:
    """Take a task that has ended off a list of those that run."""
    if task in tasks:
        tasks.remove(task)


class Runner(QObject):
    """Runs one task at a time for one viewer, and tells every panel and run bar about it.

    Emits ``started(title)``, ``progressed(Step)``, ``failed(sentence)`` where it failed, and always
    ``ended(outcome)``, where the outcome is "done", "cancelled", "paused" or "failed".
    """

    started = Signal(str)
    progressed = Signal(object)
    failed = Signal(str)
    ended = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._task: Task | None = None
        self._outcome = "cancelled"

    @property
    def busy(self) -> bool:
        """Whether something runs now."""
        return self._task is not None

    def start(self, task: Task, title: str) -> None:
        """Start `task`, unless another one still runs.

        Raises
        ------
        RuntimeError
            If another task still runs; panels disable their buttons while `busy`.
        """
        if self._task is not None:
            raise RuntimeError("another run is still going; cancel it or wait until it is done")
        self._task, self._outcome = task, "cancelled"
        task.progressed.connect(self.progressed)
        task.returned.connect(self._note_done)
        task.errored.connect(self._note_failed)
        task.finished.connect(self._end)
        self.started.emit(title)
        task.start()

    def cancel(self) -> None:
        """Ask what runs to stop at its next step; nothing happens if nothing runs."""
        if self._task is not None:
            self._task.quit()

    def pause(self) -> None:
        """Cancel what runs, where it can go on later from there."""
        if self._task is not None:
            self._outcome = "paused"
            self.cancel()

    def _note_done(self, _result: object) -> None:
        self._outcome = "done"

    def _note_failed(self, error: Exception) -> None:
        self._outcome = "failed"
        self.failed.emit(sentence(error))

    def _end(self) -> None:
        self._task = None
        self.ended.emit(self._outcome)
