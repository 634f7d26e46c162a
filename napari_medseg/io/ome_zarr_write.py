"""Labels of a whole image in memory, out as an OME-Zarr label image, whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.io.atomic import atomic_folder, remove_folder, unwritable
from napari_medseg.io.classes import ClassName
from napari_medseg.io.errors import UnusableFile
from napari_medseg.io.ome_zarr import open_ome_zarr
from napari_medseg.io.ome_zarr_labels import (
    create_empty,
    finish_pyramid,
    image_around,
    label_name,
    list_labels,
)
from napari_medseg.io.paths import ZARR_SUFFIXES, image_suffix, is_zarr_folder
from napari_medseg.io.pyramid import Pyramid
from napari_medseg.volume import Volume, canonical_affine


def write_zarr_labels(
    path: Path,
    labels: np.ndarray,
    like: Volume,
    *,
    classes: Sequence[ClassName] = (),
    provenance: dict[str, Any] | None = None,
) -> None:
    """Write labels as an OME-Zarr label image with all its levels, whole or not at all.

    Parameters
    ----------
    path : Path
        ``NAME.ome.zarr`` or ``IMAGE.ome.zarr/labels/NAME``; labels that are there are replaced.
    labels : ndarray
        ``(*S)``, of the type to store.
    like : Volume
        The image, ``(C, *S)``.
    classes : sequence of ClassName
        What the values are called.
    provenance : dict or None
        How the labels came about, kept in the attributes of the group.

    Raises
    ------
    ValueError
        If the grid is oblique or sheared, or what is at `path` is not a label image.
    OSError
        If it cannot be written; nothing is left behind then.
    """
    if path.is_dir() and not (is_zarr_folder(path) and open_ome_zarr(path).is_labels):
        raise UnusableFile(f"{path} is there already and no label image; choose another name")
    image = image_around(path)
    first = image is not None and not path.parent.exists()
    try:
        with atomic_folder(path) as target:
            create_empty(
                target,
                _pyramid_of(path, like),
                name=label_name(path),
                image=image,
                dtype=labels.dtype,
                classes=classes,
                provenance=provenance,
            )
            open_ome_zarr(target, mode="r+").levels[0][...] = labels
            finish_pyramid(target)
        if image is not None:
            _list_or_remove(image, path)
    except BaseException:
        if first:
            remove_folder(path.parent)
        raise


def is_zarr_target(path: Path) -> bool:
    """Whether labels written to a path are an OME-Zarr label image."""
    named = image_suffix(path) in ZARR_SUFFIXES and not path.name.lower().endswith((".zip", ".ozx"))
    return named or image_around(path) is not None


def _list_or_remove(image: Path, path: Path) -> None:
    try:
        list_labels(image, path.name)
    except OSError as error:
        remove_folder(path)
        raise unwritable(path, error) from error


def _pyramid_of(path: Path, like: Volume) -> Pyramid:
    """Return the OME-Zarr image that a volume is the whole of, or one of the volume's own grid."""
    storage = like.storage
    if storage is not None and storage.format == "ome-zarr":
        source = open_ome_zarr(Path(storage.path))
        if source.shape() == like.shape and np.allclose(source.affine(), like.affine):
            return source
    dims = like.spatial_dims
    straight = canonical_affine(like.spacing)
    straight[:3, 3] = like.affine[:3, 3]
    far = np.array([*(0, *like.shape)[-3:], 1])
    apart = np.abs((straight - like.affine)[:3, 3 - dims : 3] * far[3 - dims : 3]).sum(axis=1)
    if apart.max() > 0.1 * min(like.spacing):
        raise ValueError(
            f"{path.name} cannot hold an oblique or sheared grid, which OME-Zarr does not know; "
            "use .nii.gz"
        )
    superior, posterior, left = np.array([1, -1, -1]) * like.affine[[2, 1, 0], 3] + 0.0
    return Pyramid(
        levels=(like.array[0],),
        axes="zyx"[-dims:],
        spacing=(like.spacing,),
        origins=((float(superior), float(posterior), float(left))[-dims:],),
        spacing_known=like.spacing_known,
        name=like.name,
        path="",
        format="array",
        anatomical=storage is not None and storage.affine is not None,
    )
