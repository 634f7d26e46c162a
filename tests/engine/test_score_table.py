"""Scores of a card as tables."""

from __future__ import annotations

import pytest

from napari_medseg.engine.card import LabelClass, ModelCard
from napari_medseg.engine.score_table import MEAN, metric_words, score_tables, score_text


def card(scores, *names):
    names = names or ("a", "b")
    return ModelCard(
        name="m",
        architecture="lgmsnet",
        config={"spatial_dims": 2, "num_classes": len(names) + 1},
        classes=tuple(LabelClass(value=v, name=n) for v, n in enumerate(names, 1)),
        scores=scores,
    )


def test_scores_become_a_row_per_class_and_a_column_per_metric():
    (table,) = score_tables(
        card(
            {
                "test Dice, b": 0.8,
                "test Dice, a": 0.9,
                "test HD95 in mm, a": 1.36,
                "test Dice, mean": 0.85,
            }
        )
    )
    assert "never saw" in table.title
    assert table.columns == ["Dice", "HD95 (mm)"]
    assert table.rows == {
        "a": {"Dice": 0.9, "HD95 (mm)": 1.36},
        "b": {"Dice": 0.8},
        MEAN: {"Dice": 0.85},
    }
    assert list(table.rows) == ["a", "b", MEAN]


def test_unseen_cases_come_before_those_that_chose_the_training():
    tables = score_tables(card({"validation epoch": 16, "validation Dice, a": 0.7, "Dice, a": 0.6}))
    assert [list(table.rows) for table in tables] == [["a"], ["a"]]
    assert "As its card says" in tables[0].title
    assert tables[1].others == {"best round": "16"}


@pytest.mark.parametrize(
    ("value", "rows"),
    [
        ({"a": 0.7, "b": 0.8}, {"a": {"Dice": 0.7}, "b": {"Dice": 0.8}}),
        ([0.7, 0.8], {"a": {"Dice": 0.7}, "b": {"Dice": 0.8}}),
        ({"mean": 0.75}, {MEAN: {"Dice": 0.75}}),
        (0.75, {MEAN: {"Dice": 0.75}}),
    ],
)
def test_scores_of_all_classes_at_once_are_taken_apart(value, rows):
    assert score_tables(card({"test Dice": value}))[0].rows == rows


def test_a_score_without_class_is_that_of_the_only_class():
    assert score_tables(card({"Dice": 0.5}, "polyp"))[0].rows == {"polyp": {"Dice": 0.5}}


def test_what_is_no_score_of_a_class_is_shown_as_it_is():
    (table,) = score_tables(
        card({"test cases": 40, "test Dice, liver": 0.9, "note": "by hand", "": 1})
    )[:1]
    assert table.others == {"cases": "40", "Dice, liver": "0.90"}
    assert not table.rows
    assert score_tables(card({})) == []


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        ("Dice", 0.8937, "0.89"),
        ("HD95 (mm)", 1.366, "1.4"),
        ("HD95 (pixels)", 37.28, "37.3"),
        ("epoch", 16, "16"),
        ("note", "by hand", "by hand"),
    ],
)
def test_a_number_has_the_digits_it_means(column, value, text):
    assert score_text(column, value) == text


def test_metrics_are_explained_with_their_unit_left_out():
    assert "outlines" in metric_words("HD95 (mm)")
    assert metric_words("dice") == metric_words("Dice") != ""
    assert metric_words("magic") == ""
