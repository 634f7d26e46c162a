"""The benchmark of looking inside measures what it says."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _beside_the_package(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent.parent))


def test_passes_are_timed_with_and_without_recording():
    from benchmarks.explain import recording

    seconds = recording(side=32, rounds=2, preset="small")
    assert set(seconds) == {"plain", "recorded", "after"}
    assert all(len(values) == 2 and min(values) > 0 for values in seconds.values())


def test_a_recording_that_changes_the_answer_is_not_timed(monkeypatch):
    import torch

    from benchmarks import explain

    monkeypatch.setattr(torch, "equal", lambda a, b: False)
    with pytest.raises(AssertionError, match="changed the answer"):
        explain.recording(side=32, rounds=1, preset="small")


def test_overlays_are_counted_in_passes(monkeypatch):
    from benchmarks import explain

    monkeypatch.setitem(explain._SIDE, 2, 32)
    segmenter, view = explain.segmenter_of("gladnet", 2)
    passes = explain.costs(segmenter, view, ["uncertainty", "spatial"])
    assert set(passes) == {"plain", "uncertainty", "attention: spatial"}
    assert passes["plain"] == 1


def test_blending_is_timed_beside_its_windows(monkeypatch):
    from benchmarks import explain

    monkeypatch.setitem(explain._SIDE, 2, 64)
    seconds = explain.blending(side=64, rounds=1)
    assert set(seconds) == {"windows", "blended", "a part"}
    assert 0 < seconds["a part"][0] < seconds["windows"][0]
