"""What the data decides of a training: who is held out, and the card of the model to be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medseg.engine.cases import Case
from napari_medseg.engine.sparse import painted_axis, planes_along, seen_values
from napari_medseg.engine.training_config import AugmentConfig, TrainingConfig
from napari_medseg.engine.training_plan import fill_in, make_card, split_cases
from napari_medseg.volume import Volume

SMALL = TrainingConfig(preset="small", window=(32, 32))


def case(shape=(8, 8), channels=1, values=(1,), spacing=None, dtype=np.float32, names=()):
    labels = np.zeros(shape, np.uint8)
    labels.flat[: len(values)] = values
    image = np.zeros((channels, *shape), dtype)
    volume = Volume(image, spacing or (1.0,) * len(shape), channels=names)
    return Case(volume, labels)


@settings(max_examples=40, deadline=None)
@given(
    kinds=st.lists(st.sampled_from([(1,), (2,), (1, 2), ()]), min_size=2, max_size=14),
    share=st.floats(0.05, 0.95),
    seed=st.integers(0, 5),
)
def test_every_case_is_learnt_from_or_held_out_and_some_are_either(kinds, share, seed):
    cases = [case((2, 2), values=kind) for kind in kinds]
    learn, held = split_cases(cases, TrainingConfig(validation=share, seed=seed))
    assert sorted(map(id, learn + held)) == sorted(map(id, cases))
    assert learn
    assert held
    assert abs(len(held) - share * len(cases)) <= 1
    for kind in set(kinds):
        present = [seen_values(one).tolist() for one in held]
        wanted = kinds.count(kind) * len(held) / len(cases)
        assert abs(present.count([0, *kind]) - wanted) < 1


def test_one_class_is_a_region_and_several_exclude_each_other():
    one, two = (make_card([case(values=v)], SMALL, name="m") for v in ((3,), (3, 7)))
    assert (one.activation, one.out_channels) == ("sigmoid", 1)
    assert (two.activation, two.out_channels) == ("softmax", 3)
    assert [c.value for c in two.classes] == [3, 7]
    assert two.history[0]["config"] == SMALL.to_dict()
    assert (two.name, two.spatial_dims, two.in_channels) == ("m", 2, 1)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (case((8, 8, 8)), "the first has 1 channel in 2D, other has 1 channel in 3D; leave out"),
        (case(channels=2), "the first has 1 channel in 2D, other has 2 channels in 2D"),
    ],
)
def test_cases_that_are_not_alike_are_refused(other, words):
    with pytest.raises(ValueError, match=words):
        make_card([case(), replace(other, name="other")], SMALL, name="m")


def test_colours_are_normalised_by_fixed_numbers_and_scans_by_themselves():
    photograph = case(channels=3, dtype=np.uint8, names=("red", "green", "blue"))
    about = make_card([photograph], SMALL, name="m").preprocessing
    assert (about.normalise, about.unit_range, len(about.mean)) == ("fixed", True, 3)
    assert about.channels == ("red", "green", "blue")
    scan = make_card([case()], SMALL, name="m").preprocessing
    assert (scan.normalise, scan.unit_range, scan.mean) == ("zscore", False, ())
    fixed = make_card([case()], SMALL.replace(normalise="fixed"), name="m").preprocessing
    assert (fixed.normalise, fixed.mean, fixed.std) == ("fixed", (0.5,), (0.5,))
    asked = make_card([photograph], SMALL.replace(normalise="none"), name="m").preprocessing
    assert (asked.normalise, asked.unit_range) == ("none", False)


@pytest.mark.parametrize(
    ("augment", "mirrored"),
    [
        (AugmentConfig(flip=0.5), True),
        (AugmentConfig(flip=0.0), False),
        (AugmentConfig(flip=0.5, flip_axes=(-1,)), False),
    ],
)
def test_a_card_says_whether_the_model_saw_all_mirrors(augment, mirrored):
    assert make_card([case()], SMALL.replace(augment=augment), name="m").mirrored is mirrored


def test_a_model_of_slices_is_2d_and_its_window_that_of_a_slice():
    volume = case((8, 100, 70), spacing=(5.0, 1.0, 1.0))
    config = fill_in(TrainingConfig(preset="small", slices=True), [volume])
    assert config.window == (96, 64)
    assert make_card([volume], config, name="m").spatial_dims == 2


def test_only_what_was_seen_makes_a_class_or_takes_a_name():
    whole = case(values=(1, 5))
    reviewed = np.zeros((8, 8), bool)
    reviewed[0, :1] = True
    half = replace(whole, reviewed=reviewed)
    names = {1: "liver", 5: "spleen"}
    assert fill_in(SMALL, [half], names).classes == ("1=liver",)
    assert [c.value for c in make_card([half], SMALL, name="m").classes] == [1]
    with pytest.raises(ValueError, match="nothing to learn"):
        make_card([replace(whole, reviewed=np.roll(reviewed, 5))], SMALL, name="m")


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_painted_slices_lie_across_the_axis_of_the_fewest(axis):
    seen = np.zeros((9, 8, 7), bool)
    seen[(slice(None),) * axis + ([2, 5],)] = True
    assert painted_axis(seen) == axis
    assert planes_along(seen, axis).tolist() == [2, 5]
    assert planes_along(seen & False, axis).size == 0
