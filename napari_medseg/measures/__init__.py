"""Measures of classes and objects: sizes, diameters, grey values, and surfaces as meshes."""

from __future__ import annotations

from napari_medseg.measures.diameters import SliceDiameters, longest_diameter, slice_diameters
from napari_medseg.measures.files import write_csv, write_surface
from napari_medseg.measures.measuring import mask_of, measure
from napari_medseg.measures.surface import surface_area, surface_mesh
from napari_medseg.measures.table import Column, GreyValues, Measure, Measures

__all__ = [
    "Column",
    "GreyValues",
    "Measure",
    "Measures",
    "SliceDiameters",
    "longest_diameter",
    "mask_of",
    "measure",
    "slice_diameters",
    "surface_area",
    "surface_mesh",
    "write_csv",
    "write_surface",
]
