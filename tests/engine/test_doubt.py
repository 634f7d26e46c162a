"""Doubtful places: planted errors come first, and each is named for what it is."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from napari_medseg.engine.doubt import doubt_map, doubtful_places
from napari_medseg.engine.doubt_place import Place, amount, ranked
from napari_medseg.progress import Cancelled
from napari_medseg.samples.hippocampus import hippocampus


def _ball(shape, centre, radius, spacing=(1, 1, 1)):
    grid = np.indices(shape)
    return (
        sum(((g - c) * s) ** 2 for g, c, s in zip(grid, centre, spacing, strict=False)) <= radius**2
    )


@pytest.fixture
def body():
    """One ball of 20 mm across in a volume with room around it."""
    labels = np.zeros((32, 48, 48), np.uint8)
    labels[_ball(labels.shape, (16, 24, 24), 10)] = 1
    return labels


def _find(labels, **options):
    return doubtful_places(None, labels, spacing=options.pop("spacing", (1, 1, 1)), **options)


def test_sound_labels_have_no_odd_places(body):
    assert _find(body) == []
    assert _find(hippocampus(0).labels) == []


def test_empty_and_full_labels_have_no_odd_places():
    assert _find(np.zeros((8, 9, 10), np.uint8)) == []
    assert _find(np.ones((8, 9, 10), np.uint8)) == []
    assert _find(np.zeros((0, 4, 4), np.uint8)) == []


def test_an_island_is_named_with_its_distance_and_its_volume(body):
    body[14:18, 40:44, 22:26] = 1
    (place,) = _find(body, spacing=(5, 2, 2))
    assert (place.kind, place.label) == ("island", 1)
    assert "10 mm from the rest" in place.reason
    assert "1.3 ml" in place.reason
    assert body[place.centre] == 1
    assert place.share == 1


def test_without_a_known_spacing_sizes_are_in_voxels(body):
    body[14:18, 40:44, 22:26] = 1
    (place,) = _find(body, spacing=None)
    assert "5 voxels from the rest (64 voxels)" in place.reason


def test_parts_of_a_class_that_comes_in_pairs_or_rows_are_not_odd(body):
    two = np.concatenate([body, body[::-1]], axis=2)
    assert _find(two) == []
    many = np.zeros((12, 60, 12), np.uint8)
    for y in range(2, 58, 8):
        many[4:8, y : y + 4, 4:8] = 1
    assert _find(many) == []


def test_an_island_unlike_its_class_is_more_doubtful_and_said_to_be(body):
    body[14:18, 40:44, 22:26] = 1
    image = np.random.default_rng(0).normal(100, 5, body.shape)
    (alike,) = _find(body, image=image)
    image[14:18, 40:44, 22:26] += 100
    (unlike,) = _find(body, image=image)
    assert unlike.score > alike.score
    assert "brighter" in unlike.reason


def test_a_hole_is_found_and_an_open_one_is_not(body):
    body[15:18, 23:26, 23:26] = 0
    (hole,) = _find(body)
    assert (hole.kind, hole.label) == ("hole", 1)
    body[15:18, 23:26, :26] = 0  # a tunnel to the outside
    assert "hole" not in [place.kind for place in _find(body)]


def test_a_missing_slice_and_one_that_is_moved_are_found(body):
    missing = body.copy()
    missing[15] = 0
    place = _find(missing)[0]
    assert place.kind == "slice"
    assert "missing on this slice" in place.reason
    assert place.centre[0] == 15
    moved = body.copy()
    moved[15] = np.roll(body[15], 8, axis=1)
    assert (_find(moved)[0].kind, _find(moved)[0].centre[0]) == ("slice", 15)


def test_slices_are_looked_at_along_the_axis_that_is_asked_for(body):
    body[:, :, 22] = 0
    place = _find(body, axis=2)[0]
    assert (place.kind, place.centre[2]) == ("slice", 22)


def test_a_label_cut_off_within_the_image_ends_abruptly_at_its_border_it_does_not(body):
    body[17:] = 0
    places = _find(body)
    assert [place.reason for place in places] == ["the label ends abruptly"]
    assert places[0].centre[0] == 16
    assert _find(body[:17]) == []


def test_gaps_that_come_again_and_again_are_less_doubtful_than_one(body):
    one, many = body.copy(), body.copy()
    one[16] = 0
    many[[10, 13, 16, 19, 22]] = 0
    assert max(p.score for p in _find(many)) < _find(one)[0].score


def test_a_thin_bridge_between_two_bodies_is_found(body):
    labels = np.zeros((32, 48, 64), np.uint8)
    for x in (16, 48):
        labels[_ball(labels.shape, (16, 24, x), 10)] = 1
    labels[16:18, 24:26, 20:44] = 1
    (place,) = _find(labels)
    assert place.kind == "bridge"
    assert 26 <= place.centre[2] <= 38
    assert _find(np.where(labels, 1, 0).astype(np.uint8)[:, :, :33]) == []


def test_two_dimensional_images_are_searched_as_well():
    labels = np.zeros((60, 60), np.uint8)
    labels[10:30, 10:30] = 1
    labels[18:21, 18:21] = 0
    labels[45:49, 45:49] = 1
    kinds = {place.kind: place for place in _find(labels, spacing=(0.5, 0.5))}
    assert set(kinds) == {"hole", "island"}
    assert "4 mm²" in kinds["island"].reason


def test_what_was_reviewed_is_not_asked_again(body):
    body[14:18, 40:44, 22:26] = 1
    (place,) = _find(body)
    reviewed = np.zeros(body.shape, bool)
    reviewed[place.box] = True
    assert _find(body, reviewed=reviewed) == []
    unsure = np.zeros(body.shape, np.float32)
    unsure[14:18, 30:36, 20:26] = 1
    assert _find(body, uncertainty=unsure, reviewed=np.ones(body.shape, bool)) == []


def test_the_reasons_say_what_the_model_is_unsure_of(body):
    def reason(where, labels=body):
        unsure = np.zeros(labels.shape, np.float32)
        unsure[where] = 0.9
        return _find(labels, uncertainty=unsure)[0].reason

    assert "whether something is here" in reason(np.s_[2:8, 2:8, 2:8])
    assert "inside" in reason(np.s_[14:18, 22:26, 22:26])
    assert "border" in reason(np.s_[13:19, 12:17, 21:27])
    two = np.where(np.arange(48) > 24, 2, 1).astype(np.uint8) * body
    assert "where one class ends" in reason(np.s_[13:19, 21:27, 22:27], two)


def test_answers_that_differ_are_places_without_probabilities(body):
    other = body.copy()
    other[13:19, 12:18, 21:27] = 0
    place = _find(body, flipped=[other])[0]
    assert place.kind == "differ"
    assert other[place.centre] != body[place.centre]


def test_doubt_is_one_for_a_tossed_coin_and_zero_for_certainty():
    labels = np.zeros((1, 3), np.uint8)
    foreground = np.array([[0.5, 0.0, 1.0]])
    doubt = doubt_map(labels, np.stack([1 - foreground, foreground]))
    np.testing.assert_array_equal(doubt, [[1, 0, 0]])
    assert doubt_map(labels) is None
    np.testing.assert_array_equal(doubt_map(labels, flipped=[labels + 1, labels]), [[0.25] * 3])


def test_places_are_at_most_thirty_the_most_doubtful_first_and_inside_the_image(body):
    rng = np.random.default_rng(0)
    noise = (rng.random((40, 60, 60)) > 0.99).astype(np.uint8)
    noise[5:30, 5:40, 5:40] = 1
    unsure = rng.random(noise.shape).astype(np.float32)
    places = _find(noise, uncertainty=unsure)
    assert len(places) == 30
    scores = [place.score for place in places]
    assert scores == sorted(scores, reverse=True)
    assert sum(place.share for place in places) == pytest.approx(1)
    for place in places:
        assert all(
            0 <= b.start <= c < b.stop <= n
            for b, c, n in zip(place.box, place.centre, noise.shape, strict=True)
        )


def test_places_on_an_anisotropic_grid_are_those_of_the_isotropic_one():
    fine = np.zeros((40, 40, 40), np.float32)
    fine[8:16, 8:16, 8:16] = 0.9
    labels = _ball(fine.shape, (20, 20, 20), 17).astype(np.uint8)
    one = _find(labels, uncertainty=fine)[0]
    coarse = _find(labels[::4], uncertainty=fine[::4], spacing=(4, 1, 1))[0]
    np.testing.assert_allclose(np.multiply(coarse.centre, (4, 1, 1)), one.centre, atol=4)


def test_two_places_that_are_one_are_joined_with_both_reasons():
    box = (slice(0, 4), slice(0, 4))
    hole = Place((1, 1), box, 1, 0.6, "a hole", "hole")
    other = dataclasses.replace(hole, score=0.4, reason="a bridge", kind="bridge")
    away = dataclasses.replace(hole, box=(slice(9, 12), slice(9, 12)), score=0.3)
    first, second = ranked([other, away, hole])
    assert first.reason == "a hole; a bridge"
    assert 0.6 < first.score < 1
    assert (second.box, first.share > second.share) == (away.box, True)


def test_a_search_can_be_cancelled(body):
    def stop(step):
        raise Cancelled

    with pytest.raises(Cancelled):
        _find(body, report=stop)


@pytest.mark.parametrize(
    ("labels", "options", "words"),
    [
        (np.zeros((4, 4), float), {}, "whole numbers"),
        (np.zeros((2, 4, 4, 4), np.uint8), {"spacing": None}, "2-D or 3-D"),
        (np.full((4, 4, 4), -1), {}, "negative"),
        (np.zeros((4, 4), np.uint8), {"spacing": (1, 1, 1)}, "2 entries"),
        (np.zeros((4, 4, 4), np.uint8), {"uncertainty": np.zeros((4, 4, 5))}, "same grid"),
        (np.zeros((4, 4, 4), np.uint8), {"flipped": [np.zeros((4, 4, 5))]}, "other answer 1"),
    ],
)
def test_what_cannot_be_searched_is_said_in_a_sentence(labels, options, words):
    options = {"spacing": (1,) * labels.ndim, **options}
    with pytest.raises(ValueError, match=words):
        doubtful_places(None, labels, **options)


@pytest.mark.parametrize(
    ("voxels", "spacing", "words"),
    [
        (2, (1, 1, 1), "2 voxels"),
        (1, (1, 1, 1), "1 voxel"),
        (14, (1, 1, 1), "14 mm³"),
        (240, (1, 1, 1), "0.24 ml"),
        (50, (1, 1), "50 mm²"),
        (12345, None, "12345 voxels"),
    ],
)
def test_amounts_are_rounded_to_what_they_mean(voxels, spacing, words):
    assert amount(voxels, spacing) == words
