"""What a journal says: the labels as they were last, and what of them was not saved."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np

from napari_medseg.edits import Edits
from napari_medseg.journal.identity import Identity
from napari_medseg.journal.outstanding import Outstanding
from napari_medseg.journal.records import Record, check_magic, read_records
from napari_medseg.journal.steps import restart_record
from napari_medseg.packed import Box

VERSION = 1
_MARKS = ("painted", "confirmed", "kept", "reference")


@dataclass(eq=False)
class Unsaved:
    """What a journal holds that was not saved.

    Parameters
    ----------
    path : Path
        The journal.
    identity : Identity
        Whose it is.
    labels : ndarray
        As they were last; without arrays, of no memory.
    base : ndarray
        As they were when the journal began.
    edits : Edits
        What a person reviewed and changed.
    classes : mapping or None
        The class table, if it was changed.
    notes : mapping
        What else was kept, by name.
    outstanding : Outstanding
        By which steps labels and base differ.
    time : str
        Of the last record, ISO 8601 in UTC.
    """

    path: Path
    identity: Identity
    labels: np.ndarray
    base: np.ndarray
    edits: Edits
    classes: Mapping[str, Any] | None = None
    notes: dict[str, Any] = field(default_factory=dict)
    outstanding: Outstanding = field(default_factory=Outstanding)
    time: str = ""

    def whole(self) -> Box:
        """Return the box of all labels."""
        return tuple(slice(0, side) for side in self.identity.shape)

    def take(self, record: Record) -> None:
        """Play a record."""
        about, arrays = record.about, record.arrays
        self.time = str(about.get("time", self.time))
        if record.kind == "base":
            self._begin(about, arrays)
        elif record.kind == "step":
            step, happened = int(about["step"]), str(about["happened"])
            self.outstanding.note(step, happened, bool(about["by_person"]))
            for index, sides in enumerate(about["boxes"] if arrays else ()):
                box = tuple(slice(*side) for side in sides)
                self.labels[box] = arrays[f"values {index}"]
                self._mark(box, arrays, f" {index}")
        elif record.kind == "marks":
            self.outstanding.confirmed += 1
            self._mark(tuple(slice(*side) for side in about["box"]), arrays, "")
        elif record.kind == "classes":
            self.classes, self.outstanding.others = about["classes"], True
        elif record.kind == "note":
            self.notes[str(about["name"])] = about["content"]
            self.outstanding.others = True

    def _begin(self, about: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Take a beginning: of a journal, or of one that was rewritten in the middle."""
        self.outstanding = Outstanding.from_dict(about.get("outstanding", {}))
        if not self.labels.flags.writeable:  # no arrays are wanted
            return
        nothing = np.zeros(self.identity.shape, self.identity.dtype)
        self.labels = arrays.get("labels", nothing).astype(self.identity.dtype)
        self.base = arrays.get("base", self.labels).astype(self.identity.dtype)
        self.edits = Edits(self.identity.shape)
        self._mark(self.whole(), arrays, "")

    def _mark(self, box: Box, arrays: Mapping[str, np.ndarray], suffix: str) -> None:
        marks = {name: arrays[name + suffix] for name in _MARKS if name + suffix in arrays}
        if len(marks) == len(_MARKS):
            self.edits.restore(box, marks)

    def rewritten(self) -> Record:
        """Return one record that says all of it but classes and notes."""
        marks = self.edits.marks(self.whole())
        return restart_record(self.labels, self.base, marks, self.outstanding, self.time)


def read_journal(path: str | os.PathLike[str], *, arrays: bool = True) -> Unsaved:
    """Return what a journal says; a torn end is left out.

    Parameters
    ----------
    arrays : bool
        Whether the labels are wanted, not only what there is.

    Raises
    ------
    ValueError
        If it is no journal, or a newer version of this program wrote it.
    OSError
        If it cannot be read.
    """
    path = Path(path)
    with open(path, "rb") as file:
        return read_open(path, file, arrays=arrays)


def read_open(path: Path, file: IO[bytes], *, arrays: bool = True) -> Unsaved:
    """Return what a journal that is open says, as `read_journal`."""
    identity, time = read_identity(path, file)
    labels = np.broadcast_to(np.zeros((), identity.dtype), identity.shape)
    labels = labels.copy() if arrays else labels
    unsaved = Unsaved(path, identity, labels, labels, Edits(identity.shape), time=time)
    try:
        for record, _ in read_records(file, arrays=arrays):
            unsaved.take(record)
    except (KeyError, TypeError, IndexError) as error:
        raise _damaged(path) from error
    return unsaved


def read_identity(path: Path, file: IO[bytes]) -> tuple[Identity, str]:
    """Return whose journal it is and when it began; the file is then at the next record.

    Raises
    ------
    ValueError, OSError
        As `read_journal`.
    """
    check_magic(file)
    first = next(read_records(file), None)
    if first is None or first[0].kind != "about":
        raise ValueError(f"the journal {path.name} ends before it says what it is of")
    about = first[0].about
    try:
        if int(about["version"]) > VERSION:
            raise ValueError(
                f"the journal {path.name} was written by a newer MedSeg; update this one to "
                "restore it"
            )
        return Identity.from_dict(about["identity"]), str(about["time"])
    except (KeyError, TypeError) as error:
        raise _damaged(path) from error


def _damaged(path: Path) -> ValueError:
    return ValueError(f"the journal {path.name} is damaged and cannot be used")
