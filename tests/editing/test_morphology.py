"""Growing and shrinking are by mm, whatever the grid."""

from __future__ import annotations

import edt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_medseg import editing
from napari_medseg.editing import ball as ball_module
from napari_medseg.editing.ball import Ball

SPACINGS = st.sampled_from([0.5, 0.8, 1.0, 2.5])
CALM = settings(max_examples=40, deadline=None)


@st.composite
def blobs(draw):
    ndim = draw(st.sampled_from([2, 3]))
    shape = tuple(draw(st.integers(1, 12)) for _ in range(ndim))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    labels = np.zeros(shape, np.uint8)
    for value in (1, 2, 1):
        low = [int(rng.integers(0, n)) for n in shape]
        high = [int(rng.integers(a + 1, n + 1)) for a, n in zip(low, shape, strict=True)]
        labels[tuple(map(slice, low, high))] = value
    labels[rng.random(shape) > 0.95] = 1
    return labels, tuple(draw(SPACINGS) for _ in shape)


def _distance(mask, spacing):
    return edt.edt(np.ascontiguousarray(mask), anisotropy=spacing)


@CALM
@given(blobs(), st.sampled_from([0.0, 0.9, 2.0, 3.7]))
def test_growing_takes_the_background_within_the_radius(case, radius):
    labels, spacing = case
    grown = editing.grow(labels, 1, radius, spacing)
    near = _distance(labels != 1, spacing) <= radius + 1e-4
    if not (labels == 1).any():
        near[:] = False
    np.testing.assert_array_equal(grown == 1, (labels == 1) | (near & (labels == 0)))
    np.testing.assert_array_equal(grown == 2, labels == 2)
    over = editing.grow(labels, 1, radius, spacing, overwrite=True)
    np.testing.assert_array_equal(over == 1, near)


@CALM
@given(blobs(), st.sampled_from([0.0, 0.9, 2.0, 3.7]))
def test_shrinking_keeps_what_lies_deeper_than_the_radius(case, radius):
    labels, spacing = case
    deep = _distance(labels == 1, spacing) > radius + 1e-4
    np.testing.assert_array_equal(editing.shrink(labels, 1, radius, spacing) == 1, deep)


@CALM
@given(blobs(), st.sampled_from([0.9, 2.0]))
def test_opening_and_closing_twice_is_doing_it_once(case, radius):
    labels, spacing = case
    opened = editing.opening(labels, 1, radius, spacing)
    assert not ((opened == 1) & (labels != 1)).any()
    np.testing.assert_array_equal(editing.opening(opened, 1, radius, spacing), opened)
    closed = editing.closing(labels, 1, radius, spacing, overwrite=True)
    assert (closed[labels == 1] == 1).all()
    np.testing.assert_array_equal(
        editing.closing(closed, 1, radius, spacing, overwrite=True), closed
    )


@CALM
@given(st.integers(0, 10_000), st.sampled_from([0.0, 1.0, 4.0, 40.0]), st.integers(2, 3))
def test_a_ball_is_the_same_by_rows_and_by_distances(seed, radius, ndim):
    rng = np.random.default_rng(seed)
    shape = rng.integers(1, 14, ndim)
    spacing = tuple(rng.choice([0.5, 1.0, 3.0], ndim))
    mask = rng.random(shape) > 0.9
    rows = Ball(radius, spacing)
    many, ball_module._MANY = ball_module._MANY, 0
    try:
        distances = Ball(radius, spacing)
    finally:
        ball_module._MANY = many
    np.testing.assert_array_equal(rows.dilated(mask), distances.dilated(mask))
    np.testing.assert_array_equal(rows.eroded(~mask), distances.eroded(~mask))
    assert rows.reach == tuple(int(radius / s) for s in spacing)


