"""TIFF in pieces, against tifffile's and numpy's own reading of the same file."""

from __future__ import annotations

import gc

import numpy as np
import pytest
import tifffile

from napari_medseg.io import open_pyramid, read_volume, tiff_metadata, tiff_pyramid

STACK = np.random.default_rng(0).integers(0, 60000, (3, 100, 120)).astype(np.uint16)
TILES = {"tile": (32, 32)}


@pytest.fixture
def stack(tmp_path):
    """An OME-TIFF of three slices in three sizes, coarser ones in SubIFDs."""
    sizes = {f"PhysicalSize{axis}": size for axis, size in zip("ZYX", (2, 0.5, 0.25), strict=True)}
    with tifffile.TiffWriter(tmp_path / "a.ome.tif") as file:
        file.write(STACK, subifds=2, metadata={"axes": "ZYX", **sizes}, **TILES)
        for step in (2, 4):
            file.write(STACK[:, ::step, ::step], subfiletype=1, **TILES)
    return tmp_path / "a.ome.tif"


def test_levels_and_spacing_are_those_of_the_file(stack):
    pyramid = open_pyramid(stack)
    assert (pyramid.axes, pyramid.format, pyramid.spacing_known) == ("zyx", "tiff", True)
    assert [pyramid.shape(i) for i in range(3)] == [(3, 100, 120), (3, 50, 60), (3, 25, 30)]
    np.testing.assert_allclose(
        pyramid.spacing,
        np.outer([1, 2, 4], [2, 0.5, 0.25]) * 1e-3 * [[1, 1, 1], [0.5, 1, 1], [0.25, 1, 1]],
    )
    # the corner of the first pixel of every level is at the same place
    corners = np.array(pyramid.origins) - np.array(pyramid.spacing) / 2
    np.testing.assert_allclose(corners - corners[0], 0, atol=1e-9)


def test_regions_are_read_in_their_place(stack):
    part = open_pyramid(stack).read((slice(1, 3), slice(40, 70), slice(100, None)))
    np.testing.assert_array_equal(part.array[0], STACK[1:3, 40:70, 100:])
    np.testing.assert_allclose((part.affine @ [0, 0, 0, 1])[:3], [-0.025, -0.02, 0.002])
    whole = read_volume(stack)
    np.testing.assert_array_equal(whole.array[0], STACK)
    np.testing.assert_allclose(whole.spacing, part.spacing)


def test_the_file_is_closed_with_its_last_level(stack):
    level = open_pyramid(stack).levels[1]
    np.testing.assert_array_equal(level[0], STACK[0, ::2, ::2])
    del level
    gc.collect()  # an open file would warn here, which fails the test
    stack.rename(stack.with_name("b.tif"))
    assert open_pyramid(stack.with_name("b.tif")) is not None


@pytest.mark.parametrize("alpha", [False, True])
def test_colours_of_a_whole_slide_are_channels_and_transparency_is_left_out(tmp_path, alpha):
    slide = np.random.default_rng(0).integers(0, 255, (64, 80, 3 + alpha)).astype(np.uint8)
    text = "Aperio Image Library v1.0\n80x64|AppMag = 20|MPP = 0.5"
    with tifffile.TiffWriter(tmp_path / "s.svs") as file:
        options = {"photometric": "rgb", "metadata": None, **TILES}
        options |= {"extrasamples": ["unassalpha"]} if alpha else {}
        file.write(slide, description=text, **options)
        file.write(slide[::8, ::8, :3], photometric="rgb", metadata=None)  # the thumbnail
        file.write(slide[::4, ::4], description=text, **options)
    pyramid = open_pyramid(tmp_path / "s.svs")
    assert (pyramid.axes, pyramid.channel_count) == ("yxs", 3)
    assert pyramid.channels == ("red", "green", "blue")
    assert pyramid.spacing == ((0.0005, 0.0005), (0.002, 0.002))
    assert "1 more image (such as a thumbnail" in pyramid.notes[0]
    np.testing.assert_array_equal(pyramid.read().array, slide[..., :3].transpose(2, 0, 1))


@pytest.mark.parametrize("axes", ["TZCYX", "TCZYX", "ZCYX"])
def test_stored_orders_become_that_of_a_volume(tmp_path, monkeypatch, axes):
    monkeypatch.setattr(tiff_pyramid, "LAZY_BYTES", 0)
    sizes = {"T": 2, "C": 3, "Z": 4, "Y": 5, "X": 6}
    values = np.arange(720, dtype=np.uint16)[: 720 // (1 if "T" in axes else 2)]
    values = values.reshape([sizes[axis] for axis in axes])
    tifffile.imwrite(tmp_path / "a.ome.tif", values, metadata={"axes": axes}, ome=True)
    pyramid = open_pyramid(tmp_path / "a.ome.tif")
    last = values[-1] if "T" in axes else values
    rest = axes.replace("T", "")
    expected = last.transpose([rest.index(axis) for axis in "CZYX"])
    volume = pyramid.read(time=pyramid.time_points - 1)
    np.testing.assert_array_equal(volume.array, expected)
    assert volume.array.flags.writeable
    assert len(volume.notes) == ("T" in axes)


def test_a_big_plain_file_is_mapped(tmp_path, monkeypatch):
    tifffile.imwrite(tmp_path / "a.tif", STACK, photometric="minisblack")
    assert open_pyramid(tmp_path / "a.tif") is None
    monkeypatch.setattr(tiff_pyramid, "LAZY_BYTES", STACK.nbytes)
    pyramid = open_pyramid(tmp_path / "a.tif")
    assert pyramid.levels[0].chunks == (1, 100, 120)
    part = pyramid.read((slice(1, 2), slice(5, 9), slice(None)))
    np.testing.assert_array_equal(part.array[0], STACK[1:2, 5:9])
    part.array[:] = 0  # one's own copy


def test_big_files_that_need_a_decoder_name_the_package(tmp_path, monkeypatch):
    tifffile.imwrite(tmp_path / "a.tif", STACK[0], **TILES, compression="zlib", predictor=True)
    monkeypatch.setattr(tiff_pyramid, "LAZY_BYTES", 1)
    monkeypatch.setattr(tiff_pyramid, "decodable", lambda page: False)
    monkeypatch.setattr(tiff_metadata, "find_spec", lambda name: None)
    with pytest.raises(
        ValueError, match=r"compression ADOBE_DEFLATE, which needs.*pip install imagecodecs"
    ):
        open_pyramid(tmp_path / "a.tif")


def test_what_needs_turning_or_inverting_is_read_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(tiff_pyramid, "LAZY_BYTES", 0)
    tifffile.imwrite(tmp_path / "a.tif", STACK[0], extratags=[(274, 3, 1, 6, True)])
    assert open_pyramid(tmp_path / "a.tif") is None
    tifffile.imwrite(tmp_path / "b.tif", STACK[0], photometric="miniswhite")
    assert open_pyramid(tmp_path / "b.tif") is None


def test_what_exceeds_the_memory_is_refused_before_it_is_read(stack, monkeypatch):
    monkeypatch.setattr("napari_medseg.io.reading.host_memory", lambda: (1000, 2000))
    with pytest.raises(ValueError, match=r"segment it block by block instead: napari-medseg"):
        read_volume(stack)


@pytest.mark.parametrize("fraction", [0.5, 0.99])
def test_files_cut_off_are_said_so_when_read(stack, fraction):
    content = stack.read_bytes()
    stack.write_bytes(content[: int(len(content) * fraction)])
    with pytest.raises(ValueError, match="is cut off or damaged"):
        [open_pyramid(stack).read(level=i) for i in range(3)]
