"""`Worklist`: a folder of cases in order, how far each is, and where its labels are saved."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

from psygnal import Signal

from napari_medseg.io import CaseFiles, DatasetLayout, find_cases, image_stem, is_image_path
from napari_medseg.io.layouts import existing_folder, layout_of
from napari_medseg.io.paths import (
    IMAGE_SUFFIXES,
    PICTURE_SUFFIXES,
    TIFF_SUFFIXES,
    ZARR_SUFFIXES,
    image_suffix,
)
from napari_medseg.worklist_file import FILE_NAME, CaseRecord, State, WorklistFile

_LABELS_OF = {
    **dict.fromkeys(PICTURE_SUFFIXES, ".png"),
    **dict.fromkeys(TIFF_SUFFIXES, ".tif"),
    **dict.fromkeys(ZARR_SUFFIXES, ".ome.zarr"),
}
"""Suffix of the labels of an image by the image's; volumes of all other formats get .nii.gz."""


class UnusableLabelsFolder(OSError):
    """Labels cannot, or must not, be saved there; another folder is needed."""


class Worklist:
    """The cases of one folder and the states of the work on them; see `Worklist.open`.

    Emits ``changed(name)`` when the state, the note or the labels of a case changed, in the thread
    that found out.

    Parameters
    ----------
    folder : Path
        Where the images are.
    labels_folder : Path
        Where labels and states are saved.
    cases : sequence of CaseFiles
        In the order of the work.
    left_out : dict
        What else is in the folder, by its path below the folder, and why it is no case.

    Attributes
    ----------
    saves_by_itself : bool
        Whether labels are saved without a question when one goes on to another case.
    """

    changed = Signal(str)

    def __init__(
        self,
        folder: Path,
        labels_folder: Path,
        cases: Sequence[CaseFiles],
        left_out: dict[str, str] | None = None,
    ) -> None:
        self.folder, self.labels_folder = folder, labels_folder
        self.cases = tuple(cases)
        self.left_out = dict(left_out or {})
        self.saves_by_itself = False
        self.file = WorklistFile(labels_folder)
        self._place = {case.name: index for index, case in enumerate(self.cases)}
        self._saved = _label_files(labels_folder)
        self._records, self.notice = self.file.read()

    @classmethod
    def open(
        cls, folder: str | os.PathLike[str], labels_folder: str | os.PathLike[str] | None = None
    ) -> Self:
        """List the cases of a folder, with the states an earlier sitting left.

        Parameters
        ----------
        folder : path
            Images in one of the layouts of `find_cases`, with or without labels.
        labels_folder : path or None
            Where labels are saved; None is ``FOLDER-labels`` beside the folder.

        Raises
        ------
        ValueError
            If there are no images.
        UnusableLabelsFolder
            If the folder for the labels is such a one, or cannot be written.
        OSError
            If the folder cannot be read.
        """
        folder = existing_folder(folder).resolve()
        if (folder / FILE_NAME).exists():
            raise ValueError(
                f"{folder.name} holds labels that MedSeg saved; choose the folder of their images"
            )
        chosen = folder.with_name(f"{folder.name}-labels")
        labels = chosen if labels_folder is None else Path(labels_folder).resolve()
        unusable: dict[Path, str] = {}
        cases = [c for c in find_cases(folder, left_out=unusable) if not _is_saved(c, unusable)]
        if not cases:
            raise ValueError(f"{folder.name} holds labels that MedSeg saved, and no images")
        _check_place(folder, labels, cases)
        unusable |= {path: why for path, why in _others(folder, cases) if path not in unusable}
        left_out = {path.relative_to(folder).as_posix(): why for path, why in unusable.items()}
        return cls(folder, labels, cases, left_out)

    def __contains__(self, name: object) -> bool:
        return name in self._place

    def case(self, name: str) -> CaseFiles:
        """Return the files of a case.

        Raises
        ------
        ValueError
            If there is no such case.
        """
        if name not in self._place:
            raise ValueError(f"there is no case {name!r} in {self.folder.name}; open it anew")
        return self.cases[self._place[name]]

    def position(self, name: str) -> int:
        """Return the place of a case in the list, from 0; -1 if it is not in it."""
        return self._place.get(name, -1)

    def record(self, name: str) -> CaseRecord:
        """Return the state, note and last writing of a case."""
        saved, record = self._saved.get(name), self._records.get(name)
        if record is None:
            if saved is None:
                return CaseRecord()
            made_by_us = saved.with_name(f"{name}.json").exists()
            return CaseRecord(State.SEGMENTED if made_by_us else State.IN_WORK)
        if record.state is State.SEGMENTED and saved is None:  # somebody deleted the labels
            return replace(record, state=State.NEW, written="")
        return record

    def state_of(self, name: str) -> State:
        """Return how far the work on a case is."""
        return self.record(name).state

    def count(self, state: State) -> int:
        """Return how many cases are in a state."""
        return self.counts()[state]

    def counts(self) -> Counter[State]:
        """Return how many cases are in each state."""
        return Counter(self.state_of(case.name) for case in self.cases)

    def set_state(
        self, name: str, state: State, *, note: str | None = None, written: str | None = None
    ) -> None:
        """Note the state of a case on disk at once; None leaves note and fingerprint as they are.

        Raises
        ------
        ValueError
            If there is no such case, or a newer version of this program wrote the file of states.
        OSError
            If the state cannot be written.
        """
        self.case(name)
        now = self.record(name)
        record = CaseRecord(
            state,
            now.note if note is None else note,
            now.written if written is None else written,
        )
        self._take(self.file.update({name: record}))

    def refresh(self) -> None:
        """Look what other windows and programs did to states and labels meanwhile."""
        records, self.notice = self.file.read()
        self._take(records)

    def next_after(self, name: str = "") -> CaseFiles | None:
        """Return the next case that is not done, from the start again after the last one.

        `name` itself is not returned; None says that all others are done.
        """
        start = self.position(name) + 1
        rest = (*self.cases[start:], *self.cases[: max(start - 1, 0)])
        return next((c for c in rest if self.state_of(c.name) is not State.DONE), None)

    def previous_before(self, name: str) -> CaseFiles | None:
        """Return the case before this one in the list, whatever its state; None at the start."""
        place = self.position(name)
        return self.cases[place - 1] if place > 0 else None

    def saved_labels(self, name: str) -> Path | None:
        """Return the label file of a case in the labels folder, if there is one."""
        return self._saved.get(name)

    def labels_path(self, case: CaseFiles | str) -> Path:
        """Return where the labels of a case are saved, or would be."""
        case = self.case(case) if isinstance(case, str) else case
        suffix = image_suffix(case.images[0])
        beside = self.labels_folder / f"{case.name}{_LABELS_OF.get(suffix, '.nii.gz')}"
        return self._saved.get(case.name, beside)

    def _take(self, records: dict[str, CaseRecord]) -> None:
        before = {
            case.name: (self.record(case.name), case.name in self._saved) for case in self.cases
        }
        self._records, self._saved = records, _label_files(self.labels_folder)
        for name, earlier in before.items():
            if (self.record(name), name in self._saved) != earlier:
                self.changed.emit(name)


