"""`Casebook`: the corrected cases of a project, kept on disk to learn from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import numpy as np

from napari_medseg.case_file import read_case, write_case
from napari_medseg.case_picture import draw_case
from napari_medseg.casebook_file import CaseEntry, entry_of, read_index, write_index
from napari_medseg.effort import Effort
from napari_medseg.engine.cases import Case, voxel_hash
from napari_medseg.engine.sparse import seen_values
from napari_medseg.project import SUFFIX, clear_arrays
from napari_medseg.volume import Volume
from napari_medseg.worklist_file import locked

_LOCK = ".cases.lock"
_CHANGEABLE = ("name", "weight", "used", "prompts", "minutes")


def casebook_folder(project: Path) -> Path:
    """Return where the cases of a project file are kept."""
    name = project.name
    stem = name[: -len(SUFFIX)] if name.lower().endswith(SUFFIX) else project.stem
    return project.with_name(f"{stem}.medseg-cases")


class Casebook:
    """The cases of a project, in order; every change is on disk when it returns.

    Several windows may share a folder. A case's file is written before it is listed and deleted
    after it is listed no longer, so that whatever happens in between, the old list or the new one
    is whole.

    Parameters
    ----------
    project : Path
        The project file, which need not be there yet.

    Attributes
    ----------
    entries : tuple of CaseEntry
        The cases in order, those left out as well.
    notices : tuple of str
        What was found damaged, for people.
    """

    def __init__(self, project: Path) -> None:
        self.project = project.absolute()
        self.folder = casebook_folder(self.project)
        self.entries: tuple[CaseEntry, ...] = ()
        self.notices: tuple[str, ...] = ()

    @classmethod
    def open(cls, project: Path) -> Self:
        """List the cases of a project; none if none were added.

        Raises
        ------
        ValueError
            If a newer version of this program wrote the list.
        OSError
            If it cannot be read.
        """
        book = cls(project)
        book.refresh()
        return book

    @property
    def used(self) -> tuple[CaseEntry, ...]:
        """The cases that are learnt from."""
        return tuple(entry for entry in self.entries if entry.used)

    def refresh(self) -> None:
        """Read the list anew; a case whose file is gone is said in `notices` and left out."""
        entries, said = read_index(self.folder)
        there = [entry for entry in entries if (self.folder / entry.file).is_file()]
        gone = [entry for entry in entries if entry not in there]
        self.entries = tuple(there)
        self.notices = (*said, *(f"the file of case '{e.name}' is missing" for e in gone))

    def find(self, volume: Volume) -> CaseEntry | None:
        """Return the case of this very image, None if there is none."""
        voxels = voxel_hash(volume.array)
        return next((entry for entry in self.entries if entry.voxels == voxels), None)

    def add(
        self,
        case: Case,
        *,
        copy_image: bool = False,
        files: Sequence[Path] = (),
        picture: bool = False,
        replacing: CaseEntry | None = None,
        rounds: int = 0,
        prompts: int = 0,
        minutes: float = 0.0,
    ) -> CaseEntry:
        """Store a case at the end of the list, or in the place of another.

        Parameters
        ----------
        case : Case
            With what was reviewed and changed, and its weight.
        copy_image : bool
            Keep a copy of the image, with consent; without it, where its file is and what it holds.
        files : sequence of Path
            The image's file, or one for each channel; none takes where it was read from.
        picture : bool
            Keep a small picture of it, with consent.
        replacing : CaseEntry, optional
            The case whose place this one takes; its key, weight and whether it is used are kept.
        rounds, prompts, minutes : int, int, float
            See `CaseEntry`.

        Raises
        ------
        ImageNotKept
            If no file gives the image back, and no copy may be kept.
        ValueError
            If the case to replace is gone, or the weight cannot be.
        OSError
            If it cannot be written; the list is then as it was.
        """
        about = {
            **_told_of(case),
            "rounds": rounds,
            "prompts": prompts,
            "minutes": minutes,
            "copied": copy_image,
        }
        entry_of({**about, "file": "", "sha256": ""})  # refused before anything is written

        def stored(entries: list[CaseEntry]) -> list[CaseEntry]:
            at = len(entries) if replacing is None else entries.index(_now(replacing, entries))
            file = write_case(
                self.folder, case, about, project=self.project, files=files, copy_image=copy_image
            )
            entry = entry_of({**about, **file})
            if replacing is not None:
                old = entries[at]
                entry = replace(entry, key=old.key, weight=old.weight, used=old.used)
            if picture:
                draw_case(self.picture(entry), case)
            return [*entries[:at], entry, *entries[at + 1 :]]

        entries = self._change(stored)
        return entries[-1] if replacing is None else _now(replacing, entries)

    def update(self, entry: CaseEntry, **changes: Any) -> CaseEntry:
        """Change the name, the weight, whether it is used, prompts or minutes of a case.

        Raises
        ------
        ValueError
            If the case is gone, or a value cannot be.
        OSError
            If it cannot be written.
        """
        unknown = set(changes).difference(_CHANGEABLE)
        if unknown:
            raise ValueError(f"of a case {_CHANGEABLE} can be changed, not {sorted(unknown)}")

        def updated(entries: list[CaseEntry]) -> list[CaseEntry]:
            known = _now(entry, entries)
            return [replace(e, **changes) if e is known else e for e in entries]

        return _now(entry, self._change(updated))

    def move(self, entry: CaseEntry, place: int) -> None:
        """Give a case another place in the list, counted from 0."""

        def moved(entries: list[CaseEntry]) -> list[CaseEntry]:
            known = _now(entry, entries)
            others = [e for e in entries if e is not known]
            return [*others[: max(place, 0)], known, *others[max(place, 0) :]]

        self._change(moved)

    def remove(self, entry: CaseEntry) -> None:
        """Forget a case and delete its file; its image stays where it is."""
        self._change(lambda entries: [e for e in entries if e.key != entry.key])

    def load(self, entry: CaseEntry) -> Case:
        """Read a case with its image.

        Raises
        ------
        ValueError
            If its file is missing or damaged, or the image is gone or another one now.
        OSError
            If the image cannot be read.
        """
        stored = {"file": entry.file, "sha256": entry.sha256}
        case = read_case(self.folder, stored, self.project)
        return replace(case, name=entry.name, weight=entry.weight)

    def picture(self, entry: CaseEntry) -> Path:
        """Return where the small picture of a case is, where one was kept."""
        return (self.folder / entry.file).with_suffix(".png")

    def effort(self) -> list[Effort]:
        """Return what the cases took, from round to round."""
        rounds: dict[int, list[CaseEntry]] = {}
        for entry in self.entries:
            rounds.setdefault(entry.rounds, []).append(entry)
        return [
            Effort(
                number,
                len(own),
                sum(entry.edited_voxels for entry in own),
                sum(entry.prompts for entry in own),
                sum(entry.minutes for entry in own),
            )
            for number, own in sorted(rounds.items())
        ]

    def _change(self, change: Callable[[list[CaseEntry]], list[CaseEntry]]) -> list[CaseEntry]:
        """Change the list as it is on disk now, and delete what is listed no longer."""
        with locked(self.folder / _LOCK, "the project"):
            before, _ = read_index(self.folder)
            entries = change(before)
            write_index(self.folder, entries)
            named = {entry.file for entry in entries}
            for picture in self.folder.glob("*.png"):
                if picture.with_suffix(".npz").name not in named:
                    picture.unlink(missing_ok=True)
            clear_arrays(self.folder, named)
        self.refresh()
        return entries


def _told_of(case: Case) -> dict[str, Any]:
    """Return what the list says of a case that is added now, as JSON values."""
    seen = case.labels.size if case.reviewed is None else np.count_nonzero(case.reviewed)
    return {
        "name": case.name,
        "weight": float(case.weight),
        "added": datetime.now(UTC).isoformat(timespec="microseconds"),
        "shape": list(case.volume.shape),
        "values": [int(v) for v in seen_values(case)],
        "reviewed_voxels": int(seen),
        "edited_voxels": 0 if case.changed is None else int(np.count_nonzero(case.changed)),
        "voxels": voxel_hash(case.volume.array),
    }


def _now(entry: CaseEntry, entries: Sequence[CaseEntry]) -> CaseEntry:
    """Return a case as it is listed now."""
    for other in entries:
        if other.key == entry.key:
            return other
    raise ValueError(f"case '{entry.name}' is gone; it was removed in another window")
