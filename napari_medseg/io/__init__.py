"""Images and labels in and out, geometry kept; no torch."""

from __future__ import annotations

from napari_medseg.io.atomic import atomic_path
from napari_medseg.io.datasets import CaseFiles, find_cases
from napari_medseg.io.layouts import DatasetInfo, DatasetLayout, dataset_info
from napari_medseg.io.ome_zarr_labels import create_labels, finish_pyramid, open_labels
from napari_medseg.io.paths import image_stem, is_image_path
from napari_medseg.io.pyramid import Pyramid, open_pyramid
from napari_medseg.io.reading import check_same_grid, read_labels, read_volume
from napari_medseg.io.writing import write_image, write_labels

__all__ = [
    "CaseFiles",
    "DatasetInfo",
    "DatasetLayout",
    "Pyramid",
    "atomic_path",
    "check_same_grid",
    "create_labels",
    "dataset_info",
    "find_cases",
    "finish_pyramid",
    "image_stem",
    "is_image_path",
    "open_labels",
    "open_pyramid",
    "read_labels",
    "read_volume",
    "write_image",
    "write_labels",
]
