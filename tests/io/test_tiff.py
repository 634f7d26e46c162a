from __future__ import annotations

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from napari_medseg.io import read_labels, read_volume, write_image, write_labels
from napari_medseg.io.images import EXIF_ORIENTATION


@pytest.fixture
def stack():
    return np.random.default_rng(0).integers(0, 60000, (4, 6, 7)).astype(np.uint16)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "float32", "int32"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_pages_become_slices(tmp_path, stack, dtype, order):
    values = stack.astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", values, byteorder=order, photometric="minisblack")
    volume = read_volume(tmp_path / "a.tif")
    np.testing.assert_array_equal(volume.array[0], values)
    assert volume.array.dtype == np.dtype(dtype)
    assert volume.array.dtype.isnative
    assert not volume.spacing_known


def test_one_page_is_two_dimensional(tmp_path, stack):
    tifffile.imwrite(tmp_path / "a.tif", stack[0])
    np.testing.assert_array_equal(read_volume(tmp_path / "a.tif").array, stack[:1])


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_colour_becomes_channels(tmp_path, planar):
    colour = np.random.default_rng(0).integers(0, 255, (6, 7, 3)).astype(np.uint8)
    stored = colour if planar == "contig" else np.moveaxis(colour, -1, 0)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", planarconfig=planar)
    volume = read_volume(tmp_path / "a.tif")
    np.testing.assert_array_equal(volume.array, np.moveaxis(colour, -1, 0))
    assert volume.channels == ("red", "green", "blue")


def test_colour_stacks_are_volumes_of_three_channels(tmp_path):
    colour = np.random.default_rng(0).integers(0, 255, (4, 6, 7, 3)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", colour, photometric="rgb")
    np.testing.assert_array_equal(read_volume(tmp_path / "a.tif").array, np.moveaxis(colour, -1, 0))


def test_alpha_is_dropped(tmp_path):
    colour = np.random.default_rng(0).integers(0, 255, (6, 7, 4)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", colour, photometric="rgb", extrasamples=["unassalpha"])
    volume = read_volume(tmp_path / "a.tif")
    np.testing.assert_array_equal(volume.array, np.moveaxis(colour[..., :3], -1, 0))
    assert volume.storage.header["alpha"]


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits"])
@pytest.mark.parametrize("pages", [1, 3])
def test_compressed_files_are_read_with_what_is_installed(tmp_path, compression, pages):
    pictures = [Image.fromarray(np.full((40, 50), 60 * k, np.uint8)) for k in range(pages)]
    pictures[0].save(
        tmp_path / "a.tif", compression=compression, save_all=True, append_images=pictures[1:]
    )
    volume = read_volume(tmp_path / "a.tif")
    assert volume.spatial_dims == (2 if pages == 1 else 3)
    np.testing.assert_allclose(volume.array.reshape(pages, -1)[:, 0], 60 * np.arange(pages), atol=2)


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_tag_is_applied_once(tmp_path, compression, orientation):
    pixels = np.arange(30, dtype=np.uint8).reshape(5, 6)
    tags = {EXIF_ORIENTATION: orientation}
    Image.fromarray(pixels).save(tmp_path / "a.tif", compression=compression, tiffinfo=tags)
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = orientation
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    with Image.open(tmp_path / "a.png") as picture:
        upright = np.asarray(ImageOps.exif_transpose(picture))
    np.testing.assert_array_equal(read_volume(tmp_path / "a.tif").array[0], upright)


def test_palettes_are_colours_for_images_and_indices_for_labels(tmp_path):
    indices = np.array([[0, 1, 2], [2, 1, 0]], np.uint8)
    table = np.zeros((3, 256), np.uint16)
    table[0, 1] = 65535
    table[1, 2] = 65535
    tifffile.imwrite(tmp_path / "a.tif", indices, photometric="palette", colormap=table)
    assert read_volume(tmp_path / "a.tif").array[:, 0, 1].tolist() == [255, 0, 0]
    np.testing.assert_array_equal(read_labels(tmp_path / "a.tif").array[0], indices)


@pytest.mark.parametrize("unit", ["um", "\\u00B5m", "micron", "mm", "cm"])
def test_imagej_spacing_is_converted_to_mm(tmp_path, stack, unit):
    mm = {"mm": 1.0, "cm": 10.0}.get(unit, 0.001)
    tifffile.imwrite(
        tmp_path / "a.tif",
        stack,
        imagej=True,
        resolution=(4.0, 2.0),
        metadata={"spacing": 3.0, "unit": unit, "axes": "ZYX"},
    )
    volume = read_volume(tmp_path / "a.tif")
    assert volume.spacing_known
    assert volume.spacing == pytest.approx((3 * mm, 0.5 * mm, 0.25 * mm))


@pytest.mark.parametrize("metadata", [{}, {"unit": "pixel", "spacing": 3.0}, {"spacing": 2.0}])
def test_imagej_spacing_without_a_length_unit_is_unknown(tmp_path, stack, metadata):
    tifffile.imwrite(tmp_path / "a.tif", stack, imagej=True, metadata=metadata)
    assert not read_volume(tmp_path / "a.tif").spacing_known


@pytest.mark.parametrize(("unit", "mm"), [(None, 0.001), ("mm", 1.0), ("nm", 1e-6)])
def test_ome_spacing_is_converted_to_mm(tmp_path, stack, unit, mm):
    sizes = {"PhysicalSizeX": 0.5, "PhysicalSizeY": 2.0, "PhysicalSizeZ": 3.0}
    units = {f"{key}Unit": unit for key in sizes} if unit else {}
    tifffile.imwrite(
        tmp_path / "a.ome.tif", stack, ome=True, metadata={"axes": "ZYX", **sizes, **units}
    )
    volume = read_volume(tmp_path / "a.ome.tif")
    assert volume.spacing_known
    assert volume.spacing == pytest.approx((3 * mm, 2 * mm, 0.5 * mm))


def test_ome_channels_become_channels(tmp_path):
    values = np.random.default_rng(0).integers(0, 99, (4, 2, 6, 7)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.ome.tif", values, ome=True, metadata={"axes": "ZCYX"})
    volume = read_volume(tmp_path / "a.ome.tif")
    np.testing.assert_array_equal(volume.array, values.transpose(1, 0, 2, 3))


def test_slices_and_time_together_are_refused(tmp_path):
    values = np.zeros((2, 3, 6, 7), np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", values, imagej=True, metadata={"axes": "TZYX"})
    with pytest.raises(ValueError, match="save one time point"):
        read_volume(tmp_path / "a.tif")


def test_dots_per_inch_are_no_spacing(tmp_path, stack):
    tifffile.imwrite(tmp_path / "a.tif", stack[0], resolution=(72, 72), resolutionunit="INCH")
    assert not read_volume(tmp_path / "a.tif").spacing_known


def test_of_a_pyramid_the_finest_level_is_read(tmp_path, stack):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(stack[0], subifds=1)
        writer.write(stack[0, ::2, ::2], subfiletype=1)
    np.testing.assert_array_equal(read_volume(tmp_path / "a.tif").array, stack[:1])


def test_complex_values_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 5), np.complex64))
    with pytest.raises(ValueError, match="real numbers are needed"):
        read_volume(tmp_path / "a.tif")


@pytest.mark.parametrize("length", [4, 60, 300, 420])
def test_files_that_are_cut_off_are_refused_quietly(tmp_path, stack, length, capfd):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, stack, photometric="minisblack")
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(ValueError, match=r"a\.tif"):
        read_volume(path)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "float32"])
