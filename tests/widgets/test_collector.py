"""Garbage while tasks run: found by the GUI thread, and never by a worker."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import weakref
from types import SimpleNamespace

from napari_medseg.widgets import collector as collector_module
from napari_medseg.widgets.background import Task


class _Cycle:
    def __init__(self, told):
        self.me = self
        weakref.finalize(self, lambda: told.append(threading.get_ident()))


def _by_itself():
    return gc.isenabled() and gc.get_threshold()[0] > 0


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
    assert not _by_itself()
    with qtbot.waitSignal(second.finished):
        go.set()
    qtbot.waitUntil(_by_itself)


def test_work_whose_end_nobody_hears_is_missed_within_a_second(qtbot):
    lost = SimpleNamespace(over=False)
    collector_module.collector().begin(lost)
    assert not _by_itself()
    lost.over = True
    qtbot.waitUntil(_by_itself)


_DASK_WHILE_A_TASK_RUNS = """
import gc
from types import SimpleNamespace
from qtpy.QtCore import QCoreApplication

app = QCoreApplication([])
from napari_medseg.widgets.collector import collector

task = SimpleNamespace(over=False)
collector().begin(task)
import dask.array  # a task that opens a store does

dask.array.zeros(4)[1:]
assert gc.get_threshold()[0] == 0  # still not in that task's thread
task.over = True
collector().end()
dask.array.zeros(4)[1:]
assert gc.isenabled() and gc.get_threshold()[0] > 0
"""


def test_slices_of_dask_arrays_do_not_switch_collecting_on_or_off():
    command = [sys.executable, "-c", _DASK_WHILE_A_TASK_RUNS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr
