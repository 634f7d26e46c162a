"""The chosen mix on the slice one looks at: its answer and what it changes, as layers."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from napari.layers import Image
from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtGui import QHideEvent, QShowEvent
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QVBoxLayout, QWidget

from napari_medseg.engine.card import LabelClass
from napari_medseg.progress import Report
from napari_medseg.widgets.background import Task, quit_all
from napari_medseg.widgets.image_choice import ImageChoice
from napari_medseg.widgets.layers import is_map
from napari_medseg.widgets.learn.candidate import CandidateLayer, slice_of
from napari_medseg.widgets.learn.gate_changes import KINDS, MixViews, Seen, count_words
from napari_medseg.widgets.learn.points import Look
from napari_medseg.widgets.notices import sentence
from napari_medseg.widgets.pieces import give_room, wrapped_label
from napari_medseg.widgets.sessions import connect_while_alive, unwrapped, when_gone
from napari_medseg.widgets.volumes import place_of, to_volume

if TYPE_CHECKING:
    from napari.utils.events import Event
    from napari.viewer import Viewer

    from napari_medseg.casebook import Casebook
    from napari_medseg.engine.finetune_result import FineTuned
    from napari_medseg.packed import Box

_PAUSE = 120  # ms without a change before anything is computed
_ANSWER = "preview: new model"
_CHANGES = "preview: what changes"


@dataclass(frozen=True, eq=False)
class _Place:
    """Where the layers of an answer lie."""

    image: Image
    step: tuple[int, ...]
    box: Box | None


class MixPreview(QWidget):
    """Two boxes to tick and what they show; the latest wish wins, what is slower is dropped.

    Emits ``shown()`` when an answer is there.

    Parameters
    ----------
    viewer : Viewer
        Whose images are looked at.
    """

    shown = Signal()

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = unwrapped(viewer)
        self._views: MixViews | None = None
        self._classes: tuple[LabelClass, ...] = ()
        self._alpha = 0.0
        self._tasks: list[Task] = []
        self._asked: tuple[Hashable, float] | None = None
        self._place: _Place | None = None
        self._found: Seen | None = None
        self.images = ImageChoice(self._viewer)
        self.answer_layer = CandidateLayer(self._viewer, _ANSWER)
        self.changes_layer = CandidateLayer(self._viewer, _CHANGES)
        self.changes = QCheckBox("What changes")
        self.answer = QCheckBox("Its answer")
        self.counts = wrapped_label()
        give_room(self.counts, 3)  # with room for the frame around it
        self.changes.setChecked(True)
        self.changes.setToolTip(
            "A layer over this slice: where the new model becomes right, becomes wrong, or finds "
            "something else where nobody looked"
        )
        self.answer.setToolTip("A layer over this slice with what this mix of models finds")
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_PAUSE)
        self._soon.timeout.connect(self._look)
        self._lay_out()
        self._connect()
        when_gone(self, partial(quit_all, self._tasks))

    def begin(self, tuned: FineTuned, casebook: Casebook | None) -> None:
        """Look with these models from now on."""
        self.end()
        self._views, self._classes = MixViews(tuned, casebook), tuned.card.classes
        self.images.set_model(tuned.card)

    def end(self) -> None:
        """Look no more, and hide the layers; they are used again by the next look."""
        self._views = None
        self._stop()
        # not removed: some graphics drivers end the process at the next draw
        self.answer_layer.hide()
        self.changes_layer.hide()
        self.counts.setText("")

    def show_mix(self, alpha: float) -> None:
        """Show this mix as soon as it is computed."""
        self._alpha = alpha
        self.refresh()

    def refresh(self, *_: object) -> None:
        """Look again: another slice, another mix, another wish."""
        wanted = self.isVisible() and (self.changes.isChecked() or self.answer.isChecked())
        if self._views is None or not wanted:
            self._stop()
            self.answer_layer.hide()
            self.changes_layer.hide()
            self.counts.setText("")
            return
        self._soon.start()

    def showEvent(self, event: QShowEvent | None) -> None:
        super().showEvent(event)
        self.refresh()

    def hideEvent(self, event: QHideEvent | None) -> None:
        super().hideEvent(event)
        self.refresh()

    def _lay_out(self) -> None:
        ticks = QHBoxLayout()
        ticks.addWidget(self.changes)
        ticks.addWidget(self.answer)
        ticks.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self.images)
        column.addLayout(ticks)
        column.addWidget(self.counts)

    def _connect(self) -> None:
        layers = self._viewer.layers
        for box in (self.changes, self.answer):
            box.toggled.connect(self.refresh)
        self.images.changed.connect(self.refresh)
        for event in (layers.events.inserted, layers.events.removed, layers.events.renamed):
            connect_while_alive(self, event, self._on_layers)
        connect_while_alive(self, layers.selection.events.active, self._on_active)
        for emitter in (self._viewer.dims.events.current_step, self._viewer.dims.events.ndisplay):
            connect_while_alive(self, emitter, self.refresh)

    def _on_layers(self, _event: Event) -> None:
        self.images.refresh()

    def _on_active(self, event: Event) -> None:
        if isinstance(event.value, Image) and not is_map(event.value):
            self.images.choose(event.value)

    def _look(self) -> None:
        """Ask a thread what the mix finds, unless one is still busy: then when that has stopped."""
        if self._views is None or not self.isVisible():
            return
        images = self.images.channels
        there = [image for image in images if image is not None]
        part = slice_of(self._viewer, there[0]) if there else None
        if part is None:
            self._say_nothing("Go to a slice of an image in the 2D view." if there else "No image.")
            return
        step, box = part
        image_key = (tuple(id(image) for image in images), step)
        key = (image_key, None if box is None else tuple((b.start, b.stop) for b in box))
        if self._asked == (key, self._alpha):
            self._show_found()  # perhaps another layer of it is wanted
            return
        if self._tasks:
            self._asked = None
            quit_all(self._tasks)  # the end of the last one asks again
            return
        self._asked = key, self._alpha
        point = tuple(self._viewer.dims.point)
        volumes = tuple(None if image is None else to_volume(image, point) for image in images)
        self._place, self._found = _Place(there[0], step, box), None
        look = Look(key, volumes, box)
        task = Task(partial(_see, self._views, look, image_key, self._alpha))
        task.returned.connect(self._take)
        task.finished.connect(self._end_task)
        self._tasks.append(task)
        self.counts.setText(self.counts.text() or "Looking …")
        task.start()

    def _take(self, found: Seen | str) -> None:
        """Show what a thread found, if it is still wanted."""
        if isinstance(found, str):
            self._say_nothing(found)
        elif self._asked == (found.key, found.alpha):
            self._found = found
            self._show_found()

    def _show_found(self) -> None:
        found, place = self._found, self._place
        if found is None or place is None:
            return
        for box, layer, labels, classes in (
            (self.answer, self.answer_layer, found.labels, self._classes),
            (self.changes, self.changes_layer, found.changes, KINDS),
        ):
            if box.isChecked():
                layer.show(place.image, place.step, place.box, labels, classes)
            else:
                layer.hide()
        self.counts.setTextFormat(Qt.TextFormat.RichText)
        self.counts.setText(count_words(found, len(place_of(place.image).shape) == 2))
        self.shown.emit()

    def _say_nothing(self, why: str) -> None:
        self.answer_layer.hide()
        self.changes_layer.hide()
        self.counts.setTextFormat(Qt.TextFormat.PlainText)
        self.counts.setText(why)

    def _stop(self) -> None:
        self._asked = self._place = self._found = None
        self._soon.stop()
        quit_all(self._tasks)

    def _end_task(self) -> None:
        """Go on with what was wished for meanwhile."""
        self._tasks.clear()  # there is never more than one
        if self._asked is None:
            self.refresh()


def _see(
    views: MixViews, look: Look, image_key: Hashable, alpha: float, report: Report
) -> Seen | str:
    """Look; what the model cannot take is said instead."""
    try:
        return views.see(look, image_key, alpha, report)
    except (ValueError, OSError) as error:
        return sentence(error)
