"""The object in a box, and a lasso's line moved to where the image has one."""

from __future__ import annotations

import numpy as np
import pytest

from napari_medseg.interact.around import region_of
from napari_medseg.interact.prompts import Prompt
from napari_medseg.interact.refine import refine
from napari_medseg.interact.refine_config import RefineConfig
from napari_medseg.interact.refine_region import Region
from napari_medseg.interact.refine_shape import object_in
from napari_medseg.interact.seeds import core_and_band, seeds_of
from napari_medseg.volume import Volume

SHAPE = (48, 48)
BOX = (slice(14, 35), slice(14, 35))


def disc(centre, radius, shape=SHAPE):
    at = np.indices(shape) - np.reshape(centre, (-1, *[1] * len(shape)))
    return np.square(at).sum(0) <= radius**2


def whole(shape=SHAPE):
    return tuple(slice(0, n) for n in shape)


def seen(truth, labels, prompt=None, **more):
    image = truth + np.random.default_rng(0).normal(0, 0.15, truth.shape)
    volume = Volume(image[None].astype(np.float32), (1.0,) * truth.ndim)
    drawn = [] if prompt is None else [Prompt.drawn(volume, prompt[0], 1, **prompt[1])]
    seeds = seeds_of(drawn, volume, whole(truth.shape), (0, 1, 2))
    region = Region(volume.array, labels, seeds, volume.spacing, (0, 1, 2), **more)
    return region, (drawn or [None])[-1], volume


def dice(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum())


@pytest.fixture
def truth():
    return disc((24, 24), 10)


def test_a_box_around_a_bright_disc_finds_the_disc(truth):
    region, _, _ = seen(truth, np.zeros(SHAPE, np.uint8))
    added, taken = object_in(region, BOX, BOX, 1, RefineConfig())
    assert dice(added, truth) > 0.9
    assert not taken.any()


def test_the_object_is_not_taken_for_a_disc_where_the_image_shows_another_form(truth):
    upper = truth & (np.indices(SHAPE)[0] <= 26)
    region, _, _ = seen(upper, np.zeros(SHAPE, np.uint8))
    added, _ = object_in(region, BOX, BOX, 1, RefineConfig(image=3.0))
    by_shape, _ = object_in(region, BOX, BOX, 1, RefineConfig(image=0.0))
    assert dice(added, upper) > dice(by_shape, upper)
    assert dice(added, upper) > 0.85


def test_a_model_that_is_sure_is_followed_where_the_image_shows_nothing(truth):
    small = disc((24, 24), 5)
    p = np.stack([1 - small, small, 0 * small]).astype(np.float32)
    even = np.zeros(SHAPE)
    region, _, _ = seen(even, np.zeros(SHAPE, np.uint8), probabilities=p)
    added, _ = object_in(region, BOX, BOX, 1, RefineConfig(image=0.0, model=3.0))
    without, _ = object_in(region, BOX, BOX, 1, RefineConfig(image=0.0, model=0.0))
    assert dice(added, small) > dice(without, small)


def test_what_the_class_had_too_much_is_taken_away_also_where_it_spills_out(truth):
    labels = truth.astype(np.uint8)
    labels[22:26, 24:44] = 1  # a tail out of the box
    labels[44:46, 4:6] = 1  # another object
    region, _, _ = seen(truth, labels)
    added, taken = object_in(region, BOX, BOX, 1, RefineConfig())
    assert not (added & (labels == 1)).any()
    assert not (taken & (labels != 1)).any()
    assert taken[23, 36:44].all()
    assert not taken[44:46, 4:6].any()


def test_one_piece_is_found_not_two(truth):
    two = disc((20, 20), 4) | disc((31, 31), 2)
    region, _, _ = seen(two, np.zeros(SHAPE, np.uint8))
    added, _ = object_in(region, BOX, BOX, 1, RefineConfig(image=3.0))
    from scipy import ndimage

    assert ndimage.label(added)[1] == 1


def test_nothing_is_found_outside_of_the_box_with_its_slack(truth):
    bright = np.ones(SHAPE, bool)
    loose = (slice(13, 36), slice(12, 37))
    region, _, _ = seen(bright, np.zeros(SHAPE, np.uint8))
    added, _ = object_in(region, BOX, loose, 1, RefineConfig())
    assert added.any()
    added[loose] = False
    assert not added.any()


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_box_drawn_on_a_slice_finds_the_object_of_that_slice(axis):
    shape = (20, 20, 20)
    ball = disc((10, 10, 10), 6, shape)
    corners = np.array([[3.0, 3, 3], [17, 17, 17]])
    corners[:, axis] = 10
    labels = np.zeros(shape, np.uint8)
    drawn = (corners.tolist(), {"kind": "box", "axis": axis})
    case, prompt, volume = seen(ball, labels, drawn)
    box = region_of(prompt, labels, volume, 20)  # the slice
    seeds = seeds_of([prompt], volume, box, (0, 1, 2))
    region = Region(case.image[(slice(None), *box)], labels[box], seeds, case.spacing, (0, 1, 2))
    found = refine(region, prompt, volume)
    assert dice(found == 1, ball[box]) > 0.8


def lasso(centre, radius, corners=40):
    turn = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    line = np.stack([np.sin(turn), np.cos(turn)], -1) * radius + centre
    return line.tolist(), {"kind": "lasso"}


@pytest.mark.parametrize("radius", [9, 11])
def test_a_lasso_drawn_a_little_beside_the_edge_snaps_to_it(truth, radius):
    case = seen(truth, np.zeros(SHAPE, np.uint8), lasso((24, 24), radius))
    drawn = disc((24, 24), radius)
    found = refine(*case) == 1
    assert dice(found, truth) > dice(drawn, truth)


def test_what_a_lasso_surely_holds_is_of_the_class_and_far_outside_nothing_is(truth):
    case = seen(np.zeros(SHAPE), np.zeros(SHAPE, np.uint8), lasso((24, 24), 10))
    box, core, band = core_and_band(case[1], case[2])
    found = refine(*case)
    assert (found[box][core] == 1).all()
    assert not found[box][~core & ~band].any()
    found[box] = 0
    assert not found.any()


def test_a_lasso_against_a_class_erases_what_it_holds_and_nothing_else(truth):
    labels = np.ones(SHAPE, np.uint8)
    labels[:, 30:] = 2
    points, given = lasso((24, 24), 10)
    found = refine(*seen(truth, labels, (points, {**given, "positive": False})))
    inside = disc((24, 24), 9)
    assert not found[inside & (labels == 1)].any()
    np.testing.assert_array_equal(found[labels == 2], 2)
    outside = ~disc((24, 24), 11)
    np.testing.assert_array_equal(found[outside], labels[outside])
