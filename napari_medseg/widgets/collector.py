"""While tasks run, garbage is collected in the GUI thread only, and in small steps.

Python collects cyclic garbage in whatever thread happens to need memory. Windows and their parts
are such garbage once they are closed, and Qt crashes when another thread than its own deletes them.
A full collection in the middle of a run also stops the window for a fifth of a second.
"""

from __future__ import annotations

import gc

from qtpy.QtCore import QCoreApplication, QObject, QTimer

_EVERY = 1000  # ms
_FULL_EVERY = 60  # of those; old garbage is rare and its search is slow


class _Collector(QObject):
    """Counts the tasks that run, and collects while there are some."""

    def __init__(self) -> None:
        super().__init__(QCoreApplication.instance())
        self._tasks = self._rounds = 0
        self._was_enabled = True
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._collect)

    def begin(self) -> None:
        self._tasks += 1
        if self._tasks == 1:
            self._was_enabled = gc.isenabled()
            gc.disable()
            self._rounds = 0
            self._timer.start(_EVERY)

    def end(self) -> None:
        self._tasks -= 1
        if self._tasks == 0:
            self._timer.stop()
            if self._was_enabled:
                gc.enable()

    def _collect(self) -> None:
        self._rounds += 1
        gc.collect(2 if self._rounds % _FULL_EVERY == 0 else 1)


_collector: list[_Collector] = []


def collector() -> _Collector:
    """Return the one of this program: ``begin()`` and ``end()`` are called in the GUI thread."""
    if not _collector:
        _collector.append(_Collector())
    return _collector[0]
