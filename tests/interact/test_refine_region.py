"""Writing into a region: what may change, what takes over where a class is taken away."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medseg.interact.refine_region import Region
from napari_medseg.interact.seeds import FREE, Seeds


def region_of(labels, *, values=(0, 1, 2), required=None, forbidden=None, **more):
    labels = np.asarray(labels, np.uint8)
    box = tuple(slice(0, n) for n in labels.shape)
    if required is None:
        required = np.full(labels.shape, FREE, np.int32)
    seeds = Seeds(box, np.asarray(required, np.int32), forbidden or {})
    image = np.zeros((1, *labels.shape), np.float32)
    return Region(image, labels, seeds, (1.0,) * labels.ndim, values, **more)


def all_but(shape, *voxels):
    mask = np.ones(shape, bool)
    for voxel in voxels:
        mask[voxel] = False
    return mask


def test_a_class_is_written_only_where_it_may_change():
    region = region_of([[0, 0, 0]], may_change=np.array([[True, False, True]]))
    labels = region.labels.copy()
    region.write(labels, np.array([[True, True, False]]), 2)
    np.testing.assert_array_equal(labels, [[2, 0, 0]])
    assert not region.labels.any()


def test_what_is_taken_away_is_background_even_if_the_model_likes_another_class():
    p = np.array([0.1, 0.2, 0.7], np.float32)[:, None, None] * np.ones((1, 3), np.float32)
    region = region_of([[1, 1, 1]], probabilities=p)
    labels = region.labels.copy()
    region.take_away(labels, np.array([[True, True, False]]), 1)
    np.testing.assert_array_equal(labels, [[0, 0, 1]])


@pytest.mark.parametrize(("best", "expected"), [(2, 2), (3, 3), (None, 2)])
def test_where_background_is_forbidden_the_next_best_takes_over(best, expected):
    p = None
    if best is not None:
        p = np.full((4, 1, 2), 0.1, np.float32)
        p[best] = 0.7
    no_background = {0: np.array([[True, False]])}
    region = region_of([[1, 1]], values=(0, 1, 2, 3), probabilities=p, forbidden=no_background)
    labels = region.labels.copy()
    region.take_away(labels, np.ones((1, 2), bool), 1)
    np.testing.assert_array_equal(labels, [[expected, 0]])


def test_background_itself_gives_way_to_a_class_that_may_be():
    region = region_of([[0, 0]], forbidden={1: np.array([[True, False]])})
    labels = region.labels.copy()
    region.take_away(labels, np.ones((1, 2), bool), 0)
    np.testing.assert_array_equal(labels, [[2, 1]])


def test_where_there_is_no_other_class_nothing_is_taken_away():
    region = region_of([[1]], values=(1,))
    labels = region.labels.copy()
    region.take_away(labels, np.ones((1, 1), bool), 1)
    assert labels[0, 0] == 1


def test_what_the_prompts_say_holds_where_it_may_change():
    required = np.array([[2, 2, FREE, FREE]])
    forbidden = {1: np.array([[False, False, True, True]])}
    region = region_of(
        [[0, 0, 1, 2]], required=required, forbidden=forbidden,
        may_change=all_but((1, 4), (0, 1)),
    )  # fmt: skip
    labels = region.labels.copy()
    region.hold(labels)
    np.testing.assert_array_equal(labels, [[2, 0, 0, 2]])


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10**6))
def test_holding_breaks_no_prompt_touches_nothing_else_and_once_is_enough(seed):
    rng = np.random.default_rng(seed)
    shape = (4, 5)
    required = np.where(rng.random(shape) < 0.3, rng.integers(0, 3, shape), FREE)
    forbidden = {1: (rng.random(shape) < 0.3) & (required != 1)}
    p = rng.random((3, *shape)).astype(np.float32)
    region = region_of(
        rng.integers(0, 3, shape), required=required, forbidden=forbidden, probabilities=p
    )
    labels = region.labels.copy()
    broken = region.seeds.broken(labels)
    region.hold(labels)
    assert not region.seeds.broken(labels).any()
    np.testing.assert_array_equal(labels[~broken], region.labels[~broken])
    again = labels.copy()
    region.hold(again)
    np.testing.assert_array_equal(again, labels)


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10**6))
def test_taking_away_leaves_none_of_the_class_and_never_a_forbidden_one(seed):
    rng = np.random.default_rng(seed)
    shape = (4, 5)
    forbidden = {0: rng.random(shape) < 0.5}
    region = region_of(
        rng.integers(0, 3, shape),
        forbidden=forbidden,
        probabilities=rng.random((3, *shape)).astype(np.float32),
    )
    labels, where = region.labels.copy(), rng.random(shape) < 0.5
    region.take_away(labels, where, 1)
    assert not (labels[where] == 1).any()
    assert not (labels[where & forbidden[0]] == 0).any()
    np.testing.assert_array_equal(labels[~where], region.labels[~where])
    assert labels.dtype == region.labels.dtype
