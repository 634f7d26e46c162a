"""Objects that are not connected: which stay, which go."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_medseg import editing
from napari_medseg.editing.components import size_in_voxels
from napari_medseg.editing.tool import Scene, apply
from napari_medseg.editing.tools import TOOLS

LINE = np.array([[1, 1, 0, 1, 0, 2, 1, 1, 1]], np.uint8)


@st.composite
def specks(draw):
    ndim = draw(st.sampled_from([2, 3]))
    shape = tuple(draw(st.integers(1, 9)) for _ in range(ndim))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    return (rng.random(shape) > draw(st.sampled_from([0.4, 0.7, 0.9]))).astype(np.uint8)


def test_the_largest_object_stays_and_other_classes_do_too():
    np.testing.assert_array_equal(editing.keep_largest(LINE, 1), [[0, 0, 0, 0, 0, 2, 1, 1, 1]])
    two = editing.keep_largest(LINE, 1, largest=2)
    np.testing.assert_array_equal(two, [[1, 1, 0, 0, 0, 2, 1, 1, 1]])
    np.testing.assert_array_equal(editing.keep_largest(LINE, 1, largest=9), LINE)
    np.testing.assert_array_equal(editing.keep_largest(LINE, 5), LINE)  # no such class: as it was


def test_the_click_chooses_the_object():
    kept = editing.keep_clicked(LINE, 1, [(0, 3)])
    np.testing.assert_array_equal(kept, [[0, 0, 0, 1, 0, 2, 0, 0, 0]])
    removed = editing.remove_clicked(LINE, 1, [(0, 3), (0, 8)])
    np.testing.assert_array_equal(removed, [[1, 1, 0, 0, 0, 2, 0, 0, 0]])
    for function in (editing.keep_clicked, editing.remove_clicked):
        for beside in ([(0, 2)], [(0, 5)], [(7, 7)], []):
            with pytest.raises(ValueError, match="class 1 is not under the click"):
                function(LINE, 1, beside)


def test_the_size_of_small_is_in_mm_or_ml_or_voxels():
    spacing = (2.0, 0.5)  # a voxel is 1 mm²
    gone = editing.remove_small(LINE, 1, smallest=2, spacing=spacing)
    np.testing.assert_array_equal(gone, [[1, 1, 0, 0, 0, 2, 1, 1, 1]])
    gone = editing.remove_small(LINE, 1, smallest=3, unit="voxels", spacing=(9, 9))
    np.testing.assert_array_equal(gone, [[0, 0, 0, 0, 0, 2, 1, 1, 1]])
    assert size_in_voxels(0.5, "ml", (2.5, 1, 1)) == pytest.approx(200)
    with pytest.raises(ValueError, match="no volume in ml"):
        editing.remove_small(LINE, 1, unit="ml")
    with pytest.raises(ValueError, match=r"mm³, ml, voxels; got 'cc'"):
        editing.remove_small(LINE, 1, unit="cc")
    volume = np.ones((3, 3, 3), np.uint8)
    volume[1] = 0  # two plates of 9 voxels of 0.1 mm³
    kept = editing.remove_small(volume, 1, smallest=0.9, spacing=(0.1, 1, 1))
    assert kept.any()
    assert not editing.remove_small(volume, 1, smallest=0.91, spacing=(0.1, 1, 1)).any()


def test_voxels_may_touch_by_faces_edges_or_corners():
    labels = np.zeros((3, 3, 3), np.uint8)
    labels[0, 0, 0] = labels[0, 0, 1] = 1
    labels[1, 1, 1] = 1  # by an edge
    labels[2, 2, 2] = 1  # by a corner
    left = {t: editing.keep_largest(labels, 1, touching=t).sum() for t in editing_words()}
    assert left == {"corners": 4, "edges": 3, "faces": 2}
    with pytest.raises(ValueError, match="choose one"):
        editing.keep_largest(labels, 1, touching="sides")


def editing_words():
    field = TOOLS["keep_largest"].options.__dataclass_fields__["touching"]
    return field.metadata["choices"]


@settings(max_examples=60, deadline=None)
@given(specks(), st.integers(1, 3))
def test_what_stays_is_what_scipy_calls_largest(labels, largest):
    kept = editing.keep_largest(labels, 1, largest=largest)
    numbers, _ = ndimage.label(labels, np.ones((3,) * labels.ndim))
    sizes = np.sort(np.bincount(numbers.ravel())[1:])[::-1]
    assert kept.sum() == sizes[:largest].sum()
    assert not (kept & ~labels).any()
    np.testing.assert_array_equal(editing.keep_largest(kept, 1, largest=largest), kept)


@settings(max_examples=40, deadline=None)
@given(specks(), st.floats(0.1, 8))
def test_removing_small_objects_twice_is_removing_them_once(labels, smallest):
    once = editing.remove_small(labels, 1, smallest=smallest, unit="voxels")
    np.testing.assert_array_equal(
        editing.remove_small(once, 1, smallest=smallest, unit="voxels"), once
    )
    numbers, _ = ndimage.label(labels, np.ones((3,) * labels.ndim))
    large = np.bincount(numbers.ravel()) >= smallest
    large[0] = False
    np.testing.assert_array_equal(once > 0, large[numbers])


def test_objects_far_apart_in_a_large_volume_are_told_apart():
    labels = np.zeros((40, 300, 300), np.uint8)  # worked on in parts
    labels[3:6, 10:14, 10:14] = 1
    labels[30:36, 200:210, 200:210] = 1
    labels[30, 211, 211] = 1  # near the large one, but not of it
    labels[39, 299, 299] = 1
    labels[30:36, 100:110, 200:210] = 2
    kept = editing.keep_largest(labels, 1)
    assert (kept == 1).sum() == 600
    np.testing.assert_array_equal(kept == 2, labels == 2)
    assert (editing.remove_small(labels, 1, smallest=2, unit="voxels") == 1).sum() == 648
    assert (editing.remove_clicked(labels, 1, [(4, 11, 11)]) == 1).sum() == 602
    assert (editing.keep_clicked(labels, 1, [(39, 299, 299), (4, 11, 11)]) == 1).sum() == 49


def test_holes_are_filled_in_space_or_in_each_slice():
    labels = np.zeros((5, 7, 7), np.uint8)
    labels[:, 1:6, 1:6] = 1
    labels[:, 3, 3] = 0  # a tube, open at both ends
    assert not editing.fill_holes(labels, 1)[:, 3, 3].any()
    assert editing.fill_holes(labels, 1, axis=0)[:, 3, 3].all()
    labels[0, 3, 3] = labels[4, 3, 3] = 1
    assert editing.fill_holes(labels, 1)[:, 3, 3].all()
    assert editing.fill_holes(labels[2], 1)[3, 3] == 1
    labels[2, 3, 3] = 4
    filled = editing.fill_holes(labels, 1)
    np.testing.assert_array_equal(filled[:, 3, 3], [1, 1, 4, 1, 1])
    assert editing.fill_holes(labels, 1, overwrite=True)[2, 3, 3] == 1


@settings(max_examples=60, deadline=None)
@given(specks())
def test_holes_are_those_of_scipy_and_are_filled_at_once(labels):
    filled = editing.fill_holes(labels, 1)
    np.testing.assert_array_equal(filled > 0, ndimage.binary_fill_holes(labels))
    np.testing.assert_array_equal(editing.fill_holes(filled, 1), filled)


def test_the_tools_say_the_same_through_a_scene():
    scene = Scene(labels=LINE, spacing=(1.0, 1.0), label=1, points=((0, 0),))
    small = TOOLS["remove_small"]
    options = small.options(smallest=2.0)
    np.testing.assert_array_equal(apply(small, scene, options), [[1, 1, 0, 0, 0, 2, 1, 1, 1]])
    tool = TOOLS["remove_clicked"]
    np.testing.assert_array_equal(apply(tool, scene, tool.options()), [[0, 0, 0, 1, 0, 2, 1, 1, 1]])
    with pytest.raises(ValueError, match="at least one object must stay"):
        editing.keep_largest(LINE, 1, largest=0)
