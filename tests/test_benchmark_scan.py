"""The scans that the benchmark compares are the same scan."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch


@pytest.fixture(autouse=True)
def _beside_the_package(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent.parent))


@pytest.mark.parametrize("length", [1, 2, 7, 40])
def test_a_blelloch_scan_is_the_loop(length):
    from benchmarks.scan import blelloch, loop

    a, w = torch.rand(2, 3, length, 5, dtype=torch.float64)
    torch.testing.assert_close(blelloch(a, w), loop(a, w))


def test_all_say_the_same_before_they_are_timed():
    from benchmarks.scan import SCANS, compare

    assert set(compare(50, list(SCANS), rounds=1)) == set(SCANS)


def test_a_scan_that_is_wrong_is_not_timed(monkeypatch):
    from benchmarks import scan

    monkeypatch.setitem(scan.SCANS, "loop", lambda *given: 1.01 * scan.bidirectional_scan(*given))
    with pytest.raises(ValueError, match="loop differs from"):
        scan.compare(20, ["ours, ssd", "loop"], rounds=1)
