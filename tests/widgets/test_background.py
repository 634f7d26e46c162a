"""Tasks, the runner and the run bar."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest
from qtpy.QtCore import QRunnable, QThread, QThreadPool

from napari_medseg.progress import Step
from napari_medseg.widgets.background import Runner, Task
from napari_medseg.widgets.notices import sentence
from napari_medseg.widgets.run_bar import RunBar


@pytest.fixture
def told():
    """Connect to all signals of a task; returns the list of what came, in order."""
    seen = []

    def listen(task):
        task.returned.connect(lambda r: seen.append(("returned", r)))
        task.errored.connect(lambda e: seen.append(("errored", str(e))))
        task.cancelled.connect(lambda: seen.append(("cancelled",)))
        task.finished.connect(lambda: seen.append(("finished",)))
        return seen

    return listen


def test_a_result_comes_back_in_the_gui_thread(qtbot):
    threads = []
    task = Task(lambda report: threading.get_ident())
    task.returned.connect(lambda ident: threads.append((ident, QThread.currentThread())))
    with qtbot.waitSignal(task.finished):
        task.start()
    qtbot.waitUntil(lambda: bool(threads))
    worker, receiver = threads[0]
    assert worker != threading.get_ident()
    assert receiver == QThread.currentThread()


def test_a_result_is_followed_by_finished(qtbot, told):
    task = Task(lambda report: 7)
    seen = told(task)
    task.start()
    qtbot.waitUntil(lambda: len(seen) == 2)
    assert seen == [("returned", 7), ("finished",)]


class _Conversion(QRunnable):
    """What Qt does in the pool when it converts an image, while the GUI thread waits for it."""

    def __init__(self):
        super().__init__()
        self.done = threading.Event()

    def run(self):
        self.done.set()


def test_tasks_leave_the_threads_of_the_pool_to_qt(qtbot):
    pool, go_on = QThreadPool.globalInstance(), threading.Event()
    places, taken = pool.maxThreadCount(), pool.activeThreadCount()
    tasks = [Task(lambda report: go_on.wait(30)) for _ in range(places + 1)]
    for task in tasks:
        task.start()
    qtbot.wait(20)  # they are started from the event loop
    conversion = _Conversion()
    conversion.setAutoDelete(False)
    assert pool.tryStart(conversion)
    assert conversion.done.wait(10)
    with qtbot.waitSignals([task.finished for task in tasks]):
        go_on.set()
    qtbot.waitUntil(lambda: pool.activeThreadCount() == taken)


def test_cancelling_stops_at_the_next_report(qtbot, told):
    started, steps = threading.Event(), []

    def work(report):
        while True:
            steps.append(1)
            report(Step(0, 0))
            started.set()

    task = Task(work)
    seen = told(task)
    task.start()
    assert started.wait(10)
    task.quit()
    qtbot.waitUntil(lambda: len(seen) == 2)
    assert seen == [("cancelled",), ("finished",)]


def test_a_result_after_cancelling_is_dropped(qtbot, told):
    go = threading.Event()
    task = Task(lambda report: go.wait(10))
    seen = told(task)
    task.start()
    task.quit()
    go.set()
    qtbot.waitUntil(lambda: len(seen) == 2)
    assert seen == [("cancelled",), ("finished",)]


def test_an_error_is_told_once_and_shown(qtbot, told, notices):
    def work(report):
        raise ValueError("the image is empty; choose another one")

    task = Task(work)
    seen = told(task)
    task.start()
    qtbot.waitUntil(lambda: len(seen) == 2)
    assert [s[0] for s in seen] == ["errored", "finished"]
    assert notices[-1].message == "The image is empty; choose another one"


def test_an_error_after_cancelling_is_not_shown(qtbot, told, notices):
    go = threading.Event()

    def work(report):
        go.wait(10)
        raise ValueError("too late")

    task = Task(work)
    seen = told(task)
    task.start()
    task.quit()
    go.set()
    qtbot.waitUntil(lambda: len(seen) == 2)
    assert seen[0] == ("cancelled",)
    assert not notices


def test_a_task_outlives_the_window_without_a_crash():
    script = """
