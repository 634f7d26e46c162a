"""Laws of parting at necks: more depth, fewer parts; the grid and the view do not matter."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_medseg.editing import necks
from napari_medseg.editing.necks import split_objects
from napari_medseg.progress import Cancelled


@pytest.fixture(scope="module")
def blobs():
    """Rounded blobs of many sizes, some of which touch."""
    noise = ndimage.gaussian_filter(np.random.default_rng(8).normal(size=(60, 60)), 3)
    return (noise > 0.01).astype(np.uint8)


def same_parts(one, other):
    """Whether two numberings part the voxels alike."""
    pairs = {*zip(one.ravel().tolist(), other.ravel().tolist(), strict=True)}
    return len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})


def as_objects(parts):
    """Number connected parts: part 1 stands for what is left of every object."""
    first, count = ndimage.label(parts == 1, np.ones((3,) * parts.ndim))
    return np.where(parts > 1, parts + count, first)


def test_more_depth_never_gives_more_parts_and_never_cuts_anew(blobs):
    before = None
    for depth in (0.2, 0.5, 1.0, 1.5, 2.5, 4.0):
        parts = as_objects(split_objects(blobs, 1, depth=depth))
        if before is not None:
            pairs = {*zip(before.ravel().tolist(), parts.ravel().tolist(), strict=True)}
            assert len(pairs) == len({fine for fine, _ in pairs})  # each lies in one coarser part
        before = parts
    assert same_parts(before, ndimage.label(blobs, np.ones((3, 3)))[0])


def test_all_of_the_class_is_parted_and_nothing_else(blobs):
    labels = np.where(blobs > 0, 5, 2).astype(np.int16)
    parts = split_objects(labels, 5, depth=0.5)
    np.testing.assert_array_equal(parts > 0, blobs > 0)
    assert set(np.unique(parts)) == set(range(parts.max() + 1))
    assert parts.max() > 3


@pytest.mark.parametrize("flip", [(-1, 1), (1, -1), (-1, -1)])
def test_mirroring_finds_as_many_parts_in_the_same_places(blobs, flip):
    there = tuple(slice(None, None, step) for step in flip)
    one = as_objects(split_objects(blobs, 1, depth=1.0))
    other = as_objects(split_objects(np.ascontiguousarray(blobs[there]), 1, depth=1.0))[there]
    assert len(np.unique(one)) == len(np.unique(other))
    matched = 0
    for value in np.unique(one)[1:]:
        matched += np.bincount(other[one == value]).max()
    # a small part between two necks of the same depth joins the one or the other
    assert matched > 0.9 * np.count_nonzero(blobs)


def test_a_volume_of_one_slice_is_parted_as_the_picture(blobs):
    flat = split_objects(blobs, 1, depth=1.0, points=())
    thick = split_objects(np.repeat(blobs[None], 9, axis=0), 1, spacing=(50, 1, 1), depth=1.0)
    assert same_parts(as_objects(flat), as_objects(thick)[4])


def test_the_finer_grid_gives_the_same_parts():
    coarse = np.zeros((30, 40), np.uint8)
    y, x = np.indices(coarse.shape)
    coarse[(y - 15) ** 2 + (x - 11) ** 2 <= 64] = 1
    coarse[(y - 15) ** 2 + (x - 26) ** 2 <= 100] = 1
    parts = split_objects(coarse, 1, spacing=(2.0, 2.0), depth=1.5)
    fine = split_objects(
        np.kron(coarse, np.ones((1, 2), np.uint8)), 1, spacing=(2.0, 1.0), depth=1.5
    )
    assert parts.max() == fine.max() == 2
    different = np.argwhere(parts != fine[:, ::2])
    assert len(different) <= 30  # along the neck, a voxel wide
    assert np.ptp(different[:, 1]) <= 2 if len(different) else True


def test_large_objects_are_parted_as_small_ones(blobs, monkeypatch):
    small = split_objects(blobs, 1, spacing=(0.7, 1.2), depth=0.8)
    monkeypatch.setattr(necks, "_LONG", 100)  # voxels, above which another library measures depth
    np.testing.assert_array_equal(split_objects(blobs, 1, spacing=(0.7, 1.2), depth=0.8), small)


def test_the_order_of_the_clicks_does_not_matter(blobs):
    numbers, _ = ndimage.label(blobs, np.ones((3, 3)))
    largest = np.argwhere(numbers == np.bincount(numbers.ravel())[1:].argmax() + 1)
    clicks = [tuple(int(i) for i in largest[n]) for n in (0, len(largest) // 2, -1)]
    one = split_objects(blobs, 1, points=clicks)
    other = split_objects(blobs, 1, points=clicks[::-1])
    assert np.count_nonzero(one != other) <= 0.02 * np.count_nonzero(blobs)
    assert {int(one[c]) for c in clicks} == {1, 2, 3}


def test_it_stops_between_objects(blobs):
    seen = []

    def stop(step):
        seen.append(step.done)
        if step.done == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        split_objects(blobs, 1, report=stop)
    assert seen == [0, 1, 2]
