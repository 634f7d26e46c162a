"""The thread that writes journals, in the order of what happened.

Not a `Task`: tasks may run side by side and end with their window; what is written here must keep
its order and be finished before the program ends.
"""

from __future__ import annotations

import atexit
import logging
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any

from qtpy.QtCore import QCoreApplication, QObject, Signal

from napari_medseg.widgets.collector import collector

_log = logging.getLogger(__name__)
_REST = 1.0  # seconds without work, after which all is brought to the disk
_AT_THE_END = 10.0  # seconds the end of the program waits for it


class Scribe(QObject):
    """Does pieces of work in order, in a thread of its own."""

    _answered = Signal(object, object)
    _rested = Signal()

    def __init__(self) -> None:
        super().__init__(QCoreApplication.instance())
        self._work: SimpleQueue[Callable[[], Any]] = SimpleQueue()
        self._state = threading.Condition()
        self._given = self._done = 0
        self._awake = False
        self._before_rest: dict[int, Callable[[], Any]] = {}
        self._thread: threading.Thread | None = None
        self._answered.connect(_hand_over)
        self._rested.connect(collector().end)
        atexit.register(self.finish)

    @property
    def over(self) -> bool:
        """Whether it rests."""
        return not self._awake

    def submit(self, work: Callable[[], Any]) -> int:
        """Do `work` after all that was submitted before; returns a number for `wait`.

        It must not raise; what it raises is only noted in the log.
        """
        with self._state:
            self._given += 1
            number = self._given
            if not self._awake:
                self._awake = True
                collector().begin(self)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="medseg", daemon=True)
                self._thread.start()
        self._work.put(work)
        return number

    def ask(self, work: Callable[[], Any], then: Callable[[Any], Any]) -> None:
        """Do `work` in its turn, and call `then` with what it returns in the GUI thread."""
        self.submit(lambda: self._tell(lambda result: self._answered.emit(then, result), work()))

    def before_rest(self, key: int, work: Callable[[], Any]) -> None:
        """Do `work` once when there has been nothing to do for a moment; from the thread only."""
        self._before_rest[key] = work

    def wait(self, number: int, seconds: float) -> bool:
        """Wait until work was done, at most so long; returns whether it is."""
        with self._state:
            return self._state.wait_for(lambda: self._done >= number, seconds)

    def finish(self) -> None:
        """Wait until everything is written, at the end of the program."""
        if self._thread is not None and self._thread.is_alive():
            self.wait(self.submit(self._bring_to_disk), _AT_THE_END)

    def _run(self) -> None:
        while True:
            try:
                work = self._work.get(timeout=_REST if self._awake else None)
            except Empty:
                self._rest()
                continue
            try:
                work()
            except Exception:  # noqa: BLE001  # the next piece must be written all the same
                _log.exception("a piece of a journal was not written")
            work = _nothing  # hold nothing while waiting
            with self._state:
                self._done += 1
                self._state.notify_all()

    def _rest(self) -> None:
        self._bring_to_disk()
        with self._state:
            if self._done < self._given:
                return
            self._awake = False
        self._tell(lambda: self._rested.emit())

    def _bring_to_disk(self) -> None:
        while self._before_rest:
            _, work = self._before_rest.popitem()
            work()

    def _tell(self, emit: Callable[..., Any], *values: Any) -> None:
        try:
            emit(*values)
        except RuntimeError:  # Qt's half is gone: the program is ending
            _log.debug("nobody is there any more", exc_info=True)


def _nothing() -> None:
    """Stand for no work."""


def _hand_over(then: Callable[[Any], Any], result: Any) -> None:
    then(result)


_scribe: list[Scribe] = []


def scribe() -> Scribe:
    """Return the one of this program; first called in the GUI thread."""
    if not _scribe:
        _scribe.append(Scribe())
    return _scribe[0]