import threading
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication
app = QApplication([])
from napari_medseg.widgets.background import Task
started, go = threading.Event(), threading.Event()
def work(report):
    started.set()
    go.wait(10)
task = Task(work)
thread = threading.Thread(target=task.run)
thread.start()
started.wait(10)
task.signals.deleteLater()
deletion = QEvent.Type.DeferredDelete
app.sendPostedEvents(task.signals, getattr(deletion, "value", deletion))
try:
    task.signals.objectName()
except RuntimeError:
    print("gone", end=" ")
go.set()
thread.join()
print("ended")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.split() == ["gone", "ended"], done.stderr
    assert "Traceback" not in done.stderr


def test_one_run_at_a_time(qtbot):
    runner, go = Runner(), threading.Event()
    runner.start(Task(lambda report: go.wait(10)), "first")
    assert runner.busy
    with pytest.raises(RuntimeError, match="another run"):
        runner.start(Task(lambda report: None), "second")
    with qtbot.waitSignal(runner.ended) as ended:
        go.set()
    assert ended.args == ["done"]
    assert not runner.busy


def test_the_run_bar_shows_a_run_from_start_to_end(qtbot):
    runner, go = Runner(), threading.Event()
    bar = RunBar(runner)
    qtbot.addWidget(bar)
    assert not bar.cancel.isEnabled()
    height = bar.sizeHint().height()

    def work(report):
        report(Step(3, 8, "window", "using a smaller window"))
        go.wait(10)

    runner.start(Task(work), "case · liver")
    assert bar.cancel.isEnabled()
    qtbot.waitUntil(lambda: bar.bar.value() == 3)
    assert bar.bar.maximum() == 8
    assert bar.text.whole() == "using a smaller window"
    go.set()
    qtbot.waitUntil(lambda: not runner.busy)
    assert bar.text.whole().startswith("Done in ")
    assert not bar.cancel.isEnabled()
    assert bar.sizeHint().height() == height


def test_the_run_bar_tells_a_pause_from_the_end_of_a_run(qtbot):
    runner, said = Runner(), []
    bar = RunBar(runner)
    qtbot.addWidget(bar)
    runner.pause()  # nothing runs
    for stop in (runner.pause, runner.cancel):
        runner.start(Task(_until_stopped), "case")
        stop()
        qtbot.waitUntil(lambda: not runner.busy)
        said.append(bar.text.whole())
    assert said == ["Paused · case", "Cancelled · case"]


def _until_stopped(report):
    while True:
        report(Step(0, 0, "window"))


def test_the_run_bar_counts_and_says_how_long_it_will_take(qtbot, monkeypatch):
    from napari_medseg.widgets import run_bar

    clock = [100.0]
    monkeypatch.setattr(run_bar.time, "monotonic", lambda: clock[0])
    runner = Runner()
    bar = RunBar(runner)
    qtbot.addWidget(bar)
    runner.started.emit("case")
    runner.progressed.emit(Step(0, 78, "window"))
    assert bar.text.whole() == "window 1 of 78"
    clock[0] = 110.0
    runner.progressed.emit(Step(30, 78, "window"))
    assert bar.text.whole() == "window 31 of 78 · 16 s left"
    runner.ended.emit("cancelled")
    assert bar.text.whole() == "Cancelled · case"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("choose a volume"), "Choose a volume"),
        (OSError("the disk is full"), "The disk is full"),
        (MemoryError(), "There is not enough memory"),
        (FileNotFoundError(2, "No such file", "/data/x.nii"), "/data/x.nii is not there"),
        (PermissionError(13, "Permission denied", "/data"), "/data may not be written"),
        (KeyError("boom"), "Something went wrong inside MedSeg"),
    ],
)
def test_every_error_becomes_a_sentence(error, words):
    assert words in sentence(error)
    assert "Errno" not in sentence(error)
