"""Classes by the range of their grey values."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_medseg.editing.intensity import (
    TOOLS,
    fill_range,
    in_range,
    keep_range,
    otsu_threshold,
    painted_range,
)
from napari_medseg.editing.tool import Scene, apply

(TOOL,) = TOOLS
IMAGE = np.array([[10, 20, 30, 40], [50, 60, 70, 80]], np.int16)


def test_what_is_no_number_lies_in_no_range():
    image = np.array([np.nan, np.inf, 0.0])
    assert in_range(image, -math.inf, math.inf).tolist() == [False, True, True]


def test_the_range_joins_the_class_where_nothing_else_is():
    labels = np.array([[0, 2, 0, 0], [0, 0, 0, 0]], np.uint8)
    assert fill_range(labels, IMAGE, 1, 20, 50).tolist() == [[0, 2, 1, 1], [1, 0, 0, 0]]
    over = fill_range(labels, IMAGE, 1, 20, 50, overwrite=True)
    assert over.tolist() == [[0, 1, 1, 1], [1, 0, 0, 0]]
    box = np.array([[True, True, True, False], [False] * 4])
    assert fill_range(labels, IMAGE, 1, 20, 50, mask=box).tolist() == [[0, 2, 1, 0], [0] * 4]


def test_or_the_class_keeps_only_the_range():
    labels = np.array([[1, 1, 1, 2], [0, 1, 1, 1]], np.uint8)
    assert keep_range(labels, IMAGE, 1, 20, 60).tolist() == [[0, 1, 1, 2], [0, 1, 0, 0]]
    box = np.array([[True] * 4, [False] * 4])
    kept = keep_range(labels, IMAGE, 1, 20, 60, mask=box)
    assert kept.tolist() == [[0, 1, 1, 2], [0, 1, 1, 1]]


@settings(max_examples=20, deadline=None)
@given(arrays(np.uint8, (4, 4), elements=st.integers(0, 2)), st.integers(0, 99), st.integers(0, 99))
def test_filling_and_keeping_a_range_twice_is_the_same_as_once(labels, a, b):
    image = np.arange(0, 160, 10).reshape(4, 4)
    low, high = sorted((a, b))
    for work in (fill_range, keep_range):
        once = work(labels, image, 1, low, high)
        np.testing.assert_array_equal(work(once, image, 1, low, high), once)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
def test_otsu_parts_the_bright_from_the_dark(dtype):
    rng = np.random.default_rng(0)
    image = rng.normal(60, 8, (40, 40))
    image[10:30, 10:30] = rng.normal(160, 8, (20, 20))
    threshold = otsu_threshold(image.astype(dtype))
    bright = image > threshold
    assert bright[10:30, 10:30].mean() > 0.99
    assert bright.sum() - bright[10:30, 10:30].sum() < 0.01 * bright.size


def test_otsu_looks_only_where_it_is_told_and_leaves_out_what_is_no_number():
    image = np.full((10, 10), 1000.0)
    image[:5, :5], image[:5, 5:] = 10, 20
    image[0, 0] = np.nan
    mask = np.zeros((10, 10), bool)
    mask[:5] = True
    assert 10 <= otsu_threshold(image, mask) < 20
    with pytest.raises(ValueError, match="all grey values here are the same"):
        otsu_threshold(np.ones((3, 3)))


def test_the_range_of_what_is_painted():
    image = np.arange(101.0)
    labels = np.ones(101, np.uint8).reshape(1, -1)
    assert painted_range(image[None], labels, 1) == pytest.approx((2, 98))
    with pytest.raises(ValueError, match="class 2 has no voxels"):
        painted_range(image[None], labels, 2)


def test_bad_ranges_and_images_are_said():
    labels = np.zeros((2, 4), np.uint8)
    with pytest.raises(ValueError, match="holds no grey value"):
        fill_range(labels, IMAGE, 1, 5, 4)
    with pytest.raises(ValueError, match="choose the image"):
        fill_range(labels[:1], IMAGE, 1, 4, 5)
    with pytest.raises(ValueError, match="holds no grey value"):
        TOOL.options(low=2.0, high=1.0)
    with pytest.raises(ValueError, match="'add' or 'keep only'"):
        TOOL.options(what="swap")


def test_the_tool_works_inside_the_box_and_spares_locked_classes():
    labels = np.array([[0, 2, 0, 0], [0, 0, 0, 0]], np.uint8)
    box = np.array([[True] * 4, [False] * 4])
    scene = Scene(labels=labels, spacing=(1, 1), label=1, image=IMAGE, mask=box)
    edited = apply(TOOL, scene, TOOL.options(low=15.0, high=100.0))
    assert edited.tolist() == [[0, 2, 1, 1], [0] * 4]
    locked = Scene(
        labels=labels, spacing=(1, 1), label=1, image=IMAGE, locked=frozenset({2}), mask=box
    )
    edited = apply(TOOL, locked, TOOL.options(low=15.0, high=100.0, overwrite=True))
    assert edited.tolist() == [[0, 2, 1, 1], [0] * 4]
    kept = Scene(labels=edited, spacing=(1, 1), label=1, image=IMAGE)
    thinned = apply(TOOL, kept, TOOL.options(low=35.0, high=100.0, what="keep only"))
    assert thinned.tolist() == [[0, 2, 0, 1], [0] * 4]
    with pytest.raises(ValueError, match="grey values"):
        apply(TOOL, Scene(labels=labels, spacing=(1, 1), label=1), TOOL.options())
