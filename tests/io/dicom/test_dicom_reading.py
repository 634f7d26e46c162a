"""Which files make a volume, what their values mean, and what is said of those that do not."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import RLELossless

from napari_medseg.io import find_cases, read_volume
from napari_medseg.io.dicom import find_series, read_dicom, read_series, series_of
from napari_medseg.progress import Cancelled

REPORT = "1.2.840.10008.5.1.4.1.1.88.11"
NOWHERE = dict.fromkeys(("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"))


def some(shape=(4, 6, 5), start=0):
    return np.arange(start, start + np.prod(shape), dtype=np.int16).reshape(shape)


@pytest.fixture
def one_file(make_scan, write_series):
    """Write a single slice with the given tags, and return its path."""

    def write(values=None, each=None, **tags):
        values = some((1, 6, 5)) if values is None else values
        return write_series(make_scan(values, tags=tags), each=each) / "IM0000"

    return write


def test_values_are_hounsfield_units_where_the_file_says_how(make_scan, write_series):
    scan = make_scan(some(), tags={"RescaleSlope": "1", "RescaleIntercept": "-1024"})
    volume = read_volume(write_series(scan))
    assert volume.array.dtype == np.int16
    np.testing.assert_array_equal(volume.array[0], scan.values - 1024)


def test_each_slice_has_its_own_scale_as_in_positron_emission(make_scan, write_series):
    def own_scale(i):
        return {"RescaleSlope": str(i + 0.5), "RescaleIntercept": "0"}

    scan = make_scan(some())
    volume = read_volume(write_series(scan, each=own_scale))
    scale = np.arange(4)[:, None, None] + 0.5
    np.testing.assert_allclose(volume.array[0], scan.values * scale)


def test_bright_is_much_also_where_the_file_says_white_is_nothing(one_file):
    path = one_file(
        some((1, 6, 5)).astype(np.uint16), PhotometricInterpretation="MONOCHROME1", BitsStored=12
    )
    np.testing.assert_array_equal(read_volume(path).array[0, 0], 4095 - some((1, 6, 5))[0])


def test_colours_become_three_channels(one_file):
    colours = np.arange(90, dtype=np.uint8).reshape(1, 6, 5, 3)

    def rgb(_i):
        return {
            "SamplesPerPixel": 3,
            "PlanarConfiguration": 0,
            "PhotometricInterpretation": "RGB",
            "Rows": 6,
            "Columns": 5,
        }

    volume = read_volume(one_file(colours, each=rgb))
    np.testing.assert_array_equal(volume.array, np.moveaxis(colours, -1, 0))
    assert volume.channels == ("red", "green", "blue")


def test_a_picture_without_a_place_is_two_dimensional_and_its_size_unknown(one_file):
    path = one_file(**NOWHERE)
    volume = read_volume(path)
    assert volume.array.shape == (1, 6, 5)
    assert not volume.spacing_known


def test_the_pixel_size_at_the_detector_is_used_where_there_is_no_other(one_file):
    path = one_file(
        ImagePositionPatient=None,
        ImageOrientationPatient=None,
        PixelSpacing=None,
        ImagerPixelSpacing=["0.2", "0.3"],
    )
    assert read_volume(path).spacing == (0.2, 0.3)


def test_an_ultrasound_picture_has_the_size_that_its_regions_agree_on(one_file):
    region = Dataset()
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
    region.PhysicalDeltaX, region.PhysicalDeltaY = 0.02, 0.03
    path = one_file(**NOWHERE, SequenceOfUltrasoundRegions=Sequence([region, region]))
    assert read_volume(path).spacing == (0.3, 0.2)


def test_any_file_of_a_series_opens_all_of_it(make_scan, write_series):
    scan = make_scan(some())
    folder = write_series(scan)
    write_series(make_scan(some(start=500)), names=["a", "b", "c", "d"])
    for name, first in (("IM0002", 0), ("c", 500)):
        volume = read_volume(folder / name)
        assert volume.shape == (4, 6, 5)
        assert volume.array.min() == first


def test_a_folder_of_several_series_names_a_file_of_each(make_scan, write_series):
    folder = write_series(
        make_scan(some(), tags={"SeriesDescription": "Abdomen", "SeriesNumber": "2"})
    )
    write_series(
        make_scan(some((2, 8, 8)), tags={"SeriesDescription": "Scout", "SeriesNumber": "1"}),
        names=["s1", "s2"],
    )
    said = r"one by one of its files: Scout .*s1; Abdomen .*5 x 6 x 4.*IM0000"
    with pytest.raises(ValueError, match=said):
        read_volume(folder)
    scout, abdomen = find_series(folder)
    assert (scout.name, abdomen.name) == ("Scout", "Abdomen")
    assert read_series(abdomen).name == "Abdomen"


def test_a_localiser_in_another_orientation_is_a_series_of_its_own(make_scan, write_series):
    scan = make_scan(some())
    folder = write_series(scan)
    write_series(make_scan(some((1, 6, 5)), columns=(0, 0, -1), uid=scan.uid), names=["localiser"])
    assert sorted(len(series.frames) for series in find_series(folder)) == [1, 4]


def test_two_echoes_of_one_series_are_two_volumes(make_scan, write_series):
    scan = make_scan(some(), tags={"EchoTime": "20"})
    folder = write_series(scan)
    late = make_scan(some(start=900), uid=scan.uid, tags={"EchoTime": "80"})
    write_series(late, names=list("abcd"))
    found = find_series(folder)
    assert [series.part for series in found] == ["echo 20", "echo 80"]
    np.testing.assert_array_equal(read_series(found[1]).array[0], late.values)
    np.testing.assert_array_equal(read_dicom(folder / "b").array[0], late.values)


def test_times_in_one_enhanced_file_are_volumes_of_their_own(make_scan, write_enhanced):
    scan = make_scan(some((6, 6, 5)))
    path = write_enhanced(scan, times=[1, 2, 1, 2, 1, 2])
    first, second = series_of(path)
    np.testing.assert_array_equal(read_series(first).array[0], 2 * scan.values[::2] - 3)
    np.testing.assert_array_equal(read_series(second).array[0], 2 * scan.values[1::2] - 3)


def test_frames_without_places_are_a_film_of_unknown_distance(one_file):
    frames = some((3, 6, 5))

    def film(_i):
        return {"NumberOfFrames": 3, "Rows": 6, "Columns": 5}

    path = one_file(
        frames[None], each=film, ImagePositionPatient=None, ImageOrientationPatient=None
    )
    volume = read_volume(path)
    np.testing.assert_array_equal(volume.array[0], frames)
    assert not volume.spacing_known
    assert "perhaps they are a film" in volume.notes[0]


def test_compressed_pixels_are_decoded(one_file):
    values = some((1, 6, 5))
    path = one_file(values)
    file = dcmread(path)
    file.compress(RLELossless)
    file.save_as(path)
    np.testing.assert_array_equal(read_volume(path).array[0], values)


@pytest.mark.parametrize(
    ("syntax", "said"),
    [
        ("1.2.840.10008.1.2.4.90", "cut off or damaged"),
        ("1.2.840.10008.1.2.4.102", "compressed as MPEG-4.*cannot be decoded"),
        ("1.2.840.10008.1.2.5", "cut off or damaged"),
    ],
)
def test_pixels_that_cannot_be_decoded_are_named_by_their_form(one_file, syntax, said):
    path = one_file()
    content = path.read_bytes()
    plain = b"1.2.840.10008.1.2.1\0"
    other = syntax.encode() + b"\0" * (len(syntax) % 2)
    at = content.index(plain)
    grown = len(other) - len(plain)
    group = int.from_bytes(content[140:144], "little") + grown  # the length of the file's own group
    head = content[:140] + group.to_bytes(4, "little") + content[144 : at - 2]
    path.write_bytes(head + len(other).to_bytes(2, "little") + other + content[at + len(plain) :])
    with pytest.raises(ValueError, match=said):
        read_volume(path)


def test_a_form_whose_plug_in_is_missing_names_the_plug_in(one_file, monkeypatch):
    from napari_medseg.io.dicom import pixels

    monkeypatch.setattr(pixels, "_has", lambda _distribution: False)
    monkeypatch.setattr(Dataset, "pixel_array", property(_cannot))
    path = one_file()
    file = dcmread(path)
    file.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.80"
    assert "pip install pyjpegls" in str(pixels._undecodable(path, file))


def _cannot(_dataset):
    raise NotImplementedError


def test_what_holds_no_picture_is_refused_by_what_it_is(one_file):
    path = one_file(Rows=None, Columns=None, PixelData=None, Modality="SR", SOPClassUID=REPORT)
    with pytest.raises(ValueError, match="holds no image but SR"):
        read_volume(path)


def test_an_encrypted_file_says_whom_to_ask(one_file):
    path = one_file(PixelData=None, EncryptedAttributesSequence=Sequence([Dataset()]))
    with pytest.raises(ValueError, match="encrypted; ask its sender"):
        read_volume(path)


def test_a_file_cut_off_in_its_pixels_says_so(one_file):
    path = one_file()
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match="cut off or damaged"):
        read_volume(path)


def test_a_file_that_is_no_dicom_says_so_whatever_its_name(tmp_path):
    (tmp_path / "slice.dcm").write_bytes(b"not an image at all, but some text that goes on")
    with pytest.raises(ValueError, match=r"damaged|not a whole DICOM file"):
        read_volume(tmp_path / "slice.dcm")


def test_damaged_files_and_others_beside_a_series_do_no_harm(make_scan, write_series):
    scan = make_scan(some())
    folder = write_series(scan)
    (folder / "notes.txt").write_text("seen by J. D.")
    (folder / "half").write_bytes(bytes(128) + b"DICM" + bytes(7))
    np.testing.assert_array_equal(read_volume(folder).array[0], scan.values)


def test_reading_can_be_cancelled(make_scan, write_series):
    folder = write_series(make_scan(some()))

    def stop(_step):
        raise Cancelled

    with pytest.raises(Cancelled):
        read_dicom(folder, stop)


def test_the_series_below_a_folder_are_its_cases(make_scan, write_series, tmp_path):
    write_series(make_scan(some()), "study/p1")
    write_series(make_scan(some()), "study/p2")
    write_series(
        make_scan(some((3, 6, 5)), tags={"SeriesDescription": "late phase"}),
        "study/p2",
        names=list("xyz"),
    )
    cases = find_cases(tmp_path / "study")
    assert [case.name for case in cases] == ["p2_CT", "p2_late_phase", "study_p1"]
    assert [read_volume(case.images).shape[0] for case in cases] == [4, 3, 4]
