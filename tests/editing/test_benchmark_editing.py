"""The benchmark's usual ways answer what the tools answer: it compares like with like."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_medseg.editing.tool import Scene, apply
from napari_medseg.editing.tools import TOOLS

CLOSE = ("smooth", "interpolate", "interpolate_all", "smooth_all")  # up to rounding at the edge
OTHER = ("split", "cut", "move_clicked")  # parted elsewhere; removed instead of moved


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent.parent.parent))
    from benchmarks import editing

    return editing


@pytest.fixture
def scene(bench):
    labels = np.zeros((28, 44, 44), np.uint8)
    z, y, x = np.ogrid[:28, :44, :44]
    labels[(z - 14) ** 2 / 81 + (y - 16) ** 2 / 150 + (x - 16) ** 2 / 130 < 1] = 1
    labels[(z - 14) ** 2 / 60 + (y - 30) ** 2 / 90 + (x - 30) ** 2 / 90 < 1] = 3
    labels[14, 16:18, 18:20], labels[2, 40, 3], labels[20:23, 3:9, 36:40] = 0, 1, 1
    return Scene(
        labels=labels,
        image=bench.grey_values(labels),
        spacing=bench.SPACING,
        label=1,
        points=((14, 12, 14), (14, 20, 18)),
        index=14,
        box=tuple(slice(4, n - 14) for n in labels.shape),
    )


def test_the_usual_ways_answer_the_same(bench, scene):
    rows = [row for row in bench.ROWS if row.usual and row.tool not in OTHER]
    assert len(rows) > 20
    for row in rows:
        tool = TOOLS[row.tool]
        here = bench._painted(scene, row)
        found, usual = apply(tool, here, tool.options(**row.options)), row.usual(here)
        different = (found != usual) & (here.labels != 3)  # the usual way leaves others out
        allowed = 0.05 * (here.labels == 1).sum() if row.tool in CLOSE else 0
        assert different.sum() <= allowed, row


def test_every_tool_has_a_line(bench):
    assert {row.tool for row in bench.ROWS} == set(TOOLS)


def test_the_strokes_are_undone(bench):
    labels = np.zeros((200, 512, 512), np.uint8)  # takes memory only where it is written
    assert len(bench.strokes_on_arrays(labels, rounds=2)) == 2
    assert not labels[80:130, 200:350].any()
