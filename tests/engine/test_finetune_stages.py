"""What is learnt from and what is held out."""

import numpy as np
import pytest

from napari_medseg.engine.cases import Case
from napari_medseg.engine.finetune_config import FineTuneConfig
from napari_medseg.engine.finetune_stages import case_hash, stages_of, validation_of
from napari_medseg.volume import Volume


def case(seed, **marks):
    values = np.random.default_rng(seed).normal(size=(1, 4, 4)).astype(np.float32)
    return Case(Volume(values, (1.0, 1.0)), np.zeros((4, 4), np.uint8), name=str(seed), **marks)


@pytest.mark.parametrize("count", [1, 2, 7, 8, 20])
def test_every_case_is_scored_by_a_run_that_has_not_learnt_from_it(count):
    stages = stages_of([case(i) for i in range(count)], FineTuneConfig())
    assert [stage.final for stage in stages] == [False] * (len(stages) - 1) + [True]
    assert all(not set(stage.learn) & set(stage.held) for stage in stages)
    held = [i for stage in stages for i in stage.held]
    assert len(held) == len(set(held)) == {1: 0, 2: 2, 7: 7, 8: 2, 20: 4}[count]
    for stage in stages:
        assert sorted((*stage.learn, *stage.held)) == list(range(count))


def test_two_cases_of_one_image_are_held_out_together():
    cases = [case(0), case(1), case(0)]
    stages = stages_of(cases, FineTuneConfig())
    assert [stage.held for stage in stages] == [(0, 2), (1,), ()]
    (only,) = stages_of([case(0), case(0)], FineTuneConfig())
    assert only.held == ()


def test_a_validation_that_is_asked_for_is_done():
    cases = [case(i) for i in range(3)]
    assert len(stages_of(cases, FineTuneConfig(validation="none"))) == 1
    (stage,) = stages_of(cases, FineTuneConfig(validation="hold-out"))
    assert len(stage.held) == 1


def test_a_hash_knows_what_was_seen_and_nothing_else():
    seen = np.zeros((4, 4), bool)
    seen[0] = True
    base = case(0, reviewed=seen)
    other = np.zeros((4, 4), np.uint8)
    other[3] = 9
    elsewhere = Case(base.volume, other, seen, name="renamed")
    assert case_hash(elsewhere) == case_hash(base)
    assert case_hash(Case(base.volume, other.T, seen)) != case_hash(base)
    assert case_hash(case(0, reviewed=~seen)) != case_hash(base)
    assert case_hash(case(1, reviewed=seen)) != case_hash(base)
    assert case_hash(case(0)) == case_hash(case(0, reviewed=np.ones((4, 4), bool)))


@pytest.mark.parametrize(
    ("asked", "images", "done"),
    [
        ("auto", 1, "none"),
        ("auto", 2, "leave-one-out"),
        ("auto", 7, "leave-one-out"),
        ("auto", 8, "hold-out"),
        ("none", 50, "none"),
        ("leave-one-out", 50, "leave-one-out"),
        ("leave-one-out", 1, "none"),  # there would be nothing to learn from
        ("hold-out", 1, "none"),
        ("hold-out", 2, "hold-out"),
    ],
)
def test_validation_goes_by_the_number_of_images(asked, images, done):
    assert validation_of(FineTuneConfig(validation=asked), images) == done


def test_who_is_held_out_follows_the_seed():
    cases = [case(i) for i in range(12)]
    held = {stages_of(cases, FineTuneConfig(seed=seed))[-1].held for seed in (0, 0, 1, 2, 3)}
    assert 2 <= len(held) <= 4
    assert stages_of(cases, FineTuneConfig()) == stages_of(cases, FineTuneConfig())


def test_runs_are_named_for_people():
    names = [stage.name for stage in stages_of([case(0), case(1)], FineTuneConfig())]
    assert names == ["without case 1 of 2", "without case 2 of 2", "learning"]
