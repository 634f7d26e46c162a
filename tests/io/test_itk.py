"""NRRD and MetaImage: every voxel where SimpleITK says it is, in both directions."""

from __future__ import annotations

import itertools
import os
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from napari_medseg.io import read_labels, read_volume, write_image, write_labels
from napari_medseg.io.classes import ClassName
from napari_medseg.volume import Volume

SITK = pytest.importorskip("SimpleITK")
ORDERS = [
    (order, signs)
    for order in itertools.permutations(range(3))
    for signs in itertools.product((1, -1), repeat=3)
]
LPS_TO_RAS = np.array([-1.0, -1.0, 1.0])


def turned(degrees):
    a = np.deg2rad(degrees)
    return np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])


def ball(direction=None, at=(2, 3, 6)):
    """Return an image of ITK's with a bright voxel at (slice, row, column)."""
    values = (np.arange(4 * 5 * 7).reshape(4, 5, 7) % 97).astype(np.int16)
    values[at] = 1000
    image = SITK.GetImageFromArray(values)
    image.SetSpacing((0.7, 1.3, 2.9))
    image.SetOrigin((5.0, -7.0, 11.0))
    image.SetDirection(np.eye(3).ravel() if direction is None else direction.ravel())
    return image


def saved(path, image):
    SITK.WriteImage(image, str(path))
    return path


def brightest_mm(volume):
    at = np.unravel_index(volume.array[0].argmax(), volume.shape)
    return (volume.affine @ [*at, 1])[:3]


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
@pytest.mark.parametrize(("free", "words"), [(0, "the disk is full"), (1 << 40, "did not take")])
def test_a_file_that_is_not_written_whole_leaves_the_old_one(
    tmp_path, monkeypatch, capfd, suffix, free, words
):
    path = tmp_path / f"l{suffix}"
    noise = np.random.default_rng(0).integers(0, 255, (9, 8, 7)).astype(np.uint8)
    like = Volume(noise[None].astype(np.float32), (2.0, 1.0, 1.0))
    write_labels(path, noise, like=like)
    before, write = path.read_bytes(), SITK.WriteImage

    def cut_short(image, name, **options):  # as ITK does on a full disk, without a word
        write(image, name, **options)
        os.truncate(name, kept[0])

    monkeypatch.setattr(SITK, "WriteImage", cut_short)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    kept = [0]
    for kept[0] in (0, 40, len(before) - 5):
        with pytest.raises(OSError, match=f"^cannot write {path}: .*{words}"):
            write_labels(path, 255 - noise, like=like)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert capfd.readouterr() == ("", "")


def place_of(image, at=(6, 3, 2)):
    return np.array(image.TransformIndexToPhysicalPoint(at)) * LPS_TO_RAS


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
@pytest.mark.parametrize("turn", [np.eye(3), turned(21)], ids=["straight", "oblique"])
@pytest.mark.parametrize(("order", "signs"), ORDERS[::13])  # all of them: test_every_format.py
def test_image_and_labels_lie_where_another_library_finds_them(
    tmp_path, order, signs, turn, suffix
):
    image = ball(turn @ (np.eye(3)[list(order)] * np.array(signs)[:, None]).T)
    volume = read_volume(saved(tmp_path / f"image{suffix}", image))
    np.testing.assert_allclose(brightest_mm(volume), place_of(image), atol=1e-4)
    write_labels(tmp_path / f"out{suffix}", volume.array[0] == 1000, like=volume)
    again = SITK.ReadImage(str(tmp_path / f"out{suffix}"))
    for of_grid in ("GetOrigin", "GetSpacing", "GetDirection"):
        np.testing.assert_allclose(getattr(again, of_grid)(), getattr(image, of_grid)(), atol=1e-5)
    np.testing.assert_array_equal(
        SITK.GetArrayFromImage(again), SITK.GetArrayFromImage(image) == 1000
    )


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
def test_labels_of_a_nifti_image_keep_its_grid_in_these_formats(tmp_path, suffix):
    image = ball(turned(-14)[:, [1, 0, 2]] * [1, -1, 1])
    volume = read_volume(saved(tmp_path / "image.nii.gz", image))
    write_labels(tmp_path / f"out{suffix}", volume.array[0] == 1000, like=volume)
    again = SITK.ReadImage(str(tmp_path / f"out{suffix}"))
    np.testing.assert_allclose(again.GetDirection(), image.GetDirection(), atol=1e-4)
    np.testing.assert_allclose(place_of(again), place_of(image), atol=1e-3)
    assert SITK.GetArrayFromImage(again)[2, 3, 6] == 1


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
def test_a_volume_of_no_file_is_written_in_place(tmp_path, suffix):
    volume = Volume(np.arange(24.0, dtype=np.float32).reshape(1, 2, 3, 4), (2.0, 0.5, 0.75))
    write_image(tmp_path / f"x{suffix}", volume)
    again = read_volume(tmp_path / f"x{suffix}")
    np.testing.assert_array_equal(again.array, volume.array)
    np.testing.assert_allclose(again.affine, volume.affine)
    assert again.spacing == volume.spacing


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
def test_components_are_channels_both_ways(tmp_path, suffix):
    volume = Volume(np.arange(48, dtype=np.int16).reshape(2, 2, 3, 4), (1.0, 1.0, 1.0))
    write_image(tmp_path / f"x{suffix}", volume)
    assert SITK.ReadImage(str(tmp_path / f"x{suffix}")).GetNumberOfComponentsPerPixel() == 2
    np.testing.assert_array_equal(read_volume(tmp_path / f"x{suffix}").array, volume.array)


