"""One run of learning at a time, whatever happens to the one before."""

from __future__ import annotations

import subprocess
import sys

import pytest

from napari_medseg.widgets.learn.turn import Turn, is_taken

HOLD = """
import sys, time
from pathlib import Path
from napari_medseg.widgets.learn.turn import Turn
turn = Turn(Path(sys.argv[1]))
print("learning", flush=True)
time.sleep(600)
"""


def test_a_second_window_is_refused_until_the_first_has_ended(tmp_path):
    first, second = tmp_path / "a.medseg.json", tmp_path / "b.medseg.json"
    assert not is_taken(first)
    turn = Turn(first)
    assert is_taken(first)
    assert not is_taken(second)
    for project in (first, second):
        with pytest.raises(ValueError, match="another window already; wait"):
            Turn(project)
    turn.end()
    assert not is_taken(first)
    Turn(second).end()


def test_another_program_is_refused_and_its_crash_ends_its_turn(tmp_path):
    project = tmp_path / "a.medseg.json"
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(project)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert other.stdout.readline() == "learning\n"
        assert is_taken(project)
        with pytest.raises(ValueError, match="another MedSeg is learning from these cases"):
            Turn(project)
    finally:
        other.kill()
        other.wait()
        other.stdout.close()
    Turn(project).end()
