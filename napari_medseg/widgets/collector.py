"""While tasks run, garbage is collected in the GUI thread only, and in small steps.

Python collects cyclic garbage in whatever thread happens to need memory. Windows and their parts
are such garbage once they are closed, and Qt crashes when another thread than its own deletes them.
A full collection in the middle of a run also stops the window for a fifth of a second.

The threshold says so, not `gc.disable`: dask switches that on or off with every slice of an array,
to what it was when dask was imported.
"""

from __future__ import annotations

import gc
from typing import Protocol

from qtpy.QtCore import QCoreApplication, QObject, QTimer

_EVERY = 1000  # ms
_FULL_EVERY = 60  # of those; old garbage is rare and its search is slow


class Running(Protocol):
    """What is asked of work in another thread."""

    @property
    def over(self) -> bool: ...


class _Collector(QObject):
    """Knows the tasks that run, and collects while there are some.

    A task whose end nobody hears, because its window closed, is missed within a second.
    """

    def __init__(self) -> None:
        super().__init__(QCoreApplication.instance())
        self._tasks: list[Running] = []
        self._rounds = 0
        self._thresholds = gc.get_threshold()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._collect)

    def begin(self, task: Running) -> None:
        if not self._tasks:
            self._thresholds = gc.get_threshold()
            gc.set_threshold(0)
            self._rounds = 0
            self._timer.start(_EVERY)
        if task not in self._tasks:
            self._tasks.append(task)

    def end(self) -> None:
        """Look which tasks still run; with the last one Python collects by itself again."""
        self._tasks = [task for task in self._tasks if not task.over]
        if not self._tasks and self._timer.isActive():
            self._timer.stop()
            gc.set_threshold(*self._thresholds)

    def _collect(self) -> None:
        self._rounds += 1
        gc.collect(2 if self._rounds % _FULL_EVERY == 0 else 1)
        self.end()


_collector: list[_Collector] = []


def collector() -> _Collector:
    """Return the one of this program; it is spoken to in the GUI thread only."""
    if not _collector:
        _collector.append(_Collector())
    return _collector[0]
