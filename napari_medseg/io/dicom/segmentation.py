"""DICOM segmentations (SEG) in and out, by highdicom: the same place, the same classes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.io.classes import ClassName, hex_colour
from napari_medseg.io.dicom.headers import quiet
from napari_medseg.io.errors import UnusableFile, explained
from napari_medseg.io.orientation import canonical_place
from napari_medseg.volume import Storage, Volume

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_HALF = 0.5  # from here on a voxel of a segmentation in fractions belongs to the class
_DEFLATED = ("1.2.840.10008.1.2.8.1",)  # deflated frames, newer than pydicom's list
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
_OUR_VALUE = re.compile(r"class (\d+)")
_TISSUE = ("85756007", "SCT", "Tissue")  # what is said of a class whose kind nobody has coded


def read_segmentation(path: Path) -> Volume:
    """Read a DICOM segmentation as labels.

    Parameters
    ----------
    path : Path
        A segmentation in bits, in fractions (from a half on a voxel belongs to the class) or a
        label map.

    Returns
    -------
    Volume
        ``(1, D, H, W)``; the number of a segment is its value. ``storage.header["classes"]`` has
        the names and colours. Slices without any label, which such files leave out, are background
        as far as the file says that they are there.

    Raises
    ------
    UnusableFile
        If it is damaged, or does not say where it lies.
    OSError
        If it cannot be read.
    """
    import highdicom as hd

    with explained(path), quiet():
        _refuse_form(path)
        seg = hd.seg.segread(path)
        if not _is_placed(seg):
            raise UnusableFile(
                f"{path.name} does not say where its labels lie in the patient; "
                "export it again, with its places, or as .nii.gz"
            )
        try:
            labels, affine, notes = _combined(seg)
        except RuntimeError as error:
            raise UnusableFile(
                f"the slices of {path.name} make no upright, regular grid (a tilted gantry, or "
                "gaps), which is not read from segmentations; export it as .nii.gz"
            ) from error
    affine = _LPS_TO_RAS @ affine
    axes, flips, to_file = canonical_place(affine, labels.shape)
    world = affine @ to_file
    storage = Storage(
        axes=axes,
        flips=flips,
        affine=affine,
        path=str(path),
        format="dicom",
        header={"classes": _classes(seg)},
    )
    return Volume(
        array=np.ascontiguousarray(storage.to_canonical(labels))[None],
        spacing=tuple(float(f"{s:.6g}") for s in np.linalg.norm(world[:3, :3], axis=0)),
        affine=world,
        storage=storage,
        name=str(seg.get("SeriesDescription") or path.stem),
        notes=notes,
    )


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
        If the image is none of DICOM's, or the labels are empty.
    OSError
        If its files are gone, or the file cannot be written.
    """
    import highdicom as hd
    from pydicom import dcmread
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    from napari_medseg import __version__

    slices = like.storage.header.get("slices") if like.storage else None
    if like.storage is None or not slices:
        raise ValueError(
            f"a DICOM segmentation refers to the DICOM images it belongs to, and "
            f"'{like.name}' was read from none; use .nii.gz"
        )
    values = [int(v) for v in np.unique(labels) if v]
    if not values:
        raise ValueError("there is no label to write, and DICOM has no empty segmentations")
    stored = like.storage.to_stored(labels)
    stored = stored if stored.ndim == 3 else stored[None]
    with quiet():
        files = list(dict.fromkeys(file for file, _ in slices))
        frame = generate_uid()  # for images that name no frame of reference
        apart = float(np.linalg.norm(np.asarray(like.storage.affine)[:3, 0]))
        images = [_completed(dcmread(file), frame, apart) for file in files]
        masks = np.stack([stored == value for value in values], axis=-1)
        if len(files) == 1 and len(slices) > 1:  # frames of one file, in its own order
            order = np.argsort([index for _, index in slices])
            masks = masks[order]
        seg = hd.seg.Segmentation(
            source_images=images,
            pixel_array=masks.astype(np.uint8),
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
            omit_empty_frames=False,
            series_description=f"Labels of {like.name}"[:64],
        )
        seg.save_as(path, enforce_file_format=True)