def test_times_are_channels(tmp_path):
    values = np.arange(2 * 3 * 4 * 5, dtype=np.int16).reshape(2, 3, 4, 5)
    saved(tmp_path / "x.nrrd", SITK.GetImageFromArray(values, isVector=False))
    np.testing.assert_array_equal(read_volume(tmp_path / "x.nrrd").array, values)


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
def test_a_picture_stays_two_dimensional(tmp_path, suffix):
    image = SITK.GetImageFromArray(np.arange(12, dtype=np.uint8).reshape(3, 4))
    image.SetSpacing((0.5, 0.25))
    volume = read_volume(saved(tmp_path / f"x{suffix}", image))
    np.testing.assert_array_equal(volume.array[0], np.arange(12).reshape(3, 4))
    assert volume.spacing == (0.25, 0.5)
    write_labels(tmp_path / f"l{suffix}", volume.array[0] > 5, like=volume)
    again = SITK.ReadImage(str(tmp_path / f"l{suffix}"))
    assert again.GetSpacing() == (0.5, 0.25)
    np.testing.assert_array_equal(SITK.GetArrayFromImage(again), np.arange(12).reshape(3, 4) > 5)


def nrrd(path, *lines, values=bytes(range(8))):
    sizes = ("type: uchar", "dimension: 3", "sizes: 2 2 2", "encoding: raw")
    text = "\n".join(("NRRD0004", *sizes, *lines))
    path.write_bytes(text.encode() + b"\n\n" + values)
    return path


def test_a_file_that_states_no_voxel_size_has_an_unknown_one(tmp_path):
    assert not read_volume(nrrd(tmp_path / "x.nrrd")).spacing_known
    assert read_volume(nrrd(tmp_path / "y.nrrd", "spacings: 2 2 2")).spacing == (2, 2, 2)


def test_other_units_than_mm_are_turned_into_mm(tmp_path):
    directions = "space directions: (400,0,0) (0,400,0) (0,0,900)"
    units = 'space units: "um" "um" "um"'
    space = "space: left-posterior-superior"
    volume = read_volume(nrrd(tmp_path / "x.nrrd", space, directions, units))
    assert volume.spacing == (0.9, 0.4, 0.4)


def test_the_content_decides_and_not_the_suffix(tmp_path):
    path = nrrd(tmp_path / "x.nrrd")
    path.rename(tmp_path / "scan")
    assert read_volume(tmp_path / "scan").shape == (2, 2, 2)


def test_a_segmentation_of_slicer_names_its_classes(tmp_path):
    lines = ("Segment0_Name:=liver", "Segment0_LabelValue:=3", "Segment0_Color:=0.8 0.4 0.2")
    path = nrrd(tmp_path / "x.seg.nrrd", *lines, "Segment1_Name:=cyst", "Segment1_LabelValue:=7")
    storage = read_labels(path).storage
    assert storage.header["classes"] == [
        ClassName(3, "liver", "#cc6633"),
        ClassName(7, "cyst"),
    ]


def test_a_file_cut_off_says_so(tmp_path):
    with pytest.raises(ValueError, match=r"x\.nrrd is cut off or damaged"):
        read_volume(nrrd(tmp_path / "x.nrrd", values=b"\0" * 3))


def test_values_that_are_not_beside_their_header_are_missed(tmp_path):
    image = ball()
    saved(tmp_path / "x.mhd", image)
    (tmp_path / "x.raw").unlink()
    with pytest.raises(ValueError, match=r"values that is not beside it|cut off or damaged"):
        read_volume(tmp_path / "x.mhd")


def test_a_sheared_grid_is_not_written_where_it_cannot_be_held(tmp_path):
    affine = np.diag([2.0, -1, -1, 1])[[2, 1, 0, 3]]
    affine[1, 0] = 0.6
    volume = Volume(np.zeros((1, 2, 3, 4), np.uint8), (2.1, 1.0, 1.0), affine)
    with pytest.raises(ValueError, match=r"sheared grid.*use \.nii\.gz"):
        write_labels(tmp_path / "x.nrrd", np.zeros((2, 3, 4), np.uint8), like=volume)
    assert not list(tmp_path.iterdir())
