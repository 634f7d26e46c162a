"""Diameters are exact: as comparing all outline points with each other."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.spatial.distance import pdist

from napari_medseg.measures.diameters import longest_diameter, slice_diameters

SIZES = st.floats(0.3, 5)


def outline(mask, spacing):
    """Return the centres of all faces between a voxel of the mask and one outside, in mm."""
    padded = np.pad(mask, 1)
    points = []
    for axis, step in itertools.product(range(mask.ndim), (-1, 1)):
        faces = np.argwhere(padded & ~np.roll(padded, -step, axis)).astype(float)
        faces[:, axis] += step / 2
        points.append(faces * spacing)
    return np.concatenate(points)


def by_all_pairs(mask, spacing):
    return pdist(outline(mask, np.asarray(spacing))).max()


@settings(max_examples=60, deadline=None)
@given(arrays(bool, array_shapes(min_dims=2, max_dims=3, max_side=5)), st.tuples(*[SIZES] * 3))
def test_it_is_the_largest_distance_of_outline_points(mask, spacing):
    if mask.any():
        spacing = spacing[: mask.ndim]
        assert longest_diameter(mask, spacing) == pytest.approx(by_all_pairs(mask, spacing))


@pytest.mark.parametrize("seed", range(4))
def test_also_where_the_hull_is_needed(seed):
    rng = np.random.default_rng(seed)
    mask, spacing = rng.random((9, 12, 14)) < 0.3, rng.uniform(0.4, 3, 3)
    assert longest_diameter(mask, spacing) == pytest.approx(by_all_pairs(mask, spacing))
    flat = rng.random((60, 70)) < 0.2
    assert longest_diameter(flat, spacing[:2]) == pytest.approx(by_all_pairs(flat, spacing[:2]))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_flat_and_slanted_objects_have_diameters(axis):
    sheet = np.zeros((1, 50, 60), bool)
    sheet[0, 5:45, 5:50] = True
    sheet = np.moveaxis(sheet, 0, axis)
    assert longest_diameter(sheet, (1, 1, 1)) == pytest.approx(np.hypot(45, 39))
    z, y, x = np.indices((30, 30, 30))
    slanted = (z == x) & (y < 20)
    assert longest_diameter(slanted, (2, 1, 1)) == pytest.approx(by_all_pairs(slanted, (2, 1, 1)))
    line = np.zeros((90, 3, 3), bool)
    line[:, 1, 1] = True
    assert longest_diameter(np.moveaxis(line, 0, axis), (0.5,) * 3) == pytest.approx(45)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.5, 0.7, 0.7)])
def test_an_ellipsoid_is_as_long_as_its_formula_says(spacing):
    shape = tuple(int(n / s) for n, s in zip((50, 40, 70), spacing, strict=True))
    at = [a * s for a, s in zip(np.indices(shape), spacing, strict=True)]
    mask = (
        sum(((a - c) / r) ** 2 for a, c, r in zip(at, (25, 20, 35), (20, 12, 30), strict=True)) <= 1
    )
    assert longest_diameter(mask, spacing) == pytest.approx(60, abs=max(spacing))
    found = slice_diameters(mask, spacing, axis=0)
    assert found.long == pytest.approx(60, abs=2 * spacing[1])
    assert found.short == pytest.approx(24, abs=2 * spacing[1])
    assert found.index * spacing[0] == pytest.approx(25, abs=spacing[0])
    sagittal = slice_diameters(mask, spacing, axis=2)
    assert sagittal.long == pytest.approx(40, abs=max(spacing))
    assert sagittal.short == pytest.approx(24, abs=max(spacing))


@settings(max_examples=40, deadline=None)
@given(arrays(bool, (4, 5, 6)), st.integers(0, 2), st.tuples(SIZES, SIZES, SIZES))
def test_of_all_slices_the_longest_diameter_counts(mask, axis, spacing):
    if not mask.any():
        return
    found = slice_diameters(mask, spacing, axis)
    flat = [s for a, s in enumerate(spacing) if a != axis]
    planes = np.moveaxis(mask, axis, 0)
    lengths = [by_all_pairs(plane, flat) if plane.any() else 0 for plane in planes]
    assert found.long == pytest.approx(max(lengths))
    assert lengths[found.index] == pytest.approx(found.long)
    assert 0 < found.short <= found.long + 1e-9


def longest_chord(mask, spacing):
    """Return the longest line across the longest diameter: it goes through a point of the line."""
    points = outline(mask, np.asarray(spacing))
    pairs = max(itertools.combinations(points, 2), key=lambda p: np.linalg.norm(p[0] - p[1]))
    direction = (pairs[1] - pairs[0]) / np.linalg.norm(pairs[1] - pairs[0])
    along = (points - pairs[0]) @ direction
    aside = (points - pairs[0]) @ [-direction[1], direction[0]]
    best = 0.0
    for t in along:
        crossings = []
        for (t0, w0), (t1, w1) in itertools.combinations(zip(along, aside, strict=True), 2):
            if min(t0, t1) <= t <= max(t0, t1) and t0 != t1:
                crossings.append(w0 + (w1 - w0) * (t - t0) / (t1 - t0))
        if crossings:
            best = max(best, max(crossings) - min(crossings))
    return best


@pytest.mark.parametrize("seed", range(5))
def test_the_short_axis_is_the_longest_line_across_within_the_convex_outline(seed):
    mask = np.random.default_rng(seed).random((6, 9)) < 0.25
    found = slice_diameters(mask, (1.0, 0.83))
    assert found.short == pytest.approx(longest_chord(mask, (1.0, 0.83)), rel=0.02)


def test_a_rectangle_and_a_single_voxel():
    mask = np.zeros((3, 30, 40), bool)
    mask[1, 5:15, 4:34] = True
    found = slice_diameters(mask, (5, 1, 1))
    assert (found.index, found.long) == (1, pytest.approx(np.hypot(30, 9)))
    one = np.ones((1, 1, 1), bool)
    assert longest_diameter(one, (5, 1, 2)) == 5
    assert slice_diameters(one, (5, 1, 2)) == slice_diameters(one[0], (1, 2))
    assert slice_diameters(one[0], (1, 2)).long == 2
    assert slice_diameters(one[0], (1, 2)).short == pytest.approx(1)
