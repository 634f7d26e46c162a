"""The Segment panel: an image, a model, one button, and a Labels layer beside the image."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from napari.layers import Image, Layer
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_medseg.engine.inference_config import InferenceConfig
from napari_medseg.widgets.answers import show_answer, show_maps
from napari_medseg.widgets.background import Task
from napari_medseg.widgets.forms import ConfigForm
from napari_medseg.widgets.image_choice import ImageChoice
from napari_medseg.widgets.layers import is_map
from napari_medseg.widgets.model_words import dimensions, what_it_finds
from napari_medseg.widgets.notices import show_failure
from napari_medseg.widgets.pieces import ElidedLabel, Fold, main_button, wrapped_label
from napari_medseg.widgets.readiness import OPEN_SAMPLE, Obstacle, obstacle, sample_for
from napari_medseg.widgets.segmenting import Answer, Request, run
from napari_medseg.widgets.sessions import runner_of, session_of, unwrapped
from napari_medseg.widgets.volumes import shown_step, to_volume

if TYPE_CHECKING:
    from napari.viewer import Viewer

_MORE = ("overlap", "flips", "crop_to_body", "exact", "probabilities", "uncertainty")
_WORDS = {
    "flips": "Average over mirrored copies",
    "crop_to_body": "Leave out the air around the body",
    "exact": "Exact mode",
    "probabilities": "Also show how likely each class is",
    "uncertainty": "Also show where the model is unsure",
}
_TIPS = {
    "overlap": "How much neighbouring windows share, 0 to 0.9. More is smoother and slower.",
    "exact": "No shortcuts, for comparing with other programs; slower.",
    "probabilities": "Adds an image layer per class, 0 to 1; needs memory on large volumes.",
    "uncertainty": "Adds an image layer: 0 where the model is sure, 1 where it is not.",
}


class SegmentPanel(QWidget):
    """Runs the session's model on the chosen image.

    Emits ``model_wanted()`` when a person asks for the Model panel.
    """

    model_wanted = Signal()

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = unwrapped(viewer)
        self._session, self._runner = session_of(viewer), runner_of(viewer)
        self._target: tuple[Layer, tuple[int, ...]] | None = None
        self._obstacle: Obstacle | None = None
        self._notes = ""  # what the last run, or its failure, wants people to know
        self.images = ImageChoice(self._viewer)
        self.model = ElidedLabel()
        self.about = wrapped_label()
        self.change = QPushButton("Change…")
        self.change.setToolTip("Choose another model")
        self.segment = main_button("Segment")
        self.hint = wrapped_label()
        self.fix = QPushButton()
        self.form = ConfigForm(InferenceConfig(), _MORE, words=_WORDS, tips=_TIPS)
        self._lay_out()
        self.images.changed.connect(self._choose_images)
        self.change.clicked.connect(self.model_wanted)
        self.segment.clicked.connect(self._start)
        self.fix.clicked.connect(self._mend)
        self._runner.started.connect(self.refresh)
        self._runner.failed.connect(self._note_failure)
        self._runner.ended.connect(self._end)
        self.show_model()
        self._choose_images()

    def refresh(self, *_: object) -> None:
        """Say what can be done now, and what is missing if nothing can."""
        self._obstacle = obstacle(self._session.model, self.images, self._runner.busy)
        ready = self._obstacle is None
        self.segment.setEnabled(ready)
        if self._obstacle is None:
            images = " and ".join(layer.name for layer in self.images.layers)
            card = self._session.model.card if self._session.model is not None else None
            finds = what_it_finds(card) if card is not None else "what the model knows"
            self.segment.setToolTip(f"Find {finds} in {images}")
        else:
            self.segment.setToolTip(self._obstacle.reason)
        self.hint.setText(self._notes if self._obstacle is None else self._obstacle.reason)
        fix = "" if self._obstacle is None else self._obstacle.fix
        self.fix.setText(fix)
        self.fix.setToolTip(self._obstacle.fix_tip if self._obstacle is not None else "")
        self.fix.setVisible(bool(fix))

    def show_model(self) -> None:
        """Show the session's model, and ask for the images it needs."""
        model = self._session.model
        if model is None:
            self.model.say("none yet", "Choose a model first")
            self.about.setText("")
        else:
            self.model.say(model.title, model.card.description or model.title)
            card = model.card
            about = [what_it_finds(card), dimensions(card), card.preprocessing.modality]
            self.about.setText(" · ".join(word for word in about if word))
        self.images.set_model(model.card if model is not None else None)
        self.refresh()

    def follow(self, layer: Layer | None) -> None:
        """Take the layer a person selected, if it is an image and can be seen."""
        if isinstance(layer, Image) and layer.visible and not is_map(layer):
            self.images.choose(layer)

    def _lay_out(self) -> None:
        model = QHBoxLayout()
        model.addWidget(QLabel("Model"))
        model.addWidget(self.model, 1)
        model.addWidget(self.change)
        layout = QVBoxLayout(self)
        layout.addWidget(self.images)
        layout.addLayout(model)
        layout.addWidget(self.about)
        layout.addWidget(self.segment)
        layout.addWidget(self.hint)
        layout.addWidget(self.fix)
        layout.addWidget(
            Fold("More", self.form, "How the model is run; the defaults are good for most images")
        )
        layout.addStretch(1)

    def _choose_images(self) -> None:
        self._session.images = self.images.names
        self.refresh()

    def _start(self) -> None:
        self.refresh()  # a layer may have gone since the last look
        model, layers = self._session.model, self.images.layers
        if self._obstacle is not None or model is None:
            return
        point = tuple(self._viewer.dims.point)
        try:
            request = Request(
                model.path,
                self._session.device,
                tuple(to_volume(layer, point) for layer in layers),
                self.form.config,
                self._session.ready_segmenter,
            )
        except (ValueError, OSError) as error:
            show_failure(error)
            return
        self._target = layers[0], shown_step(layers[0], point)
        self._notes = ""
        task = Task(partial(run, request))
        task.returned.connect(self._show)
        self._runner.start(task, f"{layers[0].name} · {model.card.name}")

    def _show(self, answer: Answer) -> None:
        assert self._target is not None  # set before the task starts
        image, step = self._target
        self._session.loaded = answer.loaded
        card, result = answer.loaded.segmenter.card, answer.segmentation
        labels = show_answer(
            self._viewer,
            image,
            result.labels,
            model=card.name,
            classes=card.classes,
            provenance=result.provenance,
            step=step,
        )
        show_maps(self._viewer, image, labels, result, card, step)
        self._notes = "\n".join(n[0].upper() + n[1:].rstrip(".") + "." for n in result.notes if n)

    def _note_failure(self, sentence: str) -> None:
        self._notes = sentence

    def _end(self, _outcome: str) -> None:
        self._target = None
        self.refresh()

    def _mend(self) -> None:
        if self._obstacle is None:
            return
        if self._obstacle.fix == OPEN_SAMPLE:
            self._viewer.open_sample("napari-medseg", sample_for(self._session.model))
        else:
            self.model_wanted.emit()
