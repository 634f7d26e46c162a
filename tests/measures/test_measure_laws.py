"""Laws: measures follow the grid as lengths, areas and volumes do, and the view does not matter."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_medseg.measures import longest_diameter, measure, slice_diameters


@pytest.fixture(scope="module", params=range(3))
def labels(request):
    """Blobs of two classes, in one of three drawings."""
    noise = np.random.default_rng(request.param).normal(size=(14, 18, 22))
    smooth = ndimage.gaussian_filter(noise, 1.5)
    return np.digitize(smooth, [0.06, 0.16]).astype(np.uint8)


SPACING = (2.0, 0.8, 1.1)


@pytest.mark.parametrize("factor", [0.5, 4.0])  # exact, so that ties are decided alike
def test_on_a_larger_grid_lengths_grow_with_it_and_volumes_with_its_cube(labels, factor):
    small = measure(labels, SPACING).objects
    large = measure(labels, [factor * s for s in SPACING]).objects
    for one, other in zip(small, large, strict=True):
        assert other.size == pytest.approx(one.size * factor**3)
        for name in ("long_axis", "short_axis", "diameter"):
            assert getattr(other, name) == pytest.approx(getattr(one, name) * factor)
        assert other.place == pytest.approx(np.array(one.place) * factor)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_mirror_changes_only_where_things_are(labels, axis):
    mirrored = measure(np.flip(labels, axis), SPACING)
    for one, other in zip(measure(labels, SPACING).classes, mirrored.classes, strict=True):
        assert (one.voxels, one.objects) == (other.voxels, other.objects)
        for name in ("size", "long_axis", "short_axis", "diameter"):
            assert getattr(other, name) == pytest.approx(getattr(one, name))
        centre = list(one.centre)
        centre[axis] = labels.shape[axis] - 1 - centre[axis]
        assert other.centre == pytest.approx(centre)


@pytest.mark.parametrize("order", [(1, 0, 2), (2, 1, 0), (1, 2, 0)])
def test_the_order_of_the_axes_does_not_matter(labels, order):
    turned = measure(
        labels.transpose(order), [SPACING[a] for a in order], axis=order.index(0)
    ).classes
    for one, other in zip(measure(labels, SPACING).classes, turned, strict=True):
        for name in ("size", "long_axis", "diameter", "slice_index"):
            assert getattr(other, name) == pytest.approx(getattr(one, name))
        assert [other.centre[order.index(a)] for a in range(3)] == pytest.approx(one.centre)


def test_what_lies_elsewhere_does_not_matter(labels):
    wide = np.pad(labels, [(3, 1), (0, 5), (2, 2)])
    for one, other in zip(
        measure(labels, SPACING).objects, measure(wide, SPACING).objects, strict=True
    ):
        assert np.array(other.centre) - (3, 0, 2) == pytest.approx(one.centre)
        assert other.diameter == pytest.approx(one.diameter)
        assert other.slice_index == one.slice_index + 3


def test_the_objects_of_a_class_add_up_to_it(labels):
    found = measure(labels, SPACING)
    for row in found.classes:
        own = [r for r in found.objects if r.label == row.label]
        assert sum(r.voxels for r in own) == row.voxels
        assert sum(r.size for r in own) == pytest.approx(row.size)
        weights = [r.voxels / row.voxels for r in own]
        centres = np.array([r.centre for r in own])
        assert np.average(centres, axis=0, weights=weights) == pytest.approx(row.centre)
        assert [r.number for r in own] == list(range(1, len(own) + 1))


def test_no_slice_is_longer_than_the_whole(labels):
    mask = labels > 0
    whole = longest_diameter(mask, SPACING)
    corners = np.array(mask.shape) * SPACING
    assert whole <= np.linalg.norm(corners)
    for axis in range(3):
        found = slice_diameters(mask, SPACING, axis)
        assert found.short <= found.long <= whole + 1e-9


def test_more_voxels_are_never_shorter(labels):
    previous = 0.0
    for level in (2, 1):
        now = longest_diameter(labels >= level, SPACING)
        assert now >= previous
        previous = now
