from __future__ import annotations

import errno
import io
import signal
import sys
import threading

import pytest

from napari_medseg.commands import terminal
from napari_medseg.progress import Cancelled, Step


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ValueError("two\n  lines"), "two lines"),
        (KeyError("no such model"), "no such model"),
        (OSError(errno.EACCES, "Permission denied", "/x/y"), "/x/y: Permission denied"),
        (OSError("cannot write it: the disk is full"), "cannot write it: the disk is full"),
        (ValueError(), "ValueError"),
    ],
)
def test_an_error_becomes_one_line_for_a_person(error, expected):
    assert terminal.sentence(error) == expected


def test_too_little_memory_says_what_to_do():
    assert "smaller" in terminal.sentence(MemoryError())


def test_without_a_terminal_short_work_prints_nothing(capsys):
    with terminal.watching("x") as report:
        for done in range(100):
            report(Step(done, 100, "window"))
    assert capsys.readouterr().err == ""


def test_without_a_terminal_long_work_prints_a_line_now_and_then(capsys, monkeypatch):
    now = iter(range(0, 1000, 4))
    monkeypatch.setattr(terminal.time, "monotonic", lambda: next(now))
    with terminal.watching("case_1") as report:
        for done in range(9):
            report(Step(done, 9, "window", "a note"))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "case_1: window 0/9 · a note"
    assert lines[1:] == ["case_1: window 3/9 · a note", "case_1: window 6/9 · a note"]


def test_on_a_terminal_the_line_is_redrawn_and_brackets_are_text(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    with terminal.watching("[case]", time_left=False) as report:
        report(Step(1, 2, "window", "[bold] note"))
    assert "[case]" in screen.getvalue()


def test_the_first_ctrl_c_asks_the_second_interrupts():
    with terminal.watching("x") as report:
        report(Step(0, 2))
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(Cancelled):
            report(Step(1, 2))


def test_it_works_in_a_thread_that_cannot_catch_signals():
    finished = []

    def work():
        with terminal.watching("x") as report:
            report(Step(0, 1))
        finished.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert finished
