"""DICOM in: series found in folders, slices put where they were taken, values as they were meant.

pydicom and its plug-ins decode; the order, the geometry and the words are ours.
"""

from __future__ import annotations

from napari_medseg.io.dicom.headers import is_segmentation
from napari_medseg.io.dicom.reading import read_dicom, read_series
from napari_medseg.io.dicom.segmentation import read_segmentation
from napari_medseg.io.dicom.segmentation_write import write_segmentation
from napari_medseg.io.dicom.series import Series, find_series, series_of
from napari_medseg.io.paths import is_dicom

__all__ = [
    "Series",
    "find_series",
    "is_dicom",
    "is_segmentation",
    "read_dicom",
    "read_segmentation",
    "read_series",
    "series_of",
    "write_segmentation",
]
