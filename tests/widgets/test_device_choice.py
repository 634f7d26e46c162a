"""Where a model runs, and how much memory is left there."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt

from napari_medseg.engine.device import DeviceMemory
from napari_medseg.session import Session
from napari_medseg.widgets import device_choice, warm_up
from napari_medseg.widgets.background import Runner, Task
from napari_medseg.widgets.device_choice import DeviceChoice, memory_words

GB = 1 << 30


@pytest.fixture
def machine(monkeypatch):
    """A machine with a GPU; gives the list of what its devices say of themselves."""
    found = [
        DeviceMemory("cuda:0", "Imaginary 9000", 30 * GB, 40 * GB),
        DeviceMemory("cpu", "", 5 * GB, 16 * GB),
    ]
    monkeypatch.setattr(device_choice, "known_devices", lambda: ["cuda:0", "cpu"])
    monkeypatch.setattr(device_choice, "_describe", lambda report: list(found))
    monkeypatch.setattr(device_choice, "host_memory", lambda: (5 * GB, 16 * GB))
    return found


@pytest.fixture
def made(qtbot):
    session, runner = Session(), Runner()
    choice = DeviceChoice(session, runner)
    qtbot.addWidget(choice)
    return choice, session, runner


def _titles(choice):
    return [choice.combo.itemText(i) for i in range(choice.combo.count())]


def test_before_torch_is_in_memory_only_the_cpu_is_offered(qtbot, monkeypatch):
    monkeypatch.setattr(warm_up, "_devices", [])
    choice = DeviceChoice(Session(), Runner())
    qtbot.addWidget(choice)
    choice.show()
    assert _titles(choice) == ["automatic", "CPU"]
    assert choice._task is None


def test_a_gpu_is_named_with_its_free_memory(qtbot, machine, made):
    choice, _, _ = made
    choice.show()
    qtbot.waitUntil(lambda: "30.0 of 40 GB" in choice.memory.whole())
    assert "GPU 0 (Imaginary 9000)" in _titles(choice)


def test_the_choice_is_the_sessions_both_ways(qtbot, machine, made):
    choice, session, _ = made
    choice.show()
    choice.combo.setFocus()
    qtbot.keyClick(choice.combo, Qt.Key.Key_End)
    assert session.device == "cpu"
    assert "5.0 of 16 GB" in choice.memory.whole()
    session.device = "cuda:0"
    assert choice.combo.currentData() == "cuda:0"
    session.device = "cuda:7"  # from a script; it is not hidden
    assert choice.combo.currentData() == "cuda:7"


def test_memory_is_asked_for_again_after_a_run(qtbot, machine, made):
    choice, _, runner = made
    choice.show()
    qtbot.waitUntil(lambda: "30.0" in choice.memory.whole())
    machine[0] = DeviceMemory("cuda:0", "Imaginary 9000", GB, 40 * GB)
    with qtbot.waitSignal(runner.ended):
        runner.start(Task(lambda report: None), "a run")
    qtbot.waitUntil(lambda: "only 1.0 of 40 GB" in choice.memory.whole())
    assert "slow" in choice.memory.whole()
    assert choice.combo.isEnabled()  # said, not refused


def test_a_hidden_panel_asks_nobody(machine, made):
    choice, _, _ = made
    choice.refresh()
    assert choice._task is None


@pytest.mark.parametrize(
    ("free", "total", "line"),
    [
        (None, None, ""),
        (3 * GB, None, "3.0 GB of memory free"),
        (3 * GB, 8 * GB, "3.0 of 8 GB of memory free"),
        (GB // 2, 8 * GB, "only 0.5 of 8 GB of memory free: a run may be slow"),
    ],
)
def test_memory_in_words(free, total, line):
    words, tip = memory_words("cpu", free, total)
    assert words == line
    assert tip
