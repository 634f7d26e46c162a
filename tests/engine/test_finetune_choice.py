"""Which mix of old and new weights is taken."""

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medseg.engine.finetune_choice import MARGIN, choose, sweep_rows
from napari_medseg.engine.finetune_scores import ClassScore, from_plain, mean_dice, plain


def scored(*dice):
    return [(ClassScore(1, "one", d, 2.0),) for d in dice]


def rows(cases, guards=None):
    alphas = [0.0, 0.5, 1.0]
    swept = {a: scored(d) for a, d in zip(alphas, cases, strict=True)}
    kept = {} if guards is None else {a: scored(d) for a, d in zip(alphas, guards, strict=True)}
    return sweep_rows(swept, kept)


@pytest.mark.parametrize(
    ("cases", "guards", "alpha"),
    [
        ((0.5, 0.6, 0.7), None, 1.0),
        ((0.5, 0.7, 0.6), None, 0.5),
        ((0.5, 0.5, 0.4), None, 0.0),
        ((0.5, 0.7, 0.7), None, 0.5),
        ((0.5, 0.6, 0.9), (0.8, 0.8, 0.7), 0.5),
        ((0.5, 0.6, 0.9), (0.8, 0.795, 0.795), 1.0),
        ((0.5, 0.6, 0.9), (0.8, 0.796, 0.794), 0.5),  # within a point, not within its half
        ((0.5, 0.6, 0.9), (0.8, 0.7, 0.7), 0.0),
    ],
)
def test_the_largest_gain_that_forgets_at_most_half_a_point_is_taken(cases, guards, alpha):
    assert choose(rows(cases, guards), forgetting=0.01) == alpha


def test_rows_tell_gain_and_loss_against_the_old_model():
    first, _, last = rows((0.5, 0.6, 0.9), (0.8, 0.7, 0.75))
    assert (first.gain, first.forgotten) == (0, 0)
    assert last.gain == pytest.approx(0.4)
    assert last.forgotten == pytest.approx(0.05)
    assert rows((0.5, 0.6, 0.9))[2].forgotten is None


def test_the_mean_is_over_classes_then_cases():
    cases = [(ClassScore(1, "a", 0.2, 0), ClassScore(2, "b", 0.4, 0)), *scored(0.9)[:0]]
    assert mean_dice(cases) == pytest.approx(0.3)
    assert math.isnan(mean_dice([]))


def test_scores_come_back_from_plain_values():
    cases = scored(0.25, 1.0)
    assert from_plain(plain(cases)) == cases


three = st.tuples(*[st.floats(0, 1)] * 3)


@settings(max_examples=60, deadline=None)
@given(three, three, st.floats(0, 0.5))
def test_the_choice_never_loses_nor_forgets_more_than_allowed(cases, guards, forgetting):
    found = rows(cases, guards)
    chosen = next(row for row in found if row.alpha == choose(found, forgetting))
    assert chosen.gain >= 0
    assert chosen.forgotten <= (1 - MARGIN) * forgetting + 1e-9
    better = [row for row in found if row.gain > chosen.gain + 1e-9]
    assert all(row.forgotten > (1 - MARGIN) * forgetting for row in better)


@settings(max_examples=40, deadline=None)
@given(three, three)
def test_who_may_forget_more_never_gains_less(cases, guards):
    found = rows(cases, guards)
    gain = {row.alpha: row.gain for row in found}
    chosen = [gain[choose(found, forgetting)] for forgetting in (0.0, 0.01, 0.1, 1.0)]
    assert all(a <= b + 1e-9 for a, b in itertools.pairwise(chosen))


def test_without_any_row_the_old_model_stays():
    assert choose((), 0.01) == 0
