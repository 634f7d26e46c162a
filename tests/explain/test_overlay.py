"""Overlays, tables and what becomes of them in files."""

from __future__ import annotations

import csv

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from napari_medseg.explain.colours import blended, coloured
from napari_medseg.explain.overlay import Overlay
from napari_medseg.explain.place import Place
from napari_medseg.explain.table import Table
from napari_medseg.io import read_volume, write_image
from napari_medseg.volume import Volume


def overlay_over(volume, values, scale, translate, **more):
    place = Place.over(volume, scale, translate)
    return Overlay("name", "words", np.asarray(values, np.float32), place, **more)


@pytest.fixture
def flat():
    return Volume(np.zeros((1, 6, 8), np.uint8), (1.0, 2.0))


def test_a_ramp_is_interpolated_exactly_and_ends_are_constant(flat):
    ramp = np.tile(np.arange(4.0), (1, 3, 1))  # a value per two pixels along W
    shown = overlay_over(flat, ramp, (2.0, 2.0), (0.5, 0.5))
    np.testing.assert_allclose(
        shown.on_grid()[0], np.tile([0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3], (6, 1))
    )


def test_pixels_beyond_an_overlay_are_nothing(flat):
    shown = overlay_over(flat, np.ones((1, 2, 3)), (1.0, 1.0), (1.0, 4.0))
    grid = shown.on_grid()
    assert np.isfinite(grid[0, 1:3, 4:7]).all()
    assert np.isnan(grid).sum() == 48 - 6
    assert shown.on_grid(fill=0).sum() == 6
    np.testing.assert_array_equal(shown.at((2, 5)), [1])
    assert shown.at((0, 5)) is None


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([[[0.2, 0.4]]], "map", (0, 0.4)),
        ([[[0.2, 0.4]]], "share", (0, 1)),
        ([[[-3.0, 1.0]]], "signed", (-3, 3)),
        ([[[0.0, 0.0]]], "map", (0, 1)),
    ],
)
def test_limits_suit_the_kind(flat, values, kind, expected):
    shown = overlay_over(flat, values, (6.0, 4.0), (2.5, 1.5), kind=kind)
    assert shown.limits == pytest.approx(expected, abs=0.02)
    assert shown.colormap in ("magma", "viridis", "coolwarm")


def test_what_does_not_fit_together_is_refused(flat):
    with pytest.raises(ValueError, match="kind must be"):
        overlay_over(flat, np.ones((1, 2, 2)), (1, 1), (0, 0), kind="nice")
    with pytest.raises(ValueError, match="over 2 axes"):
        overlay_over(flat, np.ones((2, 2)), (1, 1), (0, 0))
    with pytest.raises(ValueError, match="1 maps have 2 names"):
        overlay_over(flat, np.ones((1, 2, 2)), (1, 1), (0, 0), channels=("a", "b"))


def test_some_maps_keep_their_names(flat):
    shown = overlay_over(
        flat, np.arange(12).reshape(3, 2, 2), (3, 4), (1, 1.5), channels=("a", "b", "c")
    )
    assert shown.only(2, 0).channels == ("c", "a")
    assert shown.only(2, 0).values[0, 0, 0] == 8


def test_a_nifti_of_an_overlay_lies_on_its_image(tmp_path):
    affine = np.array([[-1.5, 0, 0, 30], [0, 0.5, 0.2, -8], [0, -0.1, 2, 4], [0, 0, 0, 1.0]])
    data = np.random.default_rng(0).random((6, 5, 7)).astype(np.float32)
    nib.save(nib.Nifti1Image(data, affine), tmp_path / "image.nii.gz")
    volume = read_volume(tmp_path / "image.nii.gz")
    shown = overlay_over(volume, volume.array, (1.0,) * 3, (0.0,) * 3)
    shown.save(tmp_path / "map.nii.gz")
    again = nib.load(tmp_path / "map.nii.gz")
    np.testing.assert_allclose(again.get_fdata(), data, rtol=1e-6)
    np.testing.assert_allclose(again.affine, affine, atol=1e-5)
    stack = overlay_over(volume, np.repeat(volume.array, 2, 0), (1.0,) * 3, (0.0,) * 3)
    stack.save(tmp_path / "stack.nii.gz")
    assert nib.load(tmp_path / "stack.nii.gz").shape == (6, 5, 7, 2)


