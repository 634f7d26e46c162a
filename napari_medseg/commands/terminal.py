"""How a command talks to a terminal: the live line of a run, Ctrl-C, errors as sentences."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from napari_medseg.progress import Cancelled, Report, Step

PLAIN_FIRST, PLAIN_EVERY = 2.0, 10.0  # seconds to the first line and between lines in a log


def say(text: str) -> None:
    """Write a line for a person to stderr; stdout is for results."""
    print(text, file=sys.stderr, flush=True)


def sentence(error: BaseException) -> str:
    """Say what went wrong in a sentence, without Python's decorations."""
    if isinstance(error, MemoryError):
        return "there is not enough memory for this; try a smaller image or a smaller --window"
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, KeyError) and error.args:
        return str(error.args[0])
    return " ".join(str(error).split()) or type(error).__name__


@contextmanager
def watching(title: str, *, time_left: bool = True) -> Iterator[Report]:
    """Give a report that shows the steps on stderr and raises `Cancelled` after Ctrl-C.

    The first Ctrl-C asks the work to stop at its next step; a second one interrupts at once.

    Parameters
    ----------
    title : str
        What the line begins with.
    time_left : bool
        Estimate the time left; False for work whose steps say it themselves.
    """
    stop = threading.Event()
    with _line(title, time_left) as show, _interrupt(stop):

        def report(step: Step) -> None:
            show(step)
            if stop.is_set():
                raise Cancelled

        yield report


@contextmanager
def _interrupt(stop: threading.Event) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)

    def ask(number: int, frame: FrameType | None) -> None:
        stop.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have it ignored
        say("stopping after this step; press Ctrl-C again to stop at once")

    signal.signal(signal.SIGINT, ask)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _line(title: str, time_left: bool) -> Iterator[Report]:
    if not sys.stderr.isatty():
        yield _plain(title)
        return
    from rich import progress
    from rich.console import Console

    columns: list[progress.ProgressColumn] = [
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(bar_width=24),
        progress.TextColumn("{task.fields[count]}", markup=False),
        progress.TextColumn("{task.fields[note]}", markup=False),
    ]
    if time_left:
        columns.append(progress.TimeRemainingColumn(compact=True))
    with progress.Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None, count="", note="")

        def show(step: Step) -> None:
            bar.update(
                task,
                completed=step.done,
                total=step.total or None,
                count=_count(step),
                note=step.note,
            )

        yield show


def _plain(title: str) -> Report:
    last = time.monotonic() - PLAIN_EVERY + PLAIN_FIRST

    def show(step: Step) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= PLAIN_EVERY:
            last = now
            say(f"{title}: {' · '.join(part for part in (_count(step), step.note) if part)}")

    return show


def _count(step: Step) -> str:
    return f"{step.unit} {step.done}/{step.total}" if step.total else step.unit
