"""A project: one JSON file that names everything, and a folder of arrays beside it.

``NAME.medseg.json`` says which images, labels, classes, reviews, model and view there are;
``NAME.medseg/`` holds what lies in no file of its own, compressed. Array files are named by their
content and written first, the JSON file takes their place in one move, and what it no longer names
is deleted last: whatever happens in between, the old project or the new one is whole.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.case_labels import fingerprint
from napari_medseg.io import atomic_path

SUFFIX = ".medseg.json"
VERSION = 1
_PROGRAM, _KIND = "napari-medseg", "project"
_PARTS = "content"  # where an entry says what its arrays are

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Project:
    """What a project file says.

    Parameters
    ----------
    path : Path
        The JSON file.
    content : mapping
        "images", "labels", "model", "view", "notes": JSON.
    """

    path: Path
    content: Mapping[str, Any]

    def arrays(self, entry: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Return the arrays of an entry of images or labels; none if it has none.

        Raises
        ------
        ValueError
            If their file is missing, or is not the one that was written.
        """
        stored = entry.get(_PARTS)
        return {} if stored is None else load_arrays(folder_of(self.path), stored, self.path.name)

    def find(self, told: Mapping[str, Any]) -> Path | None:
        """Return where a file that `file_entry` told of is now; None if it is not found."""
        return find_file(told, self.path)


def is_project(path: str | os.PathLike[str]) -> bool:
    """Whether a path is named as projects are."""
    return Path(path).name.lower().endswith(SUFFIX)


def folder_of(path: Path) -> Path:
    """Return the folder with the arrays of a project."""
    return path.with_name(path.name[: -len(SUFFIX)] + ".medseg")


def read_project(path: str | os.PathLike[str]) -> Project:
    """Read what a project file says; arrays are read when they are asked for.

    Raises
    ------
    ValueError
        If it is no project, is damaged, or a newer version of this program wrote it.
    OSError
        If it cannot be read.
    """
    path = Path(path).absolute()
    try:
        text = path.read_bytes()
    except FileNotFoundError as error:
        raise FileNotFoundError(f"there is no project {path}; it was moved or deleted") from error
    except OSError as error:
        raise OSError(f"cannot read {path}: {error.strerror or error}") from error
    try:
        content = json.loads(text)
    except ValueError as error:
        raise ValueError(
            f"{path.name} is damaged and cannot be opened; take an earlier copy of it"
        ) from error
    if not isinstance(content, dict) or content.get("kind") != _KIND:
        raise ValueError(
            f"{path.name} is no project of MedSeg; choose a file that ends in {SUFFIX}"
        )
    if not isinstance(content.get("version"), int) or content["version"] > VERSION:
        raise ValueError(
            f"{path.name} was written by a newer MedSeg; update this one to open the project"
        )
    lists = all(isinstance(content.get(name), list) for name in ("images", "labels"))
    if not lists or not isinstance(content.get("view"), dict):
        raise ValueError(f"{path.name} is damaged and cannot be opened; take an earlier copy of it")
    return Project(path, content)


def write_project(
    path: str | os.PathLike[str],
    content: Mapping[str, Any],
    arrays: Mapping[str, Arrays],
) -> None:
    """Write a project, whole or not at all.

    Parameters
    ----------
    path : path
        Ends in ``.medseg.json``; missing folders are made.
    content : mapping
        JSON. An entry of "images" or "labels" with arrays names them as its "content".
    arrays : mapping
        By those names.

    Raises
    ------
    OSError
        If it cannot be written; the earlier project is then as it was.
    """
    path = Path(path).absolute()
    folder = folder_of(path)
    stored = {name: store_arrays(folder, name, parts) for name, parts in arrays.items()}
    whole = {
        "program": _PROGRAM,
        "kind": _KIND,
        "version": VERSION,
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        **content,
    }
    for group in ("images", "labels"):
        whole[group] = [
            {**entry, _PARTS: stored[entry[_PARTS]]} if entry.get(_PARTS) else dict(entry)
            for entry in content[group]
        ]
    text = json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False)
    with atomic_path(path) as target:
        # names that are no text, of old disks, as JSON's own escapes
        target.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")
    clear_arrays(folder, {entry["file"] for entry in stored.values()})


