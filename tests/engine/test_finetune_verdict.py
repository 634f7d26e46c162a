"""What is said about a fine-tuning must be what its numbers say."""

import pytest

from napari_medseg.engine.finetune_verdict import is_measured, scored_at, verdict
from napari_medseg.engine.segmenter import Segmenter


@pytest.fixture
def teacher(tiny_2d):
    return Segmenter.load(tiny_2d, "cpu")


def test_six_held_out_cases_bring_an_interval_and_fewer_a_warning(tuned_from, teacher):
    gains = [(0.6, 0.6 + g) for g in (0.05, 0.1, 0.15, 0.2, 0.25, 0.3)]
    many = verdict(tuned_from(teacher, gains), 1.0)
    assert many.outcome == "better"
    assert many.advisable
    assert "0.600 → 0.775 (+0.175; 95 % interval +0." in many.gained
    assert "6 cases it did not learn from" in many.gained
    few = verdict(tuned_from(teacher, gains[:3]), 1.0)
    assert "interval +" not in few.gained
    assert "can be chance" in few.gained
    one = verdict(tuned_from(teacher, gains[:1]), 1.0)
    assert "One case can be chance" in one.gained
    assert "chosen on this same case" in one.caution
    assert "chosen on these same cases: expect somewhat less" in few.caution


def test_gains_that_go_both_ways_are_told_apart_from_a_sure_one(tuned_from, teacher):
    mixed = [(0.6, 0.6 + g) for g in (-0.2, 0.3, -0.1, 0.2, -0.15, 0.1)]
    said = verdict(tuned_from(teacher, mixed), 1.0)
    assert said.outcome == "unclear"
    assert "cannot be told apart" in said.gained


def test_a_worse_model_is_called_worse_and_not_advised(tuned_from, teacher):
    tuned = tuned_from(teacher, [(0.8, 0.6)] * 3)
    assert tuned.alpha == 0
    assert verdict(tuned, 1.0).outcome == "worse"
    assert verdict(tuned, 1.0).gained.startswith("Worse on 3 cases")
    chosen = verdict(tuned)
    assert chosen.gained.startswith("Not better")
    assert not chosen.advisable


def test_forgetting_is_said_in_points_and_speaks_against_it_beyond_what_is_allowed(
    tuned_from, teacher
):
    some = verdict(tuned_from(teacher, guards=[(0.9, 0.895)]), 1.0)
    assert "one guard case of what it knew: Dice 0.900 → 0.895 (0.5 points" in some.forgotten
    assert some.advisable
    much = tuned_from(teacher, guards=[(0.9, 0.7)])
    assert verdict(much, 1.0).forgets
    assert not verdict(much, 1.0).advisable
    assert "more than the 1 point allowed" in verdict(much, 1.0).forgotten
    said = "Not better: what gained forgot more than the 0.5 points allowed."  # before it is chosen
    assert verdict(much).gained == said
    assert "not known" in verdict(tuned_from(teacher, guards=[]), 1.0).forgotten
    assert "nothing forgotten" in verdict(tuned_from(teacher, guards=[(0.9, 0.91)]), 1.0).forgotten


def test_cases_it_learnt_from_prove_nothing_about_others(tuned_from, teacher):
    said = verdict(tuned_from(teacher, held_out=False), 1.0)
    assert not said.caution
    assert said.outcome == "unknown"
    assert "learnt from" in said.gained
    assert "none was held out" in said.gained
    assert verdict(tuned_from(teacher, [(0.8, 0.7)], held_out=False), 1.0).outcome == "worse"


def test_a_mix_that_was_not_measured_lies_between_those_beside_it(tuned_from, teacher):
    tuned = tuned_from(teacher, [(0.6, 0.8)])
    case = tuned.cases[0]
    (between,) = scored_at(case, 0.6)
    assert between.dice == pytest.approx(0.72)
    assert between.hd95 == pytest.approx(20 * 0.28)
    assert scored_at(case, 0.5) == case.by_alpha[0.5]
    assert is_measured(tuned, 0.5)
    assert not is_measured(tuned, 0.6)
    del case.by_alpha[1.0]
    assert scored_at(case, 0.95) is None
    assert "was not measured" in verdict(tuned, 0.95).gained


def test_the_model_as_it_is_is_neither_better_nor_advised(tuned_from, teacher):
    said = verdict(tuned_from(teacher), 0)
    assert (said.outcome, said.gained) == ("same", "This is the model you have, as it is.")
    assert not said.advisable


def test_a_gain_that_no_one_sees_is_none(tuned_from, teacher):
    said = verdict(tuned_from(teacher, [(0.6, 0.6003)] * 3), 1.0)
    assert said.outcome == "same"
    assert said.gained.startswith("No different on 3 cases")
    assert "(±0.000)" in said.gained
    assert not said.advisable


def test_a_surely_worse_model_is_not_called_unclear(tuned_from, teacher):
    loses = [(0.6, 0.6 + g) for g in (-0.2, 0.3, -0.1, 0.1, -0.25, 0.1)]
    said = verdict(tuned_from(teacher, loses), 1.0)
    assert said.outcome == "worse"
    assert "cannot be told apart" in said.gained


@pytest.mark.parametrize(
    ("after", "words", "forgets"),
    [
        (0.89, "(1 point forgotten).", False),
        (0.8799, "(2 points forgotten, more than the 1 point allowed).", True),
        (0.8996, "(nothing forgotten).", False),
    ],
)
def test_points_are_counted_as_people_do(tuned_from, teacher, after, words, forgets):
    said = verdict(tuned_from(teacher, guards=[(0.9, after)] * 2), 1.0)
    assert said.forgotten.startswith("On 2 guard cases of what it knew: Dice 0.900")
    assert said.forgotten.endswith(words)
    assert said.forgets is forgets
