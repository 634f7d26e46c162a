from __future__ import annotations

import gzip
import shutil
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from napari_medseg.io import read_volume, write_image, write_labels

AFFINE = np.diag([1.0, 2.0, 3.0, 1.0])


def save(path, values, affine=AFFINE, *, kind=nib.Nifti1Image, edit=None):
    image = kind(values, affine)
    if edit is not None:
        edit(image.header)
    nib.save(image, path)
    return path


@pytest.fixture
def integers():
    return np.random.default_rng(0).integers(-900, 900, (4, 5, 6)).astype(np.int16)


def in_file_order(volume):
    return volume.storage.to_stored(volume.array[0])


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32", "float32"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_values_keep_their_type_in_native_byte_order(tmp_path, integers, dtype, order):
    values = integers.astype(dtype).astype(np.dtype(dtype).newbyteorder(order))
    image = nib.Nifti1Image(values, AFFINE, nib.Nifti1Header(endianness=order))
    image.set_data_dtype(dtype)
    nib.save(image, tmp_path / "image.nii")
    volume = read_volume(tmp_path / "image.nii")
    assert volume.array.dtype == np.dtype(dtype)
    assert volume.array.dtype.isnative
    np.testing.assert_array_equal(in_file_order(volume), values)


def test_labels_keep_the_byte_order_and_version_of_their_image(tmp_path, integers):
    header = nib.Nifti2Header(endianness=">")
    header.set_data_dtype(np.int16)
    nib.save(nib.Nifti2Image(integers, AFFINE, header), tmp_path / "image.nii")
    volume = read_volume(tmp_path / "image.nii")
    write_labels(tmp_path / "labels.nii", np.zeros(volume.shape, np.uint8), like=volume)
    again = nib.load(tmp_path / "labels.nii")
    assert isinstance(again, nib.Nifti2Image)
    assert again.header.endianness == ">"


def test_slope_and_intercept_are_applied_in_float32(tmp_path, integers):
    path = save(tmp_path / "a.nii", integers)
    raw = bytearray(path.read_bytes())
    raw[112:120] = np.array([-0.5, 10], "<f4").tobytes()  # scl_slope, scl_inter
    path.write_bytes(raw)
    volume = read_volume(path)
    assert volume.array.dtype == np.float32
    np.testing.assert_allclose(in_file_order(volume), integers * -0.5 + 10)


def test_labels_carry_no_scaling_or_text_of_their_image(tmp_path, integers):
    def describe(header):
        header["descrip"] = b"name of a patient"
        header["intent_code"] = 1007
        header["cal_max"] = 500

    path = save(tmp_path / "a.nii.gz", integers * 0.5, edit=describe)
    volume = read_volume(path)
    write_labels(tmp_path / "l.nii.gz", np.ones(volume.shape, np.uint8), like=volume)
    header = nib.load(tmp_path / "l.nii.gz").header
    assert header["descrip"] == b""
    assert header.get_intent()[::2] == ("label", "labels")
    assert header["cal_max"] == 0
    assert nib.load(tmp_path / "l.nii.gz").dataobj.slope == 1


def test_labels_have_the_codes_and_units_of_their_image(tmp_path, integers):
    image = nib.Nifti1Image(integers, AFFINE)
    image.set_sform(AFFINE, code=4)
    image.set_qform(np.diag([1.0, 2.0, 3.0, 1.0]), code=1)
    image.header.set_xyzt_units("mm", "sec")
    nib.save(image, tmp_path / "a.nii.gz")
    volume = read_volume(tmp_path / "a.nii.gz")
    write_labels(tmp_path / "l.nii.gz", np.ones(volume.shape, np.uint8), like=volume)
    header = nib.load(tmp_path / "l.nii.gz").header
    assert (header["sform_code"], header["qform_code"]) == (4, 1)
    assert header.get_xyzt_units() == ("mm", "sec")
    assert header.get_data_dtype() == np.uint8


@pytest.mark.parametrize(("unit", "scale"), [("micron", 0.001), ("mm", 1.0), ("meter", 1000.0)])
def test_lengths_are_mm_whatever_the_unit_of_the_file(tmp_path, integers, unit, scale):
    path = save(tmp_path / "a.nii", integers, edit=lambda h: h.set_xyzt_units(unit))
    volume = read_volume(path)
    assert volume.spacing == pytest.approx((3 * scale, 2 * scale, scale))
    write_labels(tmp_path / "l.nii", np.ones(volume.shape, np.uint8), like=volume)
    np.testing.assert_array_equal(nib.load(tmp_path / "l.nii").affine, AFFINE)


def test_float64_becomes_float32_unless_values_would_vanish(tmp_path):
    ordinary = save(tmp_path / "a.nii", np.linspace(0, 1, 60).reshape(3, 4, 5))
    tiny = save(tmp_path / "b.nii", np.full((3, 4, 5), 1e-60))
    assert read_volume(ordinary).array.dtype == np.float32
    volume = read_volume(tiny)
    assert volume.array.dtype == np.float64
    assert (volume.array == 1e-60).all()


