"""One press of Apply: computed off the GUI thread, one undo step, never over a newer stroke."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari.layers import Labels
from qtpy.QtCore import QObject, QTimer, Signal

from napari_medseg.widgets.background import Task
from napari_medseg.widgets.edit.job import Answer, Finding, Job
from napari_medseg.widgets.edit.version import version_of
from napari_medseg.widgets.layers import apply_edit, is_being_painted
from napari_medseg.widgets.notices import sentence
from napari_medseg.widgets.sessions import runner_of

if TYPE_CHECKING:
    from napari.viewer import Viewer

_LARGE = 128**3  # voxels from which a run is shown in the run bar and can be cancelled there
_LOOK_AGAIN = 50  # ms, while a stroke goes on
_TRIES = 2  # how often it is computed when the labels change meanwhile


@dataclass(frozen=True, eq=False)
class Edit:
    """What is applied to which layer.

    Parameters
    ----------
    job : Job
        Sees the labels as they are when it runs.
    name : str
        What a person undoes: "Grow: liver".
    """

    layer: Labels
    job: Job
    name: str


class EditRun(QObject):
    """Applies edits one after the other, and never over a stroke made meanwhile.

    Emits ``ended(text, changed)`` after each: a sentence for people and how many voxels changed.
    """

    ended = Signal(str, int)

    def __init__(self, viewer: Viewer, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._runner = runner_of(viewer)
        self._edit: Edit | None = None
        self._version: tuple[int, int, bool] | None = None
        self._tries = 0
        self._found: Finding | None = None
        self._broken = False

    @property
    def busy(self) -> bool:
        """Whether an edit is on its way."""
        return self._edit is not None

    def start(self, edit: Edit, ready: Answer | None = None) -> None:
        """Apply `edit`, unless another one is on its way.

        Parameters
        ----------
        ready : Answer or None
            What the preview found already, of the labels as they are now.
        """
        if self._edit is not None:
            return
        self._edit, self._tries = edit, 0
        if ready is None:
            self._compute()
            return
        self._version, self._found = version_of(edit.layer), Finding(ready)
        self._write()

    def _compute(self) -> None:
        assert self._edit is not None
        self._tries += 1
        self._found, self._broken = None, False
        self._version = version_of(self._edit.layer)
        job = self._edit.job
        task = Task(job.run)
        task.returned.connect(self._take)
        task.errored.connect(self._fail)
        task.finished.connect(self._write)
        if job.scene.labels.size > _LARGE and not self._runner.busy:
            self._runner.start(task, self._edit.name)
        else:
            task.start()

    def _take(self, found: Finding) -> None:
        self._found = found

    def _fail(self, _error: Exception) -> None:
        self._broken = True  # the task itself has said so

    def _write(self) -> None:
        """Write what was found, when no stroke goes on and none came between."""
        edit, found = self._edit, self._found
        assert edit is not None
        if edit.layer not in self._viewer.layers:
            self._end("The labels are gone; nothing was changed.")
        elif found is None:
            why = "did not work" if self._broken else "cancelled"
            self._end(f"{edit.name}: {why}, nothing was changed.")
        elif is_being_painted(edit.layer):
            QTimer.singleShot(_LOOK_AGAIN, self._write)
        elif version_of(edit.layer) != self._version:
            if self._tries < _TRIES and edit.job.sees(edit.layer.data):
                self._compute()
            else:
                self._end(
                    f"{edit.name}: the labels were changed meanwhile, so nothing was written; "
                    "try again when you have finished painting."
                )
        elif found.reason:
            self._end(found.reason)
        elif found.answer is None:
            self._end(f"{edit.name}: nothing to change.")
        else:
            self._apply(edit, found.answer)

    def _apply(self, edit: Edit, answer: Answer) -> None:
        box, edited = answer.in_layer()
        try:
            changed = apply_edit(edit.layer, edited, edit.name, box=box)
        except ValueError as error:
            self._end(sentence(error))
            return
        said = f"{changed:,} voxels changed" if changed else "nothing to change"
        self._end(f"{edit.name}: {said}.", changed)

    def _end(self, text: str, changed: int = 0) -> None:
        self._edit = self._found = None
        self.ended.emit(text, changed)
