"""The network's grid over the input's: nothing moves, nothing is made brighter, nothing is lost."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medseg.engine.grid import Grid
from napari_medseg.engine.windows import Tiling, gaussian
from napari_medseg.progress import Cancelled

SHAPES = [
    ((8, 9), (5, 20)),
    ((6, 9, 8), (12, 4, 8)),
    ((5, 6, 7), (5, 3, 7)),
    ((1, 8, 8), (1, 3, 5)),
]


@pytest.mark.parametrize(("before", "after"), SHAPES)
def test_a_flat_image_stays_flat_and_keeps_its_value(before, after):
    image = torch.full((2, *before), 3.5)
    found = Grid(before, after).resample_image(image)
    assert found.shape == (2, *after)
    torch.testing.assert_close(found, torch.full_like(found, 3.5))


@pytest.mark.parametrize(("before", "after"), SHAPES)
def test_a_mirrored_image_becomes_the_mirrored_result(before, after):
    image, grid = torch.randn(1, *before), Grid(before, after)
    axes = tuple(range(1, image.ndim))
    expected = grid.resample_image(image).flip(axes)
    torch.testing.assert_close(grid.resample_image(image.flip(axes)), expected)


def test_shrinking_keeps_the_mean():
    image = torch.rand(1, 8, 16, 24)
    found = Grid((8, 16, 24), (4, 4, 8)).resample_image(image)
    assert found.mean() == pytest.approx(float(image.mean()), abs=0.02)
    assert found.std() < image.std()


def test_voxels_of_the_same_grid_are_not_copied_or_touched():
    image, labels = torch.randn(1, 4, 5), np.arange(20).reshape(4, 5)
    grid = Grid((4, 5), (4, 5))
    assert grid.is_identity
    assert grid.resample_image(image) is image
    np.testing.assert_array_equal(grid.resample_labels(labels), labels)


def test_labels_enlarged_and_shrunk_again_are_the_same():
    labels = np.random.default_rng(0).integers(0, 9, (4, 6, 5))
    large = Grid((4, 6, 5), (12, 18, 5)).resample_labels(labels)
    assert (np.bincount(large.ravel()) == 9 * np.bincount(labels.ravel())).all()
    np.testing.assert_array_equal(Grid((12, 18, 5), (4, 6, 5)).resample_labels(large), labels)


def test_labels_of_another_image_are_refused():
    with pytest.raises(ValueError, match=r"\(3, 3\) voxels do not fit \(4, 5\)"):
        Grid((4, 5), (8, 8)).resample_labels(np.zeros((3, 3), int))


def test_resampling_can_be_cancelled():
    def stop(step):
        raise Cancelled

    with pytest.raises(Cancelled):
        Grid((4, 5), (8, 8)).resample_image(torch.zeros(1, 4, 5), stop)


@settings(max_examples=40, deadline=None)
@given(
    size=st.tuples(*[st.integers(1, 40)] * 3),
    window=st.tuples(*[st.integers(1, 16)] * 3),
    overlap=st.sampled_from([0.0, 0.25, 0.5, 0.8]),
)
def test_windows_cover_every_voxel_and_stay_inside_what_is_padded(size, window, overlap):
    tiling = Tiling(size, window, (overlap,) * 3)
    for starts, side, padded, asked in zip(tiling.starts, window, tiling.padded, size, strict=True):
        covered = np.zeros(padded, int)
        for start in starts:
            covered[start : start + side] += 1
        assert covered.min() >= 1
        assert starts[-1] + side == padded
        assert padded == max(asked, side)
    assert len(tiling) == np.prod([len(starts) for starts in tiling.starts])
    assert sorted(tiling.order) == [0, 1, 2]
    every = [tiling.floats(order) for order in itertools.permutations(range(3))]
    assert tiling.floats(tiling.order) == min(every)


@pytest.mark.parametrize("window", [(8,), (7, 5), (4, 6, 9)])
def test_a_weight_is_highest_in_the_middle_the_same_on_both_sides_and_never_nothing(window):
    weight = gaussian(window)
    assert weight.shape == window
    torch.testing.assert_close(weight, weight.flip(tuple(range(len(window)))))
    middle = tuple(n // 2 for n in window)
    assert weight[middle] == weight.max()
    assert weight.min() >= 1e-3


def test_slices_that_go_together_weigh_the_same():
    tiling = Tiling((9, 20, 20), (4, 16, 16), (0.0, 0.5, 0.5), batch_axis=0)
    assert torch.equal(tiling.weight[0], tiling.weight[3])
    assert tiling.weight.shape == (4, 16, 16)
