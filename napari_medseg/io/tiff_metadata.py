"""What TIFF files say of themselves: spacing in mm, how to decode them, what else is inside."""

from __future__ import annotations

import logging
import threading
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from napari_medseg.io.classes import ClassName, classes_in
from napari_medseg.io.errors import UnusableFile, broken, explained
from napari_medseg.io.units import in_mm


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Open a file with tifffile, whose remarks on odd files stay out of the terminal.

    Yields
    ------
    tifffile.TiffFile
        The open file.

    Raises
    ------
    UnusableFile
        If it is damaged, also where tifffile itself goes on without the pages that are missing.
    OSError
        If it cannot be read.
    """
    import tifffile

    remarks = _MissingPages()
    logger = logging.getLogger("tifffile")
    logger.addHandler(remarks)
    try:
        with explained(path), tifffile.TiffFile(path) as tif:
            yield tif
    finally:
        logger.removeHandler(remarks)
    if remarks.found:
        raise broken(path, "is cut off or damaged: pages are missing")


class _MissingPages(logging.Handler):
    """Notices tifffile saying, in this thread, that a page lies beyond the file's end."""

    def __init__(self) -> None:
        super().__init__()
        self.found = False
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self.found |= "invalid page offset" in record.getMessage()


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
    if tif.is_svs:
        return _from_svs(tif)
    return None


def stated_classes(tif: Any) -> tuple[ClassName, ...] | None:
    """Return the classes that an open file of labels names; None where it says nothing of labels.

    `write_tiff` keeps them where ImageJ has the information of an image.
    """
    said = (tif.imagej_metadata or {}).get("Info") if tif.is_imagej else None
    return classes_in(said) if isinstance(said, str) else None


def decodable(page: Any) -> bool:
    """Whether tifffile can decode the page, by itself or with imagecodecs."""
    from tifffile import TIFF

    try:
        TIFF.DECOMPRESSORS[page.compression], TIFF.UNPREDICTORS[page.predictor]
    except KeyError:
        return False
    return True


def is_jpeg_colour(page: Any) -> bool:
    """Whether a page is JPEG in its own colours (YCbCr), which is decoded to RGB."""
    return bool(page.photometric == 6 and page.compression == 7)


def undecodable(path: Path, page: Any) -> UnusableFile:
    """Return what to say of a file whose compression nothing here can decode."""
    name = getattr(page.compression, "name", str(page.compression))
    if find_spec("imagecodecs") is None:
        way_out = "needs the package imagecodecs: install it with 'pip install imagecodecs'"
    else:
        way_out = "cannot be decoded here; save it uncompressed or with deflate or LZW"
    return UnusableFile(f"{path.name} has the compression {name}, which {way_out}")


def left_out(tif: Any) -> tuple[str, ...]:
    """Return a note if there are more images in the file than the first."""
    more = len(tif.series) - 1
    if not more:
        return ()
    one = "1 more image (such as a thumbnail, a label or a page of another size) is"
    many = f"{more} more images (such as thumbnails, labels or pages of another size) are"
    return (f"only the first image of the file is read; {one if more == 1 else many} left out",)


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


def _from_svs(tif: Any) -> tuple[float, float, float] | None:
    """Read what Aperio's scanners write into the first page's description."""
    from tifffile.tifffile import svs_description_metadata

    microns = svs_description_metadata(tif.pages[0].description).get("MPP")
    size = in_mm(microns, "µm")
    return _all(1.0, size, size)


def _all(
    depth: float | None, height: float | None, width: float | None
) -> tuple[float, float, float] | None:
    if depth is None or height is None or width is None:
        return None
    return depth, height, width
