"""The list of a project's corrected cases on disk, and how it is made again if it is damaged."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from napari_medseg.case_file import PREFIX, read_about
from napari_medseg.case_labels import fingerprint
from napari_medseg.io import atomic_path

INDEX = "cases.json"
_PROGRAM, _KIND, _VERSION = "napari-medseg", "cases", 1
_LARGEST_WEIGHT = 100


@dataclass(frozen=True, kw_only=True)
class CaseEntry:
    """What is known of a stored case without reading it.

    Parameters
    ----------
    key : str
        Stays the same when the case is replaced.
    file, sha256 : str
        Its file in the folder, and the hash of that.
    name : str
        For people.
    weight : float
        How often it is learnt from, 1 as often as others.
    used : bool
        Whether it is learnt from at all.
    added : str
        ISO 8601, UTC.
    rounds : int
        How often the model had been fine-tuned when it was added, 0 not yet.
    shape : tuple of int
        ``*S``.
    values : tuple of int
        The label values a person looked at, with 0 if background is among them.
    reviewed_voxels, edited_voxels : int
        How many were looked at, and how many of them changed by hand.
    prompts, minutes : int, float
        What it took.
    voxels : str
        Hash of the image's values: whether it is also in another set, see `voxel_hash`.
    copied : bool
        Whether a copy of the image is kept.
    """

    key: str
    file: str
    sha256: str
    name: str
    weight: float = 1.0
    used: bool = True
    added: str = ""
    rounds: int = 0
    shape: tuple[int, ...] = ()
    values: tuple[int, ...] = ()
    reviewed_voxels: int = 0
    edited_voxels: int = 0
    prompts: int = 0
    minutes: float = 0.0
    voxels: str = ""
    copied: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.weight <= _LARGEST_WEIGHT:
            raise ValueError(
                f"the weight of a case must be above 0 and at most {_LARGEST_WEIGHT}, got "
                f"{self.weight:g}; to learn nothing from it, leave it out"
            )


def entry_of(told: Mapping[str, Any]) -> CaseEntry:
    """Return the entry that JSON tells of; what it does not know is ignored.

    Raises
    ------
    ValueError, TypeError, KeyError
        If something is missing or wrong.
    """
    known = {field.name for field in fields(CaseEntry)}
    values = {name: value for name, value in told.items() if name in known}
    for name in ("shape", "values"):
        values[name] = tuple(int(v) for v in values.get(name, ()))
    return CaseEntry(**{"key": told["file"], **values})


def read_index(folder: Path) -> tuple[list[CaseEntry], list[str]]:
    """Return the cases of a folder in order, and what is to be said about it.

    A list that is damaged is made again from the files of the cases, in the order they were added.

    Raises
    ------
    ValueError
        If a newer version of this program wrote the list.
    OSError
        If it cannot be read.
    """
    path = folder / INDEX
    try:
        text = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return [], []
    except OSError as error:
        raise OSError(f"cannot read {path}: {error.strerror or error}") from error
    try:
        content = json.loads(text)
        if content["kind"] != _KIND or not isinstance(content["cases"], list):
            raise ValueError(path.name)
        version = int(content["version"])
    except (ValueError, KeyError, TypeError):
        found = _from_files(folder)
        return found, [
            f"the list of cases was damaged; {len(found)} were found again, with their weights "
            "and order as at first"
        ]
    if version > _VERSION:
        raise ValueError(
            f"{path} was written by a newer MedSeg; update this one to learn from its cases"
        )
    entries, said = [], []
    for told in content["cases"]:
        try:
            entries.append(entry_of(told))
        except (ValueError, TypeError, KeyError):
            said.append("an entry of the list of cases is damaged: it is skipped")
    return entries, said


def write_index(folder: Path, entries: Sequence[CaseEntry]) -> None:
    """Write the list, whole or not at all.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    content = {
        "program": _PROGRAM,
        "kind": _KIND,
        "version": _VERSION,
        "cases": [asdict(entry) for entry in entries],
    }
    with atomic_path(folder / INDEX) as target:
        text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
        target.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")


def _from_files(folder: Path) -> list[CaseEntry]:
    found = []
    for path in folder.glob(f"{PREFIX}-*.npz"):
        about = read_about(path)
        if about is not None:
            found.append(entry_of({**about, "file": path.name, "sha256": fingerprint(path)}))
    return sorted(found, key=lambda entry: (entry.added, entry.name))
