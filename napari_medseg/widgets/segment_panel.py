"""The Segment panel: an image, a model, one button, and a Labels layer beside the image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Image, Shapes
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QPushButton, QVBoxLayout, QWidget

from napari_medseg.widgets.boxes import add_box_layer
from napari_medseg.widgets.case_layers import open_next_case
from napari_medseg.widgets.ct_row import CTRow
from napari_medseg.widgets.image_choice import ImageChoice
from napari_medseg.widgets.layers import is_map
from napari_medseg.widgets.misfit import doubt
from napari_medseg.widgets.model_line import ModelLine
from napari_medseg.widgets.model_words import what_it_finds
from napari_medseg.widgets.notices import show_failure
from napari_medseg.widgets.pieces import Fold, main_button, wrapped_label
from napari_medseg.widgets.readiness import FIX_TIPS, Fix, Obstacle, obstacle, sample_for
from napari_medseg.widgets.run_options import RunOptions
from napari_medseg.widgets.scope_choice import ScopeChoice
from napari_medseg.widgets.scopes import Scope, targets
from napari_medseg.widgets.segment_run import SegmentRun
from napari_medseg.widgets.sessions import (
    connect_while_alive,
    runner_of,
    session_of,
    unwrapped,
)

if TYPE_CHECKING:
    from napari.utils.events import Event
    from napari.viewer import Viewer


class SegmentPanel(QWidget):
    """Runs the session's model on the chosen image.

    Emits ``model_wanted()`` or ``worklist_wanted()`` when a person asks for that panel.
    """

    model_wanted = Signal()
    worklist_wanted = Signal()

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = unwrapped(viewer)
        self._session, self._runner = session_of(viewer), runner_of(viewer)
        self._run = SegmentRun(self._viewer, self)
        self._obstacle: Obstacle | None = None
        self._notes = ""  # what the last run, or its failure, wants people to know
        self.images = ImageChoice(self._viewer)
        self.ct = CTRow()
        self.model = ModelLine()
        self.scope = ScopeChoice(self._viewer)
        self.keep = QCheckBox("Keep what I painted")
        self.keep.setChecked(True)
        self.keep.setToolTip(
            "The voxels you painted or confirmed keep your class; the model fills in the rest"
        )
        self.segment = main_button("Segment")
        self.hint = wrapped_label()
        self.fix = QPushButton()
        self.form = RunOptions()
        self._lay_out()
        self._connect()
        self.follow(self._viewer.layers.selection.active)
        self.show_model()
        self._choose_images()

    def refresh(self, *_: object) -> None:
        """Say what can be done now, and what is missing if nothing can."""
        images = self.images.layers
        self.scope.show_for(images[0] if images else None)
        self.ct.show_for(images[0] if images else None)
        self._obstacle = found = obstacle(
            self._viewer, self._session, self.images, self.scope.scope, busy=self._runner.busy
        )
        self.segment.setEnabled(found is None)
        self.segment.setToolTip(self._what_it_does() if found is None else found.reason)
        self.hint.setText(self._remarks() if found is None else found.reason)
        fix = Fix.NONE if found is None else found.fix
        self.fix.setText(fix.value)
        self.fix.setToolTip(FIX_TIPS[fix])
        self.fix.setVisible(fix is not Fix.NONE)

    def show_model(self) -> None:
        """Show the session's model, and ask for the images it needs."""
        model = self._session.model
        self.model.show_model(model)
        self.form.show_for(model.card if model is not None else None)
        self.images.set_model(model.card if model is not None else None)
        self._notes = ""
        self.refresh()

    def follow(self, layer: object) -> None:
        """Take the layer a person selected, if it is an image and can be seen."""
        if isinstance(layer, Image) and layer.visible and not is_map(layer):
            self.images.choose(layer)

    def _lay_out(self) -> None:
        tip = "How the model is run; the defaults are good for most images"
        rows = (self.images, self.ct, self.model, self.scope, self.keep, self.segment)
        layout = QVBoxLayout(self)
        for row in (*rows, self.hint, self.fix, Fold("More", self.form, tip)):
            layout.addWidget(row)
        layout.addStretch(1)

    def _connect(self) -> None:
        self.images.changed.connect(self._choose_images)
        self.model.change_wanted.connect(self.model_wanted)
        self.scope.changed.connect(self.refresh)
        self.segment.clicked.connect(self._start)
        self.fix.clicked.connect(self._mend)
        self._run.noted.connect(self._say)
        self._runner.started.connect(self.refresh)
        self._runner.ended.connect(self.refresh)
        session, layers, dims = self._session.events, self._viewer.layers, self._viewer.dims
        connect_while_alive(self, session.model, self.show_model)
        for changed in (session.device, session.worklist, session.case):
            connect_while_alive(self, changed, self.refresh)
        for event in (layers.events.inserted, layers.events.removed, layers.events.renamed):
            connect_while_alive(self, event, self._on_layers)
        connect_while_alive(self, layers.selection.events.active, self._on_active)
        for event in (dims.events.ndisplay, dims.events.order, dims.events.current_step):
            connect_while_alive(self, event, self._on_view)
        for layer in layers:
            self._follow_shapes(layer)

    def _on_layers(self, event: Event) -> None:
        if event.type == "inserted":
            self._follow_shapes(event.value)
        self.images.refresh()
        self.refresh()

    def _on_active(self, event: Event) -> None:
        self.follow(event.value)
        self.refresh()

    def _on_view(self, event: Event) -> None:
        if event.type != "current_step" or self.scope.scope in (Scope.SLICE, Scope.BOX_SLICE):
            self.refresh()

    def _follow_shapes(self, layer: object) -> None:
        if isinstance(layer, Shapes):
            connect_while_alive(self, layer.events.data, self.refresh)

    def _choose_images(self) -> None:
        self._session.images = self.images.names
        self._notes = ""
        self.refresh()

    def _what_it_does(self) -> str:
        images = " and ".join(layer.name for layer in self.images.layers)
        card = self._session.model.card if self._session.model is not None else None
        finds = what_it_finds(card) if card is not None else "what the model knows"
        return (
            f"Find {finds} in {images}" if self.scope.scope is not Scope.NEXT else f"Find {finds}"
        )

    def _remarks(self) -> str:
        model, images = self._session.model, self.images.layers
        if self._notes or model is None or not images:
            return self._notes
        return doubt(model.card, images)

    def _start(self) -> None:
        self.refresh()  # a layer may have gone since the last look
        model, scope = self._session.model, self.scope.scope
        if self._obstacle is not None or model is None:
            return
        self._notes = ""
        try:
            if scope is Scope.NEXT and not self._open_next():
                return
            scope = Scope.WHOLE if scope is Scope.NEXT else scope
            found = targets(scope, self._viewer, self.images, model)
            self._run.start(model, found, self.form.config, keep_painted=self.keep.isChecked())
        except (ValueError, OSError) as error:
            show_failure(error)

    def _open_next(self) -> bool:
        """Open the next case and choose its images; whether the model can take them."""
        opened = open_next_case(self._viewer)
        if not opened:
            return False
        self.images.choose(opened[0])
        wrong = obstacle(self._viewer, self._session, self.images, Scope.WHOLE, busy=False)
        self._say("" if wrong is None else wrong.reason)
        return wrong is None

    def _say(self, text: str) -> None:
        self._notes = text
        self.refresh()

    def _mend(self) -> None:
        fix = Fix.NONE if self._obstacle is None else self._obstacle.fix
        if fix is Fix.SAMPLE:
            self._viewer.open_sample("napari-medseg", sample_for(self._session.model))
        elif fix is Fix.DRAW:
            add_box_layer(self._viewer, self.images.layers[0])
        elif fix is Fix.WHOLE:
            self.scope.choose(Scope.WHOLE)
        elif fix is Fix.BLOCKS:
            from napari_medseg.widgets.large import show_blocks  # for large images only

            show_blocks(self._viewer, self.images.layers[0])
        elif fix is Fix.FOLDER:
            self.worklist_wanted.emit()
        else:
            self.model_wanted.emit()
