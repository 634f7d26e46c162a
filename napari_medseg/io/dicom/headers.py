"""What the header of a DICOM file says about its frames, without the pixels."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.io.errors import UnusableFile, broken, explained

SEGMENTATIONS = (
    "1.2.840.10008.5.1.4.1.1.66.4",
    "1.2.840.10008.5.1.4.1.1.66.7",
)  # binary, label map
_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"  # whole slide microscopy: tiles of a large picture
# fmt: off
_HEADER_TAGS = [  # all that is looked at before the pixels
    "SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID",
    "FrameOfReferenceUID", "Modality", "SeriesDescription", "SeriesNumber", "ProtocolName",
    "InstanceNumber", "AcquisitionNumber", "ImageType", "EchoNumbers", "EchoTime",
    "TemporalPositionIdentifier", "TriggerTime", "DiffusionBValue", "ContentTime",
    "AcquisitionTime", "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel",
    "PhotometricInterpretation", "BitsStored", "PixelRepresentation", "PixelSpacing",
    "ImagerPixelSpacing", "NominalScannedPixelSpacing", "SliceThickness",
    "SpacingBetweenSlices", "ImagePositionPatient", "ImageOrientationPatient", "RescaleSlope",
    "RescaleIntercept", "RescaleType", "ModalityLUTSequence", "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence", "SequenceOfUltrasoundRegions",
]
# fmt: on


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of a file, and where it was taken.

    Parameters
    ----------
    header : Header
        Of its file.
    index : int
        Which frame of the file.
    position, rows, columns : ndarray or None
        In DICOM's patient axes (LPS, mm): the centre of the first pixel, and the directions in
        which the column index and the row index grow. None where the file does not say.
    spacing : tuple of float or None
        Distance of rows and of columns, mm.
    thickness, apart : float or None
        Of its slice, and to the next one as stated, mm.
    slope, intercept : float
        Stored value to value.
    kind : tuple
        What else tells frames of one place apart: echo, time, b-value, ...
    """

    header: Header
    index: int
    position: np.ndarray | None
    rows: np.ndarray | None
    columns: np.ndarray | None
    spacing: tuple[float, float] | None
    thickness: float | None
    apart: float | None
    slope: float
    intercept: float
    kind: tuple[tuple[str, str], ...]

    @property
    def placed(self) -> bool:
        """Whether the file says where the frame lies in the patient."""
        return self.position is not None and self.rows is not None and self.spacing is not None


@dataclass(frozen=True, eq=False)
class Header:
    """A DICOM file without its pixels.

    Parameters
    ----------
    path : Path
        The file.
    tags : pydicom.Dataset
        What its header says.
    """

    path: Path
    tags: Any

    @property
    def has_pixels(self) -> bool:
        """Whether it is a picture at all; reports, plans and measurements are not."""
        return "Rows" in self.tags and "Columns" in self.tags

    @property
    def is_segmentation(self) -> bool:
        """Whether it holds labels of another image."""
        return str(self.tags.get("SOPClassUID", "")) in SEGMENTATIONS

    @property
    def is_slide(self) -> bool:
        """Whether its frames are tiles of a microscope's picture."""
        return str(self.tags.get("SOPClassUID", "")) == _SLIDE

    def text(self, keyword: str) -> str:
        """Return a tag as text, "" if it is not there."""
        value = self.tags.get(keyword)
        return "" if value is None else str(value).strip()

    def frames(self) -> list[Frame]:
        """Return its frames in the order of the file.

        Raises
        ------
        UnusableFile
            If what it says about them cannot be.
        """
        with explained(self.path), quiet():
            count = int(self.tags.get("NumberOfFrames") or 1)
            shared = _first(self.tags, "SharedFunctionalGroupsSequence")
            each = self.tags.get("PerFrameFunctionalGroupsSequence") or []
            if each and len(each) != count:
                raise broken(self.path, f"announces {count} frames and describes {len(each)}")
            return [self._frame(i, each[i] if each else None, shared) for i in range(count)]

    def _frame(self, index: int, own: Any, shared: Any) -> Frame:
        groups = (own, shared, self.tags)
        at = value_in(groups, "PlanePositionSequence", "ImagePositionPatient")
        turn = value_in(groups, "PlaneOrientationSequence", "ImageOrientationPatient")
        position, cosines = _vector(at, 3), _vector(turn, 6)
        if position is not None and not np.isfinite(position).all():
            raise broken(self.path, "gives a place that is no number")
        slope = value_in(groups, "PixelValueTransformationSequence", "RescaleSlope")
        intercept = value_in(groups, "PixelValueTransformationSequence", "RescaleIntercept")
        rows, columns = (None, None) if cosines is None else _directions(self.path, cosines)
        return Frame(
            header=self,
            index=index,
            position=position,
            rows=rows,
            columns=columns,
            spacing=self._spacing(groups),
            thickness=_length(value_in(groups, "PixelMeasuresSequence", "SliceThickness")),
            apart=_length(value_in(groups, "PixelMeasuresSequence", "SpacingBetweenSlices")),
            slope=1.0 if slope in (None, "") else float(slope),
            intercept=0.0 if intercept in (None, "") else float(intercept),
            kind=self._kind(own),
        )

    def _spacing(self, groups: tuple[Any, ...]) -> tuple[float, float] | None:
        """Return the distance of rows and of columns where the file says it."""
        found = _vector(value_in(groups, "PixelMeasuresSequence", "PixelSpacing"), 2)
        for keyword in ("ImagerPixelSpacing", "NominalScannedPixelSpacing"):
            found = _vector(self.tags.get(keyword), 2) if found is None else found
        if found is None:
            return _ultrasound_spacing(self.tags)
        if not (np.isfinite(found).all() and found.min() > 0):
            raise broken(self.path, f"has the pixel spacing {found[0]:g} x {found[1]:g} mm")
        return float(found[0]), float(found[1])

    def _kind(self, own: Any) -> tuple[tuple[str, str], ...]:
        words = {
            "echo": value_in((own, self.tags), "MREchoSequence", "EffectiveEchoTime")
            or self.tags.get("EchoTime"),
            "time": value_in((own, self.tags), "FrameContentSequence", "TemporalPositionIndex")
            or self.tags.get("TemporalPositionIdentifier"),
            "b": value_in((own, self.tags), "MRDiffusionSequence", "DiffusionBValue"),
            "stack": value_in((own, None), "FrameContentSequence", "StackID"),
            "trigger": self.tags.get("TriggerTime"),
            "acquisition": self.tags.get("AcquisitionNumber"),
            "type": self.tags.get("ImageType"),
        }
        return tuple((word, str(v)) for word, v in words.items() if v not in (None, ""))


