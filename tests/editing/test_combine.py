"""Classes are merged, swapped, numbered anew and combined, voxel by voxel."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_medseg import editing
from napari_medseg.editing.tool import Scene, apply
from napari_medseg.editing.tools import TOOLS

ROW = np.array([[0, 1, 1, 2, 2, 3]], np.uint8)
CLASSES = hnp.arrays(np.int16, hnp.array_shapes(min_dims=2, max_dims=3), elements=st.integers(0, 6))


def test_merging_swapping_and_clearing_by_number():
    np.testing.assert_array_equal(editing.merge(ROW, 1, 2), [[0, 2, 2, 2, 2, 3]])
    np.testing.assert_array_equal(editing.swap(ROW, 1, 2), [[0, 2, 2, 1, 1, 3]])
    np.testing.assert_array_equal(editing.relabel(ROW, {3: 0, 1: 9}), [[0, 9, 9, 2, 2, 0]])
    with pytest.raises(ValueError, match=r"class 300 does not fit into labels of type uint8"):
        editing.merge(ROW, 1, 300)
    with pytest.raises(ValueError, match="class 0 is the background"):
        editing.swap(ROW, 0, 1)


@settings(max_examples=60, deadline=None)
@given(CLASSES, st.integers(1, 6), st.integers(1, 6))
def test_swapping_twice_changes_nothing(labels, one, other):
    swapped = editing.swap(labels, one, other)
    np.testing.assert_array_equal(swapped == one, labels == other)
    np.testing.assert_array_equal(editing.swap(swapped, one, other), labels)


@settings(max_examples=60, deadline=None)
@given(CLASSES, st.frozensets(st.integers(1, 6)))
def test_renumbering_keeps_classes_apart_and_leaves_no_gap(labels, locked):
    numbered = editing.renumber(labels, locked=locked)
    pairs = {(int(a), int(b)) for a, b in zip(labels.ravel(), numbered.ravel(), strict=True)}
    assert len({b for _, b in pairs}) == len(pairs) == len({a for a, _ in pairs})
    for value in locked:
        np.testing.assert_array_equal(numbered == value, labels == value)
    given_out = sorted(b for a, b in pairs if a and a not in locked)
    free = [n for n in range(1, 20) if n not in locked]
    assert given_out == free[: len(given_out)]
    np.testing.assert_array_equal(editing.renumber(numbered, locked=locked), numbered)


@settings(max_examples=60, deadline=None)
@given(CLASSES, st.sampled_from(["union", "intersection", "difference", "exclusive or"]), st.data())
def test_a_mask_is_combined_as_sets_are(labels, operation, data):
    mask = data.draw(hnp.arrays(bool, labels.shape))
    mine = labels == 1
    expected = {
        "union": mine | mask,
        "intersection": mine & mask,
        "difference": mine & ~mask,
        "exclusive or": mine ^ mask,
    }[operation]
    over = editing.logical(labels, 1, mask, operation, overwrite=True)
    np.testing.assert_array_equal(over == 1, expected)
    kind = editing.logical(labels, 1, mask.astype(np.uint8) * 7, operation)
    others = labels > 1
    np.testing.assert_array_equal(kind[others], labels[others])
    np.testing.assert_array_equal((kind == 1)[~others], expected[~others])


def test_two_classes_of_one_image_are_combined():
    np.testing.assert_array_equal(editing.logical(ROW, 1, 2, "union"), [[0, 1, 1, 1, 1, 3]])
    np.testing.assert_array_equal(editing.logical(ROW, 1, 2, "difference"), ROW)
    np.testing.assert_array_equal(editing.logical(ROW, 1, 2, "intersection"), [[0, 0, 0, 2, 2, 3]])
    with pytest.raises(ValueError, match="exclusive or; got 'plus'"):
        editing.logical(ROW, 1, 2, "plus")
    with pytest.raises(ValueError, match="same grid"):
        editing.logical(ROW, 1, np.ones((2, 2)))


def test_the_tool_takes_the_class_or_the_other_layer():
    tool = TOOLS["combine"]
    scene = Scene(labels=ROW, spacing=(1.0, 1.0), label=1)
    np.testing.assert_array_equal(apply(tool, scene, tool.options(other=2)), [[0, 1, 1, 1, 1, 3]])
    layer = np.array([[5, 5, 0, 5, 6, 6]])
    over = dataclasses.replace(scene, other=layer)
    np.testing.assert_array_equal(apply(tool, over, tool.options(other=5)), [[1, 1, 1, 2, 2, 3]])
    options = tool.options(other=0, overwrite=True)
    np.testing.assert_array_equal(apply(tool, over, options), [[1, 1, 1, 1, 1, 1]])
    for other in (0, 1):
        with pytest.raises(ValueError, match="choose another class to combine with"):
            apply(tool, scene, tool.options(other=other))
    with pytest.raises(ValueError, match="other layer has 1 x 2 voxels, the labels have 1 x 6"):
        apply(tool, dataclasses.replace(scene, other=ROW[:, :2]), tool.options())


def test_the_object_clicked_moves_to_another_class():
    labels = np.array([[1, 1, 0, 1]], np.uint8)
    np.testing.assert_array_equal(editing.move_clicked(labels, 1, 4, [(0, 3)]), [[1, 1, 0, 4]])
    np.testing.assert_array_equal(editing.move_clicked(labels, 1, 0, [(0, 0)]), [[0, 0, 0, 1]])


@pytest.mark.parametrize("name", ["merge", "swap", "move_clicked", "mirror"])
def test_nothing_is_put_into_a_locked_class(name):
    scene = Scene(labels=ROW, spacing=(1.0, 1.0), label=1, locked=frozenset({2}), points=((0, 1),))
    with pytest.raises(ValueError, match="class 2 is locked; unlock it"):
        apply(TOOLS[name], scene, TOOLS[name].options(into=2))


def test_a_box_clears_inside_or_outside_or_cuts_out():
    labels = np.ones((4, 4), np.uint8)
    labels[0] = 2
    box = (slice(1, 3), slice(1, 3))
    outside = editing.clear_outside(labels, box, 1)
    assert (outside == 1).sum() == 4
    np.testing.assert_array_equal(outside[0], labels[0])
    inside = editing.clear_inside(labels, box, 1)
    np.testing.assert_array_equal((outside == 1) ^ (inside == 1), labels == 1)
    cut = editing.crop(labels, box)
    assert cut.shape == (2, 2)
    assert not np.shares_memory(cut, labels)
    assert editing.clear_inside(labels, (slice(2, 2), slice(0, 4)), 1).sum() == labels.sum()
