from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_medseg.volume import Storage, Volume, canonical_affine


@given(
    axes=st.permutations(range(3)),
    flips=st.tuples(*[st.booleans()] * 3),
    shape=st.tuples(*[st.integers(1, 4)] * 3),
)
def test_to_stored_undoes_to_canonical(axes, flips, shape):
    stored = np.arange(np.prod(shape)).reshape(shape)
    storage = Storage(tuple(axes), flips)
    canonical = storage.to_canonical(stored)
    assert canonical.shape == tuple(shape[axis] for axis in axes)
    np.testing.assert_array_equal(storage.to_stored(canonical), stored)
    assert np.shares_memory(canonical, stored)


@pytest.mark.parametrize("axes", [(0, 1), (1, 0)])
@pytest.mark.parametrize("flips", [(False, True), (True, False), (True, True)])
def test_pictures_turn_back_too(axes, flips):
    stored = np.arange(12).reshape(3, 4)
    storage = Storage(axes, flips)
    np.testing.assert_array_equal(storage.to_stored(storage.to_canonical(stored)), stored)


def test_a_volume_knows_its_size():
    volume = Volume(np.zeros((2, 3, 4, 5)), (2.0, 0.5, 1.5))
    assert volume.spatial_dims == 3
    assert volume.shape == (3, 4, 5)
    assert volume.voxel_volume == pytest.approx(1.5)


@pytest.mark.parametrize("spacing", [(3.0, 2.0, 0.5), (2.0, 0.5)])
def test_without_a_place_the_axes_run_to_superior_posterior_and_left(spacing):
    volume = Volume(np.zeros((1, *[4] * len(spacing))), spacing)
    depth, height, width = (1.0, *spacing)[-3:]
    np.testing.assert_array_equal(volume.affine @ [1, 0, 0, 1], [0, 0, depth, 1])
    np.testing.assert_array_equal(volume.affine @ [0, 1, 0, 1], [0, -height, 0, 1])
    np.testing.assert_array_equal(volume.affine @ [0, 0, 1, 1], [-width, 0, 0, 1])
    np.testing.assert_array_equal(volume.affine, canonical_affine(spacing))


def test_other_values_keep_the_place_in_the_world():
    affine = np.diag([1.0, 2.0, 3.0, 1.0])
    volume = Volume(np.zeros((1, 3, 4)), (2.0, 1.0), affine, name="a")
    other = volume.with_array(np.ones((5, 3, 4)))
    assert other.array.shape == (5, 3, 4)
    assert (other.spacing, other.name) == (volume.spacing, "a")
    assert other.affine is affine
    with pytest.raises(ValueError, match=r"expected \(3, 4\) voxels, got \(4, 4\)"):
        volume.with_array(np.ones((1, 4, 4)))


@pytest.mark.parametrize(
    ("array", "spacing", "affine", "message"),
    [
        (np.zeros((3, 4)), (1, 1), np.eye(4), r"\(C, H, W\) or \(C, D, H, W\), got an array of 2"),
        (np.zeros((1, 3, 4)), (1, 1, 1), np.eye(4), "must have 2 entries"),
        (np.zeros((1, 3, 4)), (1, 0), np.eye(4), "positive and finite"),
        (np.zeros((1, 3, 4)), (1, np.nan), np.eye(4), "positive and finite"),
        (np.zeros((1, 3, 4)), (1, 1), np.eye(3), "finite 4x4"),
        (np.zeros((1, 3, 4)), (1, 1), np.full((4, 4), np.nan), "finite 4x4"),
    ],
)
def test_what_does_not_fit_together_is_refused(array, spacing, affine, message):
    with pytest.raises(ValueError, match=message):
        Volume(array, spacing, affine)
