"""Labels and images out, whole or not at all, in the place of the image they belong to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.io.atomic import atomic_path
from napari_medseg.io.classes import ClassName
from napari_medseg.io.ome_zarr_labels import image_around
from napari_medseg.io.ome_zarr_write import is_zarr_target, write_zarr_labels
from napari_medseg.io.paths import NIFTI_SUFFIXES, TIFF_SUFFIXES, image_stem, image_suffix
from napari_medseg.io.reading import PathLike
from napari_medseg.volume import Volume


def write_labels(
    path: PathLike,
    labels: np.ndarray,
    *,
    like: Volume,
    provenance: dict[str, Any] | None = None,
    classes: Sequence[ClassName] = (),
) -> None:
    """Write labels so that they lie voxel for voxel on the image they were made for.

    Parameters
    ----------
    path : path
        ``.nii.gz``, ``.nii``, ``.nrrd``, ``.mha``, ``.png``, ``.tif``, ``.tiff`` or ``.ome.zarr``;
        ``IMAGE.ome.zarr/labels/NAME`` puts them into that image; ``.dcm`` for an image from DICOM
        is a segmentation that refers to it. Missing folders are made. For an
        image from a NIfTI file a NIfTI file has that file's shape, affine, codes and voxel order;
        for a picture, its pixel order and EXIF orientation.
    labels : ndarray
        ``(*S)``, whole numbers from 0 to 65535; stored as uint8 or uint16, as they are.
    like : Volume
        The image, ``(C, *S)``.
    provenance : dict or None
        How the labels came about, written beside them as ``NAME.json``, or into the attributes of
        OME-Zarr labels inside their image.
    classes : sequence of ClassName
        What the values are called, and their colours; every format says so in the file itself.

    Raises
    ------
    ValueError
        If the labels do not fit the image, the format, or would replace the image itself.
    OSError
        If they cannot be written; nothing is left behind then.
    """
    path = Path(path)
    if labels.shape != like.shape:
        raise ValueError(
            f"labels of {labels.shape} voxels do not fit the image of {like.shape}; "
            "give the volume they were made for"
        )
    values = _storable(labels)
    if like.storage and like.storage.path and _same_file(path, Path(like.storage.path)):
        raise ValueError(f"{path} is the image itself; choose another name for its labels")
    text = None if provenance is None else json.dumps(provenance, indent=2, default=str)
    zarr_labels = is_zarr_target(path)
    with ExitStack() as files:
        if text is not None and not (zarr_labels and image_around(path)):
            beside = files.enter_context(atomic_path(path.with_name(f"{image_stem(path)}.json")))
            beside.write_text(text + "\n", encoding="utf-8")
        if zarr_labels:
            kept = None if text is None else json.loads(text)
            write_zarr_labels(path, values, like, classes=classes, provenance=kept)
            return
        with atomic_path(path) as target:
            if path.suffix.lower() == ".dcm":
                from napari_medseg.io.dicom import write_segmentation

                made_by = str((provenance or {}).get("model", ""))
                write_segmentation(target, values, like, classes, made_by)
            else:
                _write(target, path, values[None], like, classes)


def write_image(path: PathLike, volume: Volume) -> None:
    """Write an image, in the place and the voxel order it was read with.

    Parameters
    ----------
    path : path
        ``.nii.gz``, ``.nii``, ``.nrrd``, ``.mha``, ``.tif``, ``.tiff``; or ``.png`` for 2D uint8
        (1 or 3 channels) or uint16 (1 channel). Several channels of NIfTI become its fourth axis.
    volume : Volume
        The image.

    Raises
    ------
    ValueError
        If the format cannot hold it.
    OSError
        If it cannot be written; nothing is left behind then.
    """
    path = Path(path)
    with atomic_path(path) as target:
        _write(target, path, volume.array, volume, None)


def _write(
    target: Path,
    path: Path,
    array: np.ndarray,
    like: Volume,
    classes: Sequence[ClassName] | None,
) -> None:
    """Write ``(C, *S)`` in the format of the name `path`; `classes` are None for images."""
    suffix = image_suffix(path)
    if suffix in NIFTI_SUFFIXES:
        from napari_medseg.io.nifti_write import write_nifti

        write_nifti(target, array, like, classes=classes)
    elif suffix in (".nrrd", ".mha"):
        from napari_medseg.io.itk import write_itk

        write_itk(target, array, like, classes=classes)
    elif suffix in TIFF_SUFFIXES:
        from napari_medseg.io.images_write import write_tiff

        write_tiff(target, array, like, classes=classes)
    elif suffix == ".png":
        from napari_medseg.io.images_write import write_png

        write_png(target, array, like, name=path.name, classes=classes)
    else:
        raise ValueError(
            f"{path.name} ends in {path.suffix or 'nothing'}, which is not written; "
            "use .nii.gz, .nii, .nrrd, .mha, .tif, .ome.zarr (labels) or, for 2D, .png"
        )


def _storable(labels: np.ndarray) -> np.ndarray:
    if labels.dtype.kind == "b":
        return labels.astype(np.uint8)
    if labels.dtype.kind not in "ui":
        raise ValueError(f"labels must be whole numbers, got {labels.dtype}; round them first")
    lowest, highest = (int(labels.min()), int(labels.max())) if labels.size else (0, 0)
    if lowest < 0 or highest > 65535:
        raise ValueError(
            f"labels must be from 0 to 65535, got {lowest} to {highest}; renumber them first"
        )
    return labels.astype(np.uint8 if highest < 256 else np.uint16, copy=False)


def _same_file(path: Path, other: Path) -> bool:
    if path.exists() and other.exists():
        return path.samefile(other)
    return path.resolve() == other.resolve()
