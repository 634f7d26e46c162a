"""Measures of known bodies are what their formulae say, on any grid."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage

from napari_medseg.measures import measure
from napari_medseg.progress import Cancelled


def ellipsoid(shape, spacing, centre, radii):
    axes = np.ogrid[tuple(slice(0, n) for n in shape)]
    return (
        sum(((a * s - c) / r) ** 2 for a, s, c, r in zip(axes, spacing, centre, radii, strict=True))
        <= 1
    )


def test_a_box_is_counted_to_the_voxel():
    labels = np.zeros((10, 20, 30), np.uint8)
    labels[2:5, 4:10, 6:16] = 7
    found = measure(labels, (3, 0.5, 0.5), names={7: "liver"})
    (row,) = found.classes
    assert (row.label, row.name, row.objects, row.voxels) == (7, "liver", 1, 180)
    assert row.size == pytest.approx(180 * 0.75)
    assert row.centre == (3, 6.5, 10.5)
    assert row.place == pytest.approx((-5.25, -3.25, 9))
    assert row.box == ((2, 4), (4, 9), (6, 15))
    assert row.long_axis == pytest.approx(np.hypot(5, 2.5))
    assert row.diameter == pytest.approx(np.sqrt(9**2 + 2.5**2 + 4.5**2))
    assert row.slice_index == 2
    assert found.objects[0].number == 1
    assert found.objects[0].voxels == 180


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.5, 0.8, 0.8), (0.7, 1.5, 1.0)])
def test_an_ellipsoid_has_the_size_and_the_axes_of_its_formula(spacing):
    radii, centre = (14, 9, 18), (20, 15, 25)
    shape = tuple(int(n / s) for n, s in zip((41, 31, 51), spacing, strict=True))
    labels = ellipsoid(shape, spacing, centre, radii).astype(np.uint8)
    (row,) = measure(labels, spacing, surface=True).classes
    assert row.size == pytest.approx(4 / 3 * np.pi * np.prod(radii), rel=0.02)
    assert np.array(row.centre) * spacing == pytest.approx(centre, abs=0.2)
    assert row.diameter == pytest.approx(36, abs=max(spacing))
    assert row.long_axis == pytest.approx(36, abs=max(spacing))
    assert row.short_axis == pytest.approx(18, abs=max(spacing))
    p = 1.6075  # Knud Thomsen's formula for the surface, within 1.1 %
    a, b, c = (r**p for r in radii)
    surface = 4 * np.pi * ((a * b + a * c + b * c) / 3) ** (1 / p)
    assert row.surface == pytest.approx(surface, rel=0.03)


@settings(max_examples=40, deadline=None)
@given(
    arrays(np.uint8, array_shapes(min_dims=2, max_dims=3, max_side=6), elements=st.integers(0, 3))
)
def test_numbers_agree_with_counting_each_class_and_object_alone(labels):
    spacing = (2.0, 0.5, 1.5)[: labels.ndim]
    image = np.random.default_rng(0).normal(size=labels.shape)
    found = measure(labels, spacing, image=image)
    assert [row.label for row in found.classes] == sorted(set(labels[labels > 0].tolist()))
    for row in found.classes:
        mask = labels == row.label
        parts, count = ndimage.label(mask, np.ones((3,) * labels.ndim))
        own = [r for r in found.objects if r.label == row.label]
        assert (row.objects, len(own), row.voxels) == (count, count, mask.sum())
        sizes = [r.voxels for r in own]
        assert sizes == sorted(ndimage.sum_labels(mask, parts, range(1, count + 1)), reverse=True)
        assert row.centre == pytest.approx(ndimage.center_of_mass(mask))
        at = np.argwhere(mask)
        assert row.box == tuple(zip(at.min(0).tolist(), at.max(0).tolist(), strict=True))
        assert row.long_axis == max(r.long_axis for r in own)
        assert row.diameter == max(r.diameter for r in own)
        values = image[mask]
        assert row.grey.mean == pytest.approx(values.mean())
        assert row.grey.sd == pytest.approx(values.std())
        assert (row.grey.minimum, row.grey.maximum) == (values.min(), values.max())
        assert row.grey.percentiles == pytest.approx(np.percentile(values, [5, 25, 50, 75, 95]))
        assert sum(r.voxels * r.grey.mean for r in own) == pytest.approx(values.sum())


def test_the_place_is_that_of_the_affine():
    labels = np.zeros((4, 5, 6), np.uint8)
    labels[1, 2, 3] = 1
    affine = np.array([[0, 0, -2.0, 10], [0, -3, 0, 20], [4, 0, 0, 30], [0, 0, 0, 1]])
    assert measure(labels, (4, 3, 2), affine=affine).classes[0].place == (4, 14, 34)


def test_in_2d_there_are_areas_and_places_in_the_picture():
    labels = np.zeros((9, 12), np.uint8)
    labels[2:4, 6:9] = 1
    (row,) = measure(labels, (2.0, 0.5)).classes
    assert row.size == pytest.approx(6.0)
    assert row.place == pytest.approx((3.5, 5.0))
    assert row.long_axis == row.diameter == pytest.approx(np.hypot(4, 1))


def test_diameters_are_taken_in_the_slices_one_steps_through():
    labels = np.zeros((30, 6, 6), np.uint8)
    labels[5:25, 2, 2] = 1
    assert measure(labels, (1, 1, 1)).classes[0].long_axis == 1
    assert measure(labels, (1, 1, 1), axis=1).classes[0].long_axis == 20
    assert measure(labels, (1, 1, 1), axis=1).classes[0].slice_index == 2


def test_grey_values_that_are_no_numbers_are_left_out():
    labels = np.ones((2, 2), np.uint8)
    image = np.array([[1.0, 3.0], [np.nan, np.inf]])
    (row,) = measure(labels, (1, 1), image=image).classes
    assert (row.grey.mean, row.grey.sd, row.grey.maximum) == (2, 1, 3)
    (row,) = measure(labels, (1, 1), image=np.full((2, 2), np.nan)).classes
    assert row.grey is None


def test_only_the_largest_objects_have_rows_but_all_count_in_their_class():
    labels = np.zeros((3, 60, 60), np.uint8)
    labels[1, ::3, ::3] = 2  # 400 specks
    labels[0, 50:55, 50:55] = 1
    labels[2, 30, 5:50] = 2  # the longest object joins the specks of one row
    found = measure(labels, (1, 1, 1), most=3)
    assert len(found.objects) == 3
    assert found.left_out == sum(r.objects for r in found.classes) - 3
    whole = measure(labels, (1, 1, 1))
    assert found.classes == whole.classes
    assert measure(labels, (1, 1, 1), most=0).classes == whole.classes


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint16, np.int64])
def test_any_whole_numbers_are_labels(dtype):
    labels = np.zeros((4, 5, 6), dtype)
    labels[1:3, 2, 2] = 1
    assert measure(labels, (1, 1, 1)).classes[0].voxels == 2


def test_values_far_apart_and_negative_ones_are_classes():
    labels = np.array([[0, -5, -5], [70000, 0, 3]], np.int32)
    assert [r.label for r in measure(labels, (1, 1)).classes] == [-5, 3, 70000]


def test_only_background_has_no_rows():
    found = measure(np.zeros((3, 4, 5), np.uint8), (1, 1, 1))
    assert (found.classes, found.objects) == ((), ())


def test_a_full_volume_is_one_object():
    (row,) = measure(np.ones((3, 4, 5), np.uint8), (1, 1, 1)).classes
    assert row.voxels == 60
    assert row.diameter == pytest.approx(np.sqrt(25 + 9 + 4))


def test_it_stops_when_asked():
    labels = np.zeros((1, 9), np.uint8)
    labels[0, ::2] = 1

    def stop(step):
        assert step.total == 5
        if step.done == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        measure(labels, (1, 1), report=stop)


@pytest.mark.parametrize(
    ("labels", "spacing", "image", "words"),
    [
        (np.zeros((3, 3)), (1, 1), None, "whole numbers"),
        (np.zeros((3, 3), int), (1, 1, 1), None, "voxel size"),
        (np.zeros((3, 3), int), (1, 0), None, "voxel size"),
        (np.zeros((3, 3), int), (1, 1), np.zeros((3, 4)), "choose the image"),
        (np.zeros((3, 3, 3, 3), int), (1, 1, 1, 1), None, "2D and 3D"),
    ],
)
def test_what_cannot_be_measured_is_said(labels, spacing, image, words):
    with pytest.raises(ValueError, match=words):
        measure(labels, spacing, image=image)
