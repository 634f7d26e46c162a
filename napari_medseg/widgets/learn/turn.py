"""Whose turn it is to learn: one run at a time in a program, and on the cases of a project."""

from __future__ import annotations

from pathlib import Path
from typing import IO

from napari_medseg.casebook import casebook_folder
from napari_medseg.io.locking import try_lock

_LOCK = ".learning.lock"
_taken: set[Turn] = set()  # by the windows of this program


class Turn:
    """The right to learn from the cases of a project, until `end`; the system ends it at a crash.

    Raises
    ------
    ValueError
        If another window learns, in words for people.
    OSError
        If the folder of the cases cannot be written.
    """

    def __init__(self, project: Path) -> None:
        if _taken:
            raise ValueError(
                "a model is learning in another window already; wait until that has ended, or "
                "pause it there"
            )
        file = _locked(project)
        if file is None:
            raise ValueError(
                "another MedSeg is learning from these cases already; wait until that has ended, "
                "or pause it there"
            )
        self.project, self._file = project, file
        _taken.add(self)

    def end(self) -> None:
        """Let others learn."""
        self._file.close()
        _taken.discard(self)


def is_taken(project: Path) -> bool:
    """Whether something learns from the cases of a project, in this program or another one."""
    if not (casebook_folder(project) / _LOCK).exists():
        return False
    try:
        file = _locked(project)
    except OSError:
        return False  # nobody can write there
    if file is not None:
        file.close()
    return file is None


def _locked(project: Path) -> IO[bytes] | None:
    """Return the locked file, to be closed; None if somebody else has locked it."""
    path = casebook_folder(project) / _LOCK
    path.parent.mkdir(parents=True, exist_ok=True)
    file = open(path, "a+b")  # noqa: SIM115  # closed when the turn ends
    if try_lock(file):
        return file
    file.close()
    return None
