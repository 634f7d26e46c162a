"""Opening a case without stopping the window: it is read in a thread, then shown."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_medseg.progress import Report, silent
from napari_medseg.widgets.background import Task
from napari_medseg.widgets.case_files import ReadCase, read_case
from napari_medseg.widgets.case_layers import show_case
from napari_medseg.widgets.case_saving import Dropped, leave_case
from napari_medseg.widgets.notices import sentence
from napari_medseg.widgets.sessions import session_of

if TYPE_CHECKING:
    from pathlib import Path

    from napari.viewer import Viewer

    from napari_medseg.io import CaseFiles
    from napari_medseg.worklist import Worklist


@dataclass(frozen=True, eq=False)
class _Read:
    """What came of reading a case: the case, or why there is none."""

    name: str
    case: ReadCase | None
    failure: str = ""


class CaseOpener(QObject):
    """Reads the case a person wants, apart from the runner: a run in the background goes on.

    Emits ``reading(name)`` when it begins, ``shown(name)`` when the case is in the viewer, and
    ``failed(name, sentence)``. A later wish takes the place of an earlier one.
    """

    reading = Signal(str)
    shown = Signal(str)
    failed = Signal(str, str)

    def __init__(self, viewer: Viewer, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer, self._session = viewer, session_of(viewer)
        self._dropped: Dropped | None = None
        self._worklist: Worklist | None = None
        self._task: Task | None = None
        self.wanted = ""  # the case that is being read

    def open(self, name: str) -> None:
        """Open a case of the session's worklist, if the person wants to leave the open one."""
        worklist = self._session.worklist
        reads = self._task is not None and not self._task.over  # else it failed unexpectedly
        if worklist is None or (name == self.wanted and reads):
            return
        dropped = leave_case(self._viewer)
        if dropped is None:
            return
        self.wanted, self._worklist, self._dropped = name, worklist, dropped
        self._task = task = Task(partial(_read, worklist.case(name), worklist.saved_labels(name)))
        task.returned.connect(self._show)
        self.reading.emit(name)
        task.start()

    def _show(self, read: _Read) -> None:
        if read.name != self.wanted or self._session.worklist is not self._worklist:
            return  # the person changed their mind meanwhile
        self.wanted = ""
        if read.case is None:
            self.failed.emit(read.name, read.failure)
        elif show_case(self._viewer, read.case, self._dropped):
            self.shown.emit(read.name)
        self._dropped = None


def _read(case: CaseFiles, saved: Path | None, report: Report = silent) -> _Read:
    try:
        return _Read(case.name, read_case(case, saved, report))
    except (ValueError, OSError, MemoryError) as error:
        return _Read(case.name, None, sentence(error))
