"""OME-Zarr in: versions 0.1 to 0.4 (Zarr 2) and 0.5 (Zarr 3), images and labels, lazily.

Decisions:

* Spatial axes are slices, rows and columns as the file names them; where it says how they lie in
  a body (RFC-4), they are turned to a `Volume`'s. Positions count to superior, posterior, left.
* Spacing is known where every spatial axis has a scale and a unit of length.
* Of several images in a store the only one is opened; else the message names them.
* A Zarr array without OME metadata is an image of unknown spacing.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from napari_medseg.io.classes import ClassName, hex_colour
from napari_medseg.io.errors import UnusableFile, broken, explained
from napari_medseg.io.ome_zarr_axes import Axes, axes_of, steps_of
from napari_medseg.io.paths import image_stem, natural_key, zarr_inside
from napari_medseg.io.pyramid import Pyramid
from napari_medseg.io.turned import TurnedArray

OURS = "napari-medseg"
"""Attribute of a group or array that this package writes for itself."""


def open_ome_zarr(path: Path, *, mode: Literal["r", "r+"] = "r") -> Pyramid:
    """Open an OME-Zarr image or label image without reading its values.

    Parameters
    ----------
    path : Path
        The folder of the image, of a store that holds just one, or a zipped store.
    mode : {"r", "r+"}
        "r+" for levels that can be written to.

    Returns
    -------
    Pyramid
        Its levels are Zarr arrays, or views of them where axes are turned.

    Raises
    ------
    UnusableFile
        If it is damaged, holds no image or several, or axes an image does not have.
    OSError
        If it cannot be read.
    """
    import zarr

    with explained(path):
        node, place = open_image(path, mode=mode)
        if isinstance(node, zarr.Array):
            return _plain(path, node)
        return _pyramid(place, node, ome_of(node))


def open_image(path: Path, *, mode: Literal["r", "r+"] = "r") -> tuple[Any, Path]:
    """Return the Zarr group of the image at a path, or a bare array, and the path of it.

    Raises
    ------
    UnusableFile
        If there is none, or there are several.
    """
    import zarr

    store, inside = _store(path)
    try:
        node: Any = zarr.open_group(store, path=inside, mode=mode, use_consolidated=False)
    except (zarr.errors.ContainsArrayError, zarr.errors.GroupNotFoundError, FileNotFoundError):
        return zarr.open_array(store, path=inside, mode=mode), path
    group, image = _image_group(path, node)
    return group, path / image if path.is_dir() else path


def _store(path: Path) -> tuple[Any, str]:
    """Return what zarr opens, the folder or a zip file, and where in it the store begins."""
    if path.is_dir():
        return path, ""
    from zarr.storage import ZipStore

    inside = zarr_inside(path)
    if inside is None:
        raise UnusableFile(f"{path.name} holds no Zarr store; give a zipped .ome.zarr")
    try:
        return ZipStore(path, mode="r"), inside
    except zipfile.BadZipFile as error:
        raise broken(path, "is cut off or damaged") from error


def ome_of(group: Any) -> dict[str, Any]:
    """Return the OME metadata of a group, which 0.5 keeps under a key of their own."""
    attributes = dict(group.attrs)
    ome = attributes.get("ome")
    return dict(ome) if isinstance(ome, dict) else attributes


def _image_group(path: Path, group: Any) -> tuple[Any, str]:
    """Return the group of the one image and its path in the store, or say which there are."""
    ome = ome_of(group)
    if ome.get("multiscales"):
        return group, ""
    if "plate" in ome:
        wells = [str(well.get("path")) for well in ome["plate"].get("wells", [])]
        raise UnusableFile(
            f"{path.name} is a plate of {len(wells)} wells; open one image of it, such as "
            f"{path.name}/{wells[0] if wells else 'A/1'}/0"
        )
    if "well" in ome:
        inside = [str(image.get("path")) for image in ome["well"].get("images", [])]
    elif "labels" in ome:
        inside = [str(name) for name in ome["labels"]]
    else:
        inside = sorted((name for name, _ in group.groups() if name != "OME"), key=natural_key)
        inside = [name for name in inside if ome_of(group[name]).get("multiscales")]
    if len(inside) == 1:
        return group[inside[0]], inside[0]
    if not inside:
        raise UnusableFile(
            f"{path.name} is a Zarr store without an OME-Zarr image; "
            "open the folder of the image in it, or export it again"
        )
    raise UnusableFile(
        f"{path.name} holds {len(inside)} images ({', '.join(inside[:5])}"
        f"{'...' if len(inside) > 5 else ''}); open one of them, such as {path.name}/{inside[0]}"
    )


def _pyramid(path: Path, group: Any, ome: dict[str, Any]) -> Pyramid:
    multiscale = ome["multiscales"][0]
    datasets = multiscale.get("datasets") or []
    arrays = [_array(path, group, str(dataset.get("path"))) for dataset in datasets]
    if not arrays:
        raise broken(path, "names no arrays in its metadata")
    dims = arrays[0].ndim
    if any(array.ndim != dims for array in arrays):
        raise broken(path, "has levels of different axes")
    axes = axes_of(path, multiscale, dims)
    steps = [steps_of(path, multiscale, dataset, dims) for dataset in datasets]
    spacing, origins, flipped, known = _placed(path, arrays, axes, steps)
    order = tuple(axes.letters.index(axis) for axis in "tczyx" if axis in axes.letters)
    flips = tuple(flipped[axis] for axis in order)
    turned = order != tuple(range(dims)) or any(flips)
    count = arrays[0].shape[axes.letters.index("c")] if "c" in axes.letters else 1
    image_label = ome.get("image-label")
    return Pyramid(
        levels=tuple(TurnedArray(a, order, flips) if turned else a for a in arrays),
        axes="".join(axes.letters[axis] for axis in order),
        spacing=spacing,
        origins=origins,
        spacing_known=known,
        name=_name(path, multiscale),
        path=str(path),
        format="ome-zarr",
        channels=_channels(ome, count),
        notes=_notes(ome, arrays[0]),
        labels=_labels(group),
        classes=_classes(image_label if isinstance(image_label, dict) else {}),
        is_labels=image_label is not None,
        anatomical=axes.anatomical,
    )


def _name(path: Path, multiscale: dict[str, Any]) -> str:
    """Return the name the file gives the image, or its store's; a number names nothing."""
    given = str(multiscale.get("name") or "").strip("/")
    if given and not given.isdecimal():
        return given
    stem = image_stem(path)
    return f"{image_stem(path.parent)} {stem}" if stem.isdecimal() else stem


