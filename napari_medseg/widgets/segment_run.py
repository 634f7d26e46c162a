"""One run of Segment, from layers to layers: the request, and what becomes of its answers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_medseg.engine.inference_config import InferenceConfig
from napari_medseg.io import Pyramid
from napari_medseg.session import ChosenModel
from napari_medseg.widgets.answers import show_answer, show_maps
from napari_medseg.widgets.background import Task
from napari_medseg.widgets.notices import show_failure
from napari_medseg.widgets.pyramids import one_of, pyramid_of
from napari_medseg.widgets.scopes import Target
from napari_medseg.widgets.segmenting import Answer, Outcome, Part, Request, run
from napari_medseg.widgets.sessions import runner_of, session_of
from napari_medseg.widgets.volumes import place_of, to_volume, too_large

if TYPE_CHECKING:
    from napari.viewer import Viewer


class SegmentRun(QObject):
    """Starts runs and shows each answer as it comes.

    Emits ``noted(text)``: what people should know of the run, each time it becomes more.
    """

    noted = Signal(str)
    answered = Signal(object)  # from the thread of the run to this one

    def __init__(self, viewer: Viewer, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._session, self._runner = session_of(viewer), runner_of(viewer)
        self._targets: list[tuple[Target, tuple[int, ...]]] = []  # with the image's shape
        self._keep_painted = True
        self._notes: list[str] = []
        self._done = 0
        self.answered.connect(self._show)
        self._runner.failed.connect(self._note)
        self._runner.ended.connect(self._end)

    def start(
        self,
        model: ChosenModel,
        targets: Sequence[Target],
        config: InferenceConfig,
        *,
        keep_painted: bool,
    ) -> None:
        """Segment `targets` in the background.

        Raises
        ------
        ValueError
            If an image cannot be used.
        """
        point = tuple(self._viewer.dims.point)
        parts = tuple(
            Part(
                target.image.name,
                tuple(None if c is None else to_volume(c, point) for c in target.channels),
                target.box,
                _in_pieces(target),
            )
            for target in targets
        )
        ready = self._session.ready_segmenter
        request = Request(model.path, self._session.device, parts, config, ready)
        self._targets = [(target, place_of(target.image).shape) for target in targets]
        self._keep_painted, self._notes, self._done = keep_painted, [], 0
        task = Task(partial(run, request, self.answered.emit))
        task.returned.connect(self._note_outcome)
        names = list(dict.fromkeys(part.name for part in parts))
        title = names[0] if len(names) == 1 else f"{len(names)} images"
        self._runner.start(task, f"{title} · {model.card.name}")

    def _show(self, answer: Answer) -> None:
        target, shape = self._targets[answer.index]
        self._session.loaded = answer.loaded
        card, result, image = answer.loaded.segmenter.card, answer.segmentation, target.image
        self._done += 1
        if place_of(image).shape != shape:
            self._note(
                f"{image.name} was replaced by an image of another size while it was segmented, "
                "so its answer was left out; segment it again."
            )
            return
        try:
            labels = show_answer(
                self._viewer,
                image,
                result.labels,
                model=card.name,
                classes=card.classes,
                provenance=result.provenance,
                step=target.step,
                box=target.box,
                keep_painted=self._keep_painted,
            )
            show_maps(self._viewer, image, labels, result, card, target.step, target.box)
        except ValueError as error:
            show_failure(error)
        for note in result.notes:
            self._note(note[:1].upper() + note[1:].rstrip(".") + ".")

    def _note_outcome(self, outcome: Outcome) -> None:
        if outcome.last is not None:
            self._show(outcome.last)
        count = outcome.done + len(outcome.failures)
        if outcome.failures:
            self._note(f"{outcome.done} of {count} images are done.")
        for name, reason in outcome.failures.items():
            self._note(reason if name in reason else f"{name}: {reason}")

    def _note(self, text: str) -> None:
        if text and text not in self._notes:
            self._notes.append(text)
            self.noted.emit("\n".join(self._notes))

    def _end(self, outcome: str) -> None:
        count = len(self._targets)
        if outcome == "cancelled" and count > 1:
            self._note(f"Cancelled: {self._done} of {count} are done and stay.")
        self._targets = []


def _in_pieces(target: Target) -> Pyramid | None:
    """Return the image itself if it is too large to be read for the sake of a part of it."""
    if target.box is None or len(target.channels) > 1 or not too_large(target.image):
        return None
    pyramid = pyramid_of(target.image)
    if pyramid is None or "t" not in pyramid.axes:
        return pyramid
    return one_of(pyramid, "t", target.step[0])
