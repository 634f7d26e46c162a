from __future__ import annotations

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from napari_medseg.io import read_labels, read_volume, write_image, write_labels
from napari_medseg.io.images import EXIF_ORIENTATION

ROWS, COLUMNS = 9, 14


@pytest.fixture
def grey():
    return np.random.default_rng(0).integers(0, 255, (ROWS, COLUMNS)).astype(np.uint8)


@pytest.fixture
def colour():
    return np.random.default_rng(1).integers(0, 255, (ROWS, COLUMNS, 3)).astype(np.uint8)


def save(path, pixels, **options):
    Image.fromarray(pixels).save(path, **options)
    return path


@pytest.mark.parametrize("suffix", [".png", ".bmp"])
def test_grey_pixels_become_one_channel(tmp_path, grey, suffix):
    volume = read_volume(save(tmp_path / f"a{suffix}", grey))
    np.testing.assert_array_equal(volume.array, grey[None])
    assert volume.spacing == (1.0, 1.0)
    assert not volume.spacing_known
    assert volume.name == "a"


@pytest.mark.parametrize("suffix", [".png", ".bmp"])
def test_colours_become_three_named_channels(tmp_path, colour, suffix):
    volume = read_volume(save(tmp_path / f"a{suffix}", colour))
    np.testing.assert_array_equal(volume.array, np.moveaxis(colour, -1, 0))
    assert volume.channels == ("red", "green", "blue")


def test_jpeg_is_decoded_as_pillow_does(tmp_path, colour):
    path = save(tmp_path / "a.jpg", colour)
    expected = np.asarray(Image.open(path))
    np.testing.assert_array_equal(read_volume(path).array, np.moveaxis(expected, -1, 0))


def test_sixteen_bit_grey_keeps_every_bit(tmp_path, grey):
    values = grey.astype(np.uint16) * 257
    volume = read_volume(save(tmp_path / "a.png", values))
    assert volume.array.dtype == np.uint16
    np.testing.assert_array_equal(volume.array[0], values)


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_alpha_is_dropped_and_said(tmp_path, grey, mode):
    Image.fromarray(grey).convert(mode).save(tmp_path / "a.png")
    volume = read_volume(tmp_path / "a.png")
    assert (volume.array == grey).all()
    assert len(volume.array) == len(mode) - 1
    assert volume.storage.header["alpha"]


def test_cmyk_becomes_rgb(tmp_path, colour):
    Image.fromarray(colour).convert("CMYK").save(tmp_path / "a.jpg")
    assert read_volume(tmp_path / "a.jpg").array.shape == (3, ROWS, COLUMNS)


def test_one_bit_is_black_and_white(tmp_path, grey):
    Image.fromarray(grey > 127).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_volume(tmp_path / "a.png").array[0], (grey > 127) * 255)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png").array[0], grey > 127)


def palette_picture(path, indices, colours):
    picture = Image.fromarray(indices).convert("P")
    picture.putdata(indices.ravel().tolist())
    picture.putpalette(colours)
    picture.save(path)
    return path


def test_a_palette_shows_colours_but_labels_are_its_indices(tmp_path):
    indices = np.array([[0, 1, 2], [2, 1, 0]], np.uint8)
    path = palette_picture(tmp_path / "a.png", indices, [0, 0, 0, 255, 0, 0, 0, 255, 0])
    volume = read_volume(path)
    assert volume.array[:, 0, 1].tolist() == [255, 0, 0]
    np.testing.assert_array_equal(read_labels(path).array[0], indices)


def test_a_grey_palette_is_one_channel(tmp_path):
    indices = np.array([[0, 1, 2], [2, 1, 0]], np.uint8)
    path = palette_picture(tmp_path / "a.png", indices, [9, 9, 9, 50, 50, 50, 7, 7, 7])
    np.testing.assert_array_equal(read_volume(path).array[0], np.array([9, 50, 7])[indices])


def test_one_pixel_is_an_image(tmp_path):
    assert read_volume(save(tmp_path / "a.png", np.full((1, 1), 7, np.uint8))).array.item() == 7


@pytest.mark.parametrize("name", ["jpeg.png", "no_suffix", "picture.tif", "x.nii.gz"])
def test_the_content_decides_not_the_name(tmp_path, colour, name):
    Image.fromarray(colour).save(tmp_path / name, format="JPEG")
    assert read_volume(tmp_path / name).array.shape == (3, ROWS, COLUMNS)


def with_orientation(path, pixels, orientation, **options):
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = orientation
    Image.fromarray(pixels).save(path, exif=exif, **options)
    return path


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_exif_orientation_is_applied_as_everybody_does(tmp_path, colour, orientation, suffix):
    path = with_orientation(tmp_path / f"a{suffix}", colour, orientation)
    with Image.open(path) as picture:
        upright = np.asarray(ImageOps.exif_transpose(picture))
    volume = read_volume(path)
    np.testing.assert_array_equal(np.moveaxis(volume.array, 0, -1), upright)
    assert volume.array.flags.c_contiguous


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_labels_match_a_rotated_picture_for_readers_of_both_kinds(
    tmp_path, grey, orientation, suffix
):
    volume = read_volume(with_orientation(tmp_path / "a.png", grey, orientation))
    write_labels(tmp_path / f"l{suffix}", volume.array[0], like=volume)
    # one that knows EXIF
    np.testing.assert_array_equal(read_volume(tmp_path / f"l{suffix}").array, volume.array)
    # one that does not
    if suffix == ".tif":
        stored = tifffile.imread(tmp_path / "l.tif")
    else:
        stored = np.asarray(Image.open(tmp_path / "l.png"))
    np.testing.assert_array_equal(stored, grey)


@pytest.mark.parametrize("fraction", [0.02, 0.3, 0.7, 0.97])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp"])
def test_pictures_that_are_cut_off_are_refused(tmp_path, suffix, fraction):
    pixels = np.random.default_rng(0).integers(0, 255, (80, 90, 3)).astype(np.uint8)
    path = save(tmp_path / f"a{suffix}", pixels)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * fraction)])
    with pytest.raises(ValueError, match=rf"a\{suffix} is cut off or damaged; copy or export"):
        read_volume(path)


def test_animations_are_refused(tmp_path, grey):
    frames = [Image.fromarray(grey), Image.fromarray(255 - grey)]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:])
    with pytest.raises(ValueError, match="animation of 2 pictures"):
        read_volume(tmp_path / "a.png")


def test_pictures_of_a_size_that_exhausts_memory_are_refused(tmp_path, grey, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    path = save(tmp_path / "a.png", grey)
    with pytest.raises(ValueError, match="more pixels than can be opened safely"):
        read_volume(path)


@pytest.mark.parametrize("channels", [1, 3])
def test_png_written_is_png_read(tmp_path, make_volume, channels):
    array = np.random.default_rng(0).integers(0, 255, (channels, 5, 6)).astype(np.uint8)
    write_image(tmp_path / "a.png", make_volume(array))
    np.testing.assert_array_equal(read_volume(tmp_path / "a.png").array, array)
