"""Work in a thread that the caller needs done: the window goes on drawing meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from qtpy.QtCore import QCoreApplication, QEventLoop, QThread

from napari_medseg.progress import Report, silent
from napari_medseg.widgets.background import Task

T = TypeVar("T")

_AT_ONCE = 4 << 20  # bytes; less is done before anybody sees the window stop


def wait_for(work: Callable[[], T]) -> T:
    """Return what `work` returns, or raise what it raises; it is done in a thread.

    The window is drawn meanwhile, and what is clicked or typed comes afterwards.
    """
    results: list[tuple[T | None, Exception | None]] = []
    loop = QEventLoop()
    task = Task(partial(_tried, work))
    task.returned.connect(results.append)
    task.finished.connect(loop.quit)
    task.start()
    later = QEventLoop.ProcessEventsFlag.ExcludeUserInputEvents
    loop.exec(later)  # type: ignore[arg-type]  # one flag is a set of flags
    if not results:
        raise OSError("the window is being closed; it was not done")
    result, error = results[0]
    if error is not None:
        raise error
    return result  # type: ignore[return-value]  # there is one where there is no error


def without_freezing(work: Callable[[], T], nbytes: int) -> T:
    """Return what `work` returns, which reads or writes `nbytes`: in a thread if that takes long.

    Without a window, in a script, or where a thread asks already, it is simply called.
    """
    program = QCoreApplication.instance()
    in_window = program is not None and QThread.currentThread() is program.thread()
    return wait_for(work) if in_window and nbytes >= _AT_ONCE else work()


def _tried(work: Callable[[], Any], report: Report = silent) -> tuple[Any, Exception | None]:
    try:
        return work(), None
    except (ValueError, OSError, MemoryError) as error:
        return None, error
