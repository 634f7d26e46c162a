from dataclasses import replace

import numpy as np
import pytest

from napari_medseg.engine.cases import Case
from napari_medseg.engine.held_out import hold_out
from napari_medseg.engine.segmenter import Segmentation
from napari_medseg.engine.sparse import painted_axis, planes_along
from napari_medseg.engine.training_config import TrainingConfig
from napari_medseg.engine.validation import validate
from napari_medseg.volume import Volume

SHAPE = (10, 8, 6)


def painted(*slices, shape=SHAPE, axis=0, name="scan", whole=False):
    """Make a case of which slices were looked at, a labelled square in each."""
    labels, reviewed = np.zeros(shape, np.uint8), np.zeros(shape, bool)
    for at in slices:
        plane = (slice(None),) * axis + (at,)
        reviewed[plane] = True
        labels[plane][(slice(2, 4),) * (len(shape) - 1)] = 1
    image = np.random.default_rng(0).normal(size=(1, *shape)).astype(np.float32)
    volume = Volume(image, (1.0,) * len(shape))
    return Case(volume, labels, reviewed=None if whole else reviewed, name=name)


def seen_together(split):
    """Return by name of the case what is learnt from and what is held out."""
    learnt = {c.name: c.reviewed for c in split.learn}
    held = {c.name: c.reviewed for c in split.held_out}
    return learnt, held


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slices_are_held_out_of_few_volumes_and_never_learnt_from(axis):
    cases = [painted(0, 1, 3, 5, axis=axis, name=f"c{i}") for i in range(3)]
    split = hold_out(cases, TrainingConfig(validation=0.25, seed=3))
    learnt, held = seen_together(split)
    assert sorted(held) == ["c0", "c1", "c2"]  # one of each, not all of one
    for case in cases:
        assert not (learnt[case.name] & held[case.name]).any()
        np.testing.assert_array_equal(learnt[case.name] | held[case.name], case.reviewed)
        assert painted_axis(held[case.name]) == axis
        assert planes_along(held[case.name], axis).size == 1
    assert split.words == "3 of 12 labelled slices held out to score on"


def test_the_same_seed_holds_out_the_same_slices_and_another_others():
    cases = [painted(*range(0, 10, 2), name=f"c{i}") for i in range(3)]
    masks = [
        np.stack([c.reviewed for c in hold_out(cases, TrainingConfig(seed=seed)).learn])
        for seed in (1, 1, 2)
    ]
    np.testing.assert_array_equal(masks[0], masks[1])
    assert (masks[0] != masks[2]).any()


def test_whole_cases_are_held_out_where_there_are_enough():
    cases = [painted(1, 4, name=f"c{i}") for i in range(6)]
    split = hold_out(cases, TrainingConfig(validation=0.2))
    assert (len(split.learn), len(split.held_out)) == (5, 1)
    assert split.words.startswith("1 of 6 cases")
    whole = [painted(1, name=f"c{i}", whole=True) for i in range(2)]
    assert len(hold_out(whole, TrainingConfig()).held_out) == 1
    images = [painted(1, 2, shape=(8, 9), name=f"c{i}") for i in range(2)]
    assert len(hold_out(images, TrainingConfig()).held_out) == 1


def test_where_too_little_is_labelled_the_score_is_of_what_was_learnt():
    for cases in ([painted(1, 5, 8)], [painted(1, shape=(8, 9))], [painted(2), painted(3)]):
        split = hold_out(cases, TrainingConfig())
        assert split.learn == split.held_out == cases
        assert "what the model learnt from" in split.words


def test_one_labelled_volume_is_scored_on_slices_it_did_not_learn_from():
    split = hold_out([painted(*range(10), whole=True)], TrainingConfig(validation=0.3))
    learnt, held = seen_together(split)
    assert sum(m["scan"].all() for m in (learnt, held)) == 0
    assert planes_along(held["scan"], painted_axis(held["scan"])).size == 1  # 0.3 of six
    assert not (learnt["scan"] & held["scan"]).any()
    assert (learnt["scan"] | held["scan"]).all()


def test_some_slices_of_every_case_are_left_to_learn_from():
    cases = [painted(1, 4, name="a"), painted(2, 6, name="b")]
    learnt, held = seen_together(hold_out(cases, TrainingConfig(validation=0.9)))
    assert sorted(held) == ["a", "b"]
    assert all(mask.any() for mask in learnt.values())


class Answering:
    """A segmenter whose answer is known; it notes the boxes it was asked for."""

    def __init__(self, labels, card):
        self.labels, self.card, self.boxes = labels, card, []

    def segment(self, volume, config, report, box=None):
        self.boxes.append(box)
        return Segmentation(self.labels if box is None else self.labels[box])


def test_slices_with_labels_are_held_out_first():
    for seed in range(5):
        case = painted(0, 2, 4, 6, 8)
        case.labels[[0, 2, 6, 8]] = 0
        (held,) = hold_out([case], TrainingConfig(seed=seed)).held_out
        assert planes_along(held.reviewed, 0).tolist() == [4]


def test_only_what_was_looked_at_is_scored(tiny_segmenter):
    card = tiny_segmenter(3).card
    case = painted(3, 5)
    answer = np.ones(SHAPE, np.uint8)  # wrong wherever nobody looked
    answer[[3, 5]] = case.labels[[3, 5]]
    assert validate(Answering(answer, card), [case]) == {"class 1": 1.0, "class 2": 1.0}
    answer[3] = 0
    segmenter = Answering(answer, card)
    assert validate(segmenter, [case])["class 1"] == pytest.approx(2 / 3)
    assert segmenter.boxes == [(slice(3, 6), slice(0, 8), slice(0, 6))]
    answer[5, 0, 0] = 2
    assert validate(segmenter, [case])["class 2"] == 0


@pytest.mark.parametrize("sparse", [False, True])
def test_a_class_that_unites_values_is_scored_as_a_region(tiny_segmenter, sparse):
    card = tiny_segmenter(3, activation="sigmoid").card
    both = replace(card.classes[0], unites=(1, 2))
    card = card.replace(classes=(both, card.classes[1]))
    case = painted(3, 5, whole=not sparse)
    case.labels[case.labels > 0] = 1
    case.labels[5] = 2
    swapped = np.choose(case.labels, [0, 2, 1])  # the region is the same
    assert validate(Answering(swapped, card), [case]) == {"class 1": 1.0, "class 2": 0.0}


def test_parts_of_cases_are_scored_together_and_whole_cases_each(tiny_segmenter):
    card = tiny_segmenter(3).card
    with_it, nearly_without = painted(3), painted(5)
    nearly_without.labels[5] = 0
    answer = with_it.labels.copy()
    answer[5, 0, 0] = 1  # one voxel too much, where there is none
    parts = [with_it, nearly_without]
    assert validate(Answering(answer, card), parts)["class 1"] == pytest.approx(8 / 9)
    whole = painted(whole=True)  # of nothing
    scores = validate(Answering(answer, card), [*parts, whole])
    assert scores["class 1"] == pytest.approx((8 / 9 + 8 / 9 + 0) / 3)
    assert scores["class 2"] == 1.0
