"""The values of DICOM frames: decoded by pydicom's plug-ins, as the scanner meant them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.io.dicom.headers import Frame, quiet
from napari_medseg.io.errors import UnusableFile, broken, explained
from napari_medseg.progress import Report, Step, silent

_PLUGINS = {  # what decodes the compressed forms of pixels, by words of the form's name
    "HTJ2K": "pylibjpeg-openjpeg",
    "High-Throughput": "pylibjpeg-openjpeg",
    "JPEG 2000": "pylibjpeg-openjpeg",
    "JPEG-LS": "pyjpegls",
    "JPEG": "python-gdcm",
}


def read_frames(frames: Sequence[Frame], report: Report = silent) -> np.ndarray:
    """Read the frames of a series.

    Parameters
    ----------
    frames : sequence of Frame
        Of one size.
    report : Report
        Called before each file.

    Returns
    -------
    ndarray
        ``(C, N, rows, columns)``; Hounsfield units for CT, three channels for colours. Whole
        numbers stay whole; MONOCHROME1 is turned so that bright is much.

    Raises
    ------
    UnusableFile
        If a file cannot be decoded; the message names the plug-in that would, or what is wrong.
    """
    values: list[np.ndarray] = [np.zeros(0)] * len(frames)
    wanted: dict[Path, list[int]] = {}
    for i, frame in enumerate(frames):
        wanted.setdefault(frame.header.path, []).append(i)
    for done, (path, places) in enumerate(wanted.items()):
        report(Step(done, len(wanted), "file"))
        stored = _decoded(path)
        tags = frames[places[0]].header.tags
        count = int(tags.get("NumberOfFrames") or 1)
        alone = count == 1 and stored.shape[:2] == (int(tags.Rows), int(tags.Columns))
        pictures = stored[None] if alone else stored
        if len(pictures) < count:
            raise broken(path, f"announces {count} frames and holds {len(pictures)}")
        for i in places:
            values[i] = _scaled(frames[i], pictures[frames[i].index])
    kind = np.result_type(*(one.dtype for one in values))
    first = values[0]
    out = np.empty((*first.shape[2:], len(frames), *first.shape[:2]), kind)
    out = out if first.ndim == 3 else out[None]
    for i, one in enumerate(values):
        if one.shape != first.shape:
            raise broken(frames[i].header.path, f"is {one.shape} and not {first.shape}")
        out[:, i] = np.moveaxis(one, -1, 0) if one.ndim == 3 else one
    return out


def same_pixels(first: Frame, second: Frame) -> bool:
    """Whether two frames hold the same stored values."""
    one, other = _decoded(first.header.path), _decoded(second.header.path)
    many = int(first.header.tags.get("NumberOfFrames") or 1) > 1
    if many:
        one, other = one[first.index], other[second.index]
    return one.shape == other.shape and bool((one == other).all())


def _decoded(path: Path) -> np.ndarray:
    from pydicom import dcmread
    from pydicom.pixels.processing import apply_color_lut
    from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

    with explained(path), quiet():
        dataset = dcmread(path, force=True)
        _refuse(path, dataset)
        if "TransferSyntaxUID" not in dataset.file_meta:  # older than the rules for files
            implicit, _little = dataset.original_encoding
            form = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
            dataset.file_meta.TransferSyntaxUID = form
        try:
            stored = np.asarray(dataset.pixel_array)
        except (NotImplementedError, RuntimeError) as error:
            raise _undecodable(path, dataset) from error
        except (ValueError, AttributeError) as error:
            raise broken(path, "is cut off or damaged: it holds too few pixels") from error
        if dataset.get("PhotometricInterpretation") == "PALETTE COLOR":
            stored = apply_color_lut(stored, dataset)
            if stored.dtype == np.uint16:  # palettes hold 16 bits for the 8 a screen shows
                stored = (stored >> 8).astype(np.uint8)
        # numpy's own byte order: torch and most of the field's code know no other
        return stored.astype(stored.dtype.newbyteorder("="), copy=False)


def _refuse(path: Path, dataset: Any) -> None:
    pixels = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
    if any(keyword in dataset for keyword in pixels):
        return
    if "EncryptedAttributesSequence" in dataset:
        raise UnusableFile(f"{path.name} is encrypted; ask its sender for a readable copy")
    if "PixelDataProviderURL" in dataset:
        raise UnusableFile(f"{path.name} only refers to pixels on a server; fetch the series first")
    raise broken(path, "describes an image but holds no pixels")


def _undecodable(path: Path, dataset: Any) -> UnusableFile:
    """Return the error of pixels in a form that no plug-in here decodes."""
    from pydicom.uid import UID

    uid = UID(str(dataset.file_meta.get("TransferSyntaxUID", "")))
    if not uid.is_transfer_syntax:
        return UnusableFile(
            f"the pixels of {path.name} are stored in a form that DICOM does not know, {uid}; "
            "export the series again, uncompressed"
        )
    if not uid.is_compressed:
        return broken(path, "is cut off or damaged: its pixels cannot be decoded")
    plugin = next((tool for word, tool in _PLUGINS.items() if word in uid.name), "")
    if plugin and not _has(plugin):
        return UnusableFile(
            f"the pixels of {path.name} are compressed as {uid.name}; "
            f"install the plug-in for it (pip install {plugin})"
        )
    return UnusableFile(
        f"the pixels of {path.name}, compressed as {uid.name}, cannot be decoded; "
        "the file is damaged, or it needs to be exported uncompressed"
    )


def _has(distribution: str) -> bool:
    from importlib.metadata import PackageNotFoundError, version

    try:
        version(distribution)
    except PackageNotFoundError:
        return False
    return True


def _scaled(frame: Frame, stored: np.ndarray) -> np.ndarray:
    """Turn stored values into values; in the smallest type of whole numbers if they are whole."""
    tags = frame.header.tags
    if tags.get("PhotometricInterpretation") == "MONOCHROME1" and stored.dtype.kind in "ui":
        signed = stored.dtype.kind == "i"
        top = -1 if signed else (1 << int(tags.get("BitsStored") or 8 * stored.itemsize)) - 1
        stored = (top - stored.astype(np.int64)).astype(stored.dtype)
    if (frame.slope, frame.intercept) == (1.0, 0.0):
        return stored
    if frame.slope.is_integer() and frame.intercept.is_integer() and stored.dtype.kind in "ui":
        whole = stored.astype(np.int64) * int(frame.slope) + int(frame.intercept)
        limits = np.iinfo(np.int16)
        fits = whole.min() >= limits.min and whole.max() <= limits.max
        return whole.astype(np.int16 if fits else np.int32)
    return (stored * frame.slope + frame.intercept).astype(np.float32)
