"""Garbage while tasks run: found by the GUI thread, and never by a worker."""

from __future__ import annotations

import gc
import threading
import weakref
from types import SimpleNamespace

from napari_medseg.widgets import collector as collector_module
from napari_medseg.widgets.background import Task


class _Cycle:
    def __init__(self, told):
        self.me = self
        weakref.finalize(self, lambda: told.append(threading.get_ident()))


def test_a_worker_never_collects_the_garbage_of_the_window(qtbot, monkeypatch):
    monkeypatch.setattr(collector_module, "_EVERY", 5)
    threads, litter = [], []

    def work(report):
        _Cycle(threads)
        for _ in range(50):
            litter.append([[] for _ in range(2000)])  # enough for many collections
        threading.Event().wait(0.05)

    task = Task(work)
    with qtbot.waitSignal(task.finished):
        task.start()
    gc.collect()
    assert threads == [threading.get_ident()]


def test_the_window_collects_while_a_task_runs(qtbot, monkeypatch):
    monkeypatch.setattr(collector_module, "_EVERY", 5)
    threads, go = [], threading.Event()
    task = Task(lambda report: go.wait(30))
    task.start()
    _Cycle(threads)
    qtbot.waitUntil(lambda: bool(threads))
    assert threads == [threading.get_ident()]
    with qtbot.waitSignal(task.finished):
        go.set()


def test_python_collects_by_itself_again_after_the_last_task(qtbot):
    go = threading.Event()
    first, second = Task(lambda report: None), Task(lambda report: go.wait(30))
    second.start()
    with qtbot.waitSignal(first.finished):
        first.start()
    assert not gc.isenabled()
    with qtbot.waitSignal(second.finished):
        go.set()
    qtbot.waitUntil(gc.isenabled)


def test_work_whose_end_nobody_hears_is_missed_within_a_second(qtbot):
    lost = SimpleNamespace(over=False)
    collector_module.collector().begin(lost)
    assert not gc.isenabled()
    lost.over = True
    qtbot.waitUntil(gc.isenabled)
