"""Doubtful places do not depend on how an image lies, is numbered or stored."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medseg.engine.doubt import doubt_map, doubtful_places
from napari_medseg.engine.doubt_map import with_doubt
from napari_medseg.engine.doubt_place import Place, amount, around, length, moved, ranked
from napari_medseg.engine.doubt_shapes import holes, odd_parts, parts_of
from napari_medseg.engine.doubt_slices import odd_slices

SEEDS = st.integers(0, 2**32)
SPACING = (3.0, 1.0, 1.5)


@pytest.fixture(scope="module")
def spoilt():
    """A body with an island, a hole, and a second class with a second part."""
    labels = np.zeros((16, 32, 36), np.uint8)
    for label, centre, radii in (
        (1, (7.6, 12, 13), (5.5, 8, 8)),
        (0, (7, 11, 12), (1, 1, 1)),
        (1, (6, 26, 29), (1.5, 2, 2)),
        (2, (7.4, 8, 28), (3.5, 4, 5)),
        (2, (9.4, 24, 13), (2.2, 2.5, 2.5)),
    ):
        grid = np.indices(labels.shape)
        pairs = zip(grid, centre, radii, strict=True)
        labels[sum(((g - c) / r) ** 2 for g, c, r in pairs) <= 1] = label
    return labels


def _facts(places):
    return sorted((p.kind, p.label, round(p.score, 6), p.reason) for p in places)


def _boxes(places):
    return sorted(tuple((s.start, s.stop) for s in p.box) for p in places)


def test_all_that_was_planted_is_found(spoilt):
    kinds = [place.kind for place in doubtful_places(None, spoilt, spacing=SPACING)]
    assert {"hole", "island", "part"} <= set(kinds)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_mirror_moves_the_places_and_changes_nothing_else(spoilt, axis):
    before = doubtful_places(None, spoilt, spacing=SPACING)
    after = doubtful_places(None, np.flip(spoilt, axis), spacing=SPACING)
    assert _facts(after) == _facts(before)
    side = spoilt.shape[axis]
    mirrored = [
        dataclasses.replace(
            place,
            box=tuple(
                slice(side - s.stop, side - s.start) if a == axis else s
                for a, s in enumerate(place.box)
            ),
        )
        for place in before
    ]
    assert _boxes(after) == _boxes(mirrored)


@pytest.mark.parametrize("order", [(1, 0, 2), (2, 1, 0), (1, 2, 0)])
def test_the_order_of_the_axes_does_not_matter(spoilt, order):
    before = doubtful_places(None, spoilt, spacing=SPACING)
    turned = spoilt.transpose(order)
    spacing = [SPACING[a] for a in order]
    after = doubtful_places(None, turned, spacing=spacing, axis=order.index(0))
    assert _facts(after) == _facts(before)
    turned_back = [
        dataclasses.replace(p, box=tuple(p.box[order.index(a)] for a in range(3))) for p in after
    ]
    assert _boxes(turned_back) == _boxes(before)


@pytest.mark.parametrize("dtype", ["i1", "u2", ">i2", "i4", "u4", "i8", "u8", ">u8"])
def test_the_type_and_the_byte_order_of_labels_do_not_matter(spoilt, dtype):
    other = doubtful_places(None, spoilt.astype(dtype), spacing=SPACING)
    assert other == doubtful_places(None, spoilt, spacing=SPACING)


def test_other_numbers_for_the_classes_change_only_the_numbers(spoilt):
    numbers = np.array([0, 40, 7], np.uint8)
    before = doubtful_places(None, spoilt, spacing=SPACING)
    after = doubtful_places(None, numbers[spoilt], spacing=SPACING)
    renamed = [dataclasses.replace(p, label=int(numbers[p.label])) for p in before]
    assert _facts(after) == _facts(renamed)


def test_room_around_the_image_moves_the_places_with_it(spoilt):
    pad = (2, 3, 5)
    wide = np.pad(spoilt, [(n, n) for n in pad])
    before = [moved(p, pad) for p in doubtful_places(None, spoilt, spacing=SPACING)]
    assert doubtful_places(None, wide, spacing=SPACING) == before


def test_labels_and_maps_are_not_changed(spoilt):
    unsure = np.random.default_rng(0).random(spoilt.shape).astype(np.float32)
    reviewed = np.zeros(spoilt.shape, bool)
    reviewed[:5] = True
    given_arrays = [spoilt.copy(), unsure.copy(), reviewed.copy()]
    doubtful_places(None, spoilt, spacing=SPACING, uncertainty=unsure, reviewed=reviewed)
    for was, now in zip(given_arrays, (spoilt, unsure, reviewed), strict=True):
        np.testing.assert_array_equal(was, now)


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_places_lie_in_the_image_and_their_scores_and_shares_are_parts_of_one(seed):
    rng = np.random.default_rng(seed)
    labels = (rng.random((9, 16, 17)) > 0.7).astype(np.uint8) * rng.integers(1, 3)
    labels[2:7, 3:12, 3:12] = 1
    places = doubtful_places(None, labels, spacing=(2, 1, 1), uncertainty=rng.random(labels.shape))
    assert 0 < len(places) <= 30
    assert sum(place.share for place in places) == pytest.approx(1)
    for place in places:
        assert 0 < place.score <= 1
        assert place.reason
        for side, box, centre in zip(labels.shape, place.box, place.centre, strict=True):
            assert 0 <= box.start <= centre < box.stop <= side


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_what_a_person_has_seen_is_never_asked_whatever_else_is_unsure(seed):
    rng = np.random.default_rng(seed)
    labels = (rng.random((8, 14, 14)) > 0.8).astype(np.uint8)
    reviewed = rng.random(labels.shape) < 0.5
    reviewed[:, :8] = True
    unsure = rng.random(labels.shape).astype(np.float32)
    for place in doubtful_places(
        None, labels, spacing=(1, 1, 1), uncertainty=unsure, reviewed=reviewed
    ):
        assert not reviewed[place.box].all()


def test_a_doubt_is_the_same_for_a_class_and_its_complement():
    rng = np.random.default_rng(0)
    share = rng.random((5, 6))
    labels = np.zeros((5, 6), np.uint8)
    doubt = doubt_map(labels, np.stack([share, 1 - share]))
    np.testing.assert_allclose(doubt, doubt_map(labels, np.stack([1 - share, share])))
    np.testing.assert_allclose(doubt, (1 - np.abs(2 * share - 1)) ** 2, atol=1e-6)
    assert doubt.dtype == np.float32
    np.testing.assert_allclose(
        doubt_map(labels, None, 3 * share), (3 * share).clip(0, 1) ** 2, rtol=1e-5
    )


def test_the_doubt_in_an_odd_place_counts_once():
    doubt = np.zeros((6, 6), np.float32)
    doubt[1:3, 1:3] = 1
    place = Place((1, 1), (slice(1, 3), slice(1, 3)), 1, 0.4, "a hole", "hole")
    more = with_doubt(place, doubt)
    assert place.score < more.score <= 1
    assert not doubt.any()
    assert with_doubt(place, doubt).score == pytest.approx(place.score)


def _places(seed, count=12):
    rng = np.random.default_rng(seed)
    kinds = ("hole", "part", "slice")
    for number in range(count):
        low = rng.integers(0, 20, 2)
        box = tuple(slice(int(a), int(a + rng.integers(1, 9))) for a in low)
        kind = kinds[int(rng.integers(3))]
        yield Place(
            (box[0].start, box[1].start), box, 1, float(rng.random()), f"{kind} {number}", kind
        )


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.integers(1, 12))
def test_a_ranking_is_in_order_is_short_enough_and_depends_on_no_order(seed, most):
    places = list(_places(seed))
    found = ranked(places, most)
    assert len(found) <= most
    assert [p.score for p in found] == sorted((p.score for p in found), reverse=True)
    assert sum(p.share for p in found) == pytest.approx(1)
    assert all(p.score <= 1 and p.reason.count(";") <= 1 for p in found)
    assert ranked(places[::-1], most) == found
    assert ranked([], most) == []


def test_a_part_is_found_with_its_box_its_size_and_its_class(spoilt):
    numbers, parts = parts_of(spoilt)
    assert len(parts) == 4
    for part in parts:
        mask = numbers == part.number
        assert mask.sum() == part.voxels == mask[part.box].sum()
        assert set(spoilt[mask]) == {part.label}


@pytest.mark.parametrize("share", [0.02, 0.3, 0.7])
def test_the_smaller_a_second_part_the_more_doubtful_and_a_pair_is_not(share):
    labels = np.zeros((3, 20, 60), np.uint8)
    labels[:, :, :20] = 1
    labels[:, :, 30 : 30 + max(round(20 * share), 1)] = 1
    if share < 0.1:
        labels[:, 4:, 30:] = 0
    numbers, parts = parts_of(labels)
    found = list(odd_parts(numbers, parts, spacing=None))
    kinds = {0.02: ["island"], 0.3: ["part"], 0.7: []}[share]
    assert [place.kind for place in found] == kinds
    assert all("10 voxels from the rest" in place.reason for place in found)


@pytest.mark.parametrize(("size", "found"), [(2, 1), (7, 0)])
def test_a_hole_is_small_for_its_class_and_a_hollow_organ_has_none(size, found):
    labels = np.zeros((14, 14, 14), np.uint8)
    labels[2:12, 2:12, 2:12] = 3
    labels[4 : 4 + size, 4 : 4 + size, 4 : 4 + size] = 0
    places = list(holes(labels, spacing=(1, 1, 1)))
    assert len(places) == found
    for place in places:
        assert (place.label, labels[place.centre]) == (3, 0)


def test_few_slices_and_single_pictures_have_no_odd_slices():
    labels = np.zeros((5, 9, 9), np.uint8)
    labels[:, 2:7, 2:7] = 1
    labels[2] = 0
    assert list(odd_slices(labels)) == []
    assert list(odd_slices(labels[0])) == []
    assert list(odd_slices(np.pad(labels, [(0, 0), (0, 0), (0, 0)], mode="edge"), axis=1)) == []


@pytest.mark.parametrize("index", [3, 6, 9])
def test_an_odd_slice_is_where_it_is_said_to_be(index):
    labels = np.zeros((14, 20, 20), np.uint8)
    labels[1:13, 4:16, 4:16] = 5
    labels[index, 4:16, 4:11] = 0
    (place,) = (p for p in odd_slices(labels) if p.kind == "slice")
    assert (place.kind, place.label, place.centre[0]) == ("slice", 5, index)
    assert place.box[0] == slice(index - 1, index + 2)
    assert labels[place.centre] == 0
    assert "unlike both its neighbours" in place.reason


def test_a_margin_ends_where_the_image_does():
    assert around((slice(0, 3), slice(5, 8)), (4, 8), 2) == (slice(0, 4), slice(3, 8))


@pytest.mark.parametrize(
    ("voxels", "spacing", "said"),
    [
        (94, (1, 1, 1), "94 mm³"),
        (95, (1, 1, 1), "0.095 ml"),
        (100, (1, 1), "1 cm²"),
        (0, None, "0 voxels"),
    ],
)
def test_units_change_where_numbers_become_long(voxels, spacing, said):
    assert amount(voxels, spacing) == said
    assert length(3.4, spacing) == ("3 voxels" if spacing is None else "3 mm")
