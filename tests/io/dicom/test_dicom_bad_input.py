"""Series as disks, archives and people leave them: a right volume and a word, or a sentence."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from napari_medseg.io import read_labels, read_volume

SHAPE = (5, 6, 7)


@pytest.fixture
def series(make_scan, write_series):
    """Write a series of five slices; return its folder and its values."""
    values = np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE)

    def write(each=None, folder="series", **said):
        return write_series(make_scan(values, **said), folder, each=each), values

    return write


def changed(path, **tags):
    """Change tags of a file on disk; None takes them out."""
    file = dcmread(path)
    for keyword, value in tags.items():
        if value is None:
            delattr(file, keyword)
        else:
            setattr(file, keyword, value)
    file.save_as(path)
    return path


def slices(volume):
    return volume.storage.to_stored(volume.array[0])


def test_a_slice_whose_header_is_damaged_is_named(series):
    folder, values = series()
    (folder / "IM0004").write_bytes((folder / "IM0004").read_bytes()[:200])
    for path in (folder, folder / "IM0001"):
        volume = read_volume(path)
        np.testing.assert_array_equal(slices(volume), values[:4])
        assert volume.notes == (
            "1 file beside it is damaged and left out, perhaps slices of it: IM0004",
        )


def test_a_damaged_slice_in_the_middle_is_a_missing_slice(series):
    folder, _ = series()
    (folder / "IM0002").write_bytes((folder / "IM0002").read_bytes()[:200])
    said = "lacks 1 slice: after slice 2 the next one follows at 5.*damaged and left out.*IM0002"
    with pytest.raises(ValueError, match=said):
        read_volume(folder)


def test_a_slice_cut_off_in_its_pixels_is_named(series):
    folder, _ = series()
    (folder / "IM0003").write_bytes((folder / "IM0003").read_bytes()[:-8])
    with pytest.raises(ValueError, match=r"IM0003 is cut off or damaged"):
        read_volume(folder)


def test_a_form_of_pixels_that_nobody_knows_is_named(series):
    folder, _ = series()
    for path in folder.iterdir():
        file = dcmread(path)
        file.file_meta.TransferSyntaxUID = "1.2.3.4.5.6"
        file.save_as(path, implicit_vr=False, little_endian=True)
    with pytest.raises(
        ValueError, match=r"IM0000 .* DICOM does not know, 1\.2\.3\.4\.5\.6; export"
    ):
        read_volume(folder)


def test_a_slice_without_pixels_is_named(series):
    folder, _ = series()
    changed(folder / "IM0003", PixelData=None)
    with pytest.raises(ValueError, match="IM0003 describes an image but holds no pixels"):
        read_volume(folder)


def test_a_file_that_ends_before_its_image_is_cut_off(series):
    folder, _ = series()
    changed(folder / "IM0000", Rows=None, Columns=None, PixelData=None)
    with pytest.raises(ValueError, match="IM0000 is cut off: it ends before its image"):
        read_volume(folder / "IM0000")


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ({"PixelSpacing": ["0", "1"]}, "IM0000 has the pixel spacing 0 x 1 mm"),
        ({"PixelSpacing": ["-1", "1"]}, "IM0000 has the pixel spacing -1 x 1 mm"),
        ({"ImageOrientationPatient": ["0"] * 6}, "IM0000 gives its picture the impossible"),
    ],
)
def test_a_place_that_cannot_be_is_refused(series, tags, said):
    folder, _ = series()
    with pytest.raises(ValueError, match=said):
        read_volume(changed(folder / "IM0000", **tags))


def test_a_place_that_is_no_number_is_refused(series):
    folder, _ = series()
    path = folder / "IM0000"
    path.write_bytes(path.read_bytes().replace(b"-10\\5\\30", b"nan\\5\\30"))
    with pytest.raises(ValueError, match="gives a place that is no number"):
        read_volume(path)


def test_one_slice_of_another_size_is_another_series(series):
    folder, values = series()
    odd = dcmread(folder / "IM0004")
    odd.Rows, odd.PixelData = 3, values[4, :3].tobytes()
    odd.save_as(folder / "IM0004")
    with pytest.raises(ValueError, match=r"holds 2 series; choose one.*7 x 6 x 4.*7 x 3\)"):
        read_volume(folder)
    np.testing.assert_array_equal(slices(read_volume(folder / "IM0001")), values[:4])


def test_a_scale_that_is_empty_is_none(series):
    folder, values = series(each=lambda _: {"RescaleSlope": "", "RescaleIntercept": ""})
    np.testing.assert_array_equal(slices(read_volume(folder)), values)


def test_a_localiser_a_report_and_labels_beside_a_series_do_not_disturb_it(series, make_scan):
    folder, values = series()
    across = {"rows": (0, 1, 0), "columns": (0, 0, -1), "uid": "1.2.9"}
    series(folder="series/scout", **across)
    changed(folder / "scout" / "IM0001", Rows=None, Columns=None, PixelData=None, Modality="SR")
    np.testing.assert_array_equal(slices(read_volume(folder / "IM0000")), values)


@pytest.mark.parametrize("name", ["DICOMDIR", "contents"])
def test_a_table_of_contents_says_what_to_open(series, name):
    folder, _ = series()
    listing = dcmread(folder / "IM0000")
    for keyword in ("Rows", "Columns", "PixelData"):
        delattr(listing, keyword)
    listing.SOPClassUID = listing.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.1.3.10"
    listing.save_as(folder / name)
    with pytest.raises(ValueError, match=f"{name} is a table of contents; open the folder"):
        read_volume(folder / name)


@pytest.mark.parametrize("implicit", [True, False])
def test_files_from_before_files_had_a_preamble_are_read(series, implicit):
    folder, values = series()
    for path in folder.iterdir():
        bare = dcmread(path)
        bare.file_meta.clear()
        bare.save_as(path, implicit_vr=implicit, little_endian=True)
        path.write_bytes(path.read_bytes().split(b"DICM")[-1])
        assert path.read_bytes()[:2] == b"\x08\x00"
        path.rename(path.with_suffix(".dcm"))
    np.testing.assert_array_equal(slices(read_volume(folder / "IM0000.dcm")), values)
    (folder / "IM0000.dcm").rename(folder / "IM0000")  # content alone says what it is
    for path in (folder, folder / "IM0000"):
        np.testing.assert_array_equal(slices(read_volume(path)), values)


def test_values_of_another_format_that_look_like_old_dicom_are_not_taken_for_it(tmp_path):
    import nibabel as nib

    values = np.full((4, 4, 4), 8, np.int16)  # the pair's second file begins 08 00 08 00
    nib.save(nib.Nifti1Pair(values, np.eye(4)), tmp_path / "a.hdr")
    assert (tmp_path / "a.img").read_bytes()[:4] == b"\x08\0\x08\0"
    assert read_volume(tmp_path / "a.img").storage.format == "nifti"


def test_a_folder_of_reports_holds_no_image(series):
    folder, _ = series()
    for path in folder.iterdir():
        changed(path, Rows=None, Columns=None, PixelData=None, Modality="SR")
    with pytest.raises(ValueError, match="holds no DICOM image; choose the folder of a series"):
        read_volume(folder)


def test_frames_that_are_described_for_another_number_are_refused(make_scan, write_enhanced):
    values = np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE)
    path = write_enhanced(make_scan(values))
    file = dcmread(path)
    file.NumberOfFrames = 4
    file.save_as(path)
    with pytest.raises(ValueError, match="announces 4 frames and describes 5"):
        read_volume(path)


def test_an_enhanced_file_with_fewer_pixels_than_frames_is_refused(make_scan, write_enhanced):
    values = np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE)
    path = write_enhanced(make_scan(values))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"enhanced\.dcm is cut off or damaged"):
        read_volume(path)


@pytest.mark.parametrize("step", [0.73, 1.16])
def test_places_rounded_to_a_tenth_of_a_millimetre_are_one_volume(series, step):
    folder, values = series(
        each=lambda i: {"ImagePositionPatient": [0, 0, f"{round(i * step, 1):g}"]}
    )
    volume = read_volume(folder)
    np.testing.assert_array_equal(slices(volume), values)
    assert volume.spacing[0] == pytest.approx(round(4 * step, 1) / 4)


def test_a_slice_moved_by_a_quarter_of_the_distance_is_refused(series):
    with pytest.raises(ValueError, match=r"do not lie regularly, from 1\.5 to 2\.5 mm apart"):
        read_volume(
            series(each=lambda i: {"ImagePositionPatient": [0, 0, 2 * i + (i == 2) / 2]})[0]
        )


def test_labels_as_a_series_of_images_are_read_as_labels(make_scan, write_series):
    values = (np.arange(np.prod(SHAPE)).reshape(SHAPE) % 4).astype(np.uint8)
    labels = read_labels(write_series(make_scan(values)))
    np.testing.assert_array_equal(slices(labels), values)
    assert labels.spacing == (2.5, 0.8, 0.6)


def test_frames_without_a_sequence_of_their_own_say_so_in_no_place(make_scan, write_enhanced):
    values = np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE)
    path = write_enhanced(make_scan(values))
    file = dcmread(path)
    for group in file.PerFrameFunctionalGroupsSequence:
        group.PlanePositionSequence = [Dataset()]
    file.save_as(path)
    assert "does not say where its pictures lie" in read_volume(path).notes[0]