def _plain(path: Path, array: Any) -> Pyramid:
    """Return an array without metadata as an image of one level."""
    if not 2 <= array.ndim <= 5:
        raise UnusableFile(
            f"{path.name} is a Zarr array of {array.ndim} axes {array.shape}; an image has 2 or 3, "
            "and at most channels and time besides"
        )
    letters = "tczyx"[-array.ndim :]
    dims = min(array.ndim, 3)
    return Pyramid(
        levels=(array,),
        axes=letters,
        spacing=((1.0,) * dims,),
        origins=((0.0,) * dims,),
        spacing_known=False,
        name=image_stem(path),
        path=str(path),
        format="ome-zarr",
    )


def _array(path: Path, group: Any, name: str) -> Any:
    import zarr

    try:
        found = group[name]
    except KeyError:
        found = None
    if not isinstance(found, zarr.Array):
        raise broken(path, f"names a level {name!r} that is not there")
    return found


_Placed = tuple[
    tuple[tuple[float, ...], ...], tuple[tuple[float, ...], ...], tuple[bool, ...], bool
]


def _placed(
    path: Path,
    arrays: Sequence[Any],
    axes: Axes,
    steps: Sequence[tuple[np.ndarray, np.ndarray] | None],
) -> _Placed:
    """Return spacing and origin of each level, which stored axes run backwards, whether known."""
    spatial = axes.spatial
    finest = steps[0] or (np.ones(arrays[0].ndim), np.zeros(arrays[0].ndim))
    mm = np.array([axes.mm[i] or 0.0 for i in range(len(axes.letters))])
    known = steps[0] is not None and bool((mm[spatial] > 0).all())
    if not known:
        mm = 1 / np.where(finest[0] == 0, 1, np.abs(finest[0]))
    backwards = tuple(
        bool(sign * step < 0) for sign, step in zip(axes.signs, finest[0], strict=True)
    )
    spacing, origins = [], []
    for array, stated in zip(arrays, steps, strict=True):
        if stated is None:  # before 0.4: only the sizes tell
            ratio = np.array(arrays[0].shape) / np.array(array.shape)
            stated = finest[0] * ratio, finest[1] + finest[0] * (ratio - 1) / 2
        step, start = stated[0] * mm * axes.signs, stated[1] * mm * axes.signs
        size = np.array(array.shape)
        first = np.where(backwards, start + step * (size - 1), start)
        if not (np.abs(step[spatial]) > 0).all():
            raise broken(path, "has a scale of 0")
        spacing.append(tuple(float(f"{abs(step[i]):.9g}") for i in spatial))
        origins.append(tuple(float(first[i]) for i in spatial))
    return tuple(spacing), tuple(origins), backwards, known


def _channels(ome: dict[str, Any], count: int) -> tuple[str, ...]:
    described = (ome.get("omero") or {}).get("channels") or []
    names = tuple(str(one.get("label") or "") for one in described if isinstance(one, dict))
    return names if len(names) == count and all(names) else ()


def _notes(ome: dict[str, Any], finest: Any) -> tuple[str, ...]:
    notes = []
    more = len(ome["multiscales"]) - 1
    if more:
        notes.append(f"{more} more versions of the image in this store are left out")
    if (finest.attrs.get(OURS) or {}).get("state") == "unfinished":
        notes.append(
            "these labels are not finished; run 'napari-medseg segment' again as before to go on"
        )
    return tuple(notes)


def _labels(group: Any) -> tuple[str, ...]:
    try:
        listed = ome_of(group["labels"]).get("labels") or []
    except KeyError:
        return ()
    return tuple(str(name) for name in listed)


def _classes(image_label: dict[str, Any]) -> tuple[ClassName, ...]:
    """Return the names and colours that a label image gives its values."""
    names, colours = {}, {}
    for one in image_label.get("properties") or []:
        name = next((one[key] for key in ("name", "class", "label") if one.get(key)), None)
        if name is not None:
            names[one.get("label-value")] = str(name)
    for one in image_label.get("colors") or []:
        colours[one.get("label-value")] = hex_colour([c / 255 for c in one.get("rgba", [])[:3]])
    values = sorted(v for v in {*names, *colours} if isinstance(v, int) and v != 0)
    return tuple(
        ClassName(value, names.get(value, f"label {value}"), colours.get(value, ""))
        for value in values
    )
