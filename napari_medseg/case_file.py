"""One corrected case on disk: labels, what was seen and changed of them, and where its image is."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.engine.cases import Case, voxel_hash
from napari_medseg.engine.sparse import painted_axis, planes_along
from napari_medseg.io import read_volume
from napari_medseg.project import file_entry, find_file, load_arrays, store_arrays
from napari_medseg.volume import Volume

SEEN = ("painted", "slices", "all")
PREFIX = "case"  # of the files' names
_ABOUT = "about"  # the array with what is known of the case as JSON


class ImageNotKept(ValueError):
    """The image lies in no file that gives it back; a copy of it needs consent."""


def case_of(
    volume: Volume,
    labels: np.ndarray,
    reviewed: np.ndarray | None = None,
    changed: np.ndarray | None = None,
    *,
    seen: str = "slices",
    axis: int | None = None,
    name: str = "",
) -> Case:
    """Make a case of an image, its labels and what a person did to them.

    Parameters
    ----------
    volume : Volume
        ``(C, *S)``.
    labels : ndarray
        ``(*S)``, whole numbers.
    reviewed, changed : ndarray, optional
        ``(*S)`` bool, as `Painted` knows them: what a person painted or confirmed, and what
        differs from the model's answer; None is nothing.
    seen : str
        What counts as looked at. "slices": every slice in which anything was painted or confirmed;
        of an image, all of it. "painted": nothing else. "all": every voxel.
    axis : int, optional
        Which axis those slices lie across; by default that with the fewest of them.
    name : str
        For people; empty takes the volume's.

    Returns
    -------
    Case
        With copies of the arrays. What nobody looked at is not changed.

    Raises
    ------
    ValueError
        If the shapes differ, or a person looked at nothing.
    """
    if seen not in SEEN:
        raise ValueError(f"seen must be one of {SEEN}, got {seen!r}")
    nothing = np.zeros(labels.shape, bool)
    mask = nothing if reviewed is None else np.array(reviewed, bool)
    differs = nothing if changed is None else np.array(changed, bool)
    called = name or volume.name
    whole = Case(volume, np.array(labels), mask, differs, called)  # checks the shapes
    if seen == "all":
        return replace(whole, reviewed=None)
    if not mask.any():
        raise ValueError(
            f"nothing of '{called or 'this image'}' was painted or marked as seen; correct a few "
            "slices first, or say that all of it is right"
        )
    if seen == "slices":
        mask = whole_slices(mask, axis)
    return replace(whole, reviewed=mask, changed=differs & mask)


def whole_slices(seen: np.ndarray, axis: int | None = None) -> np.ndarray:
    """Return a mask of all slices that hold any of `seen` ``(*S)``; all of an image.

    Slices lie across `axis`, or across the one with the fewest of them.
    """
    result = np.zeros(seen.shape, bool)
    if seen.ndim == 2:
        result[:] = seen.any()
        return result
    axis = painted_axis(seen) if axis is None else axis
    result[(slice(None),) * axis + (planes_along(seen, axis),)] = True
    return result


def write_case(
    folder: Path,
    case: Case,
    about: Mapping[str, Any],
    *,
    project: Path,
    files: Sequence[Path] = (),
    copy_image: bool = False,
) -> dict[str, Any]:
    """Write a case into a compressed file, whole or not at all.

    Parameters
    ----------
    folder : Path
        Where; made if need be. The file is named by its content.
    case : Case
        What.
    about : mapping
        Further JSON kept in the file.
    project : Path
        The file whose folder relative paths begin in.
    files : sequence of Path
        The image's file, or one for each channel; none takes where the volume was read from.
    copy_image : bool
        Keep a copy of the image in the file: only with consent.

    Returns
    -------
    dict
        Name and hash of the file, for `read_case`.

    Raises
    ------
    ImageNotKept
        If there is no file that gives the image back, and no copy may be kept.
    OSError
        If it cannot be written.
    """
    volume, voxels = case.volume, voxel_hash(case.volume.array)
    arrays: dict[str, np.ndarray] = {"labels": case.labels}
    for mask in ("reviewed", "changed"):
        value = getattr(case, mask)
        if value is not None:
            arrays[mask] = np.packbits(value)
    told: list[dict[str, Any]] = []
    if copy_image:
        arrays["image"] = volume.array
    else:
        told = [file_entry(path, project) for path in _giving_back(volume, voxels, files)]
    content = {
        **about,
        "name": case.name,
        "voxels": voxels,
        "images": told,
        "spacing": [float(s) for s in volume.spacing],
        "spacing_known": bool(volume.spacing_known),
        "affine": volume.affine.tolist(),
        "channels": list(volume.channels),
        "image": volume.name,
    }
    text = json.dumps(content, ensure_ascii=True, allow_nan=False).encode()
    arrays[_ABOUT] = np.frombuffer(text, np.uint8)
    return store_arrays(folder, PREFIX, arrays)


def read_case(folder: Path, stored: Mapping[str, Any], project: Path) -> Case:
    """Read what `write_case` wrote, with the image.

    Raises
    ------
    ValueError
        If the file is missing or damaged, or the image is gone or another one now.
    OSError
        If the image cannot be read.
    """
    arrays = load_arrays(folder, stored, project.name)
    about = _about(arrays)
    labels = arrays["labels"]
    masks = {
        mask: np.unpackbits(arrays[mask], count=labels.size).astype(bool).reshape(labels.shape)
        for mask in ("reviewed", "changed")
        if mask in arrays
    }
    volume = _copy_of(arrays, about) if "image" in arrays else _found(about, project)
    return Case(volume, labels, masks.get("reviewed"), masks.get("changed"), about["name"])


def read_about(path: Path) -> dict[str, Any] | None:
    """Return what a case's file says of it; None if it is damaged or none of ours."""
    try:
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            return _about({_ABOUT: file[_ABOUT]})
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _about(arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    about = json.loads(arrays[_ABOUT].tobytes())
    if not isinstance(about, dict):
        raise ValueError("this is no case of MedSeg")
    return about


def _giving_back(volume: Volume, voxels: str, files: Sequence[Path]) -> list[Path]:
    """Return the files that, read again, give this very image."""
    stored = volume.storage.path if volume.storage is not None else ""
    paths = list(files) or ([Path(stored)] if stored else [])
    try:
        if paths and voxel_hash(_read(paths).array) == voxels:
            return paths
    except (OSError, ValueError):
        pass  # a file that is gone or unreadable gives nothing back
    raise ImageNotKept(
        f"the image of '{volume.name or 'this case'}' lies in no file that gives it back; save "
        "it first, or allow a copy to be kept with the project"
    )


def _read(paths: Sequence[Path]) -> Volume:
    return read_volume(list(paths) if len(paths) > 1 else paths[0])


def _found(about: Mapping[str, Any], project: Path) -> Volume:
    paths = [find_file(told, project) for told in about["images"]]
    there = [path for path in paths if path is not None]
    if len(there) < len(paths) or not there:
        missing = next(
            (t["path"] for t, p in zip(about["images"], paths, strict=True) if not p), ""
        )
        raise ValueError(
            f"the image of '{about['name']}' is not at {missing} any more; put it back there, or "
            "remove the case"
        )
    volume = _read(there)
    if voxel_hash(volume.array) != about["voxels"]:
        raise ValueError(
            f"{there[0].name} was changed since '{about['name']}' was added; put the earlier file "
            "back, or remove the case"
        )
    return volume


def _copy_of(arrays: Mapping[str, np.ndarray], about: Mapping[str, Any]) -> Volume:
    return Volume(
        arrays["image"],
        tuple(about["spacing"]),
        np.array(about["affine"]),
        spacing_known=about["spacing_known"],
        name=about["image"],
        channels=tuple(about["channels"]),
    )
