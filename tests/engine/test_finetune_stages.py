"""What is learnt from and what is held out."""

import numpy as np
import pytest

from napari_medseg.engine.cases import Case
from napari_medseg.engine.finetune_config import FineTuneConfig
from napari_medseg.engine.finetune_stages import case_hash, stages_of
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
