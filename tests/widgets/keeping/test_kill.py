"""Killed at any moment, at most the last action is missing, and nothing else."""

from __future__ import annotations

import mmap
import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_medseg.journal import claim, find_journals, read_journal

sys.path.insert(0, str(Path(__file__).parent))
import painting_process

SEED = 11
MOST = 150  # actions before a process is killed


@pytest.fixture(scope="module")
def states():
    """The labels after each number of actions, in a layer nobody keeps."""
    labels = np.zeros(painting_process.SHAPE, np.uint8)
    layer = painting_process.prepared(ViewerModel().add_labels(labels))
    states = [labels.copy()]
    for _, act in zip(range(MOST + 100), painting_process.actions(SEED), strict=False):
        act(layer)
        states.append(layer.data.copy())
    return states


def _killed(folder, count):
    """Let so many processes paint, kill each at a random moment, and yield what they left.

    Yields how many actions it had noted, and its journal.
    """
    folders = [folder / str(number) for number in range(count)]
    for one in folders:
        one.mkdir()
        (one / "done").write_bytes(bytes(8))
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    command = [sys.executable, painting_process.__file__, str(SEED), *map(str, folders)]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as parent:
        for number, one in enumerate(folders):
            yield _kill_one(parent, one, np.random.default_rng(number))


def _kill_one(parent, folder, rng):
    wanted, wait = int(rng.integers(1, MOST)), float(rng.uniform(0, 0.01))
    with open(folder / "done", "r+b") as file, mmap.mmap(file.fileno(), 8) as done:
        end = time.monotonic() + 60
        while struct.unpack("<q", done[:8])[0] < wanted:
            assert parent.poll() is None, parent.stderr.read().decode()
            assert time.monotonic() < end
            time.sleep(0.0005)
        time.sleep(wait)
        os.kill(int((folder / "process").read_text()), signal.SIGKILL)
        time.sleep(0.05)
        (journal,) = find_journals([folder / "journals"])
        while (held := claim(journal)) is None:  # as long as the process is not gone
            time.sleep(0.01)
        held.release()
        return struct.unpack("<q", done[:8])[0], journal


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system knows neither fork nor SIGKILL")
@pytest.mark.parametrize("count", [5, pytest.param(20, marks=pytest.mark.slow)])
def test_a_killed_process_loses_at_most_its_last_action(qtbot, tmp_path, states, count):
    for done, journal in _killed(tmp_path, count):
        restored = read_journal(journal).labels
        # the action after the last one that was noted may have been written, too
        near = states[max(done - 1, 0) : done + 2]
        assert any((restored == state).all() for state in near), f"not as after {done} actions"
