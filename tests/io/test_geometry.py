"""Laws of place: what is read lies where the file says, and labels land on their image."""

from __future__ import annotations

import itertools

import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_medseg.io import read_labels, read_volume, write_image, write_labels

SITK = pytest.importorskip("SimpleITK")
SHAPE = (4, 5, 7)
SPACING = (0.7, 1.3, 2.9)
ORDERS = [
    (order, signs)
    for order in itertools.permutations(range(3))
    for signs in itertools.product((1, -1), repeat=3)
]


def axis_affine(order, signs, spacing=SPACING, origin=(5.0, -7.0, 11.0)):
    affine = np.eye(4)
    affine[:3, :3] = 0
    for axis, world in enumerate(order):
        affine[world, axis] = signs[axis] * spacing[axis]
    affine[:3, 3] = origin
    return affine


def rotated(affine, degrees):
    a, b = np.deg2rad(degrees)
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_z = np.array([[np.cos(b), -np.sin(b), 0], [np.sin(b), np.cos(b), 0], [0, 0, 1]])
    turned = affine.copy()
    turned[:3, :3] = about_z @ about_x @ affine[:3, :3]
    return turned


def some_labels(shape=SHAPE):
    return np.arange(np.prod(shape)).reshape(shape).astype(np.int16) % 113


def saved(path, values, affine):
    nib.save(nib.Nifti1Image(values, affine), path)
    return path


def assert_same_place_and_values(image_path, label_path, values):
    again = nib.load(label_path)
    np.testing.assert_array_equal(np.asanyarray(again.dataobj), values)
    np.testing.assert_allclose(again.affine, nib.load(image_path).affine, atol=1e-5)
    image, labels = SITK.ReadImage(str(image_path)), SITK.ReadImage(str(label_path))
    np.testing.assert_array_equal(SITK.GetArrayFromImage(labels), values.T)
    for place in ("GetOrigin", "GetSpacing", "GetDirection", "GetSize"):
        assert getattr(image, place)() == getattr(labels, place)()


@pytest.mark.parametrize(("order", "signs"), ORDERS)
def test_labels_written_from_any_axis_order_and_flip_land_voxel_for_voxel(tmp_path, order, signs):
    values = some_labels()
    image = saved(tmp_path / "image.nii.gz", values, axis_affine(order, signs))
    volume = read_volume(image)
    write_labels(tmp_path / "labels.nii.gz", volume.array[0].astype(np.uint8), like=volume)
    assert_same_place_and_values(image, tmp_path / "labels.nii.gz", values)


@pytest.mark.parametrize(("order", "signs"), ORDERS[::5])
def test_labels_of_oblique_volumes_land_voxel_for_voxel(tmp_path, order, signs):
    values = some_labels()
    affine = rotated(axis_affine(order, signs), (20, -13))
    image = saved(tmp_path / "image.nii.gz", values, affine)
    volume = read_volume(image)
    write_labels(tmp_path / "labels.nii.gz", volume.array[0].astype(np.uint8), like=volume)
    assert_same_place_and_values(image, tmp_path / "labels.nii.gz", values)


@pytest.mark.parametrize(("order", "signs"), ORDERS)
def test_axes_run_to_superior_posterior_and_left(tmp_path, order, signs):
    volume = read_volume(saved(tmp_path / "image.nii", some_labels(), axis_affine(order, signs)))
    directions = np.sign(np.round(volume.affine[:3, :3], 5))
    np.testing.assert_array_equal(directions, [[0, 0, -1], [0, -1, 0], [1, 0, 0]])
    by_world = dict(zip(order, SPACING, strict=True))
    assert volume.spacing == pytest.approx((by_world[2], by_world[1], by_world[0]))
    assert volume.array.flags.c_contiguous


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    order=st.sampled_from(ORDERS),
    spacing=st.tuples(*[st.floats(0.05, 12)] * 3),
    degrees=st.tuples(st.floats(-30, 30), st.floats(-30, 30)),
    voxel=st.tuples(*(st.integers(0, n - 1) for n in SHAPE)),
)
def test_every_voxel_stays_at_its_place_in_the_world(tmp_path, order, spacing, degrees, voxel):
    affine = rotated(axis_affine(*order, spacing), degrees)
    values = np.zeros(SHAPE, np.uint8)
    values[voxel] = 1
    volume = read_volume(saved(tmp_path / "image.nii", values, affine))
    index = np.argwhere(volume.array[0])[0]
    place = volume.affine @ [*index, 1]
    np.testing.assert_allclose(place, affine @ [*voxel, 1], atol=1e-3)
    lengths = np.linalg.norm(volume.affine[:3, :3], axis=0)
    np.testing.assert_allclose(volume.spacing, lengths, rtol=1e-5)


