"""A DICOM series as a `Volume`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_medseg.io.dicom.headers import Header, read_header
from napari_medseg.io.dicom.pixels import read_frames
from napari_medseg.io.dicom.place import place
from napari_medseg.io.dicom.series import Series, find_series, series_of
from napari_medseg.io.errors import UnusableFile, broken
from napari_medseg.io.orientation import canonical_order, index_map
from napari_medseg.progress import Report, silent
from napari_medseg.volume import Storage, Volume

_DIRECTORY = "1.2.840.10008.1.3.10"  # of the kind of a DICOMDIR


def read_dicom(path: Path, report: Report = silent) -> Volume:
    """Read the series in a folder, or the one a file belongs to.

    Parameters
    ----------
    path : Path
        A folder with one series, or any file of a series among the files beside it.
    report : Report
        Called before each file.

    Returns
    -------
    Volume
        ``(C, D, H, W)``, or ``(C, H, W)`` for a picture that is no slice; mm.

    Raises
    ------
    UnusableFile
        If there is no image, there are several (the message names a file of each), or the slices
        make no regular grid.
    OSError
        If something cannot be read.
    """
    found = find_series(path, report) if path.is_dir() else _of_file(path)
    if not found:
        raise UnusableFile(f"{path.name} holds no DICOM image; choose the folder of a series")
    if path.is_file():
        found = [series for series in found if path in series.files]
    if len(found) > 1:
        lines = "; ".join(f"{s.words}: {s.files[0].name}" for s in found[:8])
        more = f"; and {len(found) - 8} more" if len(found) > 8 else ""
        raise UnusableFile(
            f"{path.name} holds {len(found)} series; choose one by one of its files: {lines}{more}"
        )
    return read_series(found[0], report)


def read_series(series: Series, report: Report = silent) -> Volume:
    """Read one series; see `read_dicom`."""
    if series.header.is_slide:
        raise UnusableFile(
            f"{series.header.path.name} is a microscope slide in tiles, which is not read; "
            "export it as OME-TIFF"
        )
    try:
        placed = place(series.frames, series.name)
    except UnusableFile as error:  # a slice that is missing may lie damaged beside the others
        raise UnusableFile("; ".join((str(error), *series.notes))) from error
    values = read_frames(placed.frames, report)
    head = placed.frames[0]
    picture = len(placed.frames) == 1 and not head.placed
    axes, flips = ((0, 1, 2), (False,) * 3) if picture else canonical_order(placed.affine)
    to_file = index_map(axes, flips, values.shape[1:])
    world = placed.affine @ to_file
    storage = Storage(
        axes=axes,
        flips=flips,
        affine=placed.affine,
        path=str(series.files[0]),
        format="dicom",
        header={
            "slices": [(str(frame.header.path), frame.index) for frame in placed.frames],
            "modality": series.header.text("Modality"),
        },
    )
    array = np.stack([np.ascontiguousarray(storage.to_canonical(c)) for c in values])
    spacing = tuple(float(f"{s:.6g}") for s in np.linalg.norm(world[:3, :3], axis=0))
    if picture:
        array, spacing = array[:, 0], spacing[1:]
        storage = Storage((0, 1), (False, False), placed.affine, *_rest(storage))
    return Volume(
        array=array,
        spacing=spacing,
        affine=world,
        spacing_known=placed.known,
        storage=storage,
        name=series.name,
        channels=("red", "green", "blue") if len(array) == 3 else (),
        notes=(*series.notes, *placed.notes),
    )


def _rest(storage: Storage) -> tuple[str, str, dict[str, object]]:
    return storage.path, storage.format, storage.header


def _of_file(path: Path) -> list[Series]:
    header = read_header(path)
    if header.is_segmentation:
        raise UnusableFile(
            f"{path.name} is a DICOM segmentation, labels of another image: open it as labels"
        )
    if not header.has_pixels:
        raise _no_picture(header)
    return series_of(path)


def _no_picture(header: Header) -> UnusableFile:
    """Return the error of a DICOM file that shows nothing."""
    from pydicom.uid import UID

    path, kind = header.path, header.text("SOPClassUID")
    if kind == _DIRECTORY:
        return UnusableFile(f"{path.name} is a table of contents; open the folder it lies in")
    if UID(kind).name.endswith("Image Storage"):
        return broken(path, "is cut off: it ends before its image")
    modality = header.text("Modality") or "something else"
    return UnusableFile(f"{path.name} holds no image but {modality}; choose the files of an image")
