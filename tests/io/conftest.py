"""Phantoms for the readers: volumes of no file, and DICOM as scanners write it, by pydicom."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import CTImageStorage, EnhancedMRImageStorage, ExplicitVRLittleEndian, generate_uid

from napari_medseg.volume import Volume

AXIAL = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))


@pytest.fixture
def make_volume():
    """Build a volume that came from no file."""

    def make(array, spacing=None, **fields):
        array = np.asarray(array)
        return Volume(array, spacing or (1.0,) * (array.ndim - 1), **fields)

    return make


@dataclass
class Scan:
    """A series to write: where its first pixel lies (LPS, mm), and how the slices follow."""

    values: np.ndarray  # (slices, rows, columns), stored values
    rows: Any = AXIAL[0]  # direction in which the column index grows
    columns: Any = AXIAL[1]
    step: Any = (0.0, 0.0, 2.5)
    origin: Any = (-10.0, 5.0, 30.0)
    spacing: tuple[float, float] = (0.8, 0.6)
    tags: dict[str, Any] = field(default_factory=dict)
    uid: str = field(default_factory=generate_uid)

    def position(self, index):
        return np.asarray(self.origin, float) + index * np.asarray(self.step, float)


def _dataset(path, scan, pixels):
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = scan.tags.get("SOPClassUID", CTImageStorage)
    meta.MediaStorageSOPInstanceUID = generate_uid()
    made = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    made.SOPClassUID = meta.MediaStorageSOPClassUID
    made.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    made.SeriesInstanceUID = scan.uid
    made.StudyInstanceUID = "1.2.3"
    made.FrameOfReferenceUID = "1.2.3.4"
    made.Modality = "CT"
    made.PatientID = "phantom"
    made.Rows, made.Columns = pixels.shape[-2:]
    made.SamplesPerPixel = 1
    made.PhotometricInterpretation = "MONOCHROME2"
    bits = 8 * pixels.itemsize
    made.BitsAllocated, made.BitsStored, made.HighBit = bits, bits, bits - 1
    made.PixelRepresentation = int(pixels.dtype.kind == "i")
    made.SliceThickness = 7.7  # a trap: it says nothing about where the slices lie
    made.PixelData = pixels.tobytes()
    return made


def _numbers(values):
    """Return numbers as DICOM's text holds them: at most 16 characters."""
    return [f"{float(v):.10g}"[:16] for v in values]


@pytest.fixture
def make_scan():
    """Describe a series to write; see `Scan`."""
    return Scan


@pytest.fixture
def write_series(tmp_path):
    """Write a `Scan` as one file a slice; names in any order."""

    def write(scan, folder="series", names=None, each=None):
        target = tmp_path / folder
        target.mkdir(parents=True, exist_ok=True)
        for i, pixels in enumerate(scan.values):
            path = target / (names[i] if names else f"IM{i:04d}")
            while path.exists():
                path = path.with_name(path.name + "x")
            made = _dataset(path, scan, pixels)
            made.InstanceNumber = i + 1
            made.ImagePositionPatient = _numbers(scan.position(i))
            made.ImageOrientationPatient = _numbers([*scan.rows, *scan.columns])
            made.PixelSpacing = _numbers(scan.spacing)
            for keyword, value in {**scan.tags, **(each(i) if each else {})}.items():
                if value is None:
                    delattr(made, keyword)
                else:
                    setattr(made, keyword, value)
            made.save_as(path, enforce_file_format=True)
        return target

    return write


@pytest.fixture
def write_enhanced(tmp_path):
    """Write a `Scan` as one enhanced multi-frame file, its frames in the order given."""

    def write(scan, order=None, name="enhanced.dcm", times=None):
        order = range(len(scan.values)) if order is None else order
        scan.tags.setdefault("SOPClassUID", EnhancedMRImageStorage)
        made = _dataset(tmp_path / name, scan, np.stack([scan.values[i] for i in order]))
        made.NumberOfFrames = len(order)
        shared, measures, orientation = Dataset(), Dataset(), Dataset()
        measures.PixelSpacing, measures.SliceThickness = _numbers(scan.spacing), "2.5"
        orientation.ImageOrientationPatient = _numbers([*scan.rows, *scan.columns])
        shared.PixelMeasuresSequence = Sequence([measures])
        shared.PlaneOrientationSequence = Sequence([orientation])
        frames = []
        for i in order:
            own, position, content, scale = Dataset(), Dataset(), Dataset(), Dataset()
            position.ImagePositionPatient = _numbers(scan.position(i if times is None else i // 2))
            own.PlanePositionSequence = Sequence([position])
            scale.RescaleSlope, scale.RescaleIntercept = "2", "-3"
            own.PixelValueTransformationSequence = Sequence([scale])
            if times is not None:
                content.TemporalPositionIndex = times[i]
            own.FrameContentSequence = Sequence([content])
            frames.append(own)
        made.SharedFunctionalGroupsSequence = Sequence([shared])
        made.PerFrameFunctionalGroupsSequence = Sequence(frames)
        made.save_as(tmp_path / name, enforce_file_format=True)
        return tmp_path / name

    return write
