"""Images and labels in, whatever their format."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_medseg.host_memory import host_memory
from napari_medseg.io.errors import UnusableFile
from napari_medseg.io.label_values import as_labels
from napari_medseg.io.paths import image_stem, sniff
from napari_medseg.io.placing import grid_relation, largest_distance
from napari_medseg.io.pyramid import Pyramid, open_pyramid
from napari_medseg.volume import Volume

PathLike = str | os.PathLike[str]


def read_volume(path: PathLike | Sequence[PathLike]) -> Volume:
    """Read an image, or several of one grid as its channels.

    Parameters
    ----------
    path : path or sequence of path
        NIfTI, DICOM (the folder of a series, or one of its files), NRRD, MetaImage, OME-Zarr (its
        folder), Analyze, MGH, AFNI, PAR/REC, MINC, PNG, JPEG, BMP or TIFF; the content decides,
        not the suffix. Several paths are the modalities of one case, in the order of the channels.

    Returns
    -------
    Volume
        ``(C, D, H, W)`` or ``(C, H, W)``, mm; D to superior, H to posterior, W to left.

    Raises
    ------
    ValueError
        If a file is no supported image, is damaged, larger than the memory that is left, or
        several do not share one grid.
    OSError
        If a file is not there or cannot be read.
    """
    if isinstance(path, (str, os.PathLike)):
        return _read(Path(path))
    paths = [Path(one) for one in path]
    if not paths:
        raise ValueError("no image file was given; give at least one")
    volumes = [_read(one) for one in paths]
    if len(volumes) == 1:
        return volumes[0]
    for other, name in zip(volumes[1:], paths[1:], strict=True):
        check_same_grid(volumes[0], other, paths[0].name, name.name)
    names = [_channel_names(volume, name) for volume, name in zip(volumes, paths, strict=True)]
    return replace(
        volumes[0],
        array=np.concatenate([volume.array for volume in volumes]),
        channels=tuple(name for group in names for name in group),
    )


def read_labels(path: PathLike) -> Volume:
    """Read a label image: whole numbers from 0 on, {0, 255} as {0, 1}.

    Parameters
    ----------
    path : path
        NIfTI, DICOM, NRRD, MetaImage, OME-Zarr, PNG, BMP, TIFF or (two-valued) JPEG. Palettes
        are read as indices.

    Returns
    -------
    Volume
        Its array is ``(1, *S)``, uint8, uint16 or uint32.

    Raises
    ------
    ValueError
        If it is no supported image, damaged, or its values are not labels.
    OSError
        If it is not there or cannot be read.
    """
    path = Path(path)
    segmentation = _segmentation(path)
    volume = segmentation or _read(path, indices=True)
    lossy = bool(volume.storage and volume.storage.header.get("lossy"))
    return replace(volume, array=as_labels(volume.array, path.name, lossy=lossy), channels=())


def check_same_grid(first: Volume, second: Volume, first_name: str, second_name: str) -> None:
    """Raise a ValueError unless two volumes have the same voxels in the same places."""
    if first.shape != second.shape:
        raise ValueError(
            f"{first_name} has {_size(first)} voxels and {second_name} has {_size(second)}; "
            "they must be registered and resampled to one grid"
        )
    if grid_relation(second, first).kind != "same":
        raise ValueError(
            f"{first_name} and {second_name} lie up to {largest_distance(second, first):.3g} mm "
            "apart; they must be registered and resampled to one grid"
        )


def _read(path: Path, *, indices: bool = False) -> Volume:
    kind = sniff(path)
    if kind == "nifti":
        from napari_medseg.io.nifti import read_nifti

        return read_nifti(path)
    if kind == "nibabel":
        from napari_medseg.io.nibabel_formats import read_nibabel

        return read_nibabel(path)
    if kind == "dicom":
        from napari_medseg.io.dicom import read_dicom

        return read_dicom(path)
    if kind == "itk":
        from napari_medseg.io.itk import read_itk

        return read_itk(path)
    pyramid = open_pyramid(path) if kind in ("zarr", "tiff") else None
    if pyramid is not None:
        _check_memory(pyramid)
        if kind == "zarr":
            return pyramid.read()
    if kind == "tiff":
        from napari_medseg.io.tiff import read_tiff

        return read_tiff(path, indices=indices)
    from napari_medseg.io.images import read_picture

    return read_picture(path, indices=indices)


def _check_memory(pyramid: Pyramid) -> None:
    """Refuse to read whole what this machine has not the memory for."""
    free, _ = host_memory()
    if free is not None and pyramid.nbytes > free:
        raise UnusableFile(
            f"{pyramid.name} needs {pyramid.nbytes / 1e9:.3g} GB of memory and this computer has "
            f"{free / 1e9:.3g} GB left; segment it block by block instead: "
            f"napari-medseg segment {Path(pyramid.path).name} --out LABELS.ome.zarr"
        )


def _segmentation(path: Path) -> Volume | None:
    """Return the labels of a DICOM segmentation, None for every other file."""
    if path.is_dir() or sniff(path) != "dicom":
        return None
    from napari_medseg.io.dicom import is_segmentation, read_segmentation

    return read_segmentation(path) if is_segmentation(path) else None


def _channel_names(volume: Volume, path: Path) -> list[str]:
    stem, count = image_stem(path).removeprefix(f"{path.parent.name}_"), len(volume.array)
    return [stem] if count == 1 else [f"{stem} {c}" for c in range(count)]


def _size(volume: Volume) -> str:
    return " x ".join(str(n) for n in volume.shape)