def test_nan_and_infinity_stay_in_the_array(tmp_path):
    values = np.zeros((2, 2, 2), np.float32)
    values[0, 0, 0], values[1, 1, 1] = np.nan, np.inf
    array = read_volume(save(tmp_path / "a.nii", values)).array
    assert np.isnan(array).sum() == np.isinf(array).sum() == 1


def test_rgb_becomes_three_channels(tmp_path):
    rgb = np.zeros((3, 4, 5), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    rgb["R"], rgb["G"][1], rgb["B"] = 7, 8, 9
    volume = read_volume(save(tmp_path / "a.nii", rgb))
    assert volume.array.shape == (3, 5, 4, 3)
    stored = np.stack([volume.storage.to_stored(channel) for channel in volume.array])
    np.testing.assert_array_equal(stored, np.stack([rgb[c] for c in "RGB"]))


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((4, 5), (1, 5, 4)),
        ((4, 5, 1), (1, 1, 5, 4)),
        ((4, 5, 6), (1, 6, 5, 4)),
        ((4, 5, 6, 1), (1, 6, 5, 4)),
        ((4, 5, 6, 3), (3, 6, 5, 4)),
        ((4, 5, 6, 1, 3), (3, 6, 5, 4)),
        ((4, 5, 1, 3), (3, 1, 5, 4)),
        ((1, 1, 1), (1, 1, 1, 1)),
    ],
)
def test_further_axes_become_channels(tmp_path, shape, expected):
    values = np.arange(np.prod(shape), dtype=np.int16).reshape(shape)
    volume = read_volume(save(tmp_path / "a.nii", values))
    assert volume.array.shape == expected
    channel = values.reshape(*(shape[:3] if len(shape) > 2 else shape), -1, order="F")[..., -1]
    np.testing.assert_array_equal(volume.storage.to_stored(volume.array[-1]), channel)


def test_without_sform_and_qform_the_voxel_size_is_used(tmp_path, integers):
    image = nib.Nifti1Image(integers, None)
    image.header.set_zooms((0.5, 2.0, 3.0))
    nib.save(image, tmp_path / "a.nii")
    volume = read_volume(tmp_path / "a.nii")
    assert volume.spacing == (3.0, 2.0, 0.5)
    assert volume.spacing_known
    write_labels(tmp_path / "l.nii", np.ones(volume.shape, np.uint8), like=volume)
    again = nib.load(tmp_path / "l.nii")
    np.testing.assert_array_equal(again.affine, nib.load(tmp_path / "a.nii").affine)
    assert again.header["sform_code"] == again.header["qform_code"] == 0


def test_without_any_voxel_size_the_spacing_is_unknown(tmp_path, integers):
    path = tmp_path / "a.nii"
    nib.save(nib.Nifti1Image(integers, None), path)
    raw = bytearray(path.read_bytes())
    raw[80:92] = bytes(12)  # pixdim[1:4]
    path.write_bytes(raw)
    volume = read_volume(path)
    assert not volume.spacing_known
    assert volume.spacing == (1.0, 1.0, 1.0)


def test_sform_goes_before_qform(tmp_path, integers):
    image = nib.Nifti1Image(integers, AFFINE)
    image.set_qform(np.diag([9.0, 9.0, 9.0, 1.0]), code=1)
    image.set_sform(AFFINE, code=1)
    nib.save(image, tmp_path / "a.nii")
    assert read_volume(tmp_path / "a.nii").spacing == (3.0, 2.0, 1.0)


def test_a_singular_sform_gives_way_to_a_valid_qform(tmp_path, integers):
    image = nib.Nifti1Image(integers, AFFINE)
    image.set_qform(AFFINE, code=1)
    image.set_sform(np.diag([1.0, 0.0, 3.0, 1.0]), code=1)
    nib.save(image, tmp_path / "a.nii")
    volume = read_volume(tmp_path / "a.nii")
    assert volume.spacing == (3.0, 2.0, 1.0)
    assert volume.storage.header["transform"] == "qform"


@pytest.mark.parametrize(
    "matrix",
    [
        np.diag([1.0, 0.0, 3.0, 1.0]),
        np.diag([1.0, np.nan, 3.0, 1.0]),
        np.diag([1.0, 1e30, 3.0, 1.0]),
        [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]],
    ],
)
def test_a_file_that_does_not_say_where_it_lies_is_refused(tmp_path, integers, matrix):
    path = save(tmp_path / "odd.nii", integers)
    raw = bytearray(path.read_bytes())
    raw[252:256] = np.array([0, 1], "<i2").tobytes()  # qform_code, sform_code
    raw[280:328] = np.asarray(matrix, "<f4")[:3].tobytes()  # srow
    path.write_bytes(raw)
    with pytest.raises(ValueError, match=r"odd\.nii does not say where its voxels lie"):
        read_volume(tmp_path / "odd.nii")


