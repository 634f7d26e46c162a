"""The live preview: what Apply would do now, computed in the background and outlined."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING
from weakref import ref

from napari.layers import Labels
from qtpy.QtCore import QObject, Signal

from napari_medseg.widgets.edit.job import Answer, Job
from napari_medseg.widgets.edit.looks import Look, Looks
from napari_medseg.widgets.edit.outline import Outline, with_clicks
from napari_medseg.widgets.edit.version import version_of

if TYPE_CHECKING:
    from napari.viewer import Viewer


class Preview(QObject):
    """Outlines what a job would do, until it is told of another one.

    Emits ``said(text)``: why the job cannot be done, or that it would change nothing, or nothing.
    """

    said = Signal(str)

    def __init__(self, viewer: Viewer, parent: QObject) -> None:
        super().__init__(parent)
        self.outline = Outline(viewer)
        self._looks = Looks(self)
        self._looks.found.connect(self._show)
        self._layer: ref[Labels] | None = None
        self._job: Job | None = None  # narrowed to what is looked at
        self._key: Hashable = None
        self._answer: Answer | None = None
        self._whole = False  # whether the answer is that of the job, not of a slice of it

    def show(self, layer: Labels, job: Job, *, only_clicks: bool = False) -> None:
        """Outline what `job` would do to `layer`, as soon as it is known.

        Parameters
        ----------
        only_clicks : bool
            Mark what was clicked, and compute nothing.
        """
        index = job.scene.index
        seen = job if index is None or job.scene.labels.ndim == 2 else job.on_slice(index)
        key = (id(layer), version_of(layer), seen.key, only_clicks)
        if key == self._key:
            return
        if self._job is None or self._job.tool is not job.tool:
            self.outline.hide()  # what another tool would do; options only change it
        self._layer, self._job, self._key = ref(layer), seen, key
        self._answer, self._whole = None, seen is job
        if only_clicks:
            self._looks.forget()
            self._draw(None)
        else:
            self._looks.ask(key, seen)

    def hide(self) -> None:
        """Outline nothing."""
        self._forget()
        self.outline.hide()

    def end(self) -> None:
        """Outline nothing, and take the layer off the list."""
        self._forget()
        self.outline.remove()

    def answer_to(self, layer: Labels, job: Job) -> Answer | None:
        """Return what `job` comes to, if that is known already."""
        key = (id(layer), version_of(layer), job.key, False)
        return self._answer if self._whole and key == self._key else None

    def _forget(self) -> None:
        self._looks.forget()
        self._layer = self._job = self._key = self._answer = None

    def _show(self, key: Hashable, look: Look) -> None:
        if key != self._key:
            return
        self._answer = look.finding.answer
        self._draw(look)
        nothing = "Nothing to change" + ("." if self._whole else " on this slice.")
        self.said.emit(look.finding.reason or (nothing if look.shown is None else ""))

    def _draw(self, look: Look | None) -> None:
        layer, job = None if self._layer is None else self._layer(), self._job
        if layer is None or job is None:
            return
        answer = None if look is None else look.finding.answer
        shown, box = None if look is None else look.shown, None if answer is None else answer.box
        if job.scene.points:
            shape = job.scene.labels.shape
            shown, box = with_clicks(shown, box, job.scene.points, shape, job.scene.axis)
        if shown is None or box is None:
            self.outline.hide()
        else:
            self.outline.show(layer, job.step, box, shown)
