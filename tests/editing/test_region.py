"""Region growing takes what hangs together with the click and looks alike, and no more."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_medseg.editing.region import TOOLS, grow_region, similar_range
from napari_medseg.editing.tool import Scene, apply

(TOOL,) = TOOLS


@pytest.fixture
def image():
    """Noise around 0 with two bright blocks of 100 that do not touch."""
    values = np.random.default_rng(0).normal(0, 3, (12, 20, 22)).astype(np.float32)
    values[2:6, 3:9, 3:9] += 100
    values[7:11, 12:18, 12:19] += 100
    return values


@pytest.mark.parametrize("tolerance", [5.0, 30.0, 200.0])
def test_it_is_the_connected_part_of_the_threshold_with_the_click(image, tolerance):
    labels, point = np.zeros(image.shape, np.uint8), (4, 5, 5)
    grown = grow_region(labels, image, 1, [point], tolerance=tolerance)
    near = np.abs(image - image[point]) <= tolerance
    parts, _ = ndimage.label(near)
    np.testing.assert_array_equal(grown == 1, parts == parts[point])


def test_by_itself_it_takes_the_block_and_leaves_the_other(image):
    labels = np.zeros(image.shape, np.uint8)
    grown = grow_region(labels, image, 1, [(4, 6, 6)])
    assert grown[2:6, 3:9, 3:9].mean() > 0.95
    grown[2:6, 3:9, 3:9] = 0
    assert not grown.any()


def test_each_click_grows(image):
    labels = np.zeros(image.shape, np.uint8)
    grown = grow_region(labels, image, 1, [(4, 5, 5), (9, 15, 15)], tolerance=30)
    np.testing.assert_array_equal(grown == 1, image > 50)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (3.0, 1.0, 0.5)])
def test_it_ends_at_the_distance_in_mm(spacing):
    labels, image = np.zeros((9, 21, 41), np.uint8), np.zeros((9, 21, 41))
    grown = grow_region(
        labels, image, 1, [(4, 10, 20)], tolerance=1, spacing=spacing, max_distance=6
    )
    at = (np.indices(image.shape).T - (4, 10, 20)) * spacing
    np.testing.assert_array_equal(grown == 1, np.linalg.norm(at, axis=-1).T <= 6)


def test_other_classes_stop_it_and_its_own_does_not():
    labels = np.zeros((1, 9), np.uint8)
    labels[0, 3], labels[0, 6] = 1, 2
    image = np.zeros((1, 9))
    grown = grow_region(labels, image, 1, [(0, 0)], tolerance=1)
    assert grown.tolist() == [[1, 1, 1, 1, 1, 1, 2, 0, 0]]
    grown = grow_region(labels, image, 1, [(0, 0)], tolerance=1, overwrite=True)
    assert grown.tolist() == [[1] * 9]
    mask = np.arange(9)[None] < 4
    grown = grow_region(labels, image, 1, [(0, 0)], tolerance=1, mask=mask)
    assert grown.tolist() == [[1, 1, 1, 1, 0, 0, 2, 0, 0]]


def test_the_range_of_the_surroundings_holds_the_click():
    image = np.zeros((9, 9))
    image[4, 4] = 100
    low, high = similar_range(image, (4, 4))
    assert low < 0 < 100 <= high
    step = np.r_[np.zeros(4), np.full(5, 100.0)] * np.ones((9, 1))
    assert similar_range(step, (4, 5)) == (100, 100)  # the edge is near and does no harm
    assert similar_range(np.full((9, 9), 7.0), (0, 0)) == (7, 7)


def test_a_click_that_cannot_grow_says_why():
    labels, image = np.zeros((5, 5), np.uint8), np.zeros((5, 5))
    labels[2, 2], image[0, 0] = 2, np.nan
    with pytest.raises(ValueError, match="lies on class 2"):
        grow_region(labels, image, 1, [(2, 2)])
    with pytest.raises(ValueError, match="no grey value"):
        grow_region(labels, image, 1, [(0, 0)])
    with pytest.raises(ValueError, match="outside of the part"):
        grow_region(labels, image, 1, [(4, 4)], mask=np.zeros((5, 5), bool))
    with pytest.raises(ValueError, match="click a voxel first"):
        grow_region(labels, image, 1, [])
    for beyond in ((5, 0), (-1, -1), (1,)):
        with pytest.raises(ValueError, match="outside of the labels"):
            grow_region(labels, image, 1, [(1, 1), beyond])
    with pytest.raises(ValueError, match="choose the image"):
        grow_region(labels, image[:3], 1, [(1, 1)])
    for bad in ({"tolerance": -1.0}, {"distance": -1.0}):
        with pytest.raises(ValueError, match="0"):
            TOOL.options(**bad)


class TestTool:
    """The record of the panel."""

    def scene(self, image, **more):
        labels = np.zeros(image.shape, np.uint8)
        labels[4, 5, 8] = 2
        return Scene(
            **{
                "labels": labels,
                "spacing": (2, 1, 1),
                "label": 1,
                "image": image,
                "points": ((4, 5, 5),),
                **more,
            }
        )

    def test_it_grows_in_space_or_in_the_slice_of_the_click(self, image):
        options = TOOL.options(automatic=False, tolerance=30.0)
        edited = apply(TOOL, self.scene(image), options)
        assert (edited[2:6] == 1).sum() == 4 * 36 - 1
        for axis, expected in ((0, 36 - 1), (1, 24 - 1), (2, 24)):
            flat = apply(TOOL, self.scene(image, axis=axis), options.replace(one_slice=True))
            assert (flat == 1).sum() == expected
            assert len(np.unique(np.nonzero(flat == 1)[axis])) == 1

    def test_locked_classes_stay_and_the_distance_of_0_is_no_limit(self, image):
        options = TOOL.options(automatic=False, tolerance=30.0, distance=0.0, overwrite=True)
        edited = apply(TOOL, self.scene(image, locked=frozenset({2})), options)
        assert edited[4, 5, 8] == 2
        assert (edited == 1).sum() == 4 * 36 - 1
        assert apply(TOOL, self.scene(image), options)[4, 5, 8] == 1
