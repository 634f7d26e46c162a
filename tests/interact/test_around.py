"""Which part of an image the answer to a prompt may change."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medseg.interact.around import region_of
from napari_medseg.interact.prompts import Prompt
from napari_medseg.volume import Volume

SQUARE = [(10, 10), (10, 20), (20, 20), (20, 10)]


def empty(shape, spacing=None):
    return Volume(np.zeros((1, *shape), np.float32), spacing or (1.0,) * len(shape))


def sides(box):
    return [(s.start, s.stop) for s in box]


def region(volume, points, *, labels=None, margin=5, **given):
    prompt = Prompt.drawn(volume, points, given.pop("value", 1), **given)
    labels = np.zeros(volume.shape, np.uint8) if labels is None else labels
    return region_of(prompt, labels, volume, margin)


def test_around_a_point_it_is_the_margin_to_each_side_and_ends_with_the_image():
    volume = empty((40, 50))
    assert sides(region(volume, [(20, 30)])) == [(15, 26), (25, 36)]
    assert sides(region(volume, [(1, 48)])) == [(0, 7), (43, 50)]


def test_along_thick_slices_the_margin_is_fewer_voxels():
    volume = empty((20, 40, 40), (5.0, 1.0, 1.0))
    assert sides(region(volume, [(10, 20, 20)], margin=10)) == [(8, 13), (10, 31), (10, 31)]


def test_around_a_scribble_it_holds_all_of_it():
    volume = empty((40, 50))
    found = region(volume, [(10, 10), (10, 30), (20, 30)], kind="scribble")
    assert sides(found) == [(5, 26), (5, 36)]


def test_a_box_has_room_around_it_but_no_more_than_the_margin():
    volume = empty((60, 60))
    small = region(volume, [(20, 20), (29, 29)], kind="box", margin=30)
    wide = region(volume, [(20, 20), (29, 29)], kind="box", margin=2)
    assert sides(small) == [(13, 37), (13, 37)]  # a voxel of slack, and half of 12 around
    assert sides(wide) == [(17, 33), (17, 33)]


def test_a_box_takes_in_the_object_that_reaches_out_of_it():
    volume = empty((60, 60))
    labels = np.zeros((60, 60), np.uint8)
    labels[24:26, 22:45] = 1
    found = region(volume, [(20, 20), (29, 29)], kind="box", margin=20, labels=labels)
    assert found[1].stop == 45
    assert found[0] == region(volume, [(20, 20), (29, 29)], kind="box", margin=20)[0]
    other = region(volume, [(20, 20), (29, 29)], kind="box", margin=20, labels=labels, value=2)
    assert other[1].stop == 37  # the object is of another class


@pytest.mark.parametrize("kind", ["box", "lasso"])
def test_what_erases_changes_no_more_than_it_holds(kind):
    volume = empty((40, 50))
    points = [(10, 10), (20, 20)] if kind == "box" else SQUARE
    found = region(volume, points, kind=kind, positive=False)
    assert sides(found) == [(10, 21), (10, 21)]


def test_a_lasso_may_move_its_line_a_few_voxels():
    found = region(empty((40, 50)), SQUARE, kind="lasso")
    assert sides(found) == [(7, 24), (7, 24)]


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("kind", ["box", "lasso"])
def test_what_is_drawn_on_a_slice_may_change_that_slice_only(axis, kind):
    volume = empty((30, 30, 30))
    flat = [(10, 10), (20, 20)] if kind == "box" else SQUARE
    points = np.insert(np.array(flat, float), axis, 12, axis=1)
    found = region(volume, points.tolist(), kind=kind, axis=axis)
    assert sides(found)[axis] == (12, 13)
    assert all(s.stop - s.start > 8 for a, s in enumerate(found) if a != axis)


@settings(deadline=None, max_examples=40)
@given(
    at=st.tuples(st.integers(0, 29), st.integers(0, 39)),
    more=st.tuples(st.integers(0, 29), st.integers(0, 39)),
    kind=st.sampled_from(["point", "scribble", "box"]),
    positive=st.booleans(),
    margin=st.integers(0, 50),
)
def test_it_holds_the_prompt_and_lies_in_the_image(at, more, kind, positive, margin):
    volume = empty((30, 40), (1.0, 2.0))
    points = [at] if kind == "point" else [at, more]
    prompt = Prompt.drawn(volume, points, 1, kind=kind, positive=positive)
    found = region_of(prompt, np.zeros((30, 40), np.uint8), volume, margin)
    place, _ = prompt.voxels(volume)
    for inner, outer, side in zip(place, found, volume.shape, strict=True):
        assert 0 <= outer.start <= inner.start
        assert inner.stop <= outer.stop <= side


def test_a_prompt_beside_the_image_is_refused():
    with pytest.raises(ValueError, match="outside of the image"):
        region(empty((10, 10)), [(20, 20)])
