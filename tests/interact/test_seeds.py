"""What all prompts together say of a region."""

from __future__ import annotations

import numpy as np
import pytest

from napari_medseg.interact.prompts import Prompt
from napari_medseg.interact.seeds import FREE, core_and_band, seeds_of
from napari_medseg.volume import Volume

VOLUME = Volume(np.zeros((1, 30, 40), np.float32), (1.0, 1.0))
WHOLE = (slice(0, 30), slice(0, 40))
CORNERS = [[8, 10], [19, 29]]


def click(at, value, positive=True, radius=0.0):
    return Prompt.drawn(VOLUME, [at], value, positive=positive, radius=radius)


def said(*prompts, box=WHOLE, values=(0, 1, 2)):
    return seeds_of(prompts, VOLUME, box, values)


def test_a_point_for_a_class_asks_for_it_and_one_against_forbids_it():
    seeds = said(click((3, 4), 2), click((6, 7), 1, positive=False))
    assert seeds.required[3, 4] == 2
    assert np.count_nonzero(seeds.required != FREE) == 1
    assert list(seeds.forbidden) == [1]
    assert np.argwhere(seeds.forbidden[1]).tolist() == [[6, 7]]
    assert seeds.notes == ()


def test_what_lies_outside_of_the_region_says_nothing():
    seeds = said(click((3, 4), 2), click((20, 20), 1), box=(slice(10, 30), slice(10, 30)))
    assert np.argwhere(seeds.required == 1).tolist() == [[10, 10]]
    assert not (seeds.required == 2).any()


@pytest.mark.parametrize(
    ("first", "second", "required", "forbidden"),
    [
        ((1, True), (2, True), 2, set()),
        ((1, True), (1, False), FREE, {1}),
        ((1, False), (1, True), 1, set()),
        ((1, False), (2, False), FREE, {1, 2}),
    ],
)
def test_the_later_of_two_prompts_at_one_place_holds(first, second, required, forbidden):
    seeds = said(click((5, 5), *first), click((5, 5), *second))
    assert seeds.required[5, 5] == required
    assert {v for v, where in seeds.forbidden.items() if where[5, 5]} == forbidden


def test_a_contradiction_is_said_once_when_it_is_new():
    first, second = click((5, 5), 1, radius=1.0), click((5, 6), 2)
    assert said(first, second).notes == (
        "the click on class 2 contradicts an earlier one on 1 voxel; the later one holds",
    )
    assert said(first, second, click((20, 20), 1)).notes == ()
    assert said(first, click((5, 6), 1)).notes == ()


def test_one_class_at_least_may_always_be():
    seeds = said(*(click((5, 5), v, positive=False) for v in (1, 2, 0)))
    assert seeds.allowed((0, 1, 2))[:, 5, 5].tolist() == [False, True, True]
    assert "contradicts" in seeds.notes[0]


def test_a_voxel_of_which_nothing_is_said_may_be_anything():
    allowed = said(click((5, 5), 1)).allowed((0, 1, 2))
    assert allowed[:, 5, 5].tolist() == [False, True, False]
    assert allowed.sum() == 3 * 30 * 40 - 2
    places = (np.array([5, 6]), np.array([5, 6]))
    assert said(click((5, 5), 1)).allowed((0, 1), places).tolist() == [[False, True], [True, True]]


def test_labels_that_break_a_prompt_are_found():
    seeds = said(click((5, 5), 1), click((7, 7), 2, positive=False))
    labels = np.zeros((30, 40), np.uint8)
    labels[7, 7] = 2
    assert np.argwhere(seeds.broken(labels)).tolist() == [[5, 5], [7, 7]]


def test_a_box_ends_its_object_at_its_sides_with_a_little_slack():
    denied = said(Prompt.drawn(VOLUME, CORNERS, 1, kind="box")).forbidden[1]
    assert not denied[7:21, 9:31].any()  # 12 x 20 voxels and 1 more on every side
    assert denied[6, 9:31].all()
    assert denied[7:21, 31].all()
    assert not denied[0].any()


def test_what_was_erased_is_told_from_where_a_box_ends():
    box = Prompt.drawn(VOLUME, CORNERS, 1, kind="box")
    assert not said(box).erased.any()
    against = said(box, click((3, 20), 1, positive=False))
    assert against.erased[3, 20]
    assert not against.erased[12, 20]
    assert not said(click((3, 20), 1, positive=False), click((3, 20), 2)).erased.any()


def test_a_later_prompt_outside_of_a_box_opens_it():
    box = Prompt.drawn(VOLUME, CORNERS, 1, kind="box")
    assert 1 not in said(box, click((3, 20), 1)).forbidden
    assert 1 in said(box, click((12, 20), 1)).forbidden
    assert 1 in said(box, click((3, 20), 2)).forbidden


def test_a_box_against_a_class_forbids_it_inside_and_nowhere_else():
    box = Prompt.drawn(VOLUME, CORNERS, 1, kind="box", positive=False)
    expected = np.zeros((30, 40), bool)
    expected[8:20, 10:30] = True
    np.testing.assert_array_equal(said(box).forbidden[1], expected)


def test_a_lasso_asks_for_its_core_and_leaves_a_band_to_the_image():
    line = [[8, 10], [8, 29], [19, 29], [19, 10]]
    lasso = Prompt.drawn(VOLUME, line, 1, kind="lasso")
    place, core, band = core_and_band(lasso, VOLUME)
    core_there, band_there = np.zeros((2, 30, 40), bool)
    core_there[place], band_there[place] = core, band
    assert not (core & band).any()
    assert core_there[10:18, 12:28].all()
    assert band_there[8, 10:30].all()
    assert not core_there[:8].any()
    np.testing.assert_array_equal(said(lasso).required == 1, core_there)


def test_prompts_of_another_image_are_passed_over():
    far = Prompt(kind="point", value=1, points=((900.0, 900.0, 0.0),))
    assert not said(far).forbidden
    assert (said(far).required == FREE).all()
