"""Anchors: a few voxels that stand for all prompts, and how far what they say reaches."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medseg.interact.anchors import anchors_of
from napari_medseg.interact.seeds import FREE, Seeds

SHAPE = (40, 40)
SIDE = 40.0  # mm of the region


def seeds(required=None, forbidden=None, shape=SHAPE):
    asked = np.full(shape, FREE, np.int32)
    for voxel, value in (required or {}).items():
        asked[voxel] = value
    denied = {}
    for voxel, value in (forbidden or {}).items():
        denied.setdefault(value, np.zeros(shape, bool))[voxel] = True
    return Seeds(tuple(slice(0, n) for n in shape), asked, denied)


def anchors(given_, labels=None, *, spacing=(1.0, 1.0), values=(0, 1, 2)):
    labels = np.zeros(given_.required.shape, np.uint8) if labels is None else labels
    return anchors_of(given_, spacing, labels, values)


def test_without_prompts_there_are_none():
    found = anchors(seeds())
    assert found.voxels.shape == (0, 2)
    assert found.reach.shape == (0,)


def test_a_prompt_alone_in_an_even_image_reaches_the_widest():
    found = anchors(seeds({(20, 20): 1}))
    assert found.voxels.tolist() == [[20, 20]]
    assert found.reach[0] == pytest.approx(0.2 * SIDE)


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (2.0, 0.5)])
def test_two_that_contradict_each_other_reach_as_far_as_they_are_apart_in_mm(spacing):
    found = anchors(seeds({(20, 16): 1, (20, 20): 2}), spacing=spacing)
    np.testing.assert_allclose(found.reach, 4 * spacing[1])


def test_a_prompt_in_a_segment_reaches_a_little_beyond_its_border():
    labels = np.zeros(SHAPE, np.uint8)
    labels[:, :24] = 1  # (20, 20) is four voxels from where it is no longer so
    found = anchors(seeds({(20, 20): 2}), labels)
    assert found.reach[0] == pytest.approx(8.0)  # nothing of class 2 is there: no border
    found = anchors(seeds({(20, 20): 1}), labels)
    assert found.reach[0] == pytest.approx(1.5 * 4)


def test_who_denies_a_class_has_an_anchor_as_well():
    found = anchors(seeds(forbidden={(10, 10): 1}))
    assert found.voxels.tolist() == [[10, 10]]


def test_along_a_scribble_anchors_are_apart_and_on_it():
    line = {(20, column): 1 for column in range(5, 36)}
    found = anchors(seeds(line))
    assert 5 <= len(found.voxels) <= 11
    assert (found.voxels[:, 0] == 20).all()
    columns = np.sort(found.voxels[:, 1])
    assert np.diff(columns).min() > 3


def test_in_a_broad_prompt_the_middle_comes_first():
    disc = {(i, j): 1 for i in range(40) for j in range(40) if (i - 15) ** 2 + (j - 25) ** 2 <= 36}
    found = anchors(seeds(disc))
    assert found.voxels[0].tolist() == [15, 25]
    assert len(found.voxels) < 20


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10**6), dims=st.sampled_from([2, 3]))
def test_anchors_are_voxels_of_prompts_and_reach_within_bounds(seed, dims):
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers(4, 12, dims))
    spacing = rng.uniform(0.5, 3, dims)
    required = np.where(rng.random(shape) < 0.1, rng.integers(0, 3, shape), FREE)
    denied = {1: (rng.random(shape) < 0.1) & (required != 1)}
    asked = Seeds(tuple(slice(0, n) for n in shape), required.astype(np.int32), denied)
    labels = rng.integers(0, 3, shape).astype(np.uint8)
    found = anchors(asked, labels, spacing=tuple(spacing))
    said = (required != FREE) | denied[1]
    assert said[tuple(found.voxels.T)].all()
    assert len(found.reach) == len(found.voxels) > 0 or not said.any()
    side = np.prod(spacing * shape) ** (1 / dims)
    assert (found.reach >= 0.03 * side - 1e-9).all()
    assert (found.reach <= 0.2 * side + 1e-9).all()
