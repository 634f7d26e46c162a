"""Previews computed in the background: the latest one asked for, once a person pauses."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import partial

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from napari_medseg.progress import Report
from napari_medseg.widgets.background import Task
from napari_medseg.widgets.edit.job import Finding, Job
from napari_medseg.widgets.edit.outline import LARGE, changes, edges

_PAUSE = 120  # ms without a change before a preview is computed


@dataclass(frozen=True, eq=False)
class Look:
    """What a job would do.

    Parameters
    ----------
    shown : ndarray or None
        The outline, in the box of the answer; None where nothing changes.
    """

    finding: Finding
    shown: np.ndarray | None = None


class Looks(QObject):
    """Computes one preview at a time; a newer one ends the one before.

    Emits ``found(key, Look)``.
    """

    found = Signal(object, object)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._wanted: tuple[Hashable, Job] | None = None
        self._running: tuple[Hashable, Task] | None = None
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE)
        self._pause.timeout.connect(self._start)

    @property
    def key(self) -> Hashable:
        """What was asked for last and is not there yet; None if nothing."""
        if self._wanted is not None:
            return self._wanted[0]
        return None if self._running is None else self._running[0]

    def ask(self, key: Hashable, job: Job) -> None:
        """Compute a preview soon; the same `key` twice is computed once."""
        if key == self.key:
            return
        self._stop()
        self._wanted = key, job
        self._pause.start()

    def forget(self) -> None:
        """Ask for nothing any more."""
        self._wanted = None
        self._pause.stop()
        self._stop()

    def _start(self) -> None:
        if self._running is not None or self._wanted is None:
            return  # what still runs calls this at its end
        (key, job), self._wanted = self._wanted, None
        task = Task(partial(_look, job))
        self._running = key, task
        task.returned.connect(self._tell)
        task.finished.connect(self._end)
        task.start()

    def _stop(self) -> None:
        if self._running is not None:
            self._running[1].quit()

    def _tell(self, look: Look) -> None:
        if self._running is not None and self._wanted is None:
            self.found.emit(self._running[0], look)

    def _end(self) -> None:
        self._running = None
        if self._wanted is not None and not self._pause.isActive():
            self._start()


def _look(job: Job, report: Report) -> Look:
    finding = job.run(report)
    answer = finding.answer
    if answer is None:
        return Look(finding)
    shown = changes(job.scene.labels[answer.box], answer.edited)
    wide = max(job.scene.labels.shape) >= LARGE
    return Look(finding, None if shown is None else edges(shown, job.scene.axis, wide=wide))
