"""The Interact panel: point at what is wrong, see what would change, accept it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from napari.layers import Image
from qtpy.QtCore import Signal
from qtpy.QtGui import QHideEvent, QShowEvent
from qtpy.QtWidgets import QPushButton, QWidget

from napari_medseg.interact.prompts import Prompt
from napari_medseg.widgets.edit.edit_keys import Press
from napari_medseg.widgets.interact.about import About
from napari_medseg.widgets.interact.given import given_of
from napari_medseg.widgets.interact.hand import Pen
from napari_medseg.widgets.interact.layout import Layout
from napari_medseg.widgets.interact.prompting import Prompting
from napari_medseg.widgets.interact.tool_row import TOOLS
from napari_medseg.widgets.interact.view import PromptView
from napari_medseg.widgets.interact.words import advice, rows_of
from napari_medseg.widgets.keys import bind
from napari_medseg.widgets.layers import is_preview
from napari_medseg.widgets.sessions import connect_while_alive, session_of, unwrapped
from napari_medseg.widgets.settings import follow_preferences

if TYPE_CHECKING:
    from napari.utils.events import Event
    from napari.viewer import Viewer


class InteractPanel(QWidget):
    """Corrects labels by prompts, with the session's model or the image alone.

    Emits ``interact_wanted()`` when the key of a tool is pressed while the panel is not seen.
    """

    interact_wanted = Signal()

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = unwrapped(viewer)
        self._session = session_of(viewer)
        self._told = ""
        self.parts = parts = Layout(self._viewer, self)
        self.about = About(self._viewer, parts.images, parts.classes)
        self.prompting = Prompting(self._viewer, self, self.about.ground, parts.classes.name_of)
        self.view = PromptView(self._viewer, self, self.about.plane, self._pen)
        self._connect()
        self.about.follow(self._viewer.layers.selection.active)
        self._take_channels()

    def refresh(self, *_: object) -> None:
        """Say what can be done now, and show what was given."""
        parts, layer = self.parts, self.about.labels
        reason = self.about.why_not()
        parts.tools.show_reason(reason)
        if reason and parts.tools.kind:
            self.choose("")
        given = None if layer is None else given_of(layer)
        pending = bool(self.prompting.queue.waiting(layer) or (given and given.turns))
        parts.show_state(
            pending=pending,
            given=bool(given and given.accepted),
            why_not_here=reason or self.about.why_not_here(self.prompting.last(layer)),
            why_not_on=reason or self.about.why_not_on(),
        )
        waiting = self.prompting.waiting(layer)
        parts.rows.show_rows(rows_of(layer, waiting, parts.classes))
        said = advice(parts.tools.kind, self.prompting.queue.waiting(layer), pending)
        parts.hint.setText(reason or self._told or said)
        self.view.show(layer, waiting)

    def choose(self, kind: str) -> None:
        """Take a tool in hand; with an empty word, leave the mouse to napari."""
        if kind and not self.isVisible():
            self.interact_wanted.emit()
        if kind and not self.parts.tools.buttons[kind].isEnabled():
            kind = ""
        self._told = ""
        self.parts.tools.show_chosen(kind)
        if kind:
            self.view.hand.take()
            self.prompting.queue.prepare(self.about.ground())
        else:
            self.view.hand.leave()
        self.refresh()

    def showEvent(self, event: QShowEvent | None) -> None:
        super().showEvent(event)
        self.refresh()

    def hideEvent(self, event: QHideEvent | None) -> None:
        super().hideEvent(event)
        if event is not None and not event.spontaneous():  # a minimised window stays as it is
            self.parts.tools.show_chosen("")
            self.view.end()

    def _connect(self) -> None:
        parts, prompting, hand = self.parts, self.prompting, self.view.hand
        parts.tools.chosen.connect(self.choose)
        acts = {
            "accept_prompts": (parts.accept, self._accept),
            "prompt_back": (parts.back, self._back),
            "segment_here": (parts.segment_here, self._segment_here),
            "carry_on": (parts.carry_on, self._carry_on),
        }
        for action, (button, call) in acts.items():
            button.clicked.connect(call)
            bind(self._viewer, action, Press(self._press, button, self).press)
        parts.clear.clicked.connect(self._clear)
        parts.at_once.toggled.connect(prompting.set_at_once)
        parts.use_model.toggled.connect(self._take_channels)
        parts.rows.removed.connect(self._remove)
        parts.rows.wanted.connect(self._go)
        parts.images.changed.connect(self._take_channels)
        for signal in (parts.classes.chosen, parts.classes.given, prompting.changed):
            signal.connect(self.refresh)
        parts.classes.layer_changed.connect(self._take_channels)
        prompting.told.connect(self._say)
        hand.drawn.connect(self._give)
        hand.refused.connect(self._say)
        hand.left.connect(partial(self.choose, ""))
        session, layers, dims = self._session.events, self._viewer.layers, self._viewer.dims.events
        for changed in (session.model, session.device):
            connect_while_alive(self, changed, self._take_channels)
        for event in (layers.events.inserted, layers.events.removed, layers.events.renamed):
            connect_while_alive(self, event, self._on_layers)
        connect_while_alive(self, layers.selection.events.active, self._on_active)
        for event in (dims.ndisplay, dims.order, dims.current_step):
            connect_while_alive(self, event, self._on_view)
        follow_preferences(self, self._on_setting)
        for kind in TOOLS:
            bind(self._viewer, f"prompt_{kind}", Press(self.choose, kind, self).press)

    def _press(self, button: QPushButton) -> None:
        """Do what a key does; what is not seen is shown first, and nothing is done to it."""
        if self.isVisible():
            button.click()
        else:
            self.interact_wanted.emit()

    def _pen(self) -> Pen:
        return Pen(self.parts.tools.kind, self.parts.classes.value, self.parts.width.value() / 2)

    def _give(self, prompt: Prompt) -> None:
        at = self.about.at()
        self.prompting.give(prompt, self.about.make_labels(), at)

    def _accept(self) -> None:
        self.prompting.accept(self.about.labels)

    def _back(self) -> None:
        self.prompting.back(self.about.labels)

    def _clear(self) -> None:
        self.prompting.clear(self.about.labels)

    def _remove(self, place: int) -> None:
        self.prompting.remove(self.about.labels, place)

    def _segment_here(self) -> None:
        self.prompting.segment_here(self.about.labels, self.about.at())

    def _carry_on(self) -> None:
        value = self.parts.classes.value
        self.prompting.carry_on(self.about.labels, self.about.plane(), value)

    def _go(self, place: int) -> None:
        layer = self.about.labels
        if layer is not None:
            self.view.go_to(layer, self.prompting.all_of(layer)[place])

    def _take_channels(self, *_: object) -> None:
        self.about.wants_model = self.parts.use_model.isChecked()
        self.about.take_channels()
        self.parts.show_width(self.about)
        self.parts.show_model(self._session.model, self.about.why_no_model)
        self.refresh()

    def _say(self, text: str) -> None:
        self._told = text
        self.refresh()

    def _on_layers(self, event: Event) -> None:
        layer = getattr(event, "value", None)  # an event of a new name has none
        if event.type == "removed" and isinstance(layer, Image):
            self.prompting.queue.forget_image()
        if layer is None or not is_preview(layer):
            self.parts.images.refresh()
            self.refresh()

    def _on_active(self, event: Event) -> None:
        self.about.follow(event.value)
        self.refresh()

    def _on_view(self, _event: Event) -> None:
        self.parts.show_why_not_on(self.about.why_not() or self.about.why_not_on())
        self.view.draw_soon()

    def _on_setting(self, name: str) -> None:
        if name.startswith("keys."):
            self.parts.print_keys()