def is_segmentation(path: Path) -> bool:
    """Whether a DICOM file holds labels of another image."""
    return read_header(path).is_segmentation


def read_header(path: Path) -> Header:
    """Read what a DICOM file says about its frames.

    Raises
    ------
    UnusableFile
        If it is no DICOM file, or is damaged.
    OSError
        If it cannot be read.
    """
    from pydicom import dcmread

    with explained(path), quiet():
        tags = dcmread(path, stop_before_pixels=True, force=True, specific_tags=_HEADER_TAGS)
        if "SOPClassUID" not in tags and "Rows" not in tags:
            raise broken(path, "is not a whole DICOM file")
        list(tags)  # values are made from bytes when first looked at: here, where it may complain
        return Header(path, tags)


@contextmanager
def quiet() -> Iterator[None]:
    """Silence the reader's remarks about values that break rules of DICOM nobody is hurt by."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _directions(path: Path, cosines: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = cosines[:3], cosines[3:]
    lengths = np.linalg.norm(rows), np.linalg.norm(columns)
    if not np.allclose(lengths, 1, atol=0.01) or abs(rows @ columns) > 0.01:
        raise UnusableFile(
            f"{path.name} gives its picture the impossible orientation "
            f"{np.round(cosines, 3).tolist()}; export it again from the scanner or archive"
        )
    return rows / lengths[0], columns / lengths[1]


def value_in(groups: tuple[Any, ...], sequence: str, keyword: str) -> Any:
    """Return a value from the first of the groups that has it, in a sequence or bare."""
    for group in groups:
        if group is None:
            continue
        item = _first(group, sequence)
        if item is not None and item.get(keyword) is not None:
            return item.get(keyword)
        if group.get(keyword) is not None:
            return group.get(keyword)
    return None


def _first(tags: Any, sequence: str) -> Any:
    items = tags.get(sequence)
    return items[0] if items else None


def _vector(value: Any, length: int) -> np.ndarray | None:
    if value is None or value == "" or len(value) != length:
        return None
    return np.array([float(v) for v in value])


def _length(value: Any) -> float | None:
    """Return a length that can be one; None for nothing, 0 and what is no number."""
    length = abs(float(value)) if value not in (None, "") else 0.0
    return length if 0 < length < np.inf else None


def _ultrasound_spacing(tags: Any) -> tuple[float, float] | None:
    """Return the pixel size of an ultrasound picture if all its regions agree on one (cm)."""
    found = set()
    for region in tags.get("SequenceOfUltrasoundRegions") or []:
        units = region.get("PhysicalUnitsXDirection"), region.get("PhysicalUnitsYDirection")
        if units == (3, 3):
            steps = region.get("PhysicalDeltaY"), region.get("PhysicalDeltaX")
            found.add(tuple(round(abs(float(s or 0)) * 10, 6) for s in steps))
    spacing = found.pop() if len(found) == 1 else (0.0, 0.0)
    return (spacing[0], spacing[1]) if min(spacing) > 0 else None
