"""NIfTI out: the exact inverse of reading, or the volume's own axes where there was no file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.io.classes import ClassName, classes_text
from napari_medseg.io.nifti_file import COMMENT, LABELS
from napari_medseg.volume import Storage, Volume

_FRESH = {2: (1, 0), 3: (2, 1, 0)}  # file axis of (D,) H, W: the first runs fastest, as W does


def write_nifti(
    path: Path,
    array: np.ndarray,
    like: Volume,
    *,
    classes: Sequence[ClassName] | None = None,
) -> None:
    """Write ``(C, *S)`` as NIfTI in the place of `like`.

    Parameters
    ----------
    path : Path
        Ends in ``.nii`` or ``.nii.gz``.
    array : ndarray
        ``(C, *S)``; several channels become the fourth axis.
    like : Volume
        If it was read from NIfTI, the file gets that file's voxel order, affine, codes and units;
        a part of it has only its own affine.
    classes : sequence of ClassName or None
        Of labels, perhaps none; None for an image. The header of labels has the standard's intent
        "label" and their classes as a comment, and carries nothing about intensities.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    import nibabel as nib

    source = _source_header(like)
    if like.storage is None or source is None:
        axes = _FRESH[like.spatial_dims]
        storage = Storage(axes=axes, flips=(False,) * len(axes))
        header, affine = None, like.affine[:, [2, 1, 0, 3]]
    else:
        storage, header, affine = like.storage, _cleaned(source, labels=classes is not None), None
    stored = np.stack([storage.to_stored(channel) for channel in array], axis=-1)
    if len(array) == 1:
        stored = stored[..., 0]
    elif like.spatial_dims == 2:
        stored = stored[:, :, None]
    stored = stored.astype(_nifti_dtype(stored), copy=False)
    if header is None:
        small = max(stored.shape) <= np.iinfo(np.int16).max  # of NIfTI-1's sizes
        fresh: Any = nib.Nifti1Image if small else nib.Nifti2Image
        image = fresh(stored, affine)
        image.header.set_xyzt_units("mm" if like.spacing_known else "unknown")
        image.set_sform(affine, code=1)
        image.set_qform(affine, code=1)
    else:
        header.set_data_dtype(stored.dtype)
        kind: Any = nib.Nifti2Image if isinstance(header, nib.Nifti2Header) else nib.Nifti1Image
        image = kind(stored, None, header)
    if classes is not None:
        _mark(image.header, classes)
    image.to_filename(path)


def _source_header(like: Volume) -> Any:
    """Return the header of the file the volume is still the whole of, else None."""
    source = like.storage.header.get("nifti") if like.storage else None
    if like.storage is None or source is None:
        return None
    shape = tuple(source.get_data_shape()[: like.spatial_dims])
    return source if tuple(shape[axis] for axis in like.storage.axes) == like.shape else None


def _cleaned(source: Any, *, labels: bool) -> Any:
    """Copy a header without what belongs to the source's values and not to its place."""
    header = source.copy()
    header["cal_min"] = header["cal_max"] = 0
    header["scl_slope"], header["scl_inter"] = np.nan, np.nan
    header["intent_code"] = 0
    header["intent_name"] = b""
    header["aux_file"] = b""
    if labels:
        header["descrip"] = b""
    header.extensions = type(header.extensions)()
    return header


def _mark(header: Any, classes: Sequence[ClassName]) -> None:
    """Say in a header that the values are labels, and what they are called."""
    import nibabel as nib

    header.set_intent(LABELS, name="labels")
    if classes:
        text = classes_text(classes).encode()
        header.extensions.append(nib.nifti1.Nifti1Extension(COMMENT, text))


def _nifti_dtype(array: np.ndarray) -> np.dtype[Any]:
    """Return a type every NIfTI reader knows that holds the values."""
    if array.dtype.kind == "b":
        return np.dtype(np.uint8)
    if array.dtype == np.float16:
        return np.dtype(np.float32)
    if array.dtype.kind in "ui" and array.dtype.itemsize == 8:
        limits = np.iinfo(np.int32)
        fits = array.min() >= limits.min and array.max() <= limits.max
        return np.dtype(np.int32 if fits else np.float64)
    return array.dtype
