"""A head that learns what was said of one image: where it says nothing, nothing changes."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from napari_medseg.interact.adapt import _sampled, fit_head, probabilities_of
from napari_medseg.interact.adapt_config import AdaptConfig
from napari_medseg.interact.anchors import anchors_of
from napari_medseg.interact.features import region_features
from napari_medseg.interact.polish import polish
from napari_medseg.interact.refine_region import Region
from napari_medseg.interact.refine_score import normalised
from napari_medseg.interact.seeds import FREE, Seeds
from napari_medseg.progress import Cancelled

EVERY = [
    ("lgmsnet", 2, (40, 48)),
    ("gladnet", 2, (40, 48)),
    ("msa2net", 2, (40, 48)),
    ("lgmsnet", 3, (9, 20, 32)),
    ("msd_kmamba", 3, (9, 20, 32)),
    ("gladnet", 2, (4, 30, 32)),
]
every_model = pytest.mark.parametrize(("name", "dims", "shape"), EVERY)
RECIPES = {"msa2net": {"size": (32, 32)}}


@pytest.fixture(scope="module")
def region_by(model):
    """Return what a model knows of an image, the same for all tests."""
    known = {}

    def make(name, dims, volume):
        key = (name, volume.shape)
        if key not in known:
            known[key] = region_features(model(name, dims, **RECIPES.get(name, {})), volume)
        return known[key]

    return make


def box_of(shape):
    return tuple(slice(0, n) for n in shape)


def seeds_at(shape, *said, forbidden=()):
    """Return seeds ``(voxel, value)``, each with its neighbours along the last axis."""
    required = np.full(shape, FREE, np.int32)
    for voxel, value in said:
        required[(*voxel[:-1], slice(voxel[-1] - 1, voxel[-1] + 2))] = value
    denied = {}
    for voxel, value in forbidden:
        mask = denied.setdefault(value, np.zeros(shape, bool))
        mask[(*voxel[:-1], slice(voxel[-1] - 1, voxel[-1] + 2))] = True
    return Seeds(box_of(shape), required, denied)


def inner(shape):
    return tuple(n // 2 for n in shape)


def answered(region, seeds, volume, values=None, config=None):
    values = region.values if values is None else values
    look = normalised(volume.array)
    head = fit_head(region, seeds, look, volume.spacing, config, values=values)
    return head.probabilities(region, look, volume.spacing)


@every_model
def test_without_prompts_the_answer_is_the_models_to_the_bit(region_by, blob, name, dims, shape):
    volume, _ = blob(shape)
    region = region_by(name, dims, volume)
    found = answered(region, seeds_at(shape), volume)
    np.testing.assert_array_equal(found, region.probabilities())


@every_model
def test_prompts_hold_and_the_same_question_has_the_same_answer(region_by, blob, name, dims, shape):
    volume, _ = blob(shape)
    region = region_by(name, dims, volume)
    edge = (*inner(shape)[:-1], 4)
    seeds = seeds_at(shape, (inner(shape), 1), (edge, 4))
    found = answered(region, seeds, volume)
    np.testing.assert_allclose(found.sum(0), 1, atol=1e-5)
    labels = np.asarray(region.values)[found.argmax(0)]
    assert not seeds.broken(labels).any()
    np.testing.assert_array_equal(answered(region, seeds, volume), found)


def test_a_click_on_a_missed_blob_finds_the_blob(model, blob):
    volume, truth = blob((64, 64), contrast=6.0)
    region = region_features(model("lgmsnet", 2), volume)
    seeds = seeds_at((64, 64), ((32, 32), 1), ((4, 4), 0), ((60, 40), 0), ((30, 60), 0))
    dice = []
    for probabilities in (region.probabilities(), answered(region, seeds, volume)):
        found = probabilities.argmax(0) == 1
        dice.append(2 * (found & (truth == 1)).sum() / (found.sum() + truth.sum()))
    assert dice[1] > dice[0] + 0.3


def test_a_prompt_against_a_class_lets_the_next_best_in(model, blob):
    volume, _ = blob((40, 40))
    region = region_features(model("lgmsnet", 2), volume)
    own = np.asarray(region.values)[region.probabilities().argmax(0)]
    at = (20, 20)
    seeds = seeds_at((40, 40), forbidden=[(at, int(own[at]))])
    found = answered(region, seeds, volume)
    assert np.asarray(region.values)[found.argmax(0)][at] != own[at]


def test_a_class_the_model_does_not_know_is_learnt_from_prompts(model, blob):
    volume, truth = blob((48, 48), contrast=6.0)
    region = region_features(model("lgmsnet", 2), volume)
    values = (0, 1, 4, 9)
    untouched = probabilities_of(region, values)
    assert untouched[3].max() == 0
    seeds = seeds_at((48, 48), ((24, 24), 9), ((4, 4), 0))
    found = answered(region, seeds, volume, values)
    assert found.argmax(0)[24, 24] == 3
    assert found[3][truth == 1].mean() > found[3][truth == 0].mean()


def test_far_from_a_prompt_the_model_is_kept(model, blob):
    volume, _ = blob((96, 96))
    region = region_features(model("lgmsnet", 2), volume)
    seeds = seeds_at((96, 96), ((10, 10), 4))
    change = np.abs(
        answered(region, seeds, volume, config=AdaptConfig(features=0, image=0, bias=0, slope=0))
        - region.probabilities()
    ).max(0)
    assert change[10, 10] > 0.1
    assert change[60:, 60:].max() < 5e-3
    free, held = (
        np.abs(
            answered(region, seeds, volume, config=AdaptConfig(pull=pull)) - region.probabilities()
        )[:, 60:, 60:].mean()
        for pull in (0.0, 100.0)
    )
    assert held < 0.5 * free


def test_a_model_that_finds_a_class_everywhere_is_told_so_by_one_prompt(model, blob):
    volume, truth = blob((48, 48), contrast=6.0)
    region = region_features(model("lgmsnet", 2), volume)
    # it knows where the ball is, and says class 1 of everything
    ball, around = np.array([0.002, 0.997, 0.001]), np.array([0.3, 0.69, 0.01])
    own = np.where(truth, ball[:, None, None], around[:, None, None]).astype(np.float32)
    look = np.zeros((1, 48, 48), np.float32)
    seeds = seeds_at((48, 48), forbidden=[((8, 8), 1)])
    seeds = dataclasses.replace(seeds, erased=seeds.forbidden[1])
    alone = AdaptConfig(near=0, features=0, image=0)
    given = (region, seeds, look, volume.spacing)
    head = fit_head(*given, alone, own=own)
    found = head.probabilities(region, look, volume.spacing, own=own).argmax(0)
    assert (found == truth).mean() > 0.95
    held = fit_head(*given, AdaptConfig(near=0, features=0, image=0, bias=0, slope=0), own=own)
    assert (held.probabilities(region, look, volume.spacing, own=own).argmax(0) == 1).all()


def test_who_erases_a_class_means_the_background_but_a_box_only_ends_it(model, blob):
    volume, _ = blob((40, 40))
    region = region_features(model("lgmsnet", 2), volume)
    own = np.empty((3, 40, 40), np.float32)
    own[:] = np.array([0.1, 0.5, 0.4])[:, None, None]
    look = np.zeros((1, 40, 40), np.float32)
    denied = seeds_at((40, 40), forbidden=[((20, 20), 1)])
    erased = dataclasses.replace(denied, erased=denied.forbidden[1])
    for seeds, row in ((erased, 0), (denied, 2)):
        head = fit_head(region, seeds, look, volume.spacing, own=own)
        found = head.probabilities(region, look, volume.spacing, own=own)
        assert found[:, 20, 20].argmax() == row


def test_what_is_shown_holds_the_answer_too(model, blob):
    volume, _ = blob((48, 48))
    region = region_features(model("lgmsnet", 2), volume)
    own = np.full((3, 48, 48), 1 / 3, np.float32)
    shown = np.zeros((48, 48), np.uint8)
    shown[:, 24:] = 4
    look = (2.0 * (shown > 0) - 1).astype(np.float32)[None]
    seeds = seeds_at((48, 48), ((24, 6), 0))
    head = fit_head(region, seeds, look, volume.spacing, own=own, labels=shown)
    found = head.probabilities(region, look, volume.spacing, own=own)
    assert (found[:, :, 40:].argmax(0) == 2).mean() > 0.9


def test_fitting_can_be_cancelled(model, blob):
    volume, _ = blob((40, 40))
    region = region_features(model("lgmsnet", 2), volume)

    def stop(step):
        raise Cancelled

    with pytest.raises(Cancelled):
        fit_head(
            region, seeds_at((40, 40), ((20, 20), 1)), volume.array, volume.spacing, report=stop
        )


def test_fitting_leaves_the_network_as_it_was(model, blob):
    volume, _ = blob((40, 40))
    segmenter = model("lgmsnet", 2)
    before = {k: v.clone() for k, v in segmenter.network.state_dict().items()}
    region = region_features(segmenter, volume)
    answered(region, seeds_at((40, 40), ((20, 20), 1)), volume)
    for key, value in segmenter.network.state_dict().items():
        assert torch.equal(value, before[key]), key


def test_strengths_below_zero_are_refused():
    with pytest.raises(ValueError, match="0 or more"):
        AdaptConfig(pull=-1)
    with pytest.raises(ValueError, match="above 0"):
        AdaptConfig(sure=0)


def test_a_click_reaches_no_farther_than_the_next_one_that_says_otherwise():
    labels = np.zeros((100, 100), np.int32)
    alone = anchors_of(seeds_at((100, 100), ((50, 50), 1)), (1.0, 1.0), labels, (0, 1))
    both = seeds_at((100, 100), ((50, 50), 1), ((50, 60), 0))
    near = anchors_of(both, (1.0, 1.0), labels, (0, 1))
    assert len(near.voxels) == 2
    assert alone.reach[0] > near.reach.max()
    np.testing.assert_allclose(near.reach, 9)  # to the edge of the other, which is three wide
    stretched = anchors_of(both, (1.0, 0.5), labels, (0, 1))
    np.testing.assert_allclose(stretched.reach, 4.5)


def test_a_scribble_has_several_anchors_and_a_click_one():
    required = np.full((60, 60), FREE, np.int32)
    required[10:13, 5:55] = 1
    required[40:43, 40:43] = 0
    seeds = Seeds(box_of((60, 60)), required, {})
    anchors = anchors_of(seeds, (1.0, 1.0), np.zeros((60, 60), np.int32), (0, 1))
    on_scribble = (anchors.voxels[:, 0] < 20).sum()
    assert on_scribble > 5
    assert len(anchors.voxels) == on_scribble + 1
    assert all(required[tuple(voxel)] != FREE for voxel in anchors.voxels)


def region_of(shape, seeds, probabilities, labels, may_change=None):
    return Region(
        np.random.default_rng(0).normal(size=(1, *shape)).astype(np.float32),
        labels,
        seeds,
        (1.0,) * len(shape),
        (0, 1, 4),
        probabilities,
        may_change,
    )


@pytest.mark.parametrize("shape", [(24, 30), (6, 24, 30)])
def test_polished_labels_hold_prompts_and_keep_what_may_not_change(shape):
    rng = np.random.default_rng(1)
    raw = rng.random((3, *shape)).astype(np.float32)
    seeds = seeds_at(shape, (inner(shape), 4), forbidden=[((*inner(shape)[:-1], 4), 1)])
    labels = rng.choice([0, 1, 4], size=shape).astype(np.uint8)
    free = rng.random(shape) < 0.5
    free[(*inner(shape)[:-1], slice(None))] = True
    found = polish(region_of(shape, seeds, raw / raw.sum(0), labels, free))
    assert found.dtype == labels.dtype
    np.testing.assert_array_equal(found[~free], labels[~free])
    assert not seeds.broken(found).any()


def test_polishing_removes_specks_and_keeps_what_is_sure():
    shape = (32, 32)
    sure = np.zeros((3, *shape), np.float32)
    sure[0] = 1
    sure[:, 10:20, 10:20] = np.array([0.01, 0.98, 0.01])[:, None, None]
    sure[:, 25, 25] = [0.45, 0.55, 0.0]  # a speck that hardly is one
    region = region_of(shape, seeds_at(shape), sure, np.zeros(shape, np.uint8))
    found = polish(region)
    assert found[25, 25] == 0
    assert (found[11:19, 11:19] == 1).all()
    with pytest.raises(ValueError, match="no probabilities"):
        polish(region_of(shape, seeds_at(shape), None, np.zeros(shape, np.uint8)))


def test_what_lane_0_says_counts_where_the_head_is_unsure():
    shape = (24, 24)
    even = np.full((3, *shape), 1 / 3, np.float32)
    even[:, 12:] = np.array([0.998, 0.001, 0.001])[:, None, None]
    prior = np.zeros(shape, np.uint8)
    prior[4:20, 8:16] = 4
    region = region_of(shape, seeds_at(shape), even, prior)
    found = polish(region, prior=prior)
    np.testing.assert_array_equal(found[:10], prior[:10])
    assert (found[14:] == 0).all()


def test_of_what_nobody_spoke_of_a_small_object_is_seen_whole_and_weighs_more_than_its_share():
    shown = np.zeros((60, 60), np.uint8)
    shown[50:53, 50:53] = 1
    seeds = seeds_at(shown.shape, ((10, 10), 1))
    anchors = anchors_of(seeds, (1.0, 1.0), shown, (0, 1))
    places, weight = _sampled(seeds, anchors, shown, (1.0, 1.0), AdaptConfig())
    said = seeds.required[tuple(places.T)] != FREE
    assert weight[said].sum() == pytest.approx(AdaptConfig().seeds * len(anchors.reach))
    small = shown[tuple(places.T)] == 1
    assert small.sum() == 9
    ground = weight[~said & ~small].sum()
    assert weight[small].sum() / ground == pytest.approx((9 / 3588) ** 0.5, rel=0.3)


def test_a_picture_of_more_objects_than_voxels_are_looked_at_is_no_error():
    shown = np.arange(60 * 60, dtype=np.int32).reshape(60, 60)  # each pixel a cell of its own
    seeds = seeds_at(shown.shape, ((10, 10), 1))
    anchors = anchors_of(seeds, (1.0, 1.0), shown, (0, 1))
    places, weight = _sampled(seeds, anchors, shown, (1.0, 1.0), AdaptConfig())
    assert len(places) == shown.size
    assert np.isfinite(weight).all()
