"""What the window of evaluation says and shows in cells, as words and numbers without a window."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels
from qtpy.QtCore import QModelIndex, Qt
from qtpy.QtGui import QColor

from napari_medseg.engine.card import LabelClass
from napari_medseg.engine.differences import BOTH, MISSED, TOO_MUCH
from napari_medseg.engine.evaluate import evaluate_volumes
from napari_medseg.engine.lesions import LesionRule
from napari_medseg.progress import Cancelled
from napari_medseg.volume import Volume
from napari_medseg.widgets.classes.class_list import rename_class, set_classes
from napari_medseg.widgets.evaluate.preflight import Preflight, preflight
from napari_medseg.widgets.evaluate.request import EvaluationRequest, evaluated, places
from napari_medseg.widgets.evaluate.rows import CaseRows, SummaryRows, summary_of
from napari_medseg.widgets.evaluate.saving import save_report
from napari_medseg.widgets.evaluate.watch import Watch
from napari_medseg.widgets.evaluate.words import compared_words, legend_words
from napari_medseg.widgets.evaluate.wrong import Wrong, find_wrong
from napari_medseg.widgets.evaluate.wrong_layers import WrongLayers
from napari_medseg.widgets.layers import apply_edit

GRID = {"scale": (2.0, 0.5, 0.5), "units": "mm"}
ROLE = Qt.ItemDataRole


@pytest.fixture
def answer(volumes):
    return evaluated(EvaluationRequest(*volumes, {1: "liver", 3: "cyst"}, {1: "#123456"}))


def cells(model, role):
    return [
        [model.index(row, column).data(role) for column in range(model.columnCount())]
        for row in range(model.rowCount())
    ]


def test_one_line_says_what_the_numbers_are_of_and_what_changed_since_comes_first(answer):
    ready, missing = Preflight("1 case: b against a"), Preflight("")
    said = "model against hand · 1 case · 2 classes · tolerance 1 mm"
    assert compared_words(answer, "", ready) == said
    assert compared_words(answer, "Changed since", ready) == (
        f"1 case: b against a (Changed since; shown: {said})"
    )
    assert compared_words(answer, "Changed since", missing) == f"Changed since. {said}"
    two = replace(
        answer.evaluation,
        cases=(*answer.evaluation.cases, *(replace(c, case="b") for c in answer.evaluation.cases)),
        classes={1: "liver"},
        tolerance=2.5,
        missing=("c", "d"),
        unmatched=("e",),
        failed={"f": "f is damaged"},
    )
    assert compared_words(replace(answer, evaluation=two), "", ready) == (
        "model against hand · 2 cases · 1 class · tolerance 2.5 mm · 3 without a partner left out"
        " · 1 could not be scored"
    )


def test_the_legend_counts_each_colour(answer):
    words = legend_words({BOTH: 12345, TOO_MUCH: 30, MISSED: 0})
    for part in ("right 12,345", "too much 30", "missed 0", "#d55e00", "#56b4e9", "#b0b0b0'"):
        assert part in words


def test_what_cannot_be_compared_is_said_before_it_is_pressed(folders, volumes, tmp_path):
    truth, judged = folders
    for name in ("x.nii.gz", "y.nii.gz", "z.nii.gz", "w.nii.gz"):
        (judged / name).write_bytes((judged / "case_1.nii.gz").read_bytes())
    found = preflight(judged, truth, resample=False)
    assert "4 labels to judge without a partner: w, x, y, …" in found.words
    assert "left out: 4 (w, x, y, z)" in found.more
    assert found.why_not == ""
    away = volumes[0].affine.copy()
    away[0, 3] += 1e4
    far = replace(volumes[0], affine=away)
    for resample in (False, True):  # resampling does not help where nothing overlaps
        assert "cannot be compared" in preflight(far, volumes[1], resample=resample).words


def test_what_would_be_compared_is_looked_at_without_its_values(true_labels):
    layer = Labels(true_labels, name="hand", **GRID)
    first, second = places(layer, layer)
    assert (first.name, first.shape, first.spacing) == ("hand", (8, 20, 24), (2.0, 0.5, 0.5))
    assert not np.shares_memory(first.array, true_labels)
    assert not first.array.any()
    assert preflight(first, second, resample=False).words == "1 case: hand against hand"


def test_every_number_of_both_tables_says_what_it_is_and_stands_to_the_right(answer, qapp):
    rows, over = CaseRows(), SummaryRows()
    evaluation = answer.evaluation
    rows.show_evaluation(evaluation, {1: "#ff0000"})
    over.show_evaluation(evaluation, {1: "#ff0000"}, summary_of(evaluation))
    for model in (rows, over):
        words = len(model.first)
        assert all(all(line) for line in cells(model, ROLE.ToolTipRole))
        sides = cells(model, ROLE.TextAlignmentRole)[0]
        assert sides[:words] == [None] * words
        assert all(int(side) & int(Qt.AlignmentFlag.AlignRight) for side in sides[words:])
        for column in range(model.columnCount()):
            across, up = Qt.Orientation.Horizontal, Qt.Orientation.Vertical
            assert model.headerData(column, across, ROLE.ToolTipRole)
            assert model.headerData(column, across, ROLE.DecorationRole) is None
            assert model.headerData(column, up) is None
        assert model.data(QModelIndex()) is None
        assert model.rowCount(model.index(0, 0)) == model.columnCount(model.index(0, 0)) == 0
        lines = model.as_text(list(range(model.rowCount()))).split("\n")
        assert {line.count("\t") for line in lines} == {model.columnCount() - 1}
    icons = cells(rows, ROLE.DecorationRole)
    pixel = icons[0][1].pixmap(16).toImage().pixelColor(8, 8)
    assert pixel == QColor("#ff0000")
    assert icons[1][1] is None  # a class without a colour
    assert {icon for line in icons for i, icon in enumerate(line) if i != 1} == {None}


def test_numbers_over_several_cases_have_a_line_each_and_every_line_is_explained(answer, qapp):
    first = answer.evaluation
    several = replace(
        first, cases=tuple(replace(c, case=f"case {i}") for i in range(7) for c in first.cases)
    )
    rows = summary_of(several)
    kinds = ["mean", "95 % interval", "median", "quartiles", "range", "pooled"]
    assert [what for value, what, _ in rows if value == 1] == kinds
    assert rows[-1][:2] == (None, "mean")
    assert [value for value, what, _ in rows if what == "mean"] == [1, 3, None]
    over = SummaryRows()
    over.show_evaluation(several, {}, rows)
    tips = [over.index(row, 1).data(ROLE.ToolTipRole) for row in range(len(kinds))]
    assert len(set(tips)) == len(kinds)
    assert "one image" in tips[-1]
    alone = replace(first, classes={1: "liver"}, cases=first.of_class(1))
    assert None not in {value for value, *_ in summary_of(alone)}  # the mean of one is itself


@pytest.mark.parametrize("name", ["A.HTML", "a.Csv", "a.json"])
def test_endings_in_capitals_are_endings(answer, tmp_path, name):
    assert save_report(answer.evaluation, tmp_path / name).stat().st_size > 100


class Counter:
    def __init__(self):
        self.times = 0

    def count(self):
        self.times += 1


def test_whatever_happens_to_a_compared_layer_is_told_until_it_is_let_go(true_labels):
    first, second = Labels(true_labels.copy()), Labels(true_labels.copy())
    set_classes(first, [LabelClass(value=1, name="liver")])
    counters = [Counter()]
    watch = Watch(counters[0].count)

    def told(act):
        before = counters[0].times
        act()
        return counters[0].times > before

    def brush():
        edited = np.full((1, 2, 2), int(first.data[0, 0, 0]) + 1, np.uint8)
        apply_edit(first, edited, "Brush", box=np.s_[0:1, 0:2, 0:2])

    def replaced():
        first.data = first.data.copy()

    acts = (brush, first.undo, first.redo, replaced, lambda: rename_class(first, 1, "lobe"))
    assert not any(told(act) for act in acts)
    watch.follow([first])
    assert [told(act) for act in (brush, first.undo, first.redo)] == [True] * 3
    assert told(replaced)
    assert told(lambda: rename_class(first, 1, "liver"))
    assert not told(lambda: apply_edit(second, np.ones((8, 20, 24), np.uint8), "Brush"))
    watch.follow([second])
    assert not told(brush)
    watch.stop()
    watch.stop()
    assert not told(lambda: apply_edit(second, np.zeros((8, 20, 24), np.uint8), "Brush"))
    watch.follow([first])
    counters.clear()  # held weakly: nobody is told, nothing breaks
    brush()
    del watch
    brush()
    assert first.data[0, 0, 0] > 1


def test_a_search_for_what_is_wrong_is_cancelled_between_files(folders):
    truth, judged = folders
    asked = EvaluationRequest(judged, truth, {}, {})
    case = evaluated(asked).evaluation.cases[0]
    steps = []

    def stop_at(number):
        def report(step):
            steps.append(step.done)
            if step.done == number:
                raise Cancelled

        return report

    for number in range(3):
        steps.clear()
        with pytest.raises(Cancelled):
            find_wrong(asked, case, stop_at(number))
        assert steps == list(range(number + 1))
    with pytest.raises(ValueError, match="evaluate again"):
        find_wrong(asked, replace(case, truth=None))


def test_colours_nobody_gave_are_told_apart_from_those_somebody_gave(answer):
    assert answer.colours[1] == "#123456"
    assert answer.colours[3] not in ("#123456", "")
    assert sorted(answer.colours) == sorted(answer.evaluation.classes)


@pytest.fixture
def series():
    """A film of two volumes, the second of which is wrong in slices 1 and 2."""
    truth = np.zeros((2, 4, 8, 10), np.uint8)
    truth[:, 1:3, 2:6, 2:6] = 1
    judged = truth.copy()
    judged[1, 2, 2:6, 2:9] = 1
    judged[1, 1, 2, 2] = 0
    viewer = ViewerModel()
    layers = [
        viewer.add_labels(values, name=name, scale=(1, 2, 1, 1), units=("pixel", "mm", "mm", "mm"))
        for values, name in ((truth, "hand"), (judged, "model"))
    ]
    return viewer, *layers


def test_the_differences_of_a_film_lie_at_its_time_and_replace_those_before(series):
    viewer, truth, judged = series
    pair = [Volume(x.data[1][None], (2.0, 1.0, 1.0), name=x.name) for x in (judged, truth)]
    asked = EvaluationRequest(*pair, {1: "liver"}, {}, step=(1,))
    wrong = find_wrong(asked, evaluate_volumes(*pair, classes={1: "liver"}).cases[0])
    shown = WrongLayers(viewer)
    assert shown.difference is None
    active = viewer.layers.selection.active
    layer = shown.show(wrong, truth, (1,))
    assert layer.data.shape == (1, 4, 8, 10)
    assert viewer.dims.current_step[:2] == (1, 2)  # the time and the slice that is most wrong
    np.testing.assert_array_equal(
        layer.data_to_world((0, 2, 3, 4)), truth.data_to_world((1, 2, 3, 4))
    )
    assert viewer.layers.selection.active is active
    assert viewer.layers[-1] is layer  # over what it is about
    assert [int(np.count_nonzero(layer.data == kind)) for kind in (TOO_MUCH, MISSED)] == [12, 1]
    again = shown.show(wrong, truth, (1,))
    assert again is not layer
    assert len(viewer.layers) == 3
    viewer.layers.remove(again)  # a person may do that
    assert shown.difference is None
    assert shown.show(wrong, truth, (1,)) in viewer.layers
    viewer.layers.clear()
    lonely = shown.show(wrong)  # no file and no layer to lie on: it is shown all the same
    assert list(viewer.layers) == [lonely]


def test_the_place_to_go_to_lies_in_what_is_wrong_along_every_axis(volumes, answer):
    score = answer.evaluation.cases[0]
    random = np.random.default_rng(0)
    for _ in range(5):
        values = np.zeros((6, 7, 8), np.uint8)
        start = [int(random.integers(0, n - 2)) for n in values.shape]
        box = tuple(slice(s, s + 2) for s in start)
        values[box] = MISSED
        values[0, 0, 0] = BOTH
        wrong = Wrong(score, values, {}, *volumes)
        for axis in range(3):
            centre, around = wrong.place(axis)
            assert values[centre] == MISSED
            assert around[axis].stop - around[axis].start == 1
            assert all(a.start <= c < a.stop for a, c in zip(around, centre, strict=True))


def test_lesions_are_counted_only_when_asked_and_nan_is_shown_as_a_dash(volumes, qapp):
    plain = evaluate_volumes(*volumes)
    counted = evaluate_volumes(*volumes, lesions=LesionRule())
    assert {m.name for m in plain.metrics} < {m.name for m in counted.metrics}
    assert not any(m.lesion for m in plain.metrics)
    rows = CaseRows()
    rows.show_evaluation(plain, {})
    hd95 = rows.index(1, rows.column_of("hd95"))
    assert math.isnan(plain.cases[1].number("hd95")) == (hd95.data() == "–")
