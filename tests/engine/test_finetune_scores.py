"""How a model is scored on corrected cases and on what it knew."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_medseg.engine.card import LabelClass
from napari_medseg.engine.finetune_patches import examples_of
from napari_medseg.engine.finetune_scores import (
    Examiner,
    guard_card,
    guard_cases,
    mean_dice,
    score_case,
    score_cases,
)
from napari_medseg.engine.metrics import score
from napari_medseg.engine.new_classes import copy_of
from napari_medseg.engine.replay import Replay
from napari_medseg.progress import Cancelled, silent
from napari_medseg.volume import Volume


def whole(case):
    return replace(case, reviewed=None, changed=None)


@pytest.mark.parametrize("dims", [2, 3])
def test_a_case_that_was_seen_whole_is_scored_as_anywhere(small_model, corrected, dims):
    model, case = small_model(dims=dims), whole(corrected(dims=dims))
    found = model.segment(case.volume).labels
    for one in score_case(model, case):
        expected = score(found, case.labels, one.value, spacing=case.volume.spacing)
        assert (one.dice, one.hd95) == (expected.dice, expected.hd95)


@pytest.mark.parametrize("dims", [2, 3])
def test_only_what_a_person_saw_counts(small_model, corrected, dims):
    model, case = small_model(dims=dims), corrected(dims=dims)
    other = np.where(case.reviewed, case.labels, 4 - case.labels)
    assert score_case(model, replace(case, labels=other)) == score_case(model, case)
    seen = [np.where(case.reviewed, x, 0) for x in (model.segment(case.volume).labels, case.labels)]
    for one in score_case(model, case):
        assert one.dice == score(*seen, one.value).dice


def test_a_class_that_unites_values_is_scored_as_a_region(small_model, corrected):
    model, case = small_model(), whole(corrected())
    both = LabelClass(value=1, name="both", unites=(1, 4))
    model.card = model.card.replace(classes=(both, model.card.classes[1]))
    found = model.segment(case.volume).labels
    expected = score((found > 0).astype(int), (case.labels > 0).astype(int), 1).dice
    assert score_case(model, case)[0].dice == expected


def test_scoring_can_be_stopped_between_cases(small_model, corrected):
    def stop(step):
        if step.unit == "case" and step.done == 1:
            raise Cancelled

    with pytest.raises(Cancelled):
        score_cases(small_model(), [corrected(0), corrected(1)], stop)


@pytest.mark.parametrize(
    "preprocessing",
    [
        {"window": (32, 32)},
        {"size": (32, 32), "unit_range": True, "normalise": "fixed", "mean": (0.5,), "std": (0.2,)},
        {"window": (32, 32), "clip": (-1.0, 2.0)},
    ],
)
def test_a_guard_is_answered_like_the_image_it_was_made_from(small_model, corrected, preprocessing):
    model, case = small_model(**preprocessing), whole(corrected())
    (example,) = examples_of(case, model.card)
    labels = torch.from_numpy(example.labels.astype(np.int32))
    replay = Replay(example.image[None], labels[None], ((example.image, labels),), "")
    examiner = Examiner(copy_of(model.network, model.card), model.card, guard_cases(replay))
    weights = model.network.state_dict()
    (guard,) = examiner.guards(weights, silent)
    (expected,) = examiner.cases(weights, [case], silent)
    assert [c.dice for c in guard] == pytest.approx([c.dice for c in expected], abs=1e-3)
    assert guard_card(model.card).classes == model.card.classes


def test_an_examiner_scores_the_weights_it_is_given(small_model, corrected):
    model, case = small_model(), whole(corrected())
    examiner = Examiner(copy_of(model.network, model.card), model.card, [])
    old = dict(model.network.state_dict())
    nothing = {**old, "head.bias": torch.tensor([100.0, 0.0, 0.0])}  # background everywhere
    assert mean_dice(examiner.cases(nothing, [case], silent)) == 0
    every = {**old, "head.bias": torch.tensor([0.0, 100.0, 0.0])}
    one, four = examiner.cases(every, [case], silent)[0]
    assert one.dice > 0
    assert four.dice == 0
    assert examiner.guards(old, silent) == []


def test_a_case_nobody_looked_at_is_refused_by_name(small_model, corrected):
    case = corrected(name="patient 7")
    blank = replace(case, reviewed=np.zeros_like(case.reviewed))
    with pytest.raises(ValueError, match="looked at any voxel of patient 7; leave it out"):
        score_case(small_model(), blank)


def test_distances_are_in_mm(small_model, corrected):
    model, case = small_model(), whole(corrected())
    far = replace(case, volume=Volume(case.volume.array, (2.0, 2.0)))
    for near, wide in zip(score_case(model, case), score_case(model, far), strict=True):
        assert wide.dice == near.dice
        assert wide.hd95 == pytest.approx(2 * near.hd95)


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_a_perfect_answer_scores_perfectly(small_model, corrected, activation):
    model, case = small_model(activation=activation), whole(corrected())
    answered = replace(case, labels=model.segment(case.volume).labels)
    assert {(one.dice, one.hd95) for one in score_case(model, answered)} == {(1.0, 0.0)}


def test_guards_are_not_prepared_twice(small_model):
    model = small_model(window=(32, 32), clip=(0.0, 9.0), unit_range=True, bgr=True)
    card = guard_card(model.card)
    about = card.preprocessing
    assert (about.clip, about.unit_range, about.bgr, about.normalise) == (
        None,
        False,
        False,
        "none",
    )
    assert about.window == model.card.preprocessing.window
    assert card.classes == model.card.classes