def test_a_picture_shows_the_map_in_colour_in_the_order_of_its_image(tmp_path, flat):
    values = np.zeros((1, 6, 8))
    values[0, 1, 2] = 1
    shown = overlay_over(flat, values, (1.0, 1.0), (0.0, 0.0), kind="share")
    shown.save(tmp_path / "map.png")
    picture = np.asarray(Image.open(tmp_path / "map.png"))
    assert picture.shape == (6, 8, 3)
    np.testing.assert_array_equal(picture[1, 2], [0xFD, 0xE7, 0x25])
    np.testing.assert_array_equal(picture[0, 0], [0x44, 0x01, 0x54])
    shown.save(tmp_path / "map.tif")
    assert read_volume(tmp_path / "map.tif").array[0, 1, 2] == 1


def test_a_picture_of_a_volume_is_the_slice_in_its_middle(tmp_path):
    volume = Volume(np.zeros((1, 9, 4, 5), np.uint8), (1.0, 1.0, 1.0))
    values = np.zeros((1, 3, 4, 5))
    values[0, 1] = 1
    overlay_over(volume, values, (1.0,) * 3, (4.0, 0.0, 0.0), kind="share").save(
        tmp_path / "middle.png"
    )
    picture = np.asarray(Image.open(tmp_path / "middle.png"))
    assert picture.shape == (4, 5, 3)
    assert (picture == picture[0, 0]).all()
    np.testing.assert_array_equal(picture[0, 0], [0xFD, 0xE7, 0x25])


def test_rows_say_where_in_the_image_a_value_lies(tmp_path, flat):
    shown = overlay_over(flat, [[[1, 2], [3, 4]]], (3.0, 4.0), (1.0, 1.5), channels=("a",))
    shown.save(tmp_path / "map.csv")
    lines = (tmp_path / "map.csv").read_text().splitlines()
    rows = list(csv.reader(line for line in lines if not line.startswith("#")))
    assert rows[0] == ["map", "h", "w", "value"]
    assert rows[2] == ["a", "1.0", "5.5", "2.0"]
    assert len(rows) == 5


def test_too_many_rows_are_refused(tmp_path, monkeypatch, flat):
    monkeypatch.setattr("napari_medseg.explain.saving._MOST_ROWS", 3)
    with pytest.raises(ValueError, match=r"4 values, more than the 3.*\.nii\.gz"):
        overlay_over(flat, np.ones((1, 2, 2)), (3, 4), (1, 1.5)).save(tmp_path / "map.csv")
    with pytest.raises(ValueError, match="not written"):
        overlay_over(flat, np.ones((1, 2, 2)), (3, 4), (1, 1.5)).save(tmp_path / "map.doc")


def test_the_image_as_its_own_overlay_is_written_as_the_image(tmp_path, flat):
    shown = overlay_over(flat, np.eye(6, 8)[None], (1.0, 1.0), (0.0, 0.0))
    shown.save(tmp_path / "overlay.tif")
    write_image(tmp_path / "image.tif", flat.with_array(np.eye(6, 8, dtype=np.float32)[None]))
    one, other = (read_volume(tmp_path / f"{n}.tif") for n in ("overlay", "image"))
    np.testing.assert_array_equal(one.array, other.array)
    assert one.spacing == other.spacing


def test_colours_run_from_the_first_to_the_last():
    assert coloured(np.array([-9.0, 0.0, 1.0, 9.0]), "coolwarm", (0, 1)).T.tolist() == [
        [0x3B, 0x4C, 0xC0], [0x3B, 0x4C, 0xC0], [0xB4, 0x04, 0x26], [0xB4, 0x04, 0x26]
    ]  # fmt: skip
    assert not coloured(np.array([np.nan]), "magma", (0, 1)).any()
    over = blended(np.array([100], np.uint8), np.array([np.nan]), "magma", (0, 1), 0.5)
    assert over.ravel().tolist() == [100, 100, 100]
    half = blended(np.array([100], np.uint8), np.array([0.0]), "magma", (0, 1), 0.5)
    assert half.ravel().tolist() == [50, 50, 52]


def test_a_table_is_a_csv_with_its_definition(tmp_path):
    table = Table("t", "what it says", ("layer", "x"), (("a", 1), ("b", 2.5)), "how")
    table.save(tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == "# what it says\n# how\nlayer,x\na,1\nb,2.5\n"
    assert table.column("x") == (1, 2.5)
    with pytest.raises(ValueError, match=r"\.csv"):
        table.save(tmp_path / "t.txt")
    with pytest.raises(ValueError, match="needs 2 values"):
        Table("t", "w", ("a", "b"), ((1,),))
