"""Which mix of old and new weights is taken."""

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medseg.engine.finetune_choice import SweepRow, choose, sweep_rows
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
        ((0.5, 0.6, 0.9), (0.8, 0.79, 0.79), 1.0),
        ((0.5, 0.6, 0.9), (0.8, 0.7, 0.7), 0.0),
    ],
)
def test_the_largest_gain_that_forgets_at_most_a_point_is_taken(cases, guards, alpha):
    assert choose(rows(cases, guards), forgetting=0.01) == alpha


def test_the_fewer_the_guards_and_the_less_they_agree_the_wider_the_margin():
    def row(*lost):
        before, after = scored(*[0.8] * len(lost)), scored(*(0.8 - x for x in lost))
        return sweep_rows({0.0: scored(0.5), 1.0: scored(0.9)}, {0.0: before, 1.0: after})[1]

    assert row(0.005).at_most is None  # one tells nothing of others
    assert row(0.004, 0.006).at_most == pytest.approx(0.005 + 6.314 * 0.001, rel=1e-3)
    assert row(*[0.004, 0.006] * 4).at_most == pytest.approx(0.005 + 1.895 * 0.000378, rel=1e-2)
    apart = [row(0.0, 0.01), row(-0.02, 0.03), row(*[-0.02, 0.03] * 30)]
    assert [r.forgotten for r in apart] == pytest.approx([0.005] * 3)
    chosen = [choose((SweepRow(0.0, 0.5, 0.0), r), 0.012) for r in apart]
    assert chosen == [0.0, 0.0, 1.0]


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
    assert chosen.forgotten <= forgetting + 1e-9
    better = [row for row in found if row.gain > chosen.gain + 1e-9]
    assert all(row.forgotten > forgetting for row in better)


@settings(max_examples=40, deadline=None)
@given(three, three)
def test_who_may_forget_more_never_gains_less(cases, guards):
    found = rows(cases, guards)
    gain = {row.alpha: row.gain for row in found}
    chosen = [gain[choose(found, forgetting)] for forgetting in (0.0, 0.01, 0.1, 1.0)]
    assert all(a <= b + 1e-9 for a, b in itertools.pairwise(chosen))


def test_without_any_row_the_old_model_stays():
    assert choose((), 0.01) == 0