def test_a_sheared_volume_is_read_and_its_labels_are_sheared_alike(tmp_path, integers):
    sheared = AFFINE.copy()
    sheared[0, 2] = 0.4
    image = nib.Nifti1Image(integers, None)
    image.set_sform(sheared, code=1)
    nib.save(image, tmp_path / "a.nii")
    volume = read_volume(tmp_path / "a.nii")
    write_labels(tmp_path / "l.nii", np.ones(volume.shape, np.uint8), like=volume)
    np.testing.assert_allclose(nib.load(tmp_path / "l.nii").affine, sheared)


def test_labels_of_a_part_of_a_volume_lie_where_the_part_does(tmp_path, integers):
    volume = read_volume(save(tmp_path / "a.nii", integers))
    moved = volume.affine.copy()
    moved[:3, 3] = (volume.affine @ [2, 1, 1, 1])[:3]
    part = replace(volume, array=volume.array[:, 2:, 1:, 1:], affine=moved)
    write_labels(tmp_path / "l.nii.gz", np.ones(part.shape, np.uint8), like=part)
    again = read_volume(tmp_path / "l.nii.gz")
    assert again.shape == part.shape
    np.testing.assert_allclose(again.affine, moved)


@pytest.mark.parametrize("name", ["gzipped.nii", "plain.nii.gz", "no_suffix", "other.img.bin"])
def test_the_content_decides_not_the_name(tmp_path, integers, name):
    suffix = ".nii" if name == "plain.nii.gz" else ".nii.gz"
    shutil.copy(save(tmp_path / f"source{suffix}", integers), tmp_path / name)
    np.testing.assert_array_equal(in_file_order(read_volume(tmp_path / name)), integers)


def test_names_may_have_spaces_and_any_letters(tmp_path, integers):
    path = save(tmp_path / "ünïcödé 脳 name (1).nii.gz", integers)
    volume = read_volume(path)
    assert volume.name == "ünïcödé 脳 name (1)"
    out = tmp_path / "größe ö.nii.gz"
    write_labels(out, np.ones(volume.shape, np.uint8), like=volume, provenance={"müller": "é"})
    assert read_volume(out).shape == volume.shape


def broken(good, how):
    if how == "cut off":
        return good[: len(good) // 2]
    if how == "cut in the header":
        return good[:200]
    if how == "wrong magic":
        return good[:344] + b"xxxx" + good[348:]
    if how == "text":
        return b"this is no image\n"
    if how == "huge":
        return good[:42] + np.array([30000] * 3, "<i2").tobytes() + good[48:352]
    if how == "no voxels":
        return good[:42] + np.array([0, 5, 6], "<i2").tobytes() + good[48:]
    if how == "unknown type":
        return good[:70] + np.array([9999], "<i2").tobytes() + good[72:]
    if how == "scaling is not a number":
        return good[:112] + np.array([1, np.inf], "<f4").tobytes() + good[120:]
    return b""


WAYS = [
    "cut off",
    "cut in the header",
    "wrong magic",
    "text",
    "huge",
    "no voxels",
    "unknown type",
    "empty",
]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("how", WAYS)
def test_broken_files_are_refused_in_one_sentence(tmp_path, integers, how, packed, capfd):
    bad = broken(save(tmp_path / "good.nii", integers).read_bytes(), how)
    path = tmp_path / ("bad.nii.gz" if packed else "bad.nii")
    path.write_bytes(gzip.compress(bad) if packed else bad)
    with pytest.raises(ValueError, match=r"bad\.nii") as caught:
        read_volume(path)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""


def test_a_gzip_stream_that_ends_early_is_refused(tmp_path, integers):
    path = save(tmp_path / "a.nii.gz", integers)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ValueError, match="cut off or damaged"):
        read_volume(path)


def test_complex_values_are_refused(tmp_path):
    path = save(tmp_path / "a.nii", np.ones((2, 2, 2), np.complex64))
    with pytest.raises(ValueError, match="complex numbers; export magnitude"):
        read_volume(path)


@pytest.mark.parametrize("shape", [(4,), (3, 3, 3, 2, 2), (1, 1, 1, 1, 4, 4)])
def test_files_with_other_axes_are_refused(tmp_path, shape):
    path = save(tmp_path / "a.nii", np.zeros(shape, np.int16))
    with pytest.raises(ValueError, match="axes"):
        read_volume(path)


@pytest.mark.parametrize("dtype", ["bool", "float16", "int64", "uint64", "float64"])
def test_every_numpy_type_can_be_written(tmp_path, make_volume, dtype):
    volume = make_volume(np.array([[[0, 1], [1, 0]]], dtype)[None].repeat(2, 1))
    write_image(tmp_path / "a.nii.gz", volume)
    np.testing.assert_array_equal(read_volume(tmp_path / "a.nii.gz").array, volume.array)


def test_a_2d_colour_image_can_be_written_as_nifti(tmp_path, make_volume):
    volume = make_volume(np.arange(60, dtype=np.uint8).reshape(3, 4, 5))
    write_image(tmp_path / "a.nii.gz", volume)
    again = read_volume(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(again.array[:, 0], volume.array)