def _completed(image: Any, frame: str, apart: float) -> Any:
    """Give an image what every one must have, be it empty; anonymising tools drop it."""
    if "FrameOfReferenceUID" not in image:
        image.FrameOfReferenceUID = frame
    if "SliceThickness" not in image:
        image.SliceThickness = f"{apart:.6g}"
    for keyword in _REQUIRED:
        if keyword not in image:
            setattr(image, keyword, "")
    return image


def _refuse_form(path: Path) -> None:
    """Refuse the forms of pixels that nothing here decodes, of bits at least."""
    from pydicom import dcmread
    from pydicom.uid import UID, ExplicitVRBigEndian, RLELossless

    head = dcmread(path, stop_before_pixels=True, force=True)
    uid = UID(str(head.file_meta.get("TransferSyntaxUID", "")))
    bits = int(head.get("BitsAllocated") or 8) == 1
    if uid in (ExplicitVRBigEndian, *_DEFLATED) or (uid == RLELossless and bits):
        raise UnusableFile(
            f"{path.name} is stored as {uid.name}, in which segmentations cannot be read here; "
            "export it uncompressed (Explicit VR Little Endian)"
        )


def _is_placed(seg: Any) -> bool:
    shared = seg.get("SharedFunctionalGroupsSequence") or []
    frames = seg.get("PerFrameFunctionalGroupsSequence") or []
    placed = any("PlanePositionSequence" in group for group in (*shared[:1], *frames[:1]))
    return placed or "TotalPixelMatrixOriginSequence" in seg


def _combined(seg: Any) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Return one label image ``(slices, rows, columns)``, its place (LPS) and remarks."""
    import highdicom as hd

    if seg.segmentation_type != hd.seg.SegmentationTypeValues.FRACTIONAL:
        try:
            whole = seg.get_volume(combine_segments=True)
            return _numbered(np.asarray(whole.array), seg), np.asarray(whole.affine), ()
        except RuntimeError as error:
            if "overlap" not in str(error):
                raise
    numbers = [int(number) for number in seg.segment_numbers]
    single = seg.get_volume(segment_numbers=numbers, combine_segments=False)
    parts = np.asarray(single.array)
    values = [_value(item) for item in seg.SegmentSequence]
    labels = np.zeros(parts.shape[:3], np.min_scalar_type(max(values)))
    overlap = 0
    for i, value in enumerate(values):
        inside = parts[..., i] >= _HALF
        overlap += int(np.count_nonzero(labels[inside]))
        labels[inside] = value
    notes: tuple[str, ...] = ()
    if overlap:
        notes = (f"classes overlap in {overlap} voxels; the one named later is shown there",)
    return labels, np.asarray(single.affine), notes


def _numbered(labels: np.ndarray, seg: Any) -> np.ndarray:
    """Return labels with the values the classes had, not the numbers of their segments."""
    values = {int(item.SegmentNumber): _value(item) for item in seg.SegmentSequence}
    if all(number == value for number, value in values.items()):
        return labels
    table = np.arange(max(values) + 1, dtype=np.min_scalar_type(max(values.values())))
    for number, value in values.items():
        table[number] = value
    return np.asarray(table[labels])


def _value(item: Any) -> int:
    """Return the value of a segment: DICOM numbers them 1, 2, ... without gaps."""
    match = _OUR_VALUE.fullmatch(str(item.get("TrackingID", "")))
    return int(match[1]) if match else int(item.SegmentNumber)


def _classes(seg: Any) -> list[ClassName]:
    found = []
    for item in seg.SegmentSequence:
        colour = item.get("RecommendedDisplayCIELabValue")
        named = ClassName(_value(item), str(item.SegmentLabel), _rgb(colour))
        if named.value != 0:  # the background of label maps
            found.append(named)
    return found


def _rgb(lab: Any) -> str:
    if not lab:
        return ""
    import highdicom as hd

    rgb = hd.color.CIELabColor.from_dicom_value(tuple(lab)).to_rgb(clip=True)
    return hex_colour([part / 255 for part in rgb])


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
