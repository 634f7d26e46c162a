"""Lesions matched one to one: against a slow oracle, and what is said of edge cases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_medseg.engine.lesions import NO_LESIONS, LesionRule, LesionScores, score_lesions


def scattered(shape, seed, part):
    """Two masks of specks of which many overlap."""
    random = np.random.default_rng(seed)
    a, b, c = (random.random(shape) for _ in range(3))
    return (a < part) | (b < part / 3), (a < part) | (c < part / 3)


def oracle(prediction, truth, iou, smallest, rank) -> tuple[int, int, int, float]:
    """Count found, missed and extra lesions and sum Dice, set by set."""
    structure = ndimage.generate_binary_structure(truth.ndim, rank)

    def objects(mask):
        numbers, count = ndimage.label(mask, structure)
        return [set(zip(*np.nonzero(numbers == n), strict=True)) for n in range(1, count + 1)]

    ours, theirs = objects(prediction), objects(truth)
    pairs = [
        (len(b) < smallest, -len(a & b) / len(a | b), i, j)
        for i, a in enumerate(ours)
        for j, b in enumerate(theirs)
        if a & b and len(a & b) / len(a | b) >= iou
    ]
    partner = {}
    for _, _, i, j in sorted(pairs):
        if i not in partner.values() and j not in partner:
            partner[j] = i
    found = [j for j in partner if len(theirs[j]) >= smallest]
    missed = [j for j, b in enumerate(theirs) if len(b) >= smallest and j not in partner]
    extra = [i for i, a in enumerate(ours) if len(a) >= smallest and i not in partner.values()]
    dices = [
        2 * len(ours[partner[j]] & theirs[j]) / (len(ours[partner[j]]) + len(theirs[j]))
        for j in found
    ]
    return len(found), len(missed), len(extra), sum(dices)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    shape=st.sampled_from([(9, 11), (14, 13), (3, 6, 7), (6, 5, 8)]),
    part=st.floats(0.03, 0.4),
    iou=st.sampled_from([0.0, 0.1, 0.25, 0.5]),
    smallest=st.sampled_from([0, 2, 4]),
    touching=st.sampled_from(["corners", "faces"]),
)
def test_counts_equal_a_slow_oracle(seed, shape, part, iou, smallest, touching):
    prediction, truth = scattered(shape, seed, part)
    spacing = (2.5, 0.7, 0.3)[-len(shape) :]
    rule = LesionRule(iou=iou, smallest=smallest * float(np.prod(spacing)), touching=touching)
    found, missed, extra, overlap = oracle(
        prediction, truth, iou, smallest, len(shape) if touching == "corners" else 1
    )
    result = score_lesions(prediction, truth, rule, spacing=spacing)
    assert (result.found, result.missed, result.extra) == (found, missed, extra)
    assert result.overlap == pytest.approx(overlap)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), part=st.floats(0.03, 0.4))
def test_swapping_the_two_swaps_missed_and_extra(seed, part):
    a, b = scattered((7, 8, 6), seed, part)
    there, back = score_lesions(a, b), score_lesions(b, a)
    assert there.found + there.missed == back.found + back.extra
    assert there.found + there.extra == back.found + back.missed
    same = score_lesions(a, a)
    assert (same.f1, same.missed, same.extra) == (1, 0, 0)
    assert same.dice == 1 or not a.any()


def row(*values):
    return np.array([values]) > 0


def test_a_lesion_found_in_two_pieces_is_found_once_and_one_piece_is_extra():
    truth = row(0, 1, 1, 1, 1, 1, 1, 0)
    prediction = row(0, 1, 1, 1, 0, 1, 1, 0)
    result = score_lesions(prediction, truth)
    assert (result.found, result.missed, result.extra) == (1, 0, 1)
    assert result.dice == pytest.approx(2 * 3 / (3 + 6))
    assert result.precision == 0.5


def test_two_lesions_under_one_mark_are_one_found_and_one_missed():
    result = score_lesions(row(1, 1, 1, 1, 1, 1), row(1, 1, 0, 1, 1, 1))
    assert (result.found, result.missed, result.extra) == (1, 1, 0)
    assert result.sensitivity == 0.5


def test_an_overlap_below_the_rule_finds_nothing():
    truth, prediction = row(1, 1, 1, 1, 1, 0, 0, 0, 0), row(0, 0, 0, 0, 1, 1, 1, 1, 1)
    assert score_lesions(prediction, truth, LesionRule(iou=1 / 9)).found == 1
    barely = score_lesions(prediction, truth, LesionRule(iou=0.12))
    assert (barely.found, barely.missed, barely.extra) == (0, 1, 1)
    assert np.isnan(barely.dice)
    assert barely.f1 == 0
    assert score_lesions(prediction, truth, LesionRule(iou=0)).found == 1


def test_small_lesions_count_neither_way():
    truth = row(1, 0, 1, 1, 1, 0, 0, 0, 0)
    prediction = row(1, 0, 0, 1, 0, 0, 1, 0, 0)
    rule = LesionRule(smallest=2 * 0.5)
    result = score_lesions(prediction, truth, rule, spacing=(1, 0.5))
    # the small true one and its mark count for nothing; a small mark may still find a large one
    assert (result.found, result.missed, result.extra) == (1, 0, 0)
    all_counted = score_lesions(prediction, truth, spacing=(1, 0.5))
    assert (all_counted.found, all_counted.missed, all_counted.extra) == (2, 0, 1)


def test_touching_by_corners_makes_one_lesion_of_two():
    diagonal = np.eye(3, dtype=bool)
    assert score_lesions(diagonal, diagonal).found == 1
    assert score_lesions(diagonal, diagonal, LesionRule(touching="faces")).found == 3


def test_no_lesion_at_all_is_right_and_one_side_empty_is_wrong():
    empty, full = np.zeros((4, 4), bool), np.eye(4, dtype=bool)
    none = score_lesions(empty, empty)
    assert none == NO_LESIONS
    assert (none.f1, none.sensitivity, none.precision) == (1, 1, 1)
    missed, extra = score_lesions(empty, full), score_lesions(full, empty)
    assert (missed.f1, missed.sensitivity, missed.precision) == (0, 0, 0)
    assert (extra.f1, extra.sensitivity, extra.precision) == (0, 0, 0)
    assert np.isnan(missed.dice)
    assert np.isnan(extra.dice)


def test_pooling_adds_lesions():
    pooled = LesionScores(2, 1, 0, 1.5) + LesionScores(1, 0, 3, 0.9)
    assert pooled == LesionScores(3, 1, 3, 2.4)
    assert pooled.dice == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("values", "words"),
    [({"iou": 1.5}, "from 0 to 1"), ({"smallest": -1}, "0 mm³"), ({"touching": "x"}, "choose")],
)
def test_a_rule_that_makes_no_sense_is_refused(values, words):
    with pytest.raises(ValueError, match=words):
        LesionRule(**values)


def test_the_rule_says_itself_in_words():
    assert "26 neighbours" in LesionRule().words()
    assert "4 neighbours" in LesionRule(touching="faces").words(dims=2)
    assert "smaller than 3 mm²" in LesionRule(smallest=3).words(dims=2)
    assert "at least one voxel" in LesionRule(iou=0).words()