@pytest.mark.parametrize("shape", [(1, 5, 6), (3, 5, 6), (2, 5, 6), (1, 4, 5, 6), (3, 4, 5, 6)])
def test_tiff_written_is_tiff_read(tmp_path, make_volume, dtype, shape):
    spacing = (2.5, 0.5, 0.25)[-(len(shape) - 1) :]
    array = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    write_image(tmp_path / "a.tif", make_volume(array, spacing))
    volume = read_volume(tmp_path / "a.tif")
    np.testing.assert_array_equal(volume.array, array)
    assert volume.spacing_known
    assert volume.spacing == pytest.approx(spacing)


def test_unknown_spacing_stays_unknown(tmp_path, make_volume, stack):
    write_image(tmp_path / "a.tif", make_volume(stack[None], spacing_known=False))
    assert not read_volume(tmp_path / "a.tif").spacing_known


def test_labels_of_a_stack_land_on_it(tmp_path, stack):
    tifffile.imwrite(
        tmp_path / "a.tif",
        stack,
        imagej=True,
        resolution=(4.0, 2.0),
        metadata={"spacing": 3.0, "unit": "mm"},
    )
    volume = read_volume(tmp_path / "a.tif")
    labels = (volume.array[0] % 7).astype(np.uint8)
    for name in ("l.tif", "l.nii.gz"):
        write_labels(tmp_path / name, labels, like=volume)
        again = read_labels(tmp_path / name)
        np.testing.assert_array_equal(again.array[0], labels)
        assert again.spacing == pytest.approx(volume.spacing)
