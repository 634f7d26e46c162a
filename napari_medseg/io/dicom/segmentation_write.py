"""DICOM segmentations (SEG) out, by highdicom: references to the very slices they lie on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.io.classes import ClassName
from napari_medseg.io.dicom.headers import quiet
from napari_medseg.volume import Storage, Volume

_LARGEST = 2**28  # bytes; above, frames in which a class has no voxel are left out
_FEWEST = 8  # pixels of a frame; highdicom packs smaller ones so that no reader finds them
_REQUIRED = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
)
_TISSUE = ("85756007", "SCT", "Tissue")  # what is said of a class whose kind nobody has coded


def write_segmentation(
    path: Path, labels: np.ndarray, like: Volume, classes: Sequence[ClassName], made_by: str
) -> None:
    """Write labels as a DICOM segmentation that refers to the images they belong to.

    Parameters
    ----------
    path : Path
        The file.
    labels : ndarray
        ``(D, H, W)`` or ``(H, W)``, whole numbers.
    like : Volume
        The image, read from DICOM files that are still there.
    classes : sequence of ClassName
        Names and colours of the values; the others are called "class 3".
    made_by : str
        A model and its version; empty for what a person drew.

    Raises
    ------
    ValueError
        If the image is none of DICOM's, its slices are tiny, or the labels are empty.
    OSError
        If its files are gone, or the file cannot be written.
    """
    import highdicom as hd
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    from napari_medseg import __version__

    storage, slices = _source(like)
    values = [int(v) for v in np.unique(labels) if v]
    if not values:
        raise ValueError("there is no label to write, and DICOM has no empty segmentations")
    numbers = _numbered(storage.to_stored(labels), values)
    with quiet():
        images = _images(storage, slices)
        if len(images) == 1 and len(slices) > 1:  # frames of one file, in its own order
            numbers = numbers[np.argsort([index for _, index in slices])]
        seg = hd.seg.Segmentation(
            source_images=images,
            pixel_array=numbers,
            segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
            segment_descriptions=[
                _description(number, value, classes, made_by)
                for number, value in enumerate(values, start=1)
            ],
            series_instance_uid=generate_uid(),
            series_number=int(images[0].get("SeriesNumber") or 0) + 100,
            sop_instance_uid=generate_uid(),
            instance_number=1,
            manufacturer="napari-medseg",
            manufacturer_model_name="napari-medseg",
            software_versions=__version__,
            device_serial_number="none",
            transfer_syntax_uid=ExplicitVRLittleEndian,
            omit_empty_frames=numbers.size * len(values) // 8 > _LARGEST,
            series_description=f"Labels of {like.name}"[:64],
        )
        seg.save_as(path, enforce_file_format=True)


def _source(like: Volume) -> tuple[Storage, Sequence[tuple[str, int]]]:
    """Return how an image lies in its DICOM files: of each slice its file and its frame there."""
    slices = like.storage.header.get("slices") if like.storage else None
    if like.storage is None or not slices:
        raise ValueError(
            f"a DICOM segmentation refers to the DICOM images it belongs to, and "
            f"'{like.name}' was read from none; use .nii.gz"
        )
    return like.storage, slices


def _images(storage: Storage, slices: Sequence[tuple[str, int]]) -> list[Any]:
    """Read the headers of an image's files, each once, and complete them."""
    from pydicom import dcmread
    from pydicom.uid import generate_uid

    frame = generate_uid()  # for images that name no frame of reference
    apart = _apart(np.asarray(storage.affine))
    files = dict.fromkeys(file for file, _ in slices)
    return [_completed(dcmread(file, stop_before_pixels=True), frame, apart) for file in files]


def _numbered(stored: np.ndarray, values: Sequence[int]) -> np.ndarray:
    """Return labels ``(slices, rows, columns)`` as numbers of segments: 1, 2, ... without gaps."""
    if np.prod(stored.shape[-2:]) < _FEWEST:
        raise ValueError(
            f"slices of {stored.shape[-2]} x {stored.shape[-1]} voxels are too small for a DICOM "
            "segmentation; use .nii.gz"
        )
    table = np.zeros(max(values) + 1, np.uint8 if len(values) < 256 else np.uint16)
    table[list(values)] = np.arange(1, len(values) + 1)
    numbers: np.ndarray = table[stored]
    return numbers if numbers.ndim == 3 else numbers[None]


def _apart(affine: np.ndarray) -> float:
    """Return the distance of slices along their normal, mm."""
    rows, columns = affine[:3, 1], affine[:3, 2]
    normal = np.cross(rows, columns)
    return abs(float(affine[:3, 0] @ normal)) / float(np.linalg.norm(normal))


def _completed(image: Any, frame: str, apart: float) -> Any:
    """Give an image what every one must have, be it empty; anonymising tools drop it.

    The distance of its slices becomes that of their positions, whatever its header says: it is
    copied into the segmentation, and readers refuse positions that do not fit it.
    """
    if "FrameOfReferenceUID" not in image:
        image.FrameOfReferenceUID = frame
    for keyword in _REQUIRED:
        if keyword not in image:
            setattr(image, keyword, "")
    measures = image
    if "PerFrameFunctionalGroupsSequence" in image:
        measures = _shared(image, "PixelMeasuresSequence")
        _shared(image, "PlaneOrientationSequence")
    measures.SpacingBetweenSlices = f"{apart:.10g}"
    if "SliceThickness" not in measures:
        measures.SliceThickness = measures.SpacingBetweenSlices
    return image


def _shared(image: Any, keyword: str) -> Any:
    """Return what all frames have in common, from the first if each says it for itself."""
    shared = image.SharedFunctionalGroupsSequence[0]
    if keyword not in shared:
        setattr(shared, keyword, image.PerFrameFunctionalGroupsSequence[0][keyword].value)
    return shared[keyword].value[0]


def _description(number: int, value: int, classes: Sequence[ClassName], made_by: str) -> Any:
    import highdicom as hd

    named = next((c for c in classes if c.value == value), ClassName(value, f"class {value}"))
    concept = hd.sr.CodedConcept(*_TISSUE)
    algorithm, kind = None, hd.seg.SegmentAlgorithmTypeValues.MANUAL
    if made_by:
        kind = hd.seg.SegmentAlgorithmTypeValues.SEMIAUTOMATIC
        family = hd.sr.CodedConcept("123110", "DCM", "Artificial Intelligence")
        algorithm = hd.AlgorithmIdentificationSequence(made_by[:64], family, made_by[:64])
    colour = None
    if named.colour:
        colour = hd.color.CIELabColor.from_rgb(*bytes.fromhex(named.colour.lstrip("#")))
    return hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=named.name[:64],
        segmented_property_category=concept,
        segmented_property_type=concept,
        algorithm_type=kind,
        algorithm_identification=algorithm,
        tracking_id=f"class {value}",
        tracking_uid=hd.UID(),
        display_color=colour,
    )
