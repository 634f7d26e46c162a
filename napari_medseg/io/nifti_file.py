"""The bytes of a NIfTI file: header and values as stored, or one sentence why not."""

from __future__ import annotations

import gzip
import logging
import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.io.classes import ClassName, classes_in
from napari_medseg.io.errors import UnusableFile, broken, explained
from napari_medseg.io.halves import halves_of

COMMENT = 6  # the standard's code of a header extension of free text
LABELS = 1002  # the standard's intent code: values are indices into a set of labels
_LARGEST_GZIP_RATIO = 1032  # deflate cannot shrink further, so a larger claim is a lie


@dataclass(frozen=True, eq=False)
class NiftiFile:
    """What a NIfTI file holds.

    Parameters
    ----------
    header : nibabel Nifti1Header or Nifti2Header
        As in the file, with nibabel's repairs.
    values : ndarray
        ``(*S_file, C)`` with two or three axes ``S_file``, slope and intercept applied.
    spacing_known : bool
        Whether a matrix or pixdim gives a voxel size; nibabel repairs zeros to 1.
    notes : tuple of str
        What a person should know about how it was read.
    """

    header: Any
    values: np.ndarray
    spacing_known: bool
    notes: tuple[str, ...] = ()


def load_nifti(path: Path) -> NiftiFile:
    """Read header and values of a NIfTI file.

    Parameters
    ----------
    path : Path
        An existing file, or one half of a pair; whether it is compressed is seen from its content.

    Returns
    -------
    NiftiFile
        Header and values.

    Raises
    ------
    ValueError
        If the file is broken, too short, complex-valued, or not an image.
    """
    header_path, data_path = halves_of(path)
    with explained(path), silent_nibabel(), ExitStack() as files:
        header = files.enter_context(_opened(header_path))
        data = header if data_path == header_path else files.enter_context(_opened(data_path))
        image = _image(path, header, data)
        shape = check_shape(path, image.header)
        _check_size(data_path, image)
        values = _values(path, image.dataobj)
        header.seek(0)
        steps = type(image.header).from_fileobj(header, check=False)["pixdim"][1 : len(shape) + 1]
    codes = image.header["sform_code"], image.header["qform_code"]
    known = max(codes) > 0 or bool((steps[:3] != 0).all())
    return NiftiFile(image.header, channels_last(values, shape), known)


def has_label_intent(path: Path) -> bool:
    """Whether the header of a NIfTI file or pair says that its values are labels.

    Raises
    ------
    ValueError
        If it has no header.
    OSError
        If it cannot be read.
    """
    import nibabel as nib

    header_path, _ = halves_of(path)
    with explained(path), silent_nibabel(), _opened(header_path) as file:
        start = file.read(nib.Nifti2Header.sizeof_hdr)
        second = start[4:8] in (b"n+2\0", b"ni2\0")
        kind: Any = nib.Nifti2Header if second else nib.Nifti1Header
        return int(kind(start[: kind.sizeof_hdr], check=False)["intent_code"]) == LABELS


def classes_of(header: Any) -> tuple[ClassName, ...]:
    """Return the classes that a comment of a NIfTI header names, as `write_nifti` writes them."""
    for extension in header.extensions:
        if extension.get_code() == COMMENT:
            text = bytes(extension.get_content()).rstrip(b"\0").decode("utf-8", "replace")
            found = classes_in(text)
            if found is not None:
                return found
    return ()


def _opened(path: Path) -> Any:
    opener: Any = gzip.open if _is_compressed(path) else open
    return opener(path, "rb")


