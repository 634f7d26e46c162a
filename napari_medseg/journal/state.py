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
from napari_medseg.journal.records import Record, read_records
from napari_medseg.packed import Box, shape_of

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
    steps : mapping
        Steps by which labels and base differ, each with whether a person did it.
    confirmed : int
        How often a person found a box right.
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
    steps: dict[int, bool] = field(default_factory=dict)
    confirmed: int = 0
    time: str = ""
    _reversed: dict[int, bool] = field(default_factory=dict)

    @property
    def corrections(self) -> int:
        """How many steps of a person were not saved."""
        return sum(self.steps.values()) + sum(self._reversed.values())

    @property
    def answers(self) -> int:
        """How many answers of a model were not saved."""
        return len(self.steps) + len(self._reversed) - self.corrections

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing that was not saved."""
        different = self.steps or self._reversed or self.confirmed or self.notes
        return not different and self.classes is None

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
            self._count(int(about["step"]), str(about["happened"]), bool(about["by_person"]))
            for index, sides in enumerate(about["boxes"] if arrays else ()):
                box = tuple(slice(*side) for side in sides)
                self._write(box, arrays[f"values {index}"], arrays.get(f"mask {index}"))
                self._mark(box, arrays, f" {index}")
        elif record.kind == "marks":
            self.confirmed += 1
            self._mark(tuple(slice(*side) for side in about["box"]), arrays, "")
        elif record.kind == "classes":
            self.classes = about["classes"]
        elif record.kind == "note":
            self.notes[str(about["name"])] = about["content"]

    def _begin(self, about: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Take a beginning: of a journal, or of one that was rewritten in the middle."""
        self.steps = _steps(about.get("steps", {}))
        self._reversed = _steps(about.get("reversed", {}))
        self.confirmed = int(about.get("confirmed", 0))
        if not self.labels.flags.writeable:  # no arrays are wanted
            return
        nothing = np.zeros(self.identity.shape, self.identity.dtype)
        self.labels = arrays.get("labels", nothing).astype(self.identity.dtype)
        self.base = arrays.get("base", self.labels).astype(self.identity.dtype)
        self.edits = Edits(self.identity.shape)
        self._mark(self.whole(), arrays, "")

    def _write(self, box: Box, values: np.ndarray, mask: np.ndarray | None) -> None:
        if mask is None:
            self.labels[box] = values
            return
        shape = shape_of(box)
        where = np.unpackbits(mask, count=int(np.prod(shape))).view(bool).reshape(shape)
        self.labels[box][where] = values

    def _mark(self, box: Box, arrays: Mapping[str, np.ndarray], suffix: str) -> None:
        marks = {name: arrays[name + suffix] for name in _MARKS if name + suffix in arrays}
        if len(marks) == len(_MARKS):
            self.edits.restore(box, marks)

    def _count(self, step: int, happened: str, by_person: bool) -> None:
        """Note by which steps labels and base differ, forwards and backwards."""
        there, back = (self.steps, self._reversed)
        if happened == "undone":
            there, back = back, there
        if step in back:
            del back[step]
        else:
            there[step] = by_person

    def rewritten(self) -> Record:
        """Return one record that says all of it but classes and notes."""
        about = {
            "steps": self.steps,
            "reversed": self._reversed,
            "confirmed": self.confirmed,
            "time": self.time,
        }
        arrays = {"labels": self.labels, "base": self.base}
        return Record("base", about, arrays | dict(self.edits.marks(self.whole())))


def _steps(content: Mapping[str, Any]) -> dict[int, bool]:
    return {int(step): bool(by_person) for step, by_person in content.items()}


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
    try:
        with open(path, "rb") as file:
            return read_open(path, file, arrays=arrays)
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError(f"the journal {path.name} is damaged and cannot be used") from error


def read_open(path: Path, file: IO[bytes], *, arrays: bool = True) -> Unsaved:
    """Return what a journal that is open says, as `read_journal`."""
    records = read_records(file, arrays=arrays)
    first = next(records, None)
    if first is None or first[0].kind != "about":
        raise ValueError(f"the journal {path.name} ends before it says what it is of")
    about = first[0].about
    if int(about["version"]) > VERSION:
        raise ValueError(
            f"the journal {path.name} was written by a newer MedSeg; update this one to restore it"
        )
    identity = Identity.from_dict(about["identity"])
    empty = np.broadcast_to(np.zeros((), identity.dtype), identity.shape)
    labels = empty.copy() if arrays else empty
    unsaved = Unsaved(path, identity, labels, labels.copy(), Edits(identity.shape))
    unsaved.time = str(about["time"])
    for record, _ in records:
        unsaved.take(record)
    return unsaved