def _label_files(folder: Path) -> dict[str, Path]:
    """Return the label files of a folder by case; of two with one name the more usual suffix."""
    try:
        names = [entry.name for entry in os.scandir(folder)]
    except (FileNotFoundError, NotADirectoryError):
        return {}
    paths = [folder / name for name in names if is_image_path(name)]
    paths.sort(key=lambda path: IMAGE_SUFFIXES.index(image_suffix(path)), reverse=True)
    return {image_stem(path): path for path in paths}


def _is_saved(case: CaseFiles, unusable: dict[Path, str]) -> bool:
    """Whether a case folder is the labels folder of another worklist, which is left out."""
    folder = case.images[0].parent
    saved = (folder / FILE_NAME).exists()
    if saved:
        unusable[folder] = "holds labels that MedSeg saved"
    return saved


def _check_place(folder: Path, labels: Path, cases: Iterable[CaseFiles]) -> None:
    files = (path for case in cases for path in (*case.images, case.label) if path is not None)
    among = labels in {folder, *(parent.resolve() for parent in {path.parent for path in files})}
    in_a_case = labels.parent == folder and layout_of(folder) is DatasetLayout.CASE_FOLDERS
    if among or in_a_case:
        raise UnusableLabelsFolder(
            f"labels in {labels} would lie among the images and be taken for images next time; "
            "choose another folder for the labels"
        )
    there = next(path for path in (labels, *labels.parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        what = "may not be written" if there.is_dir() else "is a file"
        raise UnusableLabelsFolder(f"{there} {what}; choose another folder for the labels")


def _others(folder: Path, cases: Sequence[CaseFiles]) -> Iterable[tuple[Path, str]]:
    """Yield what lies beside the cases, and why it is none."""
    used = {path for case in cases for path in (*case.images, case.label) if path is not None}
    folders = {path.parent for path in used}
    parts = {folder, *folders, *(parent.parent for parent in folders)}
    for place in sorted({folder, *folders}):
        for entry in os.scandir(place):
            path = Path(entry.path)
            if path in used or path in parts or entry.name.startswith("."):
                continue
            if entry.is_dir():
                yield path, "a folder of its own; open it by itself if it holds images"
            elif is_image_path(path):
                yield path, "belongs to no case"
            elif entry.name != "dataset.json":
                yield path, "not an image that MedSeg reads"