def _is_compressed(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(2) == b"\x1f\x8b"


@contextmanager
def silent_nibabel() -> Iterator[None]:
    """Keep nibabel's remarks on odd headers, which it prints itself, out of the terminal."""
    from nibabel.imageglobals import logger

    def nothing(record: logging.LogRecord) -> bool:
        return False

    logger.addFilter(nothing)
    try:
        yield
    finally:
        logger.removeFilter(nothing)


def _image(path: Path, header: Any, data: Any) -> Any:
    """Return nibabel's image of an open file, or of the open halves of one."""
    import nibabel as nib
    from nibabel.fileholders import FileHolder

    start = header.read(348)
    header.seek(0)
    kinds: dict[bytes, Any] = {
        b"n+1\0": nib.Nifti1Image,
        b"n+2\0": nib.Nifti2Image,
        b"ni1\0": nib.Nifti1Pair,
        b"ni2\0": nib.Nifti2Pair,
    }
    for mark in (start[4:8], start[344:348]):
        if mark in kinds:
            files = {"header": FileHolder(fileobj=header), "image": FileHolder(fileobj=data)}
            return kinds[mark].from_file_map(files)
    if len(start) < 348 and start:
        raise broken(path, "is not an image, whatever its name says: it is too short")
    raise broken(path, "is not a NIfTI image: the mark of that format is missing in its header")


def check_shape(path: Path, header: Any) -> tuple[int, ...]:
    """Return the shape of what a header of nibabel describes, if that is an image.

    Raises
    ------
    UnusableFile
        If it has too many axes, a size of 0, or values that are neither numbers nor colours.
    """
    shape = tuple(int(n) for n in header.get_data_shape())
    if len(shape) > 5 or len(shape) < 2 or (len(shape) == 5 and min(shape[3:]) > 1):
        raise UnusableFile(
            f"{path.name} has {len(shape)} axes {shape}; an image has 2 or 3, and at most one "
            "more for channels or time: export one of its images"
        )
    if min(shape) < 1:
        raise broken(path, f"claims a size of {shape} voxels")
    dtype = header.get_data_dtype()
    if dtype.kind == "c":
        raise UnusableFile(
            f"{path.name} holds complex numbers; export magnitude (or phase) as its own image"
        )
    if dtype.kind == "V" and not (dtype.names and set("RGB") <= set(dtype.names)):
        raise UnusableFile(f"{path.name} holds {dtype} values; numbers or RGB colours are needed")
    return shape


def _check_size(path: Path, image: Any) -> None:
    """Refuse a size the file cannot hold, before memory is asked for."""
    header = image.header
    voxels = math.prod(int(n) for n in header.get_data_shape())
    needed = voxels * header.get_data_dtype().itemsize
    held = path.stat().st_size
    possible = (
        held * _LARGEST_GZIP_RATIO if _is_compressed(path) else held - int(image.dataobj.offset)
    )
    if needed > possible:
        raise broken(
            path,
            f"claims {'x'.join(str(int(n)) for n in header.get_data_shape())} voxels "
            f"({needed / 1e6:.3g} MB) but holds only {held / 1e6:.3g} MB",
        )


def _values(path: Path, proxy: Any) -> np.ndarray:
    stored = proxy.dtype
    if stored.names:
        raw = proxy.get_unscaled()
        return np.stack([raw[name] for name in "RGB"], axis=-1)
    slope, intercept = proxy.slope, proxy.inter
    if not (np.isfinite(slope) and np.isfinite(intercept)):
        raise broken(path, "has a scaling that is not a number")
    values = np.asanyarray(proxy.get_unscaled())
    if (slope, intercept) != (1, 0):
        wide = np.float64 if stored.itemsize > 4 else np.float32
        values = values.astype(wide)
        with np.errstate(over="ignore", invalid="ignore"):
            values *= wide(slope)
            values += wide(intercept)
    if values.dtype.kind == "f" and values.dtype.itemsize > 4:
        values = as_float32(values)
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def as_float32(values: np.ndarray) -> np.ndarray:
    """Halve the memory, unless values would become zero or infinite."""
    with np.errstate(over="ignore", under="ignore"):
        small = values.astype(np.float32)
    same = np.array_equal(np.isfinite(small), np.isfinite(values))
    return small if same and np.array_equal(small == 0, values == 0) else values


def channels_last(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Bring ``(*shape[, colours])`` to ``(*S_file, C)``: axes after the third are channels."""
    colours = values.shape[len(shape) :]
    spatial = shape[:3]
    if len(shape) <= 3 and not colours:
        return values[..., None]
    return values.reshape((*spatial, -1), order="F" if not colours else "C")
