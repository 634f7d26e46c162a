"""A shape on its way to another one: at both ends it is them, in between it is between."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import ndimage

from napari_medseg.editing.shape_based import Morph, fill_gap


def disc(centre, radius, shape=(40, 50), spacing=(1.0, 1.0)):
    y, x = np.indices(shape)
    return ((y * spacing[0] - centre[0]) ** 2 + (x * spacing[1] - centre[1]) ** 2) <= radius**2


PAIRS = {
    "grows": (disc((20, 20), 5), disc((20, 20), 11)),
    "shifts": (disc((20, 15), 7), disc((22, 24), 9)),
    "far": (disc((10, 10), 5), disc((30, 40), 6)),
    "splits": (disc((20, 25), 12), disc((20, 15), 5) | disc((20, 35), 5)),
}


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("spacing", [(1.0, 1.0), (0.4, 2.5)])
def test_it_begins_as_the_one_and_ends_as_the_other(name, spacing):
    first, last = PAIRS[name]
    morph = Morph.of(first, last, spacing)
    np.testing.assert_array_equal(morph.at(0) > 0, first)
    np.testing.assert_array_equal(morph.at(1) > 0, last)


@pytest.mark.parametrize("name", PAIRS)
def test_backwards_it_goes_the_same_way(name):
    first, last = PAIRS[name]
    there, back = Morph.of(first, last, (1.0, 1.0)), Morph.of(last, first, (1.0, 1.0))
    for t in (0.2, 0.35, 0.7):
        np.testing.assert_allclose(there.at(t), back.at(1 - t), atol=1e-4)


@pytest.mark.parametrize("t", [0.25, 0.5, 0.75])
def test_a_disc_grows_evenly(t):
    morph = Morph.of(*PAIRS["grows"], (1.0, 1.0))
    area = np.count_nonzero(morph.at(t) > 0)
    assert np.sqrt(area / np.pi) == pytest.approx(5 + 6 * t, abs=0.6)


@pytest.mark.parametrize("t", [0.25, 0.5, 0.75])
def test_what_does_not_overlap_moves_and_keeps_its_size(t):
    morph = Morph.of(*PAIRS["far"], (1.0, 1.0))
    assert morph.move == (20, 30)
    found = np.argwhere(morph.at(t) > 0)
    assert found.mean(axis=0) == pytest.approx((10 + 20 * t, 10 + 30 * t), abs=0.6)
    assert np.sqrt(len(found) / np.pi) == pytest.approx(5 + t, abs=0.6)
    assert Morph.of(*PAIRS["shifts"], (1.0, 1.0)).stays


def test_more_of_the_way_is_more_of_the_last_one():
    first, last = disc((20, 25), 5), disc((20, 25), 12)
    morph = Morph.of(first, last, (1.0, 1.0))
    masks = [morph.at(t) > 0 for t in np.linspace(0, 1, 9)]
    for before, after in itertools.pairwise(masks):
        assert not (before & ~after).any()


@pytest.mark.parametrize("missing", [0, 1])
def test_what_one_end_lacks_is_gone_half_way(missing):
    pair = [disc((20, 20), 8), disc((20, 20), 8)]
    pair[missing] = np.zeros_like(pair[0])
    morph = Morph.of(*pair, (1.0, 1.0))
    sizes = [np.count_nonzero(morph.at(t) > 0) for t in (0, 0.25, 0.49, 0.5, 0.75, 1)]
    sizes = sizes[::-1] if missing == 0 else sizes
    assert sizes[0] == np.count_nonzero(pair[1 - missing])
    assert sizes[1] > 0
    assert sizes[-3:] == [0, 0, 0]
    assert sizes == sorted(sizes, reverse=True)


def test_lengths_in_mm_decide_not_voxels():
    """The same discs on a grid twice as fine along one axis give the same outline."""
    coarse = Morph.of(disc((10, 12), 4, (24, 24)), disc((13, 12), 7, (24, 24)), (1.0, 1.0))
    fine_discs = (
        disc((10, 12), 4, (48, 24), (0.5, 1.0)),
        disc((13, 12), 7, (48, 24), (0.5, 1.0)),
    )
    fine = Morph.of(*fine_discs, (0.5, 1.0))
    for t in (0.3, 0.6):
        different = (coarse.at(t) > 0) != (fine.at(t) > 0)[::2]
        near = np.abs(coarse.at(t)) < 1.5  # of a voxel at the outline
        assert not (different & ~near).any()


def test_the_planes_between_are_filled_in_place_and_only_they():
    planes = np.zeros((5, 40, 50), np.uint16)
    planes[0][PAIRS["shifts"][0]] = planes[4][PAIRS["shifts"][1]] = 300
    planes[2, 20, 20] = 9
    ends = planes[[0, 4]].copy()
    fill_gap(planes, [300, 7], (1.0, 1.0), overwrite=False)
    np.testing.assert_array_equal(planes[[0, 4]], ends)
    assert planes[2, 20, 20] == 9
    assert set(np.unique(planes[1:4])) == {0, 9, 300}
    fill_gap(planes, [300], (1.0, 1.0), overwrite=True)
    assert planes[2, 20, 20] == 300


def test_classes_that_neither_plane_has_change_nothing():
    planes = np.zeros((4, 6, 6), np.uint8)
    planes[0, 2], planes[3, 2] = 1, 1
    before = planes.copy()
    fill_gap(planes, [5], (1.0, 1.0), overwrite=True)
    np.testing.assert_array_equal(planes, before)


@pytest.mark.parametrize("seed", range(6))
def test_distances_are_those_of_scipy_on_both_sides(seed):
    rng = np.random.default_rng(seed)
    mask, spacing = rng.random((15, 21)) < (0.1, 0.5, 0.9)[seed % 3], tuple(rng.uniform(0.3, 3, 2))
    inside, outside = (ndimage.distance_transform_edt(m, sampling=spacing) for m in (mask, ~mask))
    np.testing.assert_allclose(Morph.of(mask, mask, spacing).first, inside - outside, atol=1e-3)
