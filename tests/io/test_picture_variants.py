"""The odder PNG, JPEG and TIFF files: written by one library, compared with another's reading."""

from __future__ import annotations

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_medseg.io import open_pyramid, read_labels, read_volume, tiff_metadata

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 255, (48, 64)).astype(np.uint8)
COLOUR = RNG.integers(0, 255, (48, 64, 3)).astype(np.uint8)
SMOOTH = np.stack(np.broadcast_arrays(*np.ogrid[0:48, 0:64], 40), -1).astype(np.uint8) * 2


def channels(volume):
    return np.moveaxis(volume.array, 0, -1).squeeze(-1 if len(volume.array) == 1 else ())


@pytest.mark.parametrize("colours", [1, 2, 3, 4])
def test_16_bits_of_a_png_stay_16_bits(tmp_path, colours):
    pixels = RNG.integers(0, 65535, (5, 6, colours)).astype(np.uint16)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(pixels.squeeze()))
    volume = read_volume(tmp_path / "a.png")
    kept = pixels[..., : 1 if colours < 3 else 3]
    np.testing.assert_array_equal(np.moveaxis(volume.array, 0, -1), kept)
    assert volume.array.dtype == np.uint16
    assert volume.storage.header["alpha"] == (colours in (2, 4))


@pytest.mark.parametrize("mode", ["LA", "RGBA", "PA"])
def test_transparency_is_left_out_and_noted_in_the_storage(tmp_path, mode):
    picture = Image.fromarray(np.dstack([COLOUR, GREY]), "RGBA").convert(
        mode.replace("A", "") if mode == "PA" else mode
    )
    picture.save(tmp_path / "a.png", **({"transparency": 3} if mode == "PA" else {}))
    volume = read_volume(tmp_path / "a.png")
    assert volume.storage.header["alpha"]
    opaque = np.asarray(picture.convert("L" if mode == "LA" else "RGB"))
    np.testing.assert_array_equal(channels(volume), opaque)


@pytest.mark.parametrize("kind", ["assocalpha", "unassalpha"])
@pytest.mark.parametrize("colours", [1, 3])
def test_transparency_of_a_tiff_is_left_out_and_colours_stay_as_stored(tmp_path, kind, colours):
    stored = np.dstack([COLOUR[..., :colours], GREY])
    photometric = "rgb" if colours == 3 else "minisblack"
    options = {"photometric": photometric, "planarconfig": "contig", "extrasamples": [kind]}
    tifffile.imwrite(tmp_path / "a.tif", stored, **options)
    volume = read_volume(tmp_path / "a.tif")
    np.testing.assert_array_equal(channels(volume), stored[..., :colours].squeeze())
    assert volume.storage.header["alpha"]


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_cmyk_becomes_the_colours_pillow_shows(tmp_path, suffix):
    Image.fromarray(SMOOTH).convert("CMYK").save(tmp_path / f"a{suffix}")
    with Image.open(tmp_path / f"a{suffix}") as picture:
        shown = np.asarray(picture.convert("RGB"))
    np.testing.assert_array_equal(channels(read_volume(tmp_path / f"a{suffix}")), shown)


@pytest.mark.parametrize("compression", ["raw", "group4", "tiff_lzw", "packbits"])
@pytest.mark.parametrize("white", [0, 1])
def test_two_values_are_black_and_white_and_bits_as_labels(tmp_path, compression, white):
    bits = GREY > 100
    Image.fromarray(bits).save(tmp_path / "a.tif", compression=compression, tiffinfo={262: white})
    with Image.open(tmp_path / "a.tif") as picture:
        shown = np.asarray(picture.convert("L"))
    np.testing.assert_array_equal(read_volume(tmp_path / "a.tif").array[0], shown)
    assert set(np.unique(read_labels(tmp_path / "a.tif").array)) == {0, 1}


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_where_white_is_zero_white_is_still_brightest(tmp_path, dtype):
    values = GREY.astype(dtype) * (257 if dtype == np.uint16 else 1)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="miniswhite")
    highest = np.iinfo(dtype).max
    np.testing.assert_array_equal(read_volume(tmp_path / "a.tif").array[0], highest - values)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int8, np.uint32])
