"""Segmentations in other hands: ours in highdicom, others' here; false headers, many classes."""

from __future__ import annotations

import itertools

import highdicom as hd
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from napari_medseg.io import read_labels, read_volume, write_labels
from napari_medseg.io.classes import ClassName
from napari_medseg.io.placing import grid_relation, place_on

SHAPE = (7, 12, 10)
Types = hd.seg.SegmentationTypeValues


def some_values(shape=SHAPE):
    return np.arange(np.prod(shape), dtype=np.int16).reshape(shape)


def blocks(shape=SHAPE):
    """Three classes in different slices; the first and the last are empty."""
    labels = np.zeros(shape, np.uint8)
    labels[1:3, 1:5, 2:6] = 1
    labels[2:4, 6:9, 5:9] = 2
    labels[5, 2:6, 1:4] = 3
    return labels


@pytest.fixture
def series(make_scan, write_series):
    """Write a series, and return it read."""

    def make(**said):
        return read_volume(write_series(make_scan(some_values(), **said)))

    return make


def by_highdicom(path, image):
    """Return labels of values 1, 2, ... by highdicom, each at its millimetre in the image."""
    whole = hd.seg.segread(path).get_volume(combine_segments=True)
    at = np.argwhere(whole.array)
    to_image = np.linalg.inv(image.affine) @ np.diag([-1, -1, 1, 1]) @ whole.affine
    there = (to_image @ np.c_[at, np.ones(len(at))].T)[:3]
    np.testing.assert_allclose(there, np.rint(there), atol=1e-4)
    labels = np.zeros(image.shape, whole.array.dtype)
    labels[tuple(np.rint(there).astype(int))] = whole.array[tuple(at.T)]
    return labels


