from __future__ import annotations

import errno
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_medseg.io import read_labels, read_volume, write_image, write_labels


@pytest.fixture
def flat(make_volume):
    return make_volume(np.zeros((1, 4, 5), np.uint8), (0.5, 0.5))


@pytest.fixture
def deep(make_volume):
    return make_volume(np.zeros((1, 3, 4, 5), np.int16), (3.0, 1.0, 0.5))


def labels_of(volume, highest=3):
    return (np.arange(np.prod(volume.shape)) % (highest + 1)).reshape(volume.shape)


@pytest.mark.parametrize("suffix", [".nii.gz", ".nii", ".png", ".tif", ".tiff"])
def test_every_format_gives_back_2d_labels(tmp_path, flat, suffix):
    labels = labels_of(flat)
    write_labels(tmp_path / f"l{suffix}", labels, like=flat)
    np.testing.assert_array_equal(read_labels(tmp_path / f"l{suffix}").array[0], labels)


@pytest.mark.parametrize("suffix", [".nii.gz", ".nii", ".tif"])
def test_every_volume_format_gives_back_3d_labels(tmp_path, deep, suffix):
    labels = labels_of(deep)
    write_labels(tmp_path / f"l{suffix}", labels, like=deep)
    again = read_labels(tmp_path / f"l{suffix}")
    np.testing.assert_array_equal(again.array[0], labels)
    assert again.spacing == deep.spacing


@pytest.mark.parametrize("highest", [1, 255, 256, 65535])
@pytest.mark.parametrize("suffix", [".nii.gz", ".png", ".tif"])
def test_values_are_stored_as_they_are_in_the_smallest_type(tmp_path, flat, suffix, highest):
    labels = np.zeros(flat.shape, np.int64)
    labels[1, 2] = 1
    labels[2, 3] = highest
    write_labels(tmp_path / f"l{suffix}", labels, like=flat)
    stored = {
        ".nii.gz": lambda path: np.asanyarray(nib.load(path).dataobj).T,
        ".png": lambda path: np.asarray(Image.open(path)),
        ".tif": tifffile.imread,
    }[suffix](tmp_path / f"l{suffix}")
    np.testing.assert_array_equal(stored, labels)
    assert stored.dtype == (np.uint8 if highest < 256 else np.uint16)


def test_yes_and_no_are_stored_as_1_and_0(tmp_path, flat):
    write_labels(tmp_path / "l.png", labels_of(flat) > 1, like=flat)
    assert np.asarray(Image.open(tmp_path / "l.png")).max() == 1


def test_the_provenance_lies_beside_the_labels(tmp_path, deep):
    facts = {"model": "m", "path": Path("a"), "config": {"overlap": 0.5}}
    path = tmp_path / "new" / "case.nii.gz"
    write_labels(path, labels_of(deep), like=deep, provenance=facts)
    written = json.loads((tmp_path / "new" / "case.json").read_text(encoding="utf-8"))
    assert written == {"model": "m", "path": "a", "config": {"overlap": 0.5}}
    assert sorted(p.name for p in path.parent.iterdir()) == ["case.json", "case.nii.gz"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda labels: labels[:-1], "do not fit the image"),
        (lambda labels: labels * 0.5, "must be whole numbers"),
        (lambda labels: labels - 1, "from 0 to 65535, got -1"),
        (lambda labels: labels + 65535, "from 0 to 65535"),
    ],
)
def test_labels_that_cannot_be_are_refused(tmp_path, deep, change, message):
    with pytest.raises(ValueError, match=message):
        write_labels(tmp_path / "l.nii.gz", change(labels_of(deep)), like=deep)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("l.png", "PNG holds one 2D image, this is a volume of 3 x 4 x 5"),
        ("l.jpg", r"ends in \.jpg, which is not written"),
        ("l", "ends in nothing, which is not written"),
        ("l.nhdr", r"use \.nii\.gz"),
    ],
)
def test_formats_that_cannot_hold_labels_are_refused(tmp_path, deep, name, message):
    with pytest.raises(ValueError, match=message):
        write_labels(tmp_path / name, labels_of(deep), like=deep, provenance={})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("dtype", ["float32", "int16"])
def test_png_refuses_values_it_cannot_hold(tmp_path, make_volume, dtype):
    with pytest.raises(ValueError, match="PNG holds uint8 with 1 or 3 channels"):
        write_image(tmp_path / "a.png", make_volume(np.zeros((1, 3, 3), dtype)))


def test_labels_never_replace_their_image(tmp_path, deep):
    write_image(tmp_path / "a.nii.gz", deep)
    before = (tmp_path / "a.nii.gz").read_bytes()
    volume = read_volume(tmp_path / "a.nii.gz")
    with pytest.raises(ValueError, match="is the image itself; choose another name"):
        write_labels(tmp_path / "sub" / ".." / "a.nii.gz", labels_of(deep), like=volume)
    assert (tmp_path / "a.nii.gz").read_bytes() == before


@pytest.mark.parametrize(
    ("name", "writer"),
    [
        ("l.nii.gz", "nibabel.Nifti1Image.to_filename"),
        ("l.tif", "tifffile.imwrite"),
        ("l.png", "PIL.Image.Image.save"),
    ],
)
def test_a_full_disk_leaves_the_old_labels_and_nothing_else(
    tmp_path, flat, monkeypatch, name, writer
):
    labels = labels_of(flat)
    write_labels(tmp_path / name, labels, like=flat)

    def fill_the_disk(first, second, *_args, **_options):
        path = first if isinstance(first, Path) else second
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(writer, fill_the_disk)
    with pytest.raises(OSError, match="the disk is full; free some space") as caught:
        write_labels(tmp_path / name, labels * 0, like=flat, provenance={"new": True})
    assert str(caught.value).startswith(f"cannot write {tmp_path / name}: the disk")
    monkeypatch.undo()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    np.testing.assert_array_equal(read_labels(tmp_path / name).array[0], labels)


def test_a_folder_that_cannot_be_made_is_said(tmp_path, deep):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match=r"cannot write .*l\.nii\.gz"):
        write_labels(tmp_path / "file" / "l.nii.gz", labels_of(deep), like=deep)


def test_pictures_too_large_for_nifti1_become_nifti2(tmp_path, make_volume):
    wide = make_volume(np.zeros((1, 1, 40000), np.uint8))
    write_labels(tmp_path / "l.nii.gz", wide.array[0], like=wide)
    assert isinstance(nib.load(tmp_path / "l.nii.gz"), nib.Nifti2Image)
    assert read_labels(tmp_path / "l.nii.gz").shape == wide.shape


def test_labels_of_a_picture_can_be_nifti(tmp_path):
    Image.fromarray(np.arange(20, dtype=np.uint8).reshape(4, 5)).save(tmp_path / "a.png")
    picture = read_volume(tmp_path / "a.png")
    write_labels(tmp_path / "l.nii.gz", labels_of(picture), like=picture)
    np.testing.assert_array_equal(read_labels(tmp_path / "l.nii.gz").array[0], labels_of(picture))
