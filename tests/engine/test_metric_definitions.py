"""The definitions of docs/metrics.md, held by slow versions of them, and what others do instead."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from napari_medseg.engine.evaluation_statistics import CASES_FOR_INTERVAL, RESAMPLES, SEED
from napari_medseg.engine.lesions import LesionRule
from napari_medseg.engine.metric_table import METRICS
from napari_medseg.engine.metrics import score

DOCUMENT = Path(__file__).parents[2] / "docs" / "metrics.md"
SPACING = (2.5, 0.8, 1.1)


def directed(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Distances of the surface of one mask to that of the other, by erosion and transform."""
    surfaces = [mask & ~ndimage.binary_erosion(mask) for mask in (ours, theirs)]
    return ndimage.distance_transform_edt(~surfaces[1], sampling=SPACING)[surfaces[0]]


@pytest.fixture(params=range(4))
def pair(request):
    random = np.random.default_rng(request.param)
    smooth = [ndimage.gaussian_filter(random.standard_normal((9, 22, 20)), 2) for _ in range(2)]
    return smooth[0] > 0.03, smooth[0] + 0.4 * smooth[1] > 0.03


def test_surface_metrics_follow_their_formulas(pair):
    there, back = directed(*pair), directed(*pair[::-1])
    every = np.concatenate([there, back])
    ours = score(*pair, spacing=SPACING, tolerance=1.2)
    assert ours.hd95 == pytest.approx(max(np.percentile(there, 95), np.percentile(back, 95)))
    assert ours.assd == pytest.approx(every.mean())
    assert ours.nsd == pytest.approx((every <= 1.2).mean())


def test_the_percentile_of_one_list_is_never_above_ours_by_more_than_a_step(pair):
    there, back = directed(*pair), directed(*pair[::-1])
    every = np.sort(np.concatenate([there, back]))
    ours, theirs = score(*pair, spacing=SPACING).hd95, np.percentile(every, 95)
    assert theirs <= ours + np.diff(every).max()


def test_the_mean_of_two_directed_means_is_another_number(pair):
    there, back = directed(*pair), directed(*pair[::-1])
    ours = score(*pair, spacing=SPACING).assd
    assert min(there.mean(), back.mean()) <= ours <= max(there.mean(), back.mean())
    assert ours != pytest.approx((there.mean() + back.mean()) / 2, rel=1e-6)


def test_the_document_says_the_empty_sides_as_they_are():
    """Every row of its first table: the value where neither side, and where one side has any."""
    empty, full = np.zeros((4, 5, 6), bool), np.zeros((4, 5, 6), bool)
    full[1:3, 2, 3] = True
    cells = {row[0].split(",")[0]: row for row in rows()}
    neither = score(empty, empty, spacing=SPACING, lesions=LesionRule())
    sides = [
        score(*p, spacing=SPACING, lesions=LesionRule()) for p in ((empty, full), (full, empty))
    ]
    diagonal = float(np.linalg.norm(np.multiply(full.shape, SPACING)))
    values = {"0": 0.0, "1": 1.0, "diagonal of the image": diagonal}
    for name, metric in METRICS.items():
        title = "found" if metric.kind == "count" else metric.title
        _, _, if_neither, if_one = cells[title]
        if if_neither == "no value":
            assert np.isnan(neither.number(name))
            assert all(np.isnan(side.number(name)) for side in sides)
        else:
            assert neither.number(name) == values[if_neither]
        if if_one in values:
            assert [side.number(name) for side in sides] == [pytest.approx(values[if_one])] * 2


def rows() -> list[list[str]]:
    lines = DOCUMENT.read_text(encoding="utf-8").splitlines()
    start = lines.index("| metric | formula | neither side has any | one side has none |") + 2
    table = lines[start : lines.index("", start)]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def test_the_document_names_every_metric_and_every_default():
    text = DOCUMENT.read_text(encoding="utf-8")
    named = " ".join(row[0] for row in rows())
    for metric in METRICS.values():
        assert metric.title in named
    assert f"{RESAMPLES} draws" in " ".join(text.split())
    assert f"seed {SEED}" in text
    assert CASES_FOR_INTERVAL == 6
    assert f"`--lesion-iou` ({LesionRule().iou:g};" in text
