"""A label file says itself that it is one, and what its values are called, in every format."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

from napari_medseg.io import read_labels, read_volume, write_image, write_labels
from napari_medseg.io.classes import ClassName, classes_in, classes_text
from napari_medseg.io.label_marks import says_labels
from napari_medseg.volume import Volume

NAMED = (ClassName(1, "Milz", "#e69f00"), ClassName(3, "größte = Läsion: rechts", ""))
MANY = tuple(ClassName(i, f"part {i} {'x' * 60}", f"#{i:06x}") for i in range(1, 121))
SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".mha", ".tif", ".png", ".ome.zarr")


def space(suffix):
    """Return an image whose labels can be written with this suffix."""
    shape = (5, 6) if suffix == ".png" else (4, 5, 6)
    return Volume(np.zeros((1, *shape), np.int16), (2.0, 1.0, 1.5)[-len(shape) :])


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("classes", [(), NAMED, MANY], ids=["none", "named", "many"])
def test_labels_say_that_they_are_labels_and_what_they_are_called(tmp_path, suffix, classes):
    image = space(suffix)
    labels = (np.arange(np.prod(image.shape)).reshape(image.shape) % 4).astype(np.uint8)
    path = tmp_path / f"truth{suffix}"
    write_labels(path, labels, like=image, classes=classes)
    assert says_labels(path)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    again = read_labels(path)
    np.testing.assert_array_equal(again.array[0], labels)
    assert tuple(again.storage.header["classes"]) == classes


@pytest.mark.parametrize("suffix", [s for s in SUFFIXES if s != ".ome.zarr"])
def test_an_image_does_not_say_that_it_is_labels(tmp_path, suffix):
    image = space(suffix)
    labels = tmp_path / f"labels{suffix}"
    write_labels(labels, np.ones(image.shape, np.uint8), like=image, classes=NAMED)
    for name, volume in {"new": image, "read": read_volume(labels)}.items():
        path = tmp_path / f"{name}{suffix}"
        write_image(path, volume.with_array(volume.array.astype(np.uint8)))
        assert not says_labels(path)


def test_the_intent_of_nifti_is_that_of_the_standard_and_others_read_the_file(tmp_path):
    path = tmp_path / "truth.nii.gz"
    write_labels(path, np.ones((4, 5, 6), np.uint8), like=space(".nii.gz"), classes=NAMED)
    image = nib.load(path)
    assert image.header.get_intent() == ("label", (), "labels")
    (comment,) = image.header.extensions
    assert comment.get_code() == 6  # "comment" in the standard's table
    assert (np.asanyarray(image.dataobj) == 1).all()


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image, nib.Nifti1Pair])
@pytest.mark.parametrize("order", ["<", ">"])
def test_nifti_labels_of_other_programs_are_known_by_their_intent(tmp_path, kind, order):
    header = kind.header_class(endianness=order)
    header.set_data_dtype(np.int16)
    header.set_intent("label")
    image = kind(np.ones((3, 4, 5), np.int16), np.eye(4), header)
    path = tmp_path / f"x{kind.files_types[0][1]}"
    nib.save(image, path)
    assert says_labels(path)
    assert read_labels(path).storage.header["classes"] == ()
    image.header.set_intent("z score")
    nib.save(image, path)
    assert not says_labels(path)


def test_a_comment_that_is_not_ours_is_left_alone(tmp_path):
    image = nib.Nifti1Image(np.ones((3, 4, 5), np.uint8), np.eye(4))
    for text in (b"made by somebody", b"\xff\xfe", b'{"classes": [1]}', b"[" * 5000):
        image.header.extensions.append(nib.nifti1.Nifti1Extension(6, text))
    nib.save(image, tmp_path / "x.nii")
    assert read_labels(tmp_path / "x.nii").storage.header["classes"] == ()
    assert not says_labels(tmp_path / "x.nii")


def test_what_is_damaged_or_missing_says_nothing(tmp_path):
    (tmp_path / "x.nii.gz").write_bytes(b"\x1f\x8b nothing")
    (tmp_path / "x.nii").write_bytes(b"short")
    (tmp_path / "x.tif").write_bytes(b"II*\0 and no more")
    (tmp_path / "x.dcm").write_bytes(b"no")
    for path in (*tmp_path.iterdir(), tmp_path, tmp_path / "not there.nii"):
        assert not says_labels(path)


def test_classes_are_read_from_the_text_they_are_written_as():
    assert classes_in(classes_text(NAMED)) == NAMED
    assert classes_in(classes_text(())) == ()
    for text in ("", "words", "3", "[]", "{}", '{"classes": {"x": "y"}}', '{"classes": null}'):
        assert classes_in(text) is None
    assert classes_in('{"classes": {"2": "cyst"}, "colours": {"2": "red"}}') == (
        ClassName(2, "cyst"),
    )
