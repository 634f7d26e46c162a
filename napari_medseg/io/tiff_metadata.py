"""The spacing that ImageJ and OME-TIFF files state, in mm."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

from napari_medseg.io.units import in_mm


def stated_spacing(tif: Any) -> tuple[float, float, float] | None:
    """Return the steps of slices, rows and columns in mm, None unless all are given.

    Parameters
    ----------
    tif : tifffile.TiffFile
        An open file. The slice step of a single slice is 1.
    """
    if tif.is_ome and tif.ome_metadata:
        return _from_ome(tif.ome_metadata)
    if tif.is_imagej and tif.imagej_metadata:
        return _from_imagej(tif)
    return None


def _from_ome(text: str) -> tuple[float, float, float] | None:
    try:
        root = ET.fromstring(text)
    except ET.ParseError:
        return None
    pixels = next((node for node in root.iter() if node.tag.endswith("Pixels")), None)
    if pixels is None:
        return None
    depth = in_mm(pixels.get("PhysicalSizeZ"), pixels.get("PhysicalSizeZUnit", "µm"))
    if pixels.get("SizeZ", "1") == "1":
        depth = depth or 1.0
    height = in_mm(pixels.get("PhysicalSizeY"), pixels.get("PhysicalSizeYUnit", "µm"))
    width = in_mm(pixels.get("PhysicalSizeX"), pixels.get("PhysicalSizeXUnit", "µm"))
    return _all(depth, height, width)


def _from_imagej(tif: Any) -> tuple[float, float, float] | None:
    metadata, tags = tif.imagej_metadata, tif.pages[0].tags
    unit = str(metadata.get("unit", ""))
    depth = in_mm(metadata.get("spacing"), unit)
    if int(metadata.get("slices", 1)) == 1 and int(metadata.get("frames", 1)) == 1:
        depth = depth or 1.0
    over, under = tags.valueof("YResolution", (0, 1))
    height = in_mm(under / over if over else None, unit)
    over, under = tags.valueof("XResolution", (0, 1))
    width = in_mm(under / over if over else None, unit)
    return _all(depth, height, width)


def _all(
    depth: float | None, height: float | None, width: float | None
) -> tuple[float, float, float] | None:
    if depth is None or height is None or width is None:
        return None
    return depth, height, width
