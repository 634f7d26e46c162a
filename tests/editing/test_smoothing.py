"""Smoothing takes away what is small, keeps what is large, and leaves the neighbours alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_medseg import editing
from napari_medseg.editing.smoothing import blurred


@pytest.mark.parametrize("method", ["median", "Gaussian"])
def test_a_speck_goes_and_a_large_object_keeps_its_size(method):
    labels = np.zeros((30, 40, 40), np.uint8)
    z, y, x = np.ogrid[:30, :40, :40]
    labels[(z - 15) ** 2 + (y - 20) ** 2 + (x - 20) ** 2 <= 100] = 1
    size = int(labels.sum())
    labels[2, 2, 2] = labels[15, 20, 33] = 1
    labels[15, 20, 20] = 0
    smooth = editing.smooth(labels, 1, 1.0, method=method)
    assert smooth[2, 2, 2] == smooth[15, 20, 33] == 0
    assert smooth[15, 20, 20] == 1
    assert smooth.sum() == pytest.approx(size, rel=0.05)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 3), st.sampled_from([1.0, 1.7, 3.2]))
def test_the_median_is_that_of_the_voxels_there_are(seed, ndim, radius):
    rng = np.random.default_rng(seed)
    spacing = tuple(rng.choice([0.8, 1.0, 2.5], ndim))
    labels = (rng.random(rng.integers(1, 12, ndim)) > 0.5).astype(np.uint8)
    half = [int(radius / s + 1e-9) for s in spacing]
    padded = np.pad(labels.astype(float), [(h, h) for h in half], constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, [2 * h + 1 for h in half])
    axes = tuple(range(-ndim, 0))
    found = editing.smooth(labels, 1, radius, spacing)
    np.testing.assert_array_equal(found > 0, np.nanmean(windows, axis=axes) > 0.5)


@pytest.mark.parametrize("shape", [(9, 70), (40, 33), (5, 11, 90), (37, 8, 3), (1, 1, 6)])
def test_the_blur_is_a_gaussian_that_counts_nothing_outside(shape):
    rng = np.random.default_rng(0)
    mask = rng.random(shape) > 0.6
    sigma = [2.0, 0.7, 1.3][: len(shape)]

    def conv(values):
        for axis, s in enumerate(sigma):
            values = ndimage.gaussian_filter1d(
                values, s, axis, mode="constant", radius=int(np.ceil(3 * s))
            )
        return values

    expected = conv(mask.astype(float)) / conv(np.ones(shape))
    np.testing.assert_allclose(blurred(mask, sigma), expected, atol=2e-6)
    np.testing.assert_allclose(blurred(np.asfortranarray(mask), sigma), expected, atol=2e-6)


def test_smoothing_together_leaves_no_gap_and_no_overlap():
    rng = np.random.default_rng(0)
    labels = np.zeros((12, 24, 24), np.uint8)
    labels[:, :12, 4:20], labels[:, 12:, 4:20] = 1, 2
    rough = labels.copy()
    rough[rng.random(labels.shape) > 0.9] = 0
    rough[6, 12:16, 8] = 1  # a tooth of one class in the other
    smooth = editing.smooth_all(rough, 1.0)
    inner = smooth[2:-2, 2:-2, 6:18]
    assert (inner > 0).all()
    np.testing.assert_array_equal(smooth[2:-2, 2:-2, 6:18], labels[2:-2, 2:-2, 6:18])
    assert set(np.unique(smooth)) == {0, 1, 2}


def test_smoothing_together_takes_the_strongest_class():
    rng = np.random.default_rng(1)
    labels = ndimage.zoom(rng.integers(0, 4, (3, 4, 4)), (3, 4, 4), order=0).astype(np.uint8)
    spacing, radius = (2.0, 1.0, 1.0), 1.5
    sigma = [radius / s for s in spacing]
    shares = np.stack([blurred(labels == v, sigma) for v in range(4)])
    np.testing.assert_array_equal(editing.smooth_all(labels, radius, spacing), shares.argmax(0))


def test_smoothing_together_in_parts_is_smoothing_at_once():
    rng = np.random.default_rng(2)
    labels = np.zeros((8, 300, 40), np.uint8)
    labels[2:6, 20:290, 10:25], labels[2:6, 100:200, 25:35] = 1, 2
    labels[rng.random(labels.shape) > 0.97] = 0
    whole = editing.smooth_all(labels, 1.0)
    np.testing.assert_array_equal(
        whole[:, 60:120], editing.smooth_all(labels[:, 50:130], 1.0)[:, 10:70]
    )


@pytest.mark.parametrize("value", [1, 3])
def test_a_class_everywhere_stays_everywhere(value):
    labels = np.full((4, 5, 6), value, np.int16)
    for method in ("median", "Gaussian"):
        np.testing.assert_array_equal(editing.smooth(labels, value, 2.0, method=method), labels)
    np.testing.assert_array_equal(editing.smooth_all(labels, 2.0), labels)


def test_what_cannot_be_done_is_said():
    labels = np.ones((3, 3), np.uint8)
    with pytest.raises(ValueError, match="more than 0 mm, got 0"):
        editing.smooth(labels, 1, 0)
    with pytest.raises(ValueError, match="more than 0 mm, got nan"):
        editing.smooth_all(labels, float("nan"))
    with pytest.raises(ValueError, match="median or Gaussian; got 'mean'"):
        editing.smooth(labels, 1, 1, method="mean")