@pytest.mark.parametrize("form", [{}, {"tile": (16, 16)}, {"bigtiff": True}, {"rowsperstrip": 7}])
def test_values_and_their_arrangement_do_not_matter(tmp_path, dtype, form):
    values = (GREY - 100.5).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", values, **form)
    np.testing.assert_array_equal(read_volume(tmp_path / "a.tif").array[0], values)


@pytest.mark.parametrize("compression", ["lzw", "zstd", "jpeg2000", "packbits", "lzma", "zlib"])
@pytest.mark.parametrize("predictor", [False, True])
def test_compressions_without_loss_are_read_exactly(tmp_path, compression, predictor):
    predictor = predictor and compression not in ("jpeg2000", "packbits")
    options = {"compression": compression, "predictor": predictor}
    options["compressionargs"] = {"reversible": True, "level": 0} if "jpeg" in compression else {}
    tifffile.imwrite(tmp_path / "a.tif", COLOUR, photometric="rgb", tile=(16, 16), **options)
    np.testing.assert_array_equal(channels(read_volume(tmp_path / "a.tif")), COLOUR)


def test_a_slide_in_jpeg_tiles_is_read_in_pieces(tmp_path):
    options = {"photometric": "rgb", "tile": (16, 16), "compression": "jpeg"}
    options["compressionargs"] = {"level": 95, "outcolorspace": "YCBCR"}
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(SMOOTH, subifds=1, **options)
        file.write(SMOOTH[::2, ::2], subfiletype=1, **options)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert file.pages[0].photometric == 6  # YCbCr: not the RGB that is seen
    pyramid = open_pyramid(tmp_path / "a.tif")
    part = pyramid.read((slice(10, 40), slice(3, 60)))
    assert np.abs(channels(part).astype(int) - SMOOTH[10:40, 3:60]).max() <= 8
    assert np.abs(channels(read_volume(tmp_path / "a.tif")).astype(int) - SMOOTH).max() <= 8


def test_a_compression_nobody_knows_is_named(tmp_path, monkeypatch):
    tifffile.imwrite(tmp_path / "a.tif", GREY, compression="zlib")
    content = (tmp_path / "a.tif").read_bytes()
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        at = file.pages[0].tags["Compression"].valueoffset
    (tmp_path / "a.tif").write_bytes(
        content[:at] + (34663).to_bytes(2, "little") + content[at + 2 :]
    )
    with pytest.raises(ValueError, match="has the compression 34663, which cannot be decoded here"):
        read_volume(tmp_path / "a.tif")
    monkeypatch.setattr(tiff_metadata, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"needs the package imagecodecs: install it with 'pip"):
        read_volume(tmp_path / "a.tif")


def test_hyperstacks_of_imagej_have_channels_slices_and_spacing(tmp_path):
    values = np.arange(2 * 3 * 4 * 5, dtype=np.uint16).reshape(3, 2, 4, 5)
    metadata = {"axes": "ZCYX", "spacing": 2.5, "unit": "mm"}
    options = {"imagej": True, "resolution": (4, 2)}
    tifffile.imwrite(tmp_path / "a.tif", values, metadata=metadata, **options)
    volume = read_volume(tmp_path / "a.tif")
    np.testing.assert_array_equal(volume.array, values.transpose(1, 0, 2, 3))
    assert (volume.spacing, volume.spacing_known) == ((2.5, 0.5, 0.25), True)


def test_pages_of_other_sizes_are_left_out_and_said(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(GREY)
        file.write(GREY[:10, :12])
        file.write(COLOUR)
    volume = read_volume(tmp_path / "a.tif")
    np.testing.assert_array_equal(volume.array[0], GREY)
    assert "2 more images" in volume.notes[0]


@pytest.mark.parametrize("fraction", [0.3, 0.7, 0.97])
@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "a.bmp"])
def test_pictures_cut_off_are_refused_not_filled_with_grey(tmp_path, name, fraction):
    Image.fromarray(COLOUR).save(tmp_path / name)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: int(len(content) * fraction)])
    with pytest.raises(ValueError, match=f"{name} is cut off or damaged"):
        read_volume(tmp_path / name)
