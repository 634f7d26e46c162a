"""The Explain panel: what a model sees, over its image, and why a voxel got its label."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer, Signal
from qtpy.QtGui import QHideEvent, QShowEvent
from qtpy.QtWidgets import QWidget

from napari_medseg.widgets.explain.asking import Asking
from napari_medseg.widgets.explain.layout import Layout
from napari_medseg.widgets.explain.others import offer_others
from napari_medseg.widgets.explain.questions import Questions
from napari_medseg.widgets.explain.subject import Subject
from napari_medseg.widgets.explain.voxel_mark import VoxelMark
from napari_medseg.widgets.explain.watching import Watching
from napari_medseg.widgets.layers import is_map
from napari_medseg.widgets.model_choice import model_choice_of
from napari_medseg.widgets.pieces import enable
from napari_medseg.widgets.readiness import FIX_TIPS, Fix, sample_for
from napari_medseg.widgets.sessions import connect_while_alive, session_of, unwrapped

if TYPE_CHECKING:
    from napari.utils.events import Event
    from napari.viewer import Viewer

    from napari_medseg.progress import Step

_SOON = 60  # ms after the last of several slice changes


class ExplainPanel(QWidget):
    """Looks inside the session's model.

    Emits ``model_wanted()`` when a person asks for the list of models.
    """

    model_wanted = Signal()

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer, self._session = unwrapped(viewer), session_of(viewer)
        self._told, self._fix = "", Fix.NONE
        self.parts = Layout(self._viewer, self)
        self.subject = Subject(self._viewer, self.parts.images)
        self._mark = VoxelMark(self._viewer, self.subject)
        self.asking = Asking(self)
        self.questions = Questions(self._viewer, self, self.parts, self.subject, self.asking)
        self._watching = Watching(self._viewer, self)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_SOON)
        self._soon.timeout.connect(self.questions.follow)
        self._connect()
        self.subject.follow(self._viewer.layers.selection.active)
        self.show_model()
        self._watching.watch(self.parts.images.layers)

    def refresh(self, *_: object) -> None:
        """Say what can be done now, and what is missing if nothing can."""
        parts, found = self.parts, self.subject.obstacle()
        reason = "" if found is None else found.reason
        self._fix = Fix.NONE if found is None else found.fix
        self._offer_way_out(bool(reason))
        listing, entry = self.questions.listing, parts.entries.entry
        if reason:
            self.questions.clicks.leave()
        reading = self.asking.wants("list")
        wait = "The model is being read" if reading else "The model could not be read"
        choose = "" if entry is not None else "Choose above what to show"
        stops = self.asking.wants("show", by_hand=True)
        parts.show.setText("Stop" if stops else "Show")
        tip = "Stop" if stops else "Compute it and lay it over the image"
        enable(parts.show, reason or (wait if listing is None else choose), tip)
        enable(parts.why, reason, "Click on a voxel to read why it got its label; Escape leaves")
        enable(parts.point, reason, "Click on the image to say which voxel is meant")
        no_other = "" if parts.other.count() else "No other model at hand finds the same classes"
        enable(parts.other, no_other, "A model that finds the same classes, such as the one before")
        stops = self.asking.wants("compare")
        parts.compare.setText("Stop" if stops else "Compare")
        tip = "Stop comparing" if stops else "Show where the two models differ on this image"
        enable(parts.compare, reason or no_other, tip)
        parts.show_needs(entry, "" if self.subject.labels() else "No labels lie on the image")
        parts.hint.setText(reason or self._told or self.questions.advice())
        self._mark.refresh(wanted=self.isVisible())

    def show_model(self) -> None:
        """Show the session's model, ask for the images it needs, and list what it has."""
        model = self._session.model
        self.parts.model.show_model(model)
        self.parts.images.set_model(None if model is None else model.card)
        self.questions.begin()
        offer_others(self.parts.other, self._viewer, model)
        self._told = ""
        if self.isVisible():
            self.questions.list_model()
        self.refresh()

    def showEvent(self, event: QShowEvent | None) -> None:
        super().showEvent(event)
        if self.questions.listing is None:
            self.questions.list_model()
        self._soon.start()  # one may have gone to another slice meanwhile
        self._watching.look()
        self.refresh()

    def hideEvent(self, event: QHideEvent | None) -> None:
        super().hideEvent(event)
        if event is not None and not event.spontaneous():  # a minimised window stays as it is
            self.questions.clicks.leave()
            self._mark.refresh(wanted=False)

    def _connect(self) -> None:
        parts, asks = self.parts, self.questions
        parts.images.changed.connect(self._on_image)
        parts.model.change_wanted.connect(self.model_wanted)
        parts.fix.clicked.connect(self._mend)
        parts.show.clicked.connect(asks.press_show)
        parts.compare.clicked.connect(asks.press_compare)
        parts.entries.wanted.connect(asks.show)
        for signal in (parts.entries.chosen, parts.layers.chosen):
            signal.connect(asks.choose)
            signal.connect(self.refresh)
        for combo in (parts.value, parts.where, parts.part):
            combo.activated.connect(asks.choose)
        for page in (parts.numbers, parts.reasons, parts.differences, parts.maps):
            page.save_wanted.connect(asks.save)
        asks.told.connect(self._say)
        self._watching.changed.connect(self._on_other_values)
        self.asking.changed.connect(self.refresh)
        self.asking.progressed.connect(self._say_step)
        session, layers, dims = self._session.events, self._viewer.layers, self._viewer.dims.events
        for changed in (session.model, session.device):
            connect_while_alive(self, changed, self.show_model)
        connect_while_alive(self, model_choice_of(self._viewer).changed, self._offer_others)
        for event in (layers.events.inserted, layers.events.removed, layers.events.renamed):
            connect_while_alive(self, event, self._on_layers)
        connect_while_alive(self, layers.selection.events.active, self._on_active)
        for event in (dims.ndisplay, dims.order, dims.current_step):
            connect_while_alive(self, event, self._on_view)

    def _on_image(self) -> None:
        self._watching.watch(self.parts.images.layers)
        self.questions.change_image()
        self._told = ""
        self.refresh()

    def _on_other_values(self) -> None:
        self._told = ""
        self.questions.renew()
        self._on_view()
        self.refresh()

    def _on_layers(self, event: Event) -> None:
        layer = getattr(event, "value", None)  # a new name comes without its layer
        if layer is not None and is_map(layer):
            return
        if event.type == "removed" and self.questions.answers.forget_image(layer):
            self._told = ""
        self.parts.images.refresh()
        self.refresh()

    def _on_active(self, event: Event) -> None:
        self.subject.follow(event.value)
        self.refresh()

    def _on_view(self, _event: Event | None = None) -> None:
        self._mark.refresh(wanted=self.isVisible())
        if self.isVisible():
            self._soon.start()

    def _offer_others(self, *_: object) -> None:
        offer_others(self.parts.other, self._viewer, self._session.model)
        self.refresh()

    def _say(self, text: str) -> None:
        self._told = text
        self.refresh()

    def _say_step(self, step: Step) -> None:
        counted = f"{step.unit} {step.done + 1} of {step.total}" if step.total else "computing"
        self.parts.hint.setText(f"{step.note or counted} …")

    def _offer_way_out(self, hindered: bool) -> None:
        """Show the button that leads out of what is in the way, or on from what was too large."""
        fix, way_out = self.parts.fix, self.questions.answers.way_out
        other = self._fix is Fix.NONE and not hindered and way_out is not None
        fix.setText(way_out.text if other and way_out is not None else self._fix.value)
        fix.setToolTip(way_out.tip if other and way_out is not None else FIX_TIPS[self._fix])
        fix.setVisible(bool(fix.text()))

    def _mend(self) -> None:
        if self._fix is Fix.NONE:
            self.questions.take_way_out()
        elif self._fix is Fix.SAMPLE:
            self._viewer.open_sample("napari-medseg", sample_for(self._session.model))
        else:
            self.model_wanted.emit()
