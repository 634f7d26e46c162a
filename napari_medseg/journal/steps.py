"""What is written into a journal: always what the labels *are* after something happened.

A record says which values a box has now, not what was done. So it can be played onto any earlier
state, and the state at the beginning may be read while a person already paints.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from napari_medseg.edits import Marks
from napari_medseg.journal.outstanding import Outstanding
from napari_medseg.journal.records import Record
from napari_medseg.packed import Box


@dataclass(frozen=True, eq=False)
class Written:
    """What a box holds now.

    Parameters
    ----------
    box : tuple of slice
        One slice with start and stop for each axis.
    values : ndarray
        Of the box's shape.
    marks : mapping or None
        What a person reviewed and changed there, as `Edits.marks` says.
    """

    box: Box
    values: np.ndarray
    marks: Marks | None = None


def base_record(labels: np.ndarray | None, marks: Marks | None) -> Record:
    """Return the record of a beginning; None for `labels` that are zero everywhere."""
    arrays = {} if labels is None else {"labels": labels}
    return Record("base", {"time": _now()}, arrays | _marks(marks, ""))


def restart_record(
    labels: np.ndarray, base: np.ndarray, marks: Marks, outstanding: Outstanding, time: str = ""
) -> Record:
    """Return the record of labels in the middle of the work, with those at its beginning."""
    about = {"outstanding": outstanding.to_dict(), "time": time or _now()}
    return Record("base", about, {"labels": labels, "base": base} | _marks(marks, ""))


def step_record(
    step: int, happened: str, name: str, writes: Sequence[Written], *, by_person: bool = True
) -> Record:
    """Return the record of an undo step that was done, undone or redone.

    Parameters
    ----------
    step : int
        By which the step is known again when it is undone or redone.
    happened : {"done", "undone", "redone"}
        What was done with it.
    """
    arrays: dict[str, np.ndarray] = {}
    boxes = []
    for index, one in enumerate(writes):
        boxes.append([[s.start, s.stop] for s in one.box])
        arrays[f"values {index}"] = one.values
        arrays |= _marks(one.marks, f" {index}")
    about = {"step": step, "happened": happened, "name": name, "by_person": by_person}
    return Record("step", about | {"time": _now(), "boxes": boxes}, arrays)


def marks_record(box: Box, marks: Marks) -> Record:
    """Return the record of a box that a person found right."""
    about = {"time": _now(), "box": [[s.start, s.stop] for s in box]}
    return Record("marks", about, _marks(marks, ""))


def classes_record(classes: Mapping[str, Any]) -> Record:
    """Return the record of a class table: names, colours, locks, as JSON."""
    return Record("classes", {"time": _now(), "classes": classes})


def note_record(name: str, content: Any) -> Record:
    """Return the record of something else, prompts for instance, as JSON."""
    return Record("note", {"time": _now(), "name": name, "content": content})


def _marks(marks: Marks | None, suffix: str) -> dict[str, np.ndarray]:
    return {f"{name}{suffix}": array for name, array in (marks or {}).items()}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
