"""Laws that every metric keeps, whatever the masks: turns, mirrors, room, scale, roles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medseg.engine.differences import BOTH, MISSED, TOO_MUCH, differences
from napari_medseg.engine.lesions import LesionRule, score_lesions
from napari_medseg.engine.metric_table import METRICS
from napari_medseg.engine.metrics import counts, score, score_classes

SPACINGS = {2: (0.7, 1.9), 3: (3.5, 0.8, 0.6)}
LENGTHS = ("hd95", "assd")
OF_VOXELS = tuple(name for name, metric in METRICS.items() if not metric.lesion)


def blocks(seed: int, dims: int, most: int = 9) -> tuple[np.ndarray, np.ndarray]:
    """Two masks of a few boxes each, which overlap more or less; never empty."""
    random = np.random.default_rng(seed)
    shape = tuple(random.integers(5, most, dims))
    masks = np.zeros((2, *shape), bool)
    for mask in masks:
        for _ in range(3):
            start = [random.integers(0, n - 1) for n in shape]
            mask[tuple(slice(a, a + random.integers(1, 4)) for a in start)] = True
    return masks[0], masks[1]


def numbers(prediction, truth, spacing, **options):
    scores = score(prediction, truth, True, spacing=spacing, **options)
    return {name: scores.number(name) for name in OF_VOXELS}


masks = given(seed=st.integers(0, 10_000), dims=st.sampled_from([2, 3]))
quick = settings(max_examples=15, deadline=None)


@quick
@masks
def test_mirrors_and_turns_of_both_images_change_no_number(seed, dims):
    prediction, truth = blocks(seed, dims)
    random = np.random.default_rng(seed)
    before = numbers(prediction, truth, SPACINGS[dims])
    axis = int(random.integers(dims))
    assert numbers(np.flip(prediction, axis), np.flip(truth, axis), SPACINGS[dims]) == (
        pytest.approx(before)
    )
    order = random.permutation(dims)
    turned = tuple(SPACINGS[dims][axis] for axis in order)
    assert numbers(prediction.transpose(order), truth.transpose(order), turned) == (
        pytest.approx(before)
    )


@quick
@masks
def test_room_around_both_images_changes_only_what_counts_background(seed, dims):
    prediction, truth = (np.pad(mask, 1) for mask in blocks(seed, dims))  # off the border
    before = numbers(prediction, truth, SPACINGS[dims])
    after = numbers(np.pad(prediction, 2), np.pad(truth, 2), SPACINGS[dims])
    for name in set(OF_VOXELS) - {"specificity", "accuracy"}:
        assert after[name] == pytest.approx(before[name]), name
    assert after["specificity"] >= before["specificity"]
    assert after["accuracy"] >= before["accuracy"]


@quick
@masks
def test_lengths_grow_with_the_voxels_volumes_with_their_power_shares_not_at_all(seed, dims):
    prediction, truth = blocks(seed, dims)
    before = numbers(prediction, truth, SPACINGS[dims], tolerance=0.9)
    larger = tuple(3 * side for side in SPACINGS[dims])
    after = numbers(prediction, truth, larger, tolerance=2.7)
    for name in OF_VOXELS:
        power = {"length": 1, "volume": dims}.get(METRICS[name].kind, 0)
        assert after[name] == pytest.approx(before[name] * 3**power), name


@quick
@masks
def test_dice_and_iou_are_two_ways_to_say_one_thing(seed, dims):
    number = counts(*blocks(seed, dims), True)
    assert number.dice == pytest.approx(2 * number.iou / (1 + number.iou))
    assert number.iou <= number.dice <= 1
    if number.tp:
        harmonic = 2 / (1 / number.sensitivity + 1 / number.precision)
        assert number.dice == pytest.approx(harmonic)


@quick
@masks
def test_a_mask_fits_itself_perfectly_and_its_complement_not_at_all(seed, dims):
    mask, _ = blocks(seed, dims)
    same = numbers(mask, mask, SPACINGS[dims])
    assert all(same[name] == 1 for name in OF_VOXELS if METRICS[name].kind == "share")
    assert same["hd95"] == same["assd"] == same["volume_difference"] == 0
    other = counts(~mask, mask, True)
    assert (other.dice, other.accuracy, other.specificity) == (0, 0, 0)


@quick
@masks
def test_distances_stay_below_the_diagonal_and_a_wider_tolerance_forgives_more(seed, dims):
    prediction, truth = blocks(seed, dims)
    spacing = SPACINGS[dims]
    diagonal = np.linalg.norm(np.multiply(truth.shape, spacing))
    nsd = []
    for tolerance in (0.0, 0.7, 2.0, diagonal):
        found = numbers(prediction, truth, spacing, tolerance=tolerance)
        assert all(0 <= found[name] < diagonal for name in LENGTHS)
        nsd.append(found["nsd"])
    assert nsd == sorted(nsd)
    assert nsd[-1] == 1


@quick
@masks
def test_classes_can_be_renumbered(seed, dims):
    prediction, truth = (mask.astype(np.uint16) for mask in blocks(seed, dims))
    prediction[0], truth[-1] = 7, 7
    before = score_classes(prediction, truth, spacing=SPACINGS[dims])
    table = np.zeros(8, np.uint16)
    table[1], table[7] = 900, 3
    after = score_classes(table[prediction], table[truth], spacing=SPACINGS[dims])
    assert sorted(after) == [3, 900]
    assert (after[900], after[3]) == (before[1], before[7])


@quick
@masks
def test_what_is_painted_over_by_its_difference_becomes_the_truth(seed, dims):
    prediction, truth = blocks(seed, dims)
    found = differences(prediction, truth, True)
    mended = (prediction & (found != TOO_MUCH)) | (found == MISSED)
    np.testing.assert_array_equal(mended, truth)
    swapped = differences(truth, prediction, True)
    np.testing.assert_array_equal(swapped == BOTH, found == BOTH)
    np.testing.assert_array_equal(swapped == MISSED, found == TOO_MUCH)


@quick
@masks
def test_lesions_do_not_mind_mirrors_room_or_the_size_of_voxels(seed, dims):
    prediction, truth = blocks(seed, dims, most=12)
    rule = LesionRule(iou=0.2)
    before = score_lesions(prediction, truth, rule, spacing=SPACINGS[dims])
    mirrored = score_lesions(np.flip(prediction), np.flip(truth), rule, spacing=SPACINGS[dims])
    roomy = score_lesions(np.pad(prediction, 3), np.pad(truth, 3), rule, spacing=(1.0,) * dims)
    for after in (mirrored, roomy):
        assert (after.found, after.missed, after.extra) == (
            before.found,
            before.missed,
            before.extra,
        )
        assert after.overlap == pytest.approx(before.overlap)


@quick
@masks
def test_a_stricter_rule_finds_no_more_lesions_and_a_size_counts_no_more(seed, dims):
    prediction, truth = blocks(seed, dims, most=12)
    found = [
        score_lesions(prediction, truth, LesionRule(iou=iou), spacing=(1.0,) * dims).found
        for iou in (0.0, 0.1, 0.5, 1.0)
    ]
    assert found == sorted(found, reverse=True)
    totals = []
    for smallest in (0.0, 3.0, 1e6):
        rule = LesionRule(smallest=smallest)
        one = score_lesions(prediction, truth, rule, spacing=(1.0,) * dims)
        totals.append(one.found + one.missed)
    assert totals == sorted(totals, reverse=True)
    assert totals[-1] == 0


def test_headings_have_their_units():
    assert METRICS["hd95"].heading() == "HD95 mm"
    assert METRICS["hd95"].heading("px", 2) == "HD95 px"
    assert METRICS["volume_difference"].unit(dims=2) == "mm²"
    assert METRICS["volume_difference"].unit() == "mm³"
    assert METRICS["dice"].heading() == "Dice"


def test_the_worse_number_is_the_badder_one():
    assert METRICS["dice"].badness(0.2) > METRICS["dice"].badness(0.9)
    assert METRICS["hd95"].badness(9.0) > METRICS["hd95"].badness(1.0)
    volume = METRICS["volume_difference"]
    assert volume.badness(-300.0) > volume.badness(200.0) > volume.badness(0.0)
    assert METRICS["hd95"].wish == "; smaller is better"
    assert METRICS["dice"].wish == ""


def test_a_range_is_short_and_signed_where_signs_mean_something():
    assert METRICS["dice"].span(0.8712, 0.9) == "0.87…0.90"
    assert METRICS["hd95"].span(1.04, 12.0) == "1.0…12.0"
    assert METRICS["volume_difference"].span(-120.4, 3.0) == "-120…+3"
