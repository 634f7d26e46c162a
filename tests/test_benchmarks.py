"""The benchmarks measure what they say; small sizes, no times checked."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def _beside_the_package(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))


def test_labels_equal_monai_with_a_real_network():
    from benchmarks.engine_time import compare

    seconds, equal = compare((32, 48, 40), 32, classes=3, widths=(4, 4, 4, 4, 4), rounds=1)
    assert set(seconds) == {"forward passes", "ours", "MONAI + argmax"}
    assert equal >= 0.9999


def test_ratios_are_medians_over_rounds(capsys):
    from benchmarks.measure import interleaved, ratio, table

    ran = []
    seconds = interleaved({"a": lambda: ran.append("a"), "b": lambda: ran.append("b")}, 2)
    assert ran == ["a", "b", "a", "b"]
    assert ratio({"a": [1.0, 4.0, 9.0], "b": [1.0, 2.0, 3.0]}, "a", "b") == 2
    table({name: [1.0] * len(v) for name, v in seconds.items()}, "a")
    assert "1.000 x a" in capsys.readouterr().out


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_extra_memory_sees_what_was_held_for_a_moment():
    import numpy as np

    from benchmarks.measure import extra_memory

    assert 70 < extra_memory(lambda: np.ones(10_000_000).sum()) < 120


def test_a_gap_counts_where_it_touches_the_time_asked_for():
    from benchmarks.heartbeat import largest_gap

    beats = [0.0, 0.02, 0.04, 0.34, 0.36, 0.46, 0.48]
    assert largest_gap(beats, 0.0, 0.04) == pytest.approx(300)  # the window stood still at its end
    assert largest_gap(beats, 0.2, 0.36) == pytest.approx(300)  # and at its start
    assert largest_gap(beats, 0.35, 0.40) == pytest.approx(100)
    assert largest_gap(beats[:3], 0.0, 0.04) == pytest.approx(20)


def test_the_windows_own_work_is_told_apart_from_waiting():
    from benchmarks.heartbeat import Heartbeat

    heart = Heartbeat.__new__(Heartbeat)
    heart.beats, heart.worked = [0.0, 0.3, 0.32, 0.9], [0.0, 0.01, 0.02, 0.5]
    assert heart.largest_gap(0.0, 0.32) == pytest.approx(580)  # the beat after it came late
    assert heart.largest_work(0.0, 0.32) == pytest.approx(10)
    assert heart.largest_work(0.0, 1.0) == pytest.approx(480)