def made_by_others(path, image, masks, kind=Types.BINARY, **options):
    """Write masks ``(slices, rows, columns, classes)`` of a series as highdicom does."""
    sources = [dcmread(file) for file, _ in image.storage.header["slices"]]
    for source in sources:
        for word in ("PatientName", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime"):
            setattr(source, word, "")
        source.StudyID = source.AccessionNumber = source.ReferringPhysicianName = ""
    tissue = hd.sr.CodedConcept("85756007", "SCT", "Tissue")
    count = masks.shape[-1] if masks.ndim == 4 else int(masks.max())
    described = [
        hd.seg.SegmentDescription(
            segment_number=number,
            segment_label=f"part {number}",
            segmented_property_category=tissue,
            segmented_property_type=tissue,
            algorithm_type=hd.seg.SegmentAlgorithmTypeValues.MANUAL,
        )
        for number in range(1, count + 1)
    ]
    hd.seg.Segmentation(
        source_images=sources,
        pixel_array=masks,
        segmentation_type=kind,
        segment_descriptions=described,
        series_instance_uid=generate_uid(),
        series_number=7,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="x",
        manufacturer_model_name="x",
        software_versions="1",
        device_serial_number="1",
        transfer_syntax_uid=ExplicitVRLittleEndian,
        **options,
    ).save_as(path)
    return path


def of_stored(image, masks):
    """Return masks of the volume's axes in the order of the files."""
    return np.stack([image.storage.to_stored(mask) for mask in masks], axis=-1)


@pytest.mark.parametrize("said", ["5.0", "2.0", "0.3"])
def test_a_false_distance_of_slices_in_the_images_is_not_handed_on(series, tmp_path, said):
    """ITK writes it after it has read a series; highdicom then finds no regular volume."""
    image = series(tags={"SpacingBetweenSlices": said})
    write_labels(tmp_path / "seg.dcm", blocks(), like=image)
    np.testing.assert_array_equal(by_highdicom(tmp_path / "seg.dcm", image), blocks())
    np.testing.assert_array_equal(read_labels(tmp_path / "seg.dcm").array[0], blocks())


@pytest.mark.parametrize("said", ["5.0", "1.9", "0"])
def test_a_false_distance_of_slices_in_a_segmentation_does_no_harm(series, tmp_path, said):
    image = series()
    write_labels(tmp_path / "seg.dcm", blocks(), like=image)
    seg = dcmread(tmp_path / "seg.dcm")
    measures = seg.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    measures.SpacingBetweenSlices = said
    seg.save_as(tmp_path / "seg.dcm")
    again = read_labels(tmp_path / "seg.dcm")
    np.testing.assert_array_equal(again.array[0], blocks())
    np.testing.assert_allclose(again.affine, image.affine, atol=1e-4)


def test_patient_study_and_frame_of_reference_are_those_of_the_images(series, tmp_path):
    image = series(tags={"PatientName": "Phantom^Ann", "StudyID": "s7", "StudyDate": "20200102"})
    write_labels(tmp_path / "seg.dcm", blocks(), like=image)
    seg, source = dcmread(tmp_path / "seg.dcm"), dcmread(image.storage.path)
    for word in ("PatientName", "PatientID", "StudyInstanceUID", "StudyID", "StudyDate"):
        assert seg[word].value == source[word].value
    assert seg.FrameOfReferenceUID == source.FrameOfReferenceUID
    (referred,) = seg.ReferencedSeriesSequence
    assert referred.SeriesInstanceUID == source.SeriesInstanceUID
    files = [dcmread(file) for file, _ in image.storage.header["slices"]]
    assert {one.ReferencedSOPInstanceUID for one in referred.ReferencedInstanceSequence} == {
        file.SOPInstanceUID for file in files
    }
    assert seg.SeriesInstanceUID != source.SeriesInstanceUID


def test_more_than_255_classes_keep_their_values_and_names(make_scan, write_series, tmp_path):
    image = read_volume(write_series(make_scan(some_values((1, 20, 20)))))
    labels = np.arange(400, dtype=np.uint16).reshape(1, 20, 20) % 260 * 3
    named = [ClassName(600, "far")]
    write_labels(tmp_path / "seg.dcm", labels, like=image, classes=named)
    again = read_labels(tmp_path / "seg.dcm")
    np.testing.assert_array_equal(again.array[0], labels)
    assert {c.value: c.name for c in again.storage.header["classes"]}[600] == "far"
    seg = hd.seg.segread(tmp_path / "seg.dcm")
    assert seg.number_of_segments == 259
    found = seg.get_volume(segment_numbers=seg.get_segment_numbers(segment_label="far"))
    assert np.count_nonzero(found.array) == 1


@pytest.mark.parametrize("kind", [Types.BINARY, Types.LABELMAP, Types.FRACTIONAL])
def test_what_others_wrote_lies_where_they_say(series, tmp_path, kind):
    image = series(step=(0.0, 0.0, -2.5), rows=(0.0, 1.0, 0.0), columns=(-1.0, 0.0, 0.0))
    labels = blocks(image.shape)
    parts = [labels == value for value in (1, 2, 3)]
    if kind == Types.LABELMAP:
        masks = image.storage.to_stored(labels)
    else:
        masks = of_stored(image, parts).astype(np.uint8)
    if kind == Types.FRACTIONAL:
        masks = np.where(masks, 0.7, 0.3)
    path = made_by_others(tmp_path / "seg.dcm", image, masks, kind, omit_empty_frames=False)
    again = read_labels(path)
    np.testing.assert_array_equal(again.array[0], labels)
    np.testing.assert_allclose(again.affine, image.affine, atol=1e-4)


def test_frames_left_out_are_empty_and_the_rest_is_in_its_place(series, tmp_path):
    image = series()
    masks = of_stored(image, [blocks() == value for value in (1, 2, 3)]).astype(np.uint8)
    again = read_labels(made_by_others(tmp_path / "seg.dcm", image, masks))
    assert again.shape == (5, 12, 10)  # from the first slice with labels to the last
    np.testing.assert_array_equal(again.array[0], blocks()[1:6])
    assert grid_relation(again, image).kind == "shifted"
    np.testing.assert_array_equal(place_on(again, image).array[0], blocks())


def test_a_single_slice_of_labels_is_as_far_from_the_next_as_its_images(series, tmp_path):
    image = series()
    only = np.where(np.arange(7)[:, None, None] == 3, blocks(), 0).astype(np.uint8)
    masks = of_stored(image, [only == 2]).astype(np.uint8)
    again = read_labels(made_by_others(tmp_path / "seg.dcm", image, masks))
    assert again.spacing == image.spacing  # not the thickness of 7.7
    np.testing.assert_array_equal(place_on(again, image).array[0], only == 2)


def test_classes_that_overlap_are_shown_in_the_order_of_their_names(series, tmp_path):
    image = series()
    big, small = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    big[1:5, 2:9, 2:9], small[2:4, 4:6, 4:6] = True, True
    masks = of_stored(image, [big, small]).astype(np.uint8)
    again = read_labels(made_by_others(tmp_path / "seg.dcm", image, masks))
    assert again.notes == ("classes overlap in 8 voxels; the one named later is shown there",)
    placed = place_on(again, image).array[0]
    np.testing.assert_array_equal(placed == 2, small)
    np.testing.assert_array_equal(placed == 1, big & ~small)


def test_frames_in_any_order_give_the_same_labels(series, tmp_path):
    image = series()
    write_labels(tmp_path / "seg.dcm", blocks(), like=image)
    seg = dcmread(tmp_path / "seg.dcm")
    order = np.random.default_rng(0).permutation(len(seg.PerFrameFunctionalGroupsSequence))
    frames = seg.pixel_array[order]
    seg.PixelData = np.packbits(frames.ravel(), bitorder="little").tobytes()
    groups = list(seg.PerFrameFunctionalGroupsSequence)
    seg.PerFrameFunctionalGroupsSequence = [groups[i] for i in order]
    seg.save_as(tmp_path / "seg.dcm")
    np.testing.assert_array_equal(read_labels(tmp_path / "seg.dcm").array[0], blocks())


@pytest.mark.parametrize("turn", [0, 0.3], ids=["straight", "oblique"])
def test_distances_rounded_by_a_scanner_come_back_as_they_were(
    make_scan, write_series, turn, tmp_path
):
    """Positions to a tenth of a millimetre, 0.7 apart: more than 1 % from regular."""
    rows = (np.cos(turn), np.sin(turn), 0.0)
    scan = make_scan(some_values(), rows=rows, columns=(-np.sin(turn), np.cos(turn), 0.0))

    def rounded(i):
        return {"ImagePositionPatient": [0, 0, round(0.73 * i, 1)]}

    image = read_volume(write_series(scan, each=rounded))
    write_labels(tmp_path / "seg.dcm", blocks(), like=image)
    again = read_labels(tmp_path / "seg.dcm")
    np.testing.assert_array_equal(again.array[0], blocks())
    np.testing.assert_allclose(again.affine, image.affine, atol=1e-4)


@pytest.mark.parametrize("size", [(6, 5), (7, 3), (8, 8), (1, 9)])
def test_frames_that_end_within_a_byte_are_read(make_scan, write_series, tmp_path, size):
    values = some_values((5, *size))
    image = read_volume(write_series(make_scan(values)))
    labels = (values % 3).astype(np.uint8)
    write_labels(tmp_path / "seg.dcm", image.storage.to_canonical(labels), like=image)
    again = read_labels(tmp_path / "seg.dcm")
    np.testing.assert_array_equal(again.storage.to_stored(again.array[0]), labels)


def test_slices_of_a_few_voxels_are_refused(make_scan, write_series, tmp_path):
    sagittal = {"rows": (0, 1, 0), "columns": (0, 0, -1), "step": (2.5, 0, 0)}
    image = read_volume(write_series(make_scan(some_values((5, 1, 7)), **sagittal)))
    assert image.shape == (1, 7, 5)
    with pytest.raises(ValueError, match=r"1 x 7 voxels are too small .* use \.nii\.gz"):
        write_labels(tmp_path / "seg.dcm", np.ones(image.shape, np.uint8), like=image)


def test_labels_of_an_x_ray_are_a_picture_of_its_size(make_scan, write_series, tmp_path):
    nowhere = dict.fromkeys(("ImagePositionPatient", "ImageOrientationPatient"))
    scan = make_scan(some_values((1, 12, 10)), tags={**nowhere, "FrameOfReferenceUID": None})
    image = read_volume(write_series(scan) / "IM0000")
    labels = blocks()[2]
    write_labels(tmp_path / "seg.dcm", labels, like=image)
    again = read_labels(tmp_path / "seg.dcm")
    np.testing.assert_array_equal(again.array[0], labels)
    assert (again.spacing, again.spacing_known) == (image.spacing, True)
    assert grid_relation(again, image).kind == "same"


def test_what_each_frame_of_an_enhanced_file_says_for_itself_is_common_to_the_labels(
    make_scan, write_enhanced, tmp_path
):
    path = write_enhanced(make_scan(some_values()), order=[3, 0, 6, 1, 5, 2, 4])
    file = dcmread(path)
    shared = file.SharedFunctionalGroupsSequence[0]
    for group in file.PerFrameFunctionalGroupsSequence:
        group.PixelMeasuresSequence = shared.PixelMeasuresSequence
        group.PlaneOrientationSequence = shared.PlaneOrientationSequence
    del shared.PixelMeasuresSequence, shared.PlaneOrientationSequence
    file.save_as(path)
    image = read_volume(path)
    write_labels(tmp_path / "seg.dcm", blocks(), like=image)
    np.testing.assert_array_equal(by_highdicom(tmp_path / "seg.dcm", image), blocks())


@pytest.fixture
def broken_segmentation(series, tmp_path):
    """Write a segmentation, change it, and return its path."""

    def make(change):
        write_labels(tmp_path / "seg.dcm", blocks(), like=series())
        seg = dcmread(tmp_path / "seg.dcm")
        change(seg)
        seg.save_as(tmp_path / "seg.dcm")
        return tmp_path / "seg.dcm"

    return make


def without_places(seg):
    for group in seg.PerFrameFunctionalGroupsSequence:
        del group.PlanePositionSequence


def irregular(seg):
    for group, z in zip(
        seg.PerFrameFunctionalGroupsSequence, itertools.cycle((0, 2.5, 4.1, 9.7)), strict=False
    ):
        group.PlanePositionSequence[0].ImagePositionPatient = [0, 0, z]


def unnamed(seg):
    del seg.SegmentSequence[-1]


def fewer_frames(seg):
    del seg.PerFrameFunctionalGroupsSequence[-1]


def without_pixels(seg):
    del seg.PixelData


def too_few_pixels(seg):
    seg.PixelData = seg.PixelData[: len(seg.PixelData) // 2]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (without_places, "does not say where its labels lie"),
        (irregular, "do not lie regularly, from 1.6 to 5.6 mm apart"),
        (unnamed, "has labels of a class that it does not name"),
        (fewer_frames, "announces 21 frames and describes 20"),
        (without_pixels, "ends before the labels"),
        (too_few_pixels, "is cut off or damaged"),
    ],
)
def test_damaged_segmentations_are_refused_in_a_sentence(broken_segmentation, change, said):
    with pytest.raises(ValueError, match=said):
        read_labels(broken_segmentation(change))
