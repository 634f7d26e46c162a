"""DICOM segmentations: the same voxels and classes again, and references to the right slices."""

from __future__ import annotations

from pathlib import Path

import highdicom as hd
import numpy as np
import pytest
from pydicom import dcmread, dcmwrite
from pydicom.uid import ExplicitVRBigEndian

from napari_medseg.io import read_labels, read_volume, write_labels
from napari_medseg.io.classes import ClassName
from napari_medseg.volume import Volume

CLASSES = (ClassName(7, "liver", "#e69f00"), ClassName(2, "cyst"))


def some(shape=(4, 16, 10)):
    return np.arange(np.prod(shape), dtype=np.int16).reshape(shape)


def some_labels(shape):
    labels = np.zeros(shape, np.uint8)
    labels[1:3, 1:5, 2:6] = 7
    labels[2:, 6:9, 5:9] = 2
    return labels


@pytest.fixture
def image(make_scan, write_series):
    """A series whose slices run downwards and whose file names say nothing."""
    scan = make_scan(some(), step=(0, 0, -2.5), rows=(0, 1, 0), columns=(-1, 0, 0))
    return read_volume(write_series(scan, names=["c", "a", "d", "b"]))


@pytest.fixture
def written(image, tmp_path):
    write_labels(
        tmp_path / "seg.dcm",
        some_labels(image.shape),
        like=image,
        classes=CLASSES,
        provenance={"model": "liver 1.2"},
    )
    return tmp_path / "seg.dcm"


def test_labels_come_back_voxel_for_voxel_with_their_values(image, written):
    again = read_labels(written)
    np.testing.assert_array_equal(again.array[0], some_labels(image.shape))
    np.testing.assert_allclose(again.affine, image.affine, atol=1e-4)


def test_names_and_colours_come_back(written):
    named = {named.value: named for named in read_labels(written).storage.header["classes"]}
    assert {value: c.name for value, c in named.items()} == {7: "liver", 2: "cyst"}
    near = np.array([list(bytes.fromhex(c.lstrip("#"))) for c in (named[7].colour, "#e69f00")])
    assert np.abs(near[0] - near[1]).max() <= 2  # CIELab in 16 bits
    assert named[2].colour == ""


def test_another_reader_finds_the_mask_at_the_same_millimetres(image, written):
    seg = hd.seg.segread(written)
    liver = seg.get_segment_numbers(segment_label="liver")[0]
    volume = seg.get_volume(segment_numbers=[liver])
    at = np.argwhere(volume.array[..., 0])
    lps = (volume.affine @ np.c_[at, np.ones(len(at))].T)[:3].T
    ours = np.argwhere(some_labels(image.shape) == 7)
    ras = (image.affine @ np.c_[ours, np.ones(len(ours))].T)[:3].T
    expected = ras * [-1, -1, 1]
    np.testing.assert_allclose(
        lps[np.lexsort(lps.round(2).T)], expected[np.lexsort(expected.round(2).T)], atol=1e-3
    )


def test_every_frame_refers_to_the_slice_it_lies_on(image, written):
    seg = dcmread(written)
    places = {}
    for file in Path(image.storage.path).parent.iterdir():
        source = dcmread(file, stop_before_pixels=True)
        places[source.SOPInstanceUID] = np.array(source.ImagePositionPatient, float)
    assert seg.ReferencedSeriesSequence[0].SeriesInstanceUID == source.SeriesInstanceUID
    for frame in seg.PerFrameFunctionalGroupsSequence:
        reference = frame.DerivationImageSequence[0].SourceImageSequence[0]
        here = np.array(frame.PlanePositionSequence[0].ImagePositionPatient, float)
        np.testing.assert_allclose(here, places[reference.ReferencedSOPInstanceUID], atol=1e-4)


def test_it_says_whether_a_model_or_a_person_made_it(image, tmp_path, written):
    assert dcmread(written).SegmentSequence[0].SegmentAlgorithmType == "SEMIAUTOMATIC"
    assert dcmread(written).SegmentSequence[0].SegmentAlgorithmName == "liver 1.2"
    write_labels(tmp_path / "hand.dcm", some_labels(image.shape), like=image)
    assert dcmread(tmp_path / "hand.dcm").SegmentSequence[0].SegmentAlgorithmType == "MANUAL"


def test_labels_of_an_enhanced_file_land_on_their_frames(make_scan, write_enhanced, tmp_path):
    volume = read_volume(write_enhanced(make_scan(some()), order=[2, 0, 3, 1]))
    labels = some_labels(volume.shape)
    write_labels(tmp_path / "seg.dcm", labels, like=volume, classes=CLASSES)
    again = read_labels(tmp_path / "seg.dcm")
    np.testing.assert_array_equal(again.array[0], labels)
    np.testing.assert_allclose(again.affine, volume.affine, atol=1e-4)


def test_labels_of_a_tilted_gantry_come_back_where_they_were(make_scan, write_series, tmp_path):
    volume = read_volume(write_series(make_scan(some(), step=(0, 0.5, 2.5))))
    labels = some_labels(volume.shape)
    write_labels(tmp_path / "seg.dcm", labels, like=volume)
    again = read_labels(tmp_path / "seg.dcm")
    np.testing.assert_array_equal(again.array[0], labels)
    np.testing.assert_allclose(again.affine, volume.affine, atol=1e-4)
    assert again.notes == volume.notes
    assert "tilted by 11.3°" in again.notes[0]


def test_classes_that_overlap_are_put_into_one_image_and_said(image, written):
    seg = dcmread(written)
    frames = seg.pixel_array.copy()
    frames[:] = frames | frames[::-1]
    seg.PixelData = np.packbits(frames.ravel(), bitorder="little").tobytes()
    seg.save_as(written)
    again = read_labels(written)
    assert "overlap" in again.notes[0]
    assert set(np.unique(again.array)) == {0, 2, 7}


def test_an_image_that_is_not_from_dicom_is_refused_with_the_way_out(tmp_path):
    volume = Volume(np.zeros((1, 2, 3, 4)), (1.0, 1.0, 1.0), name="phantom")
    with pytest.raises(ValueError, match=r"'phantom' was read from none; use \.nii\.gz"):
        write_labels(tmp_path / "x.dcm", np.ones((2, 3, 4), np.uint8), like=volume)
    assert not list(tmp_path.iterdir())


def test_empty_labels_are_refused(image, tmp_path):
    with pytest.raises(ValueError, match="no label to write"):
        write_labels(tmp_path / "x.dcm", np.zeros(image.shape, np.uint8), like=image)
    assert not (tmp_path / "x.dcm").exists()


def test_an_image_whose_files_are_gone_leaves_nothing_behind(image, tmp_path):
    for file in Path(image.storage.path).parent.iterdir():
        file.unlink()
    with pytest.raises(OSError, match=r"x\.dcm"):
        write_labels(tmp_path / "x.dcm", some_labels(image.shape), like=image)
    assert not (tmp_path / "x.dcm").exists()


def test_a_segmentation_opened_as_an_image_says_what_it_is(written):
    with pytest.raises(ValueError, match="labels of another image: open it as labels"):
        read_volume(written)


def test_forms_that_cannot_be_decoded_are_named(written):
    seg = dcmread(written)
    seg.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    options = {"little_endian": False, "implicit_vr": False, "force_encoding": True}
    dcmwrite(written, seg, **options)
    with pytest.raises(ValueError, match="stored as Explicit VR Big Endian"):
        read_labels(written)
