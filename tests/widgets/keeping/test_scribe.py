"""The scribe does what it is given in order, and goes on whatever happens."""

from __future__ import annotations

import gc
import threading

import pytest

from napari_medseg.widgets.keeping.scribe import Scribe, scribe


def test_work_is_done_in_order_in_another_thread_and_waited_for(qtbot):
    done = []
    for number in range(50):
        last = scribe().submit(lambda n=number: done.append((n, threading.current_thread())))
    assert scribe().wait(last, 60)
    assert [number for number, _ in done] == list(range(50))
    assert {thread is threading.main_thread() for _, thread in done} == {False}


def test_a_piece_that_fails_does_not_stop_the_next(qtbot, caplog):
    def fail():
        raise RuntimeError("a mistake of the program")

    scribe().submit(fail)
    assert scribe().wait(scribe().submit(lambda: None), 60)
    assert "a mistake of the program" in caplog.text


def test_an_answer_comes_to_the_windows_thread(qtbot):
    answers = []
    scribe().ask(lambda: 42, lambda value: answers.append((value, threading.current_thread())))
    qtbot.waitUntil(lambda: bool(answers))
    assert answers == [(42, threading.main_thread())]


def test_after_a_moment_of_rest_all_is_brought_to_the_disk_and_garbage_is_collected_again(qtbot):
    brought, both = [], threading.Event()
    scribe().submit(lambda: both.wait(60))  # it has no rest between the two
    scribe().submit(lambda: scribe().before_rest(1, lambda: brought.append("once")))
    scribe().submit(lambda: scribe().before_rest(1, lambda: brought.append("twice")))
    both.set()
    assert gc.get_threshold()[0] == 0  # in that thread nobody may delete windows
    qtbot.waitUntil(lambda: bool(brought) and gc.get_threshold()[0] > 0)
    assert brought == ["twice"]


def test_waiting_ends_when_time_is_up(qtbot):
    go = threading.Event()
    number = scribe().submit(lambda: go.wait(60))
    assert not scribe().wait(number, 0.01)
    go.set()
    assert scribe().wait(number, 60)


@pytest.mark.parametrize("works", [True, False])
def test_the_end_of_the_program_waits_until_all_is_written(qtbot, works):
    own, done = Scribe(), []
    if works:
        own.submit(lambda: done.append(1))
        own.submit(lambda: own.before_rest(1, lambda: done.append(2)))
    own.finish()
    assert done == ([1, 2] if works else [])
    qtbot.waitUntil(lambda: gc.get_threshold()[0] > 0)
