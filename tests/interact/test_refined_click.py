"""How far a click reaches: to the border of what is wrong, never beyond, and only where asked."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medseg.interact.prompts import Prompt
from napari_medseg.interact.refine import refine
from napari_medseg.interact.refine_click import pull_of, turned_by
from napari_medseg.interact.refine_config import RefineConfig
from napari_medseg.interact.refine_region import Region
from napari_medseg.interact.seeds import Seeds, seeds_of
from napari_medseg.volume import Volume


def disc(shape, centre, radius):
    at = np.indices(shape) - np.reshape(centre, (-1, *[1] * len(shape)))
    return np.square(at).sum(0) <= radius**2


def asked(labels, prompts, *, image=None, spacing=None, values=(0, 1, 2), **more):
    """The region of a whole picture with its prompts, the picture itself, and the last prompt."""
    shape = labels.shape
    rng = np.random.default_rng(0)
    look = rng.normal(0, 0.1, shape) if image is None else image
    volume = Volume(look[None].astype(np.float32), spacing or (1.0,) * len(shape))
    drawn = [Prompt.drawn(volume, [at], value, **given) for at, value, given in prompts]
    seeds = seeds_of(drawn, volume, tuple(slice(0, n) for n in shape), values)
    return Region(volume.array, labels, seeds, volume.spacing, values, **more), drawn[-1], volume


@pytest.fixture
def missed():
    """A bright disc in the dark that nobody labelled yet."""
    truth = disc((48, 48), (24, 24), 9)
    return truth, truth + np.random.default_rng(0).normal(0, 0.1, truth.shape)


def dice(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum())


@pytest.mark.parametrize(("value", "bits"), [(1, np.uint8), (2, np.int32)])
def test_a_click_on_what_is_missing_finds_a_good_part_of_it_and_little_else(missed, value, bits):
    truth, image = missed
    labels = np.zeros(truth.shape, bits)
    found = refine(*asked(labels, [((24, 24), value, {})], image=image))
    assert found.dtype == bits
    assert found[24, 24] == value
    assert dice(found == value, truth) > 0.5
    assert not (found[~disc(truth.shape, (24, 24), 14)]).any()


def test_a_click_against_a_class_takes_away_the_piece_and_leaves_background(missed):
    truth, image = missed
    labels = truth.astype(np.uint8)
    found = refine(*asked(labels, [((24, 24), 1, {"positive": False})], image=image))
    assert found[24, 24] == 0
    assert (found[truth] == 0).mean() > 0.5
    assert set(np.unique(found)) <= {0, 1}


@pytest.mark.parametrize("width", [1, 3, 5])
def test_without_a_model_a_click_against_a_thin_object_leaves_what_is_far_from_it(width):
    labels = np.zeros((60, 150), np.uint8)
    labels[30 : 30 + width, 5:145] = 1
    image = labels + np.random.default_rng(0).normal(0, 0.1, labels.shape)
    at = (30 + width // 2, 135)
    found = refine(*asked(labels, [(at, 1, {"positive": False})], image=image))
    assert not found[:, 131:140].any()
    np.testing.assert_array_equal(found[:, :80], labels[:, :80])


def test_with_a_sure_model_the_click_follows_the_model(missed):
    truth, _ = missed
    p = np.where(truth, 0.95, 0.02).astype(np.float32)
    labels = np.zeros(truth.shape, np.uint8)
    more = {"values": (0, 1), "probabilities": np.stack([1 - p, p])}
    found = refine(*asked(labels, [((24, 24), 1, {})], **more))
    assert dice(found == 1, truth) > 0.9


def test_a_prompt_that_says_otherwise_stops_it(missed):
    _, image = missed
    labels = np.zeros(image.shape, np.uint8)
    alone = refine(*asked(labels, [((24, 20), 1, {})], image=image))
    other = ((24, 28), 1, {"positive": False})
    stopped = refine(*asked(labels, [other, ((24, 20), 1, {})], image=image))
    assert stopped[24, 28] == 0
    assert stopped.sum() < alone.sum()


@settings(deadline=None, max_examples=12)
@given(seed=st.integers(0, 10**6), positive=st.booleans())
def test_turning_hangs_together_stays_in_bounds_and_goes_one_way(seed, positive):
    rng = np.random.default_rng(seed)
    shape = (24, 28)
    labels = rng.integers(0, 3, (6, 7)).repeat(4, 0).repeat(4, 1).astype(np.uint8)
    at = tuple(int(i) for i in rng.integers(0, shape))
    may = rng.random(shape) < 0.9
    case = asked(labels, [(at, 1, {"positive": positive})], image=rng.normal(size=shape),
                 may_change=may)  # fmt: skip
    where = np.zeros(shape, bool)
    where[at] = True
    turned = turned_by(case[0], where, 1, positive, RefineConfig())
    assert not turned[~may].any()
    assert ((labels[turned] == 1) == (not positive)).all()
    assert set(np.unique(labels[turned])) <= {0, int(labels[at])}  # no class not pointed at
    found = refine(*case)
    np.testing.assert_array_equal(found[~may], labels[~may])
    assert not (case[0].seeds.broken(found) & may).any()


def test_a_click_where_nothing_is_wrong_turns_nothing(missed):
    truth, image = missed
    labels = truth.astype(np.uint8)
    found = refine(*asked(labels, [((24, 24), 1, {})], image=image))
    np.testing.assert_array_equal(found, labels)
    found = refine(*asked(labels, [((2, 2), 1, {"positive": False})], image=image))
    np.testing.assert_array_equal(found, labels)


def test_where_nothing_may_change_nothing_does(missed):
    truth, image = missed
    labels = np.zeros(truth.shape, np.uint8)
    may = np.zeros(truth.shape, bool)
    found = refine(*asked(labels, [((24, 24), 1, {})], image=image, may_change=may))
    np.testing.assert_array_equal(found, labels)


def test_without_weights_of_image_and_model_both_are_passed_over(missed):
    truth, image = missed
    labels = np.zeros(truth.shape, np.uint8)
    p = np.stack([1 - truth, truth]).astype(np.float32)
    alone = RefineConfig(image=0.0, model=0.0)
    even = {"values": (0, 1), "probabilities": np.full_like(p, 0.5)}
    sure = {"values": (0, 1), "probabilities": p}
    clicks = [((24, 24), 1, {})]
    np.testing.assert_array_equal(
        refine(*asked(labels, clicks, image=image, **sure), alone),
        refine(*asked(labels, clicks, image=image, **even), alone),
    )
    assert (refine(*asked(labels, clicks, image=image, **sure)) !=
            refine(*asked(labels, clicks, image=image, **even))).any()  # fmt: skip


def test_thought_over_in_blocks_the_answer_is_nearly_the_same(missed):
    truth, image = missed
    labels = np.zeros(truth.shape, np.uint8)
    case = asked(labels, [((24, 24), 1, {})], image=image)
    fine, coarse = refine(*case), refine(*case, RefineConfig(blocks=600))
    assert dice(fine == 1, coarse == 1) > 0.8
    assert coarse[24, 24] == 1


def test_the_newest_prompt_is_not_asked_of_another_region(missed):
    _, image = missed
    region, prompt, volume = asked(np.zeros(image.shape, np.uint8), [((2, 2), 1, {})], image=image)
    corner = (slice(20, 40), slice(20, 40))
    away = Region(
        region.image[(slice(None), *corner)],
        region.labels[corner],
        Seeds(corner, np.full((20, 20), -1, np.int32), {}),
        region.spacing,
        region.values,
    )
    assert not refine(away, prompt, volume).any()


def test_weights_below_zero_and_no_block_are_refused():
    for wrong in ({"model": -1.0}, {"image": -0.5}, {"blocks": 0}):
        with pytest.raises(ValueError, match=r"0 or more and there is at least 1 block; got"):
            RefineConfig(**wrong)


def test_without_a_model_nothing_is_weighed_by_it():
    assert pull_of(False, True).model == pull_of(False, False).model == 0
    assert pull_of(True, True).model > 0
    assert pull_of(True, True) != pull_of(True, False)
