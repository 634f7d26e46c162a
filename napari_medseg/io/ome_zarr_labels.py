"""OME-Zarr label images out: a store of their own, or inside the image they belong to.

Decisions:

* Labels for an OME-Zarr image have its version, its stored axes and exactly its scales, so that
  readers which know neither units nor orientation show them on it, too; else version 0.5, mm.
* They have no time and no channels.
* Each level takes the nearest voxel of the one before: no value appears that was not there.
* The finest level is an OME-Zarr image from the start; the coarser are listed once they are full.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.io.atomic import missing_folders, remove_empty, remove_folder, unwritable
from napari_medseg.io.classes import ClassName
from napari_medseg.io.errors import UnusableFile
from napari_medseg.io.ome_zarr import OURS, ome_of, open_ome_zarr
from napari_medseg.io.ome_zarr_axes import steps_of
from napari_medseg.io.ome_zarr_grid import GridLevel, grid_for
from napari_medseg.io.paths import image_stem, is_zarr_folder
from napari_medseg.io.pyramid import Pyramid
from napari_medseg.progress import Report, Step, silent

_PIECE = {2: 1024, 3: 128}  # voxels along each side of a piece


def image_around(path: Path) -> Path | None:
    """Return the OME-Zarr image that ``IMAGE/labels/NAME`` lies in, None for other paths."""
    inside = path.parent.name == "labels" and is_zarr_folder(path.parent.parent)
    return path.parent.parent if inside else None


def label_name(path: Path) -> str:
    """Return what a label image at a path is called."""
    return path.name if image_around(path) else image_stem(path)


def create_labels(
    path: str | os.PathLike[str],
    like: Pyramid,
    *,
    dtype: Any = np.uint8,
    chunks: Sequence[int] | None = None,
    classes: Sequence[ClassName] = (),
    provenance: dict[str, Any] | None = None,
) -> Any:
    """Make an empty OME-Zarr label image on the grid of an image, to be filled piece by piece.

    Parameters
    ----------
    path : path
        A new store (``labels.ome.zarr``), or ``IMAGE.ome.zarr/labels/NAME`` for one inside an
        image, which then lists it. Nothing may be there yet.
    like : Pyramid
        The image they are for.
    dtype : dtype
        Whole numbers without sign.
    chunks : sequence of int or None
        Voxels of a piece along D, H, W or H, W; None for pieces of 128³ or 1024².
    classes : sequence of ClassName
        What the values are called.
    provenance : dict or None
        How the labels come about.

    Returns
    -------
    array
        ``(*S)``, the axes of `like`, all 0; it takes and gives blocks, and has ``attrs``.

    Raises
    ------
    ValueError
        If something is at `path`, or `like` has no grid an OME-Zarr label image can have.
    OSError
        If it cannot be written; nothing is left behind then.
    """
    path = Path(path)
    if path.exists():
        raise UnusableFile(f"{path} is there already; choose another name or remove it")
    image = image_around(path)
    missing = missing_folders(path)
    try:
        create_empty(
            path,
            like,
            name=label_name(path),
            image=image,
            dtype=dtype,
            chunks=chunks,
            classes=classes,
            provenance=provenance,
        )
        if image is not None:
            list_labels(image, path.name)
        return open_labels(path)
    except BaseException as error:
        remove_labels(path)
        remove_empty(missing)
        if isinstance(error, OSError):
            raise unwritable(path, error) from error
        raise


def remove_labels(path: Path) -> None:
    """Remove a label image, and from the image it lies in its name and an empty list of labels."""
    image = image_around(path)
    remove_folder(path)
    if image is None or not path.parent.exists():
        return
    if any(other.is_dir() for other in path.parent.iterdir()):
        list_labels(image, path.name, present=False)
    else:
        remove_folder(path.parent)


def open_labels(path: str | os.PathLike[str]) -> Any:
    """Open the finest array of a label image of `create_labels` to write on, as that gave it."""
    return open_ome_zarr(Path(path), mode="r+").levels[0]


def finish_pyramid(path: str | os.PathLike[str], *, report: Report = silent) -> None:
    """Fill the coarser levels of a label image of `create_labels` from its finest, and list them.

    Parameters
    ----------
    path : path
        As given to `create_labels`.
    report : Report
        Called before every piece; may raise `Cancelled`: call it again then.

    Raises
    ------
    ValueError
        If it is no label image of `create_labels`.
    OSError
        If it cannot be written.
    """
    import zarr

    path = Path(path)
    group = zarr.open_group(path, mode="r+", use_consolidated=False)
    made: Any = group.attrs.get(OURS) or {}
    datasets = made.get("datasets")
    if not datasets:
        raise UnusableFile(f"{path.name} was not made by create_labels; give such a label image")
    arrays: list[Any] = [group[dataset["path"]] for dataset in datasets]
    levels = [_level(d, a) for d, a in zip(datasets, arrays, strict=True)]
    blocks = [list(_blocks(array)) for array in arrays[1:]]
    total, done = sum(map(len, blocks)), 0
    for i, boxes in enumerate(blocks, start=1):
        nearest = levels[i - 1].nearest(levels[i])
        for box in boxes:
            report(Step(done, total, "block"))
            arrays[i][box] = _picked(arrays[i - 1], nearest, box)
            done += 1
    ome = ome_of(group)
    multiscale = {**ome["multiscales"][0], "type": "nearest", "datasets": datasets}
    _describe(group, multiscale, ome["image-label"])


def create_empty(
    path: Path,
    like: Pyramid,
    *,
    name: str,
    image: Path | None,
    dtype: Any,
    chunks: Sequence[int] | None = None,
    classes: Sequence[ClassName] = (),
    provenance: dict[str, Any] | None = None,
) -> None:
    """Write what `create_labels` does; `name` is for people, `image` what it is to lie in."""
    import zarr

    grid = grid_for(like)
    version = grid.version if image is None else _version(image)
    group = zarr.open_group(path, mode="w-", zarr_format=3 if version == "0.5" else 2)
    pieces = list(chunks or [_PIECE[like.spatial_dims]] * like.spatial_dims)
    datasets = [level.dataset(str(i)) for i, level in enumerate(grid.levels)]
    for dataset, level in zip(datasets, grid.levels, strict=True):
        group.create_array(
            dataset["path"],
            shape=level.shape,
            dtype=np.dtype(dtype),
            chunks=tuple(min(pieces[a], n) for a, n in zip(grid.order, level.shape, strict=True)),
            fill_value=0,
            compressors=_compressor(version),
            chunk_key_encoding={"name": "default" if version == "0.5" else "v2", "separator": "/"},
            dimension_names=[axis["name"] for axis in grid.axes] if version == "0.5" else None,
        )
    kept = {"datasets": datasets, "provenance": provenance}
    group.attrs[OURS] = {key: value for key, value in kept.items() if value is not None}
    multiscale = {"name": name, "axes": grid.axes, "datasets": datasets[:1]}
    _describe(group, multiscale, _image_label(version, classes, inside=image is not None))


def list_labels(image: Path, name: str, *, present: bool = True) -> None:
    """Name a label image in the ``labels`` group of the image it lies in, which is made if new.

    With `present` False the name is taken out.
    """
    import zarr

    version = _version(image)
    group = zarr.open_group(image / "labels", mode="a", zarr_format=3 if version == "0.5" else 2)
    listed = ome_of(group).get("labels") or []
    if (name in listed) is present:
        return
    names = [*listed, name] if present else [other for other in listed if other != name]
    if version == "0.5":
        group.attrs["ome"] = {"version": version, "labels": names}
    else:
        group.attrs["labels"] = names


def _version(node: Any) -> str:
    """Return the version of OME-Zarr that goes with a group, or the folder of one."""
    import zarr

    group = zarr.open_group(node, mode="r") if isinstance(node, Path) else node
    return "0.5" if group.metadata.zarr_format == 3 else "0.4"


def _compressor(version: str) -> Any:
    if version == "0.5":
        from zarr.codecs import ZstdCodec

        return ZstdCodec(level=3)
    from numcodecs import Zstd

    return Zstd(level=3)


def _image_label(version: str, classes: Sequence[ClassName], *, inside: bool) -> dict[str, Any]:
    """Return what an OME-Zarr label image says of its values."""
    found: dict[str, Any] = {} if version == "0.5" else {"version": version}
    if classes:
        found["properties"] = [{"label-value": one.value, "name": one.name} for one in classes]
    coloured = [one for one in classes if one.colour]
    if coloured:
        found["colors"] = [
            {"label-value": one.value, "rgba": [*bytes.fromhex(one.colour[1:7]), 255]}
            for one in coloured
        ]
    if inside:
        found["source"] = {"image": "../../"}
    return found


def _describe(group: Any, multiscale: dict[str, Any], label: dict[str, Any]) -> None:
    version = _version(group)
    if version == "0.5":
        described = {"version": version, "multiscales": [multiscale], "image-label": label}
        group.attrs["ome"] = described
    else:
        group.attrs.update(
            {"multiscales": [{"version": version, **multiscale}], "image-label": label}
        )


def _level(dataset: dict[str, Any], array: Any) -> GridLevel:
    stated = steps_of(Path(str(array.path)), {}, dataset, array.ndim)
    scale, translation = stated or (np.ones(array.ndim), np.zeros(array.ndim))
    return GridLevel(tuple(array.shape), tuple(scale), tuple(translation))


def _blocks(array: Any) -> itertools.product[tuple[slice, ...]]:
    """Return the regions of an array's pieces."""
    sides = [
        [slice(start, min(start + piece, n)) for start in range(0, n, piece)]
        for n, piece in zip(array.shape, array.chunks, strict=True)
    ]
    return itertools.product(*sides)


def _picked(source: Any, nearest: Sequence[np.ndarray], box: tuple[slice, ...]) -> np.ndarray:
    indices = [along[side] for along, side in zip(nearest, box, strict=True)]
    region = tuple(slice(int(i.min()), int(i.max()) + 1) for i in indices)
    values = np.asarray(source[region])
    local = [i - side.start for i, side in zip(indices, region, strict=True)]
    return values[np.ix_(*local)]
