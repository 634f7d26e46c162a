"""The bytes of a NIfTI file: header and values as stored, or one sentence why not."""

from __future__ import annotations

import gzip
import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.io.errors import UnusableFile, broken, explained

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
    steps_stated : bool
        Whether pixdim gives a voxel size; nibabel repairs zeros to 1.
    """

    header: Any
    values: np.ndarray
    steps_stated: bool


def load_nifti(path: Path) -> NiftiFile:
    """Read header and values of a NIfTI file.

    Parameters
    ----------
    path : Path
        An existing file; whether it is compressed is seen from its content.

    Returns
    -------
    NiftiFile
        Header and values.

    Raises
    ------
    ValueError
        If the file is broken, too short, complex-valued, or not an image.
    """
    with open(path, "rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
    opener: Any = gzip.open if compressed else open
    with explained(path), _silent_nibabel(), opener(path, "rb") as stream:
        image = _image(path, stream)
        shape = _checked_shape(path, image.header)
        _check_size(path, image, compressed)
        values = _values(path, image.dataobj)
        stream.seek(0)
        steps = type(image.header).from_fileobj(stream, check=False)["pixdim"][1 : len(shape) + 1]
    stated = bool((steps[:3] != 0).all())
    return NiftiFile(image.header, _channels_last(values, shape), stated)


@contextmanager
def _silent_nibabel() -> Iterator[None]:
    """Keep nibabel's remarks on odd headers, which it prints itself, out of the terminal."""
    from nibabel.imageglobals import logger

    def nothing(record: logging.LogRecord) -> bool:
        return False

    logger.addFilter(nothing)
    try:
        yield
    finally:
        logger.removeFilter(nothing)


def _image(path: Path, stream: Any) -> Any:
    import nibabel as nib

    start = stream.read(348)
    stream.seek(0)
    if start[4:8] == b"n+2\0":
        return nib.Nifti2Image.from_stream(stream)
    if start[344:348] == b"n+1\0":
        return nib.Nifti1Image.from_stream(stream)
    if len(start) < 348 and start:
        raise broken(path, "is not an image, whatever its name says: it is too short")
    raise broken(path, "is not a NIfTI image: the mark of that format is missing in its header")


def _checked_shape(path: Path, header: Any) -> tuple[int, ...]:
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


def _check_size(path: Path, image: Any, compressed: bool) -> None:
    """Refuse a size the file cannot hold, before memory is asked for."""
    header = image.header
    voxels = math.prod(int(n) for n in header.get_data_shape())
    needed = voxels * header.get_data_dtype().itemsize
    held = path.stat().st_size
    possible = held * _LARGEST_GZIP_RATIO if compressed else held - int(image.dataobj.offset)
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
        values = _as_float32(values)
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def _as_float32(values: np.ndarray) -> np.ndarray:
    """Halve the memory, unless values would become zero or infinite."""
    with np.errstate(over="ignore", under="ignore"):
        small = values.astype(np.float32)
    same = np.array_equal(np.isfinite(small), np.isfinite(values))
    return small if same and np.array_equal(small == 0, values == 0) else values


def _channels_last(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    colours = values.shape[len(shape) :]
    spatial = shape[:3]
    if len(shape) <= 3 and not colours:
        return values[..., None]
    return values.reshape((*spatial, -1), order="F" if not colours else "C")
