"""PNG and TIFF out, in the pixel order and with the EXIF orientation of the source."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.io.classes import ClassName, classes_text
from napari_medseg.io.images import EXIF_ORIENTATION, PNG_COMMENT
from napari_medseg.volume import Volume

_IMAGEJ_DTYPES = ("uint8", "uint16", "float32")


def write_png(
    path: Path,
    array: np.ndarray,
    like: Volume,
    *,
    name: str,
    classes: Sequence[ClassName] | None = None,
) -> None:
    """Write ``(C, H, W)`` as PNG, values as they are, and of labels their classes as a comment.

    Raises
    ------
    ValueError
        If it is a volume, or its values are not uint8 (1 or 3 channels) or uint16 (1 channel).
    """
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    if like.spatial_dims != 2:
        raise ValueError(
            f"{name} cannot be written: PNG holds one 2D image, this is a volume of "
            f"{' x '.join(str(n) for n in like.shape)} voxels; use .nii.gz or .tif"
        )
    allowed = {"uint8": (1, 3), "uint16": (1,)}
    if len(array) not in allowed.get(array.dtype.name, ()):
        raise ValueError(
            f"{name} cannot be written: PNG holds uint8 with 1 or 3 channels or uint16 with 1, "
            f"this is {array.dtype} with {len(array)}; use .tif or .nii.gz"
        )
    stored, orientation = _in_file_order(array, like)
    pixels = stored[0] if len(stored) == 1 else np.moveaxis(stored, 0, -1)
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    said: dict[str, Any] = {}
    if orientation != 1:
        said["exif"] = Image.Exif()
        said["exif"][EXIF_ORIENTATION] = orientation
    if classes is not None:
        said["pnginfo"] = PngInfo()
        said["pnginfo"].add_itxt(PNG_COMMENT, classes_text(classes))
    picture.save(path, **said)


def write_tiff(
    path: Path,
    array: np.ndarray,
    like: Volume,
    *,
    classes: Sequence[ClassName] | None = None,
) -> None:
    """Write ``(C, *S)`` as TIFF, one page per slice, with the spacing where it is known.

    ImageJ's form where it can hold the type of the values, else OME-TIFF. ImageJ shows the classes
    of labels as the information of the image.
    """
    import tifffile

    stored, orientation = _in_file_order(array, like)
    if stored.dtype.kind == "b":
        stored = stored.astype(np.uint8)
    colours = len(stored) == 3 and stored.dtype.name == "uint8"
    if len(stored) == 1:
        pages, axes = stored[0], "YX"
    elif colours:
        pages, axes = np.moveaxis(stored, 0, -1), "YXS"
    else:
        pages, axes = np.moveaxis(stored, 0, -3), "CYX"
    if like.spatial_dims == 3:
        axes = f"Z{axes}"
    imagej = stored.dtype.name in _IMAGEJ_DTYPES
    options: dict[str, Any] = {"imagej" if imagej else "ome": True}
    metadata: dict[str, Any] = {"axes": axes}
    if classes is not None and imagej:  # labels are of types that ImageJ's form can hold
        metadata["Info"] = classes_text(classes)
    if like.spacing_known:
        said, resolution = _lengths(like, imagej=imagej, transposed=orientation >= 5)
        metadata, options = metadata | said, options | resolution
    if orientation != 1:
        options["extratags"] = [(EXIF_ORIENTATION, 3, 1, orientation, True)]
    tifffile.imwrite(
        path,
        np.ascontiguousarray(pages),
        photometric="rgb" if colours else "minisblack",
        metadata=metadata,
        **options,
    )


def _lengths(
    like: Volume, *, imagej: bool, transposed: bool
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return how a TIFF says the sides of a voxel in mm: as metadata, and as further options."""
    height, width = like.spacing[-1:-3:-1] if transposed else like.spacing[-2:]
    depth = like.spacing[0] if like.spatial_dims == 3 else 1.0
    if imagej:
        return {"unit": "mm", "spacing": depth}, {"resolution": (1 / width, 1 / height)}
    metadata: dict[str, Any] = {}
    for axis, size in zip("ZYX", (depth, height, width), strict=True):
        metadata |= {f"PhysicalSize{axis}": size, f"PhysicalSize{axis}Unit": "mm"}
    return metadata, {}


def _in_file_order(array: np.ndarray, like: Volume) -> tuple[np.ndarray, int]:
    """Return ``(C, *S_file)`` and the orientation tag; other formats' files are left upright."""
    storage = like.storage
    if storage is None or storage.format != "image":
        return array, 1
    stored = np.stack([storage.to_stored(channel) for channel in array])
    return stored, int(storage.header.get("orientation", 1))
