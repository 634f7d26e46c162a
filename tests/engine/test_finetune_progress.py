"""Where a fine-tuning is, as a line for people, and the time that is left."""

from __future__ import annotations

import pytest

from napari_medseg.engine import finetune_progress
from napari_medseg.engine.finetune_progress import Clock, FineTuneProgress


def progress(**given):
    values = {
        "stage": "learning",
        "final": True,
        "step": 3,
        "steps": 10,
        "done": 13,
        "total": 20,
        "supervised": None,
        "distilled": None,
        "validation": None,
        "guard": None,
        "seconds_left": None,
        "snapshot": lambda: None,
    }
    return FineTuneProgress(**(values | given))


@pytest.mark.parametrize(
    ("given", "note"),
    [
        ({}, "learning"),
        ({"supervised": 0.25, "distilled": 0.5}, "learning · loss 0.250"),
        ({"supervised": 0.0, "validation": 0.8125}, "learning · loss 0.000 · Dice 0.812"),
        ({"guard": 0.9}, "learning"),
        ({"stage": "without case 2 of 5"}, "without case 2 of 5"),
    ],
)
def test_the_line_says_what_is_known(given, note):
    line = progress(**given).line
    assert line.note == note
    assert (line.done, line.total) == (13, 20)  # over all runs, not this one


def test_the_line_says_what_time_is_left():
    assert progress(seconds_left=90.0).line.note.endswith(" left")


@pytest.fixture
def at(monkeypatch):
    """Set the time: ``at(12.0)``."""
    now = [100.0]
    monkeypatch.setattr(finetune_progress.time, "monotonic", lambda: now[0])

    def set_time(seconds):
        now[0] = 100.0 + seconds

    return set_time


def test_time_left_is_by_the_pace_of_the_steps(at):
    clock = Clock()
    assert clock.left(0, 100) is None
    at(4)
    assert clock.left(4, 100) is None  # too few to tell
    at(10)
    assert clock.left(5, 100) == pytest.approx(2.0 * 95)
    at(100)
    assert clock.left(100, 100) == 0


def test_after_an_interruption_the_pace_is_that_of_this_sitting(at):
    clock = Clock(spent=1000.0)
    assert clock.left(50, 100) is None
    at(20)
    assert clock.left(60, 100) == pytest.approx(2.0 * 40)
    assert clock.spent == pytest.approx(1020)
