"""Label files of people's work: none is lost to a write that did not know of it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.io import image_stem, write_labels
from napari_medseg.io.classes import ClassName
from napari_medseg.volume import Volume

EARLIER = "earlier"  # the folder, beside the labels, of files that were replaced on demand


class UnknownLabels(ValueError):
    """The file at this place is not the one last read or written; a person must decide."""


def fingerprint(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits; empty if there is no file.

    Of labels that are a folder (OME-Zarr) it is that of the names, sizes and times of its files.

    Raises
    ------
    OSError
        If there is one that cannot be read.
    """
    try:
        if path.is_dir():
            return _of_folder(path)
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (FileNotFoundError, NotADirectoryError):
        return ""


def write_case_labels(
    path: Path,
    labels: np.ndarray,
    *,
    like: Volume,
    provenance: dict[str, Any] | None,
    known: str,
    replace: bool = False,
    classes: Sequence[ClassName] = (),
) -> str:
    """Write labels where the file is still the one that is known, or where there is none.

    Parameters
    ----------
    path : Path
        The label file.
    labels : ndarray
        ``(*S)``, whole numbers.
    like : Volume
        The grid they are written on.
    provenance : dict or None
        How the labels came about, written beside them.
    known : str
        Fingerprint of the file that may be overwritten; empty if none may.
    replace : bool
        Whether another file may be replaced, too: it is moved into the folder `EARLIER` first.
    classes : sequence of ClassName
        What the values are called, for formats that can say so.

    Returns
    -------
    str
        The fingerprint of the new file.

    Raises
    ------
    UnknownLabels
        If another file is there and `replace` is not set.
    ValueError, OSError
        If the labels cannot be written; the earlier file is then as it was.
    """
    found = fingerprint(path)
    if found and found != known:
        if not replace:
            raise UnknownLabels(
                f"{path.name} in {path.parent.name} has been written by someone else since; "
                "replace it, or keep it and discard these labels"
            )
        keep_earlier(path)
    write_labels(path, labels, like=like, provenance=provenance, classes=classes)
    return fingerprint(path)


def keep_earlier(path: Path) -> Path:
    """Copy a label file, with its provenance, into the folder `EARLIER` and return the copy.

    Raises
    ------
    OSError
        If it cannot be copied.
    """
    import shutil

    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    stem, suffix = image_stem(path), path.name[len(image_stem(path)) :]
    folder, count = path.parent / EARLIER, 0
    folder.mkdir(exist_ok=True)
    while os.path.lexists(copy := folder / f"{stem} {stamp}{f' {count}' * (count > 0)}{suffix}"):
        count += 1
    if path.is_dir():
        shutil.copytree(path, copy)
    else:
        shutil.copy2(path, copy)
    beside = path.with_name(f"{stem}.json")
    if beside.exists():
        shutil.copy2(beside, copy.with_name(f"{image_stem(copy)}.json"))
    return copy


def _of_folder(folder: Path) -> str:
    files = [(path, path.stat()) for path in sorted(folder.rglob("*")) if path.is_file()]
    listed = [
        f"{path.relative_to(folder).as_posix()} {about.st_size} {about.st_mtime_ns}"
        for path, about in files
    ]
    return hashlib.sha256("\n".join(listed).encode()).hexdigest()