def file_entry(file: str | os.PathLike[str], project: Path) -> dict[str, Any]:
    """Return what a project says of a file outside of it: where it is, and what it holds.

    Parameters
    ----------
    file : path
        May be a folder, as of a DICOM series.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    path = Path(file).absolute()
    try:
        relative = os.path.relpath(path, project.absolute().parent)
    except ValueError:  # another drive of Windows
        relative = str(path)
    return {
        "path": Path(relative).as_posix(),
        "absolute": str(path),
        "folder": path.is_dir(),
        **_checksum(path),
    }


def find_file(told: Mapping[str, Any], project: Path) -> Path | None:
    """Return where a file that `file_entry` told of a project is now; None if it is not found."""
    for path in (project.parent / str(told["path"]), Path(str(told["absolute"]))):
        with suppress(OSError):  # a name another system cannot have
            if path.is_dir() if told.get("folder") else path.is_file():
                return path.resolve()
    return None


def check_file(path: Path, told: Mapping[str, Any]) -> None:
    """Raise a ValueError unless a file holds what `file_entry` told of."""
    if any(told[name] != found for name, found in _checksum(path).items()):
        raise ValueError(
            f"{path.name} is not the file this project was made with, or was changed since; "
            "choose the right one"
        )


def _checksum(path: Path) -> dict[str, Any]:
    """Return size and SHA-256 of a file, or of the files of a folder by their names."""
    if not path.is_dir():
        return {"size": path.stat().st_size, "sha256": fingerprint(path)}
    files = sorted(p for p in path.iterdir() if p.is_file() and not p.name.startswith("."))
    lines = "".join(f"{p.name} {fingerprint(p)}\n" for p in files)
    whole = hashlib.sha256(lines.encode("utf-8", "surrogateescape"))
    return {"size": sum(p.stat().st_size for p in files), "sha256": whole.hexdigest()}


def store_arrays(folder: Path, name: str, arrays: Arrays) -> dict[str, str]:
    """Write arrays into a compressed file named by its content; return what `load_arrays` takes.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    temporary = folder / f"{name}.npz"
    with atomic_path(temporary) as target, zipfile.ZipFile(target, "w") as zipped:
        for part, array in arrays.items():
            info = zipfile.ZipInfo(f"{part}.npy")  # with no time: the same content, the same file
            info.compress_type = zipfile.ZIP_DEFLATED
            info._compresslevel = 1  # type: ignore[attr-defined]  # ZipFile's own is not taken
            with zipped.open(info, "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.asarray(array), allow_pickle=False)
    digest = fingerprint(temporary)
    final = folder / f"{name}-{digest[:12]}.npz"
    os.replace(temporary, final)
    return {"file": final.name, "sha256": digest}


def load_arrays(folder: Path, stored: Mapping[str, Any], project: str) -> dict[str, np.ndarray]:
    """Read what `store_arrays` wrote; `project` is what the folder belongs to, for people.

    Raises
    ------
    ValueError
        If the file is missing, or is not the one that was written.
    """
    path = folder / Path(str(stored["file"])).name
    if not path.is_file():
        raise ValueError(
            f"{path.name} is missing in {path.parent}, which belongs to {project}; copy that "
            "folder with the project"
        )
    if fingerprint(path) != stored["sha256"]:
        raise ValueError(
            f"{path.name} in {path.parent.name} is damaged; copy the project again from where "
            "it came from"
        )
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def clear_arrays(folder: Path, named: set[str]) -> None:
    """Delete the files of arrays that are named no longer, and a folder that is empty then."""
    with suppress(OSError):  # they do no harm
        for path in folder.glob("*.npz"):
            if path.name not in named:
                path.unlink()
        if not named:
            folder.rmdir()
