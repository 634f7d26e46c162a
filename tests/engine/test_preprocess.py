"""What a network is given, and what is said about volumes it cannot take."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_medseg.engine.card import Preprocessing
from napari_medseg.engine.grid import Grid
from napari_medseg.engine.preprocess import check_volume, network_grid, prepare
from napari_medseg.volume import Volume

PLAIN = Preprocessing(normalise="none")


def volume_of(array, spacing=None, **fields):
    array = np.asarray(array)
    return Volume(array, spacing or (1.0,) * (array.ndim - 1), name="case 7", **fields)


def noise(*shape):
    return np.random.default_rng(0).normal(100, 20, shape).astype(np.float32)


def test_zscore_is_per_channel_over_all_voxels():
    prepared = prepare(volume_of(noise(2, 8, 9, 10)), Preprocessing(), spatial_dims=3)
    flat = prepared.image.flatten(1)
    torch.testing.assert_close(flat.mean(1), torch.zeros(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(flat.std(1, correction=0), torch.ones(2))


def test_the_volume_itself_is_not_changed():
    array = noise(1, 8, 8)
    before = array.copy()
    prepare(volume_of(array), Preprocessing(clip=(90, 110)), spatial_dims=2)
    np.testing.assert_array_equal(array, before)


def test_fixed_numbers_after_the_unit_range():
    array = np.array([[[0, 255]]], np.uint8)
    fixed = Preprocessing(unit_range=True, normalise="fixed", mean=(0.5,), std=(0.25,))
    assert prepare(volume_of(array), fixed, spatial_dims=2).image.tolist() == [[[-2, 2]]]


def test_a_network_of_blue_green_red_gets_its_channels_last_first_after_their_numbers():
    array = np.array([[[0, 10]], [[0, 20]], [[0, 30]]], np.float32)  # red, green, blue
    fixed = Preprocessing(normalise="fixed", mean=(1, 2, 3), std=(1, 1, 1), bgr=True)
    image = prepare(volume_of(array), fixed, spatial_dims=2).image
    assert image[:, 0].tolist() == [[-3, 27], [-2, 18], [-1, 9]]


@pytest.mark.parametrize(
    ("dtype", "high", "scale"),
    [("uint8", 200, 255), ("uint16", 200, 65535), ("int64", 200, 255), ("float32", 0.5, 1)],
)
def test_the_unit_range_goes_by_type_and_else_by_values(dtype, high, scale):
    array = np.array([[[0, high]]], dtype)
    unit = PLAIN.replace(unit_range=True)
    image = prepare(volume_of(array), unit, spatial_dims=2).image
    assert float(image.max()) == pytest.approx(high / scale)


def test_percentiles_cut_outliers():
    array = noise(1, 20, 20)
    array[0, 0, 0] = 1e6
    cut = PLAIN.replace(clip_percentiles=(1.0, 99.0))
    assert float(prepare(volume_of(array), cut, spatial_dims=2).image.max()) < 200


def test_nan_becomes_the_smallest_value_and_is_said():
    array = noise(1, 4, 4)
    array[0, 0, :2] = np.nan, np.inf
    prepared = prepare(volume_of(array), PLAIN, spatial_dims=2)
    assert prepared.image[0, 0, :2].tolist() == [float(prepared.image.min())] * 2
    assert prepared.notes[0].startswith("2 NaN or infinite voxels were taken as")


@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (np.zeros((1, 4, 4)), "every voxel of 'case 7' has the value 0"),
        (np.full((1, 4, 4), 5), "every voxel of 'case 7' has the value 5"),
        (np.full((1, 4, 4), np.nan), "'case 7' holds no finite value"),
        (np.zeros((1, 0, 4)), "'case 7' has no voxels"),
    ],
)
def test_an_image_without_content_is_refused(array, sentence):
    with pytest.raises(ValueError, match=sentence):
        prepare(volume_of(array), Preprocessing(), spatial_dims=2)


def test_an_empty_modality_beside_full_ones_is_zero():
    array = noise(2, 4, 4)
    array[1] = 7
    image = prepare(volume_of(array), Preprocessing(), spatial_dims=2).image
    assert image[1].abs().max() == 0


def test_a_2d_image_for_a_3d_model_is_refused():
    with pytest.raises(ValueError, match="expects 3-D volumes; 'case 7' is 2-D"):
        check_volume(volume_of(noise(1, 8, 8)), PLAIN, spatial_dims=3)


def test_wrong_channels_are_named():
    colour = volume_of(noise(3, 8, 8), channels=("red", "green", "blue"))
    wants = PLAIN.replace(channels=("B-mode",))
    with pytest.raises(ValueError, match=r"3 channels \(red, green, blue\).* 1 channel \(B-mode\)"):
        check_volume(colour, wants, spatial_dims=2, in_channels=1)


def test_fixed_numbers_for_other_channels_are_refused():
    fixed = Preprocessing(normalise="fixed", mean=(1.0, 2.0), std=(1.0, 1.0))
    with pytest.raises(ValueError, match="normalises 2 channels, 'case 7' has 3"):
        prepare(volume_of(noise(3, 8, 8)), fixed, spatial_dims=2)


def test_spacing_sets_the_grid():
    volume = volume_of(noise(1, 10, 20, 30), spacing=(3.0, 1.0, 0.5))
    grid, notes = network_grid(volume, PLAIN.replace(spacing=(1.5, 1.5, 1.0)), 3)
    assert (grid.shape, notes) == ((20, 13, 15), [])


def test_unknown_spacing_is_not_resampled_and_said():
    volume = volume_of(noise(1, 10, 20), spacing_known=False)
    grid, notes = network_grid(volume, PLAIN.replace(spacing=(2.0, 2.0)), 2)
    assert grid.is_identity
    assert "not known" in notes[0]


def test_a_stack_keeps_its_slices_along_the_widest_spacing():
    volume = volume_of(noise(1, 20, 8, 30), spacing=(1.0, 4.0, 1.0))
    prepared = prepare(volume, PLAIN.replace(size=(16, 12)), spatial_dims=2)
    assert prepared.image.shape == (1, 16, 8, 12)
    chosen = prepare(volume, PLAIN.replace(size=(16, 12)), spatial_dims=2, slice_axis=0)
    assert chosen.image.shape == (1, 20, 16, 12)


def test_a_card_with_the_wrong_number_of_axes_is_named():
    with pytest.raises(ValueError, match="which has 3 entries instead of 2"):
        network_grid(volume_of(noise(1, 8, 8)), PLAIN.replace(spacing=(1.0, 1.0, 1.0)), 2)


@pytest.mark.parametrize("shape", [(12, 10, 14), (12, 20, 7)])
def test_resampling_an_image_keeps_a_ramp_in_place(shape):
    size = (6, 20, 7)
    centres = (torch.arange(size[1]) + 0.5) / size[1]
    image = centres.view(1, 1, -1, 1).expand(1, *size).contiguous()
    result = Grid(size, shape).resample_image(image)
    wanted = (torch.arange(shape[1]) + 0.5) / shape[1]
    inner = slice(2, -2)  # at the ends there is nothing beyond to interpolate with
    torch.testing.assert_close(result[0, 3, inner, 3], wanted[inner])


def test_shrinking_a_volume_does_not_lose_thin_planes():
    image = torch.zeros(1, 24, 8, 8)
    image[0, 7] = 1  # one plane of 24
    shrunk = Grid((24, 8, 8), (4, 8, 8)).resample_image(image)
    assert float(shrunk.max()) > 0.1
    assert float(shrunk[0, :, 4, 4].sum()) * 6 == pytest.approx(1, rel=0.05)


def test_labels_go_to_the_nearest_voxel():
    labels = np.array([[0, 1, 2, 3]], np.uint8)
    assert Grid((1, 4), (1, 2)).resample_labels(labels).tolist() == [[1, 3]]
    assert Grid((1, 4), (2, 8)).resample_labels(labels)[1].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    with pytest.raises(ValueError, match="do not fit"):
        Grid((1, 4), (1, 2)).resample_labels(labels.T)
