"""Random boxes and ellipsoids on random grids: what their formulae say, however they lie."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medseg.measures import longest_diameter, mask_of, measure, surface_area, write_csv
from napari_medseg.measures.files import exact

LENGTHS = st.floats(0.3, 5).map(lambda length: round(length, 2))
SPACINGS = st.tuples(LENGTHS, LENGTHS, LENGTHS)
SIDES = st.tuples(*[st.integers(1, 7)] * 3)
GREYS = ("mean", "sd", "minimum", "maximum", "percentiles")


def _box(sides, corner, value=1, dtype=np.uint8):
    labels = np.zeros(np.add(corner, sides) + 2, dtype)
    labels[tuple(slice(c, c + n) for c, n in zip(corner, sides, strict=True))] = value
    return labels


def _feret(sides, spacing):
    """Return the longest line between the centres of two outer faces of a box, in mm."""
    reach = (np.array(sides) - 1) * spacing
    outer = np.eye(len(sides)) * spacing  # it ends on the faces across one axis
    return float(np.linalg.norm(reach + outer, axis=1).max())


@settings(max_examples=40, deadline=None)
@given(SIDES, st.tuples(*[st.integers(0, 4)] * 3), SPACINGS, st.integers(1, 60_000))
def test_a_box_has_the_numbers_of_a_box(sides, corner, spacing, value):
    (row,) = measure(_box(sides, corner, value, np.uint16), spacing).classes
    assert (row.label, row.voxels) == (value, np.prod(sides))
    assert row.size == pytest.approx(np.prod(sides) * np.prod(spacing))
    assert row.centre == pytest.approx(
        [c + (n - 1) / 2 for c, n in zip(corner, sides, strict=True)]
    )
    assert row.box == tuple((c, c + n - 1) for c, n in zip(corner, sides, strict=True))
    assert row.diameter == pytest.approx(_feret(sides, spacing))
    assert row.long_axis == pytest.approx(_feret(sides[1:], spacing[1:]))
    assert row.short_axis <= row.long_axis + 1e-9


@settings(max_examples=15, deadline=None)
@given(st.tuples(*[st.floats(5, 9)] * 3), st.tuples(*[st.floats(0.7, 1.6)] * 3))
def test_an_ellipsoid_has_the_volume_the_centre_and_the_length_of_its_formula(radii, spacing):
    shape = [int(2 * r / s) + 5 for r, s in zip(radii, spacing, strict=True)]
    centre = [(n - 1) * s / 2 for n, s in zip(shape, spacing, strict=True)]
    grid = np.ogrid[tuple(slice(0, n) for n in shape)]
    inside = sum(
        ((g * s - c) / r) ** 2 for g, s, c, r in zip(grid, spacing, centre, radii, strict=True)
    )
    (row,) = measure((inside <= 1).astype(np.uint8), spacing).classes
    assert row.size == pytest.approx(4 / 3 * np.pi * np.prod(radii), rel=0.08)
    assert np.multiply(row.centre, spacing) == pytest.approx(centre, abs=1e-6)
    assert row.diameter == pytest.approx(2 * max(radii), abs=1.5 * max(spacing))
    assert row.long_axis <= row.diameter + 1e-9


def _blobs(seed):
    rng = np.random.default_rng(seed)
    labels = np.zeros((7, 9, 11), np.uint8)
    for value in (1, 2, 3, 1, 2):
        corner = rng.integers(0, np.array(labels.shape) - 3)
        size = rng.integers(1, 4, 3)
        labels[tuple(slice(c, c + n) for c, n in zip(corner, size, strict=True))] = value
    return labels, rng.normal(size=labels.shape).astype(np.float32)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.permutations(range(3)), st.tuples(*[st.booleans()] * 3))
def test_turning_and_mirroring_the_scan_changes_no_length_and_no_grey_value(seed, order, flips):
    labels, image = _blobs(seed)
    spacing = np.array((2.5, 0.75, 1.25))
    axes = tuple(a for a, flip in enumerate(flips) if flip)
    turned = [np.flip(np.transpose(values, order), axes) for values in (labels, image)]
    # the slices are those they were
    axis = order.index(0)
    one = measure(labels, spacing, image=image)
    other = measure(turned[0], spacing[list(order)], image=turned[1], axis=axis)
    for before, after in zip(one.classes, other.classes, strict=True):
        assert (after.label, after.voxels, after.objects) == (
            before.label,
            before.voxels,
            before.objects,
        )
        for name in ("size", "long_axis", "diameter"):
            assert getattr(after, name) == pytest.approx(getattr(before, name))
        for name in GREYS:
            assert getattr(after.grey, name) == pytest.approx(getattr(before.grey, name))
        sides = [before.box[a] for a in order]
        mirrored = [
            (n - 1 - last, n - 1 - first) if flip else (first, last)
            for (first, last), flip, n in zip(sides, flips, turned[0].shape, strict=True)
        ]
        assert after.box == tuple(mirrored)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32))
def test_the_mask_of_every_row_is_what_it_counts(seed):
    labels, _ = _blobs(seed)
    labels[0, 0, ::2] = 3  # objects of one size
    found = measure(labels, (1, 1, 1))
    seen = np.zeros(labels.shape, int)
    for row in found.objects:
        box, mask = mask_of(labels, row)
        assert mask.sum() == row.voxels
        assert (labels[box][mask] == row.label).all()
        at = np.argwhere(mask) + [s.start for s in box]
        assert at.mean(0) == pytest.approx(row.centre)
        seen[box] += mask
    np.testing.assert_array_equal(seen, labels > 0)
    for row in found.classes:
        box, mask = mask_of(labels, row)
        assert mask.sum() == row.voxels == (labels == row.label).sum()


@pytest.mark.parametrize("dtype", [">u2", "<i4", ">i8", "u8", "i1"])
def test_the_type_and_the_byte_order_of_labels_do_not_matter(dtype):
    labels, _ = _blobs(0)
    assert measure(labels.astype(dtype), (1, 2, 3)) == measure(labels, (1, 2, 3))


@pytest.mark.parametrize("dtype", [">i2", "u1", "f2", ">f4", "f8"])
def test_grey_values_of_every_type_are_averaged_exactly(dtype):
    labels = np.ones((40, 50), np.uint8)
    image = np.full(labels.shape, 200).astype(dtype)  # their sum fits into neither 16 bits nor f2
    image[0] = 100
    (row,) = measure(labels, (1, 1), image=image).classes
    assert row.grey.mean == pytest.approx((39 * 200 + 100) / 40)
    assert (row.grey.minimum, row.grey.maximum) == (100, 200)
    assert row.grey.percentiles[2] == 200


def test_grey_values_beside_the_labels_do_not_count():
    labels, image = _blobs(1)
    changed = np.where(labels > 0, image, np.nan)
    assert measure(labels, (1, 1, 1), image=changed) == measure(labels, (1, 1, 1), image=image)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32))
def test_other_numbers_for_the_classes_change_only_their_order(seed):
    labels, _ = _blobs(seed)
    other = np.array([0, 30, 20, 10], np.uint8)[labels]
    rows = {row.label: row for row in measure(other, (1, 2, 3)).classes}
    for row in measure(labels, (1, 2, 3)).classes:
        same = rows[40 - 10 * row.label]
        assert replace(same, label=row.label, name=row.name) == row


def test_a_class_that_grows_by_a_far_voxel_is_as_long_as_its_longest_object():
    labels = _box((3, 3, 3), (1, 1, 1))
    labels = np.pad(labels, [(0, 20)] * 3)
    before = measure(labels, (1, 1, 1)).classes[0]
    labels[-1, -1, -1] = 1
    after = measure(labels, (1, 1, 1)).classes[0]
    assert (after.objects, after.voxels) == (2, 28)
    assert (after.diameter, after.long_axis) == (before.diameter, before.long_axis)
    assert longest_diameter(labels > 0, (1, 1, 1)) > after.diameter


@pytest.mark.parametrize("factor", [0.5, 3.0])
def test_a_surface_grows_with_the_square_of_its_lengths(factor):
    mask = _box((4, 6, 5), (1, 1, 1)) > 0
    one = surface_area(mask, (1.0, 0.5, 0.8))
    other = surface_area(mask, (factor, 0.5 * factor, 0.8 * factor))
    assert other == pytest.approx(one * factor**2, rel=1e-4)
    for axis in range(3):
        assert surface_area(np.flip(mask, axis), (1.0, 0.5, 0.8)) == pytest.approx(one, rel=1e-4)


NAMES = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=12)


@settings(max_examples=25, deadline=None)
@given(NAMES | st.sampled_from(['a "b", c', "one\ntwo", "semi;colon", "a,b", " space ", "-"]))
def test_a_table_with_any_name_reads_back(tmp_path_factory, name):
    found = measure(_box((2, 2, 2), (0, 1, 2)), (1, 1, 1), names={1: name})
    path = tmp_path_factory.getbasetemp() / "names.csv"
    write_csv(path, found)
    encoding = "utf-8-sig" if path.read_bytes().startswith(b"\xef\xbb\xbf") else "ascii"
    with path.open(newline="", encoding=encoding) as file:
        (row,) = csv.DictReader(file)
    assert row["Class"] == name
    assert int(row["Voxels"]) == 8


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.booleans())
def test_every_cell_of_a_table_is_a_number_as_exact_as_it_says(tmp_path_factory, seed, by_object):
    labels, image = _blobs(seed)
    found = measure(labels, (2.5, 0.7, 0.7), image=1e4 * image)
    path = tmp_path_factory.getbasetemp() / "cells.csv"
    write_csv(path, found, by_object=by_object)
    with path.open(newline="", encoding="ascii") as file:
        heading, *rows = csv.reader(file)
    columns = found.columns(by_object=by_object)
    expected = found.objects if by_object else found.classes
    assert len(heading) == len(set(heading)) == len(columns)
    for cells, row in zip(rows, expected, strict=True):
        assert cells == [exact(column, row) for column in columns]
        for cell, column in zip(cells[1:], columns[1:], strict=True):
            assert float(cell) == pytest.approx(column.value(row), rel=5e-6)


def test_a_measure_that_is_not_there_is_an_empty_cell():
    labels = np.array([[1, 2]], np.uint8)
    found = measure(labels, (1, 1), image=np.array([[1.0, np.nan]]))
    (mean,) = [column for column in found.columns() if column.title == "Mean"]
    assert [exact(mean, row) for row in found.classes] == ["1", ""]


def test_new_names_change_no_number():
    labels, _ = _blobs(2)
    found = measure(labels, (1, 1, 1))
    renamed = found.renamed({1: "liver", 99: "nothing"})
    assert {row.name for row in renamed.objects if row.label == 1} == {"liver"}
    assert [row.name for row in renamed.classes if row.label == 2] == ["class 2"]
    assert renamed.renamed({1: "class 1"}) == found