@pytest.mark.parametrize(("order", "signs"), ORDERS[::7])
def test_a_ball_drawn_in_mm_is_found_at_the_same_mm(tmp_path, order, signs):
    affine = rotated(axis_affine(order, signs, (1.1, 1.7, 0.9)), (8, 5))
    shape = (19, 17, 23)
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1)
    world = index @ affine[:3, :3].T + affine[:3, 3]
    centre = affine @ [9, 8, 11, 1]
    ball = (np.linalg.norm(world - centre[:3], axis=-1) < 5).astype(np.int16)
    volume = read_volume(saved(tmp_path / "ball.nii.gz", ball, affine))
    found = np.argwhere(volume.array[0]).mean(0)
    np.testing.assert_allclose(volume.affine @ [*found, 1], centre, atol=0.02)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_a_volume_without_a_file_keeps_its_place_through_nifti(tmp_path, suffix, make_volume):
    volume = make_volume(np.arange(24, dtype=np.int16).reshape(1, 2, 3, 4), (3.0, 2.0, 0.5))
    write_image(tmp_path / f"image{suffix}", volume)
    again = read_volume(tmp_path / f"image{suffix}")
    np.testing.assert_array_equal(again.array, volume.array)
    np.testing.assert_allclose(again.affine, volume.affine)
    assert again.spacing == volume.spacing
    itk = SITK.ReadImage(str(tmp_path / f"image{suffix}"))
    assert itk.GetSpacing() == (0.5, 2.0, 3.0)


def test_images_written_again_keep_values_order_and_channels(tmp_path):
    values = np.random.default_rng(0).normal(size=(4, 5, 6, 3)).astype(np.float32)
    affine = rotated(axis_affine((2, 0, 1), (1, -1, 1)), (5, 9))
    volume = read_volume(saved(tmp_path / "in.nii.gz", values, affine))
    assert volume.array.shape[0] == 3
    write_image(tmp_path / "out.nii.gz", volume)
    again = nib.load(tmp_path / "out.nii.gz")
    np.testing.assert_array_equal(again.get_fdata(dtype=np.float32), values)
    np.testing.assert_allclose(again.affine, nib.load(tmp_path / "in.nii.gz").affine)


def test_labels_of_a_file_with_channels_are_three_dimensional(tmp_path):
    values = np.random.default_rng(0).integers(0, 9, (4, 5, 6, 2)).astype(np.int16)
    path = saved(tmp_path / "in.nii.gz", values, axis_affine((1, 2, 0), (1, 1, -1)))
    volume = read_volume(path)
    labels = (volume.array[1] > 4).astype(np.uint8)
    write_labels(tmp_path / "labels.nii.gz", labels, like=volume)
    again = nib.load(tmp_path / "labels.nii.gz")
    np.testing.assert_array_equal(np.asanyarray(again.dataobj), values[..., 1] > 4)
    assert read_labels(tmp_path / "labels.nii.gz").shape == volume.shape


@pytest.mark.parametrize("signs", [(1, 1), (-1, 1), (1, -1), (-1, -1)])
@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 1, 0), (0, 2, 1)])
def test_labels_of_two_dimensional_nifti_land_pixel_for_pixel(tmp_path, order, signs):
    values = some_labels((5, 7))
    affine = axis_affine(order, (*signs, 1))
    volume = read_volume(saved(tmp_path / "flat.nii.gz", values, affine))
    assert volume.spatial_dims == 2
    write_labels(tmp_path / "labels.nii.gz", volume.array[0], like=volume)
    again = nib.load(tmp_path / "labels.nii.gz")
    np.testing.assert_array_equal(np.asanyarray(again.dataobj), values)
    np.testing.assert_allclose(again.affine, nib.load(tmp_path / "flat.nii.gz").affine)
    pixel = np.argwhere(volume.array[0] == values[2, 3])[0]
    np.testing.assert_allclose(volume.affine @ [0, *pixel, 1], affine @ [2, 3, 0, 1], atol=1e-5)