def test_a_shell_lies_inward_outward_or_on_the_surface():
    labels = np.zeros((9, 9, 9), np.uint8)
    labels[2:7, 2:7, 2:7] = 1
    inward = editing.hollow(labels, 1, 1.0)
    assert inward.sum() == 5**3 - 3**3
    assert (labels[inward == 1] == 1).all()
    outward = editing.hollow(labels, 1, 1.0, shell="outward")
    assert outward.sum() == 6 * 25
    assert not (labels[outward == 1]).any()
    centred = editing.hollow(labels, 1, 2.0, shell="centred")
    assert centred.sum() == inward.sum() + outward.sum()
    with pytest.raises(ValueError, match="inward, outward, centred; got 'thick'"):
        editing.hollow(labels, 1, 1.0, shell="thick")


def test_opening_cuts_a_bridge_and_closing_fills_a_crack():
    labels = np.zeros((12, 30), np.uint8)
    labels[2:10, 2:12] = labels[2:10, 18:28] = 1
    labels[5, 12:18] = 1
    opened = editing.opening(labels, 1, 2.0)
    assert not opened[5, 13:17].any()
    assert opened[5, 6] == opened[5, 22] == 1
    labels[5, :] = 0  # a crack of a voxel
    assert editing.closing(labels, 1, 1.0)[5, 4] == 1


def test_what_the_volume_cuts_off_does_not_shrink_there():
    labels = np.ones((4, 5, 6), np.uint8)
    np.testing.assert_array_equal(editing.shrink(labels, 1, 2.0), labels)
    labels[:, :, 5] = 0
    assert editing.shrink(labels, 1, 1.0).sum() == 4 * 5 * 4


@pytest.mark.parametrize("radius", [-1.0, float("nan"), float("inf")])
def test_a_radius_that_is_none_is_said(radius):
    with pytest.raises(ValueError, match="a radius is 0 mm or more"):
        editing.grow(np.ones((3, 3), np.uint8), 1, radius)


@pytest.mark.parametrize("name", ["grow", "shrink", "opening", "closing", "hollow", "smooth"])
def test_an_anisotropic_grid_gives_the_isotropic_result_within_a_voxel(name):
    fine, coarse = (1.0, 1.0, 1.0), (3.0, 1.0, 1.0)
    z, y, x = np.mgrid[:39, :30, :30] - np.array([19, 15, 15])[:, None, None, None]
    shape = np.hypot(z, np.hypot(y, x)) < 10 + 2 * np.sin(x / 3) * np.cos(y / 4)
    shape &= ~((np.abs(y) < 2) & (z > 4))
    labels = shape.astype(np.uint8)
    function = getattr(editing, name)
    want = function(labels, 1, 3.0, fine)[1::3]
    found = function(labels[1::3], 1, 3.0, coarse)
    wrong = want != found
    assert want.any()
    assert wrong.mean() < 0.05
    around = np.ones((3, 3, 3), bool)
    edge = ndimage.binary_dilation(want, around) & ~ndimage.binary_erosion(want, around)
    assert not (wrong & ~edge).any()


def test_a_large_volume_worked_on_in_parts_gives_what_one_part_gives():
    rng = np.random.default_rng(0)
    labels = np.zeros((40, 260, 270), np.uint8)
    labels[5:35, 20:240, 30:250] = 1  # larger than a part
    labels[rng.random(labels.shape) > 0.9995] = 0
    labels[38, 2, 2] = labels[1, 258, 3] = 1
    labels[10:20, 245:255, 100:120] = 2
    spacing = (2.0, 1.0, 1.0)
    ball = Ball(2.0, spacing)
    mask = labels == 1
    grown = editing.grow(labels, 1, 2.0, spacing, overwrite=True)
    np.testing.assert_array_equal(grown == 1, ball.dilated(mask))
    np.testing.assert_array_equal(editing.shrink(labels, 1, 2.0, spacing) == 1, ball.eroded(mask))
    closed = editing.closing(labels, 1, 2.0, spacing, overwrite=True)
    np.testing.assert_array_equal(closed == 1, ball.eroded(ball.dilated(mask)))
