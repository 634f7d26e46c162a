"""What is asked about labels on another grid: found when layers come, answered by a person."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

import numpy as np
from napari.layers import Image, Labels
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QObject, QTimer, Signal

from napari_medseg.io.placing import Relation, grid_relation
from napari_medseg.volume import Volume
from napari_medseg.widgets.background import Task
from napari_medseg.widgets.classes.class_list import classes_of
from napari_medseg.widgets.dock import docks_of
from napari_medseg.widgets.grids.placing import Request, placed_layer
from napari_medseg.widgets.keeping.origins import file_of, is_kept
from napari_medseg.widgets.layers import image_layers, insert_above, is_map
from napari_medseg.widgets.notices import Notice
from napari_medseg.widgets.sessions import unwrapped
from napari_medseg.widgets.volumes import KEY, place_of, shown_step

if TYPE_CHECKING:
    from napari.viewer import Viewer


class Question(ABC):
    """Labels that do not lie on the voxels of an image.

    Parameters
    ----------
    labels, image : str
        What both are called.
    relation : Relation
        How they lie to each other.
    """

    keep_words = "Keep as they are"
    keep_tip = "The labels stay a layer of their own, in the place the file gives them"

    def __init__(self, labels: str, image: str, relation: Relation) -> None:
        self.labels, self.image, self.relation = labels, image, relation

    @property
    def words(self) -> str:
        """What a person reads."""
        if self.relation.kind == "shifted":
            return f"'{self.labels}' has not the size of '{self.image}': {self.relation.words}."
        return f"'{self.labels}' lies on another grid than '{self.image}': {self.relation.words}."

    @property
    def verb(self) -> str:
        """What is on the button that puts the labels onto the image."""
        return "Place on the image" if self.relation.kind == "shifted" else "Resample onto it"

    @property
    def tip(self) -> str:
        """What that button does."""
        how = (
            "Moves them by whole voxels, nothing is interpolated"
            if self.relation.kind == "shifted"
            else "Each voxel of the image takes the label its centre lies in"
        )
        return f"{how}; makes a new layer, the file stays as it is"

    @abstractmethod
    def request(self) -> Request:
        """Return what the thread needs."""

    @abstractmethod
    def show(self, viewer: Viewer, placed: Volume, request: Request) -> None:
        """Add the labels that were placed."""

    @abstractmethod
    def holds(self, viewer: Viewer) -> bool:
        """Whether the layers it is about are still there."""


class LayerQuestion(Question):
    """A Labels layer from a file, beside an image."""

    def __init__(self, layer: Labels, image: Image, relation: Relation) -> None:
        super().__init__(layer.name, image.name, relation)
        self.layer, self.under = ref(layer), ref(image)

    def request(self) -> Request:
        layer, image = self.layer(), self.under()
        assert layer is not None  # `holds` was asked before
        assert image is not None
        place = place_of(layer)
        labels = place.volume(np.array(layer.data).reshape((1, *place.shape)))
        return Request(_named(labels, layer.name), image_grid(image), self.relation)

    def show(self, viewer: Viewer, placed: Volume, request: Request) -> None:
        layer, image = self.layer(), self.under()
        if layer is None or image is None or not self.holds(viewer):
            return
        made = placed_layer(
            placed,
            request,
            image,
            classes_of(layer),
            step=shown_step(image, tuple(viewer.dims.point)),
            provenance=layer.metadata.get(KEY, {}).get("provenance"),
        )
        insert_above(viewer, layer, made)
        layer.visible = False  # it lies under the new one, at hand
        viewer.layers.selection.active = made

    def holds(self, viewer: Viewer) -> bool:
        return self.layer() in viewer.layers and self.under() in viewer.layers


class GridQuestions(QObject):
    """The questions of one viewer.

    Emits ``changed()`` when there is another first question, or its answer is being worked on.
    """

    changed = Signal()

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = ref(viewer)
        self.found: list[Question] = []
        self.busy: Question | None = None  # the one whose labels are being placed
        self._kept: WeakKeyDictionary[Labels, set[str]] = WeakKeyDictionary()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.look)

    def look_soon(self, _event: object = None) -> None:
        """Look, as soon as the window has nothing else to do."""
        self._timer.start(0)

    def look(self) -> None:
        """Compare the labels that came from files with the images that are open."""
        viewer = self._viewer()
        if viewer is None or self.busy is not None:
            return
        stay = [q for q in self.found if not isinstance(q, LayerQuestion) and q.holds(viewer)]
        asked = {(q.labels, q.image) for q in self.found}
        self.found = [*stay, *(q for q in _differing(viewer) if not self._is_kept(q))]
        self.changed.emit()
        for question in self.found:
            if (question.labels, question.image) not in asked:
                self._offer(question)

    def ask(self, question: Question) -> None:
        """Ask something that the layers of the viewer do not tell."""
        self.found.append(question)
        self.changed.emit()
        self._offer(question)

    def first(self) -> Question | None:
        """Return what is asked now."""
        return self.found[0] if self.found else None

    def place(self, question: Question | None = None) -> None:
        """Put the labels of a question, the first one, onto its image, in a thread."""
        viewer, question = self._viewer(), question or self.first()
        if viewer is None or question is None or self.busy is not None:
            return
        if not question.holds(viewer):
            self.look()
            return
        request = question.request()
        self.busy = question
        task = Task(request.place)
        task.returned.connect(partial(self._show, question, request))
        task.finished.connect(self._end)
        self.changed.emit()
        task.start()

    def keep(self, question: Question | None = None) -> None:
        """Leave the labels of a question, the first one, where they are, and ask no more."""
        question = question or self.first()
        if question is not None and self.busy is None:
            self._answered(question)

    def _show(self, question: Question, request: Request, placed: Volume) -> None:
        viewer = self._viewer()
        if viewer is None:
            return
        self._answered(question)
        question.show(viewer, placed, request)
        for note in placed.notes[len(request.labels.notes) :]:
            if request.relation.words in note:  # the person has just read it
                continue
            notification_manager.dispatch(Notice(f"{request.labels.name}: {note}.", "warning"))

    def _end(self) -> None:
        self.busy = None
        self.changed.emit()
        self.look_soon()

    def _answered(self, question: Question) -> None:
        if isinstance(question, LayerQuestion):
            layer, image = question.layer(), question.under()
            if layer is not None and image is not None:
                self._kept.setdefault(layer, set()).add(str(image.unique_id))
        self.found = [q for q in self.found if q is not question]
        self.changed.emit()

    def _is_kept(self, question: LayerQuestion) -> bool:
        layer, image = question.layer(), question.under()
        return layer is None or image is None or str(image.unique_id) in self._kept.get(layer, ())

    def _offer(self, question: Question) -> None:
        """Ask in a notice where no dock of MedSeg shows the question."""
        viewer = self._viewer()
        if viewer is None or any(dock.isVisible() for dock in docks_of(viewer)):
            return

        def press(act: Any, notice: Any) -> None:
            notice.close()
            act(question)

        answers = ((question.verb, self.place), (question.keep_words, self.keep))
        actions = tuple((words, partial(press, act)) for words, act in answers)
        notification_manager.dispatch(Notice(question.words, "info", actions=actions))


_questions: WeakKeyDictionary[Any, GridQuestions] = WeakKeyDictionary()


def grid_questions(viewer: Viewer) -> GridQuestions:
    """Return what is asked in a viewer, whose layers are looked at from now on."""
    viewer = unwrapped(viewer)
    if viewer not in _questions:
        _questions[viewer] = questions = GridQuestions(viewer)
        for event in (viewer.layers.events.inserted, viewer.layers.events.removed):
            event.connect(questions.look_soon)
        questions.look_soon()
    return _questions[viewer]


def image_grid(image: Image) -> Volume:
    """Return the grid of an image, named as its layer, without values."""
    return _named(place_of(image).volume(), image.name)


def _differing(viewer: Viewer) -> list[LayerQuestion]:
    """Return a question for all labels from files that lie on the voxels of no open image."""
    images = [image for image in image_layers(viewer) if not is_map(image)]
    found = []
    for layer in viewer.layers:
        if not isinstance(layer, Labels) or not is_kept(layer) or not _is_from_file(layer):
            continue
        own = place_of(layer).volume()
        if layer.data.size != math.prod(own.shape):  # several, one after the other
            continue
        relations = [(image, grid_relation(own, image_grid(image))) for image in images]
        if any(relation.kind == "same" for _, relation in relations):
            continue
        near = [(image, relation) for image, relation in relations if relation.overlap]
        near.sort(key=lambda one: (one[1].kind != "shifted", not one[0].visible))
        found += [LayerQuestion(layer, *one) for one in near[:1]]
    return found


def _is_from_file(layer: Labels) -> bool:
    """Whether labels were read, not made here for an image."""
    return bool(file_of(layer)) and "image" not in layer.metadata.get(KEY, {})


def _named(volume: Volume, name: str) -> Volume:
    return replace(volume, name=name)
