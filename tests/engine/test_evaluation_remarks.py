"""What is said beside the numbers, and the table: sentences, rows, plurals."""

from __future__ import annotations

import re

import numpy as np
import pytest

from napari_medseg.engine.evaluate import evaluate_volumes
from napari_medseg.engine.evaluation import CaseScore, Evaluation
from napari_medseg.engine.evaluation_html import page
from napari_medseg.engine.evaluation_remarks import listed
from napari_medseg.engine.evaluation_svg import box_plot
from napari_medseg.engine.evaluation_table import class_label, class_rows, conventions
from napari_medseg.engine.lesions import LesionRule
from napari_medseg.engine.metric_table import METRICS
from napari_medseg.engine.metrics import score

SQUARE = np.zeros((6, 6), np.uint8)
SQUARE[1:4, 1:4] = 1
EMPTY = np.zeros_like(SQUARE)


def evaluation(pairs=((SQUARE, SQUARE),), unit="mm", lesions=None, **fields) -> Evaluation:
    """Return an evaluation of class 1 of 2D cases, given as (prediction, truth)."""
    cases = tuple(
        CaseScore(f"c{i}", 1, "nodule", unit, score(*pair, lesions=lesions), 2)
        for i, pair in enumerate(pairs)
    )
    return Evaluation(cases, {1: "nodule"}, 1.0, lesions, **fields)


def said(found: Evaluation, words: str) -> list[str]:
    return [line for line in found.remarks() if words in line]


def test_an_ordinary_evaluation_has_nothing_to_remark():
    assert evaluation().remarks() == []


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        (((EMPTY, EMPTY), (SQUARE, SQUARE)), "in 1 case neither side has any (Dice 1"),
        (((EMPTY, SQUARE), (SQUARE, SQUARE)), "in 1 case the prediction has none (Dice 0"),
        (((SQUARE, EMPTY),) * 2, "in 2 cases the truth has none"),
    ],
)
def test_empty_sides_are_counted(pairs, words):
    (line,) = said(evaluation(pairs), words)
    assert line.startswith("nodule: ")


def test_a_class_of_one_side_only_is_a_warning_and_one_that_varies_is_none():
    assert said(evaluation(((SQUARE, EMPTY), (EMPTY, EMPTY))), "only predictions have the value 1")
    assert said(evaluation(((EMPTY, SQUARE),)), "only truths have the value 1")
    mixed = evaluation(((SQUARE, EMPTY), (EMPTY, SQUARE)))
    assert not said(mixed, "only predictions")
    assert not said(mixed, "only truths")
    assert not said(evaluation(((EMPTY, EMPTY),)), "only")


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"missing": ("a", "b")}, "Truth without a prediction, not scored: 2 (a, b)."),
        ({"unmatched": ("a",)}, "Predictions without a truth, not scored: 1 (a)."),
        ({"failed": {"c7": "it is damaged"}}, "c7 is left out: it is damaged."),
        ({"unscored": (3, 5)}, "not asked for, not scored: 2 (3, 5)."),
        ({"resampled": ("c0",)}, "put onto that of their truth (nearest label): 1 (c0)."),
        ({"unknown": (1,), "named_by": "dataset.json"}, "dataset.json does not name: 1 (1)."),
        ({"notes": ("c0: cut off",)}, "c0: cut off"),
        ({"unit": "px"}, "lengths are in pixels"),
    ],
)
def test_what_a_reader_must_know_stands_in_table_and_page(fields, sentence):
    found = evaluation(**fields)
    assert len(said(found, sentence)) == 1
    assert sentence in re.sub(r"\s+", " ", found.table())
    assert sentence in page(found)


def test_long_lists_are_cut():
    assert listed(range(3)) == "3 (0, 1, 2)"
    assert listed("abcdefg") == "7 (a, b, c, d, e and 2 more)"
    assert listed("abc", at_most=1) == "3 (a and 2 more)"


def test_one_case_has_a_mean_and_no_spread():
    one, two = evaluation(), evaluation(((SQUARE, SQUARE), (EMPTY, SQUARE)))
    assert list(class_rows(one, 1, (METRICS["dice"],))) == ["mean"]
    rows = class_rows(two, 1, (METRICS["dice"], METRICS["hd95"]))
    assert list(rows) == ["mean", "median", "quartiles", "range", "pooled"]
    assert rows["mean"][0] == "0.5000"
    assert rows["range"][0] == "0.00…1.00"
    assert rows["pooled"] == ["0.6667", ""]  # distances mean nothing of all cases as one
    assert one.table().startswith("1 case\n")
    assert two.table().startswith("2 cases\n")


def test_the_interval_and_its_words_come_with_six_cases():
    few, many = (evaluation(((SQUARE, SQUARE), (EMPTY, SQUARE)) * n) for n in (2, 3))
    assert "95 % interval" not in class_rows(few, 1, (METRICS["dice"],))
    assert "95 % interval" in class_rows(many, 1, (METRICS["dice"],))
    assert not any("bootstrap" in line for line in conventions(few))
    assert any("bootstrap" in line for line in conventions(many))


def test_a_class_without_a_name_is_not_named_twice():
    found = evaluate_volumes(SQUARE, SQUARE)
    assert class_label(found, 1) == "class 1"
    assert class_label(evaluation(), 1) == "1 nodule"


def test_lesions_stand_apart_and_only_where_they_were_counted():
    found = evaluation(lesions=LesionRule(smallest=2.0))
    assert "lesion F1" in found.table()
    assert "Lesions smaller than 2 mm²" in re.sub(r"\s+", " ", found.table())
    assert "Lesion by lesion" in page(found)
    assert "lesion F1" not in evaluation().table()
    assert "Lesion by lesion" not in page(evaluation())


def test_failed_cases_stand_in_the_head_of_the_table():
    assert evaluation(failed={"x": "gone"}).table().startswith("1 case; 1 could not be scored")
    many = evaluation(failed={f"x{i}": "gone" for i in range(30)})
    assert "Left out for reasons like these: 10 (x20" in re.sub(r"\s+", " ", many.table())


def test_the_lines_of_a_table_are_aligned_and_no_note_is_wider_than_a_terminal():
    lines = evaluation(((SQUARE, SQUARE), (EMPTY, SQUARE))).table().splitlines()
    rule = next(i for i, line in enumerate(lines) if set(line) == {"-"})
    block = lines[rule - 1 : lines.index("", rule)]
    assert {len(line) for line in block if "mean" in line or "median" in line} == {len(block[1])}
    assert max(len(line) for line in lines[lines.index("", rule) :]) <= 120


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_every_metric_can_be_drawn_also_where_it_has_no_number(metric):
    for pairs in (((EMPTY, EMPTY),), ((SQUARE, EMPTY), (EMPTY, SQUARE)), ((SQUARE, SQUARE),) * 3):
        drawn = box_plot(evaluation(pairs, lesions=LesionRule()), metric)
        assert "nan" not in drawn
        places = [float(x) for x in re.findall(r'c?x[12]?="([-0-9.]+)"', drawn)]
        assert all(0 <= x <= 560 for x in places)
