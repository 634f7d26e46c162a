"""What a person asks of a model in the panel."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QWidget

from napari_medseg.session import written_at
from napari_medseg.widgets.boxes import add_box_layer
from napari_medseg.widgets.explain import work
from napari_medseg.widgets.explain.about import CHANGED, About
from napari_medseg.widgets.explain.answers import Answers
from napari_medseg.widgets.explain.asking import Asking, Wish
from napari_medseg.widgets.explain.choosing import (
    DEAR,
    NoBox,
    advice,
    asked_for,
    is_about_place,
    look_of,
)
from napari_medseg.widgets.explain.clicks import Clicks
from napari_medseg.widgets.explain.files import saving
from napari_medseg.widgets.explain.layout import Layout
from napari_medseg.widgets.explain.subject import Subject
from napari_medseg.widgets.explain.way_out import WayOut
from napari_medseg.widgets.model_choice import model_choice_of
from napari_medseg.widgets.readiness import FIX_TIPS, Fix
from napari_medseg.widgets.sessions import session_of

if TYPE_CHECKING:
    from napari.viewer import Viewer


class Questions(QObject):
    """Asks for what the parts of the panel say.

    Emits ``told(text)``: what a person should read of it.
    """

    told = Signal(str)

    def __init__(
        self, viewer: Viewer, panel: QWidget, parts: Layout, subject: Subject, asking: Asking
    ) -> None:
        super().__init__(panel)
        self._viewer, self._session = viewer, session_of(viewer)
        self._panel, self._parts = panel, parts
        self._subject, self._asking = subject, asking
        self._last: About | None = None  # what `show` was last asked for
        self._window: tuple[int, ...] | None = None  # all that the memory suffices for
        self.answers = Answers(viewer, panel, parts, asking)
        self.clicks = Clicks(viewer, panel, parts, subject)
        self.clicks.chosen.connect(self._take_voxel)
        self.clicks.asked.connect(self._ask_why)
        self.answers.narrowed.connect(self._narrow)
        for source in (self.answers, self.clicks):
            source.told.connect(self.told)

    @property
    def listing(self) -> work.Listing | None:
        """What there is to see of the session's model; None until it is read."""
        return self.answers.listing

    def begin(self) -> None:
        """Begin with another model: nothing is known of it."""
        self.answers.listing = None
        self._asking.clear()
        self.change_image()

    def change_image(self) -> None:
        """Begin with another image: what was said of the one before goes."""
        self._last = self._window = None
        self._asking.drop("show", "why", "compare")
        self._asking.known = None  # nor is it kept in memory
        self.answers.clear()

    def renew(self) -> None:
        """Begin anew with the same image, which has other values or lies elsewhere now."""
        last, window = self._last, self._window
        self.change_image()
        self._window = window
        if self._follows():
            # `follow` shows it anew, as of an image that is another one by now
            self._last = None if last is None else replace(last, states=())
        else:
            self.told.emit(CHANGED)

    def list_model(self) -> None:
        """Find out what there is to see of the session's model."""
        model, session = self._session.model, self._session
        if model is not None and not self._asking.wants("list"):
            ready = session.ready_segmenter
            self._asking.ask(Wish("list", partial(work.listing, model.path, session.device, ready)))

    def press_show(self) -> None:
        """Show what is chosen, or stop what is computed for it."""
        if self._asking.wants("show", by_hand=True):
            self._asking.drop("show")
            self.told.emit("")
        else:
            self.show(by_hand=True)

    def show(self, *, by_hand: bool = False) -> None:
        """Compute what is chosen and show it."""
        entry = self._parts.entries.entry
        if entry is None or self._subject.obstacle() is not None:
            return
        self.answers.way_out = None
        try:
            asked = asked_for(entry, self._parts, self._subject, self._window)
        except ValueError as error:
            if isinstance(error, NoBox):
                self.answers.way_out = WayOut(Fix.DRAW.value, FIX_TIPS[Fix.DRAW], self._draw)
            self.told.emit(str(error))
            return
        self._list_anew()
        by_hand = by_hand or self._asking.wants("show", by_hand=True)  # still waited for
        about = self._last = replace(self._subject.about(), what=entry.key)
        work_ = partial(work.shown, about.ground, about.at, asked)
        self._asking.ask(Wish("show", work_, about, by_hand))

    def take_way_out(self) -> None:
        """Do what is offered where something could not be shown."""
        way_out, self.answers.way_out = self.answers.way_out, None
        self.told.emit("")
        if way_out is None:
            return
        way_out.act()
        if way_out.again == "show":
            self.show(by_hand=True)
        elif way_out.again == "why":
            self._ask_why()
        elif way_out.again == "compare":
            self.compare()

    def choose(self, *_: object) -> None:
        """Take another entry, layer or class; show it at once if one follows and it is cheap."""
        entry, listing, self.answers.way_out = self._parts.entries.entry, self.listing, None
        if entry is not None and listing is not None and entry.key in listing.choices:
            choices, first = listing.choices[entry.key], listing.firsts[entry.key]
            self._parts.layers.show_layers(listing.root, choices, first)
        if self._last is not None and self._follows():
            self.show()

    def follow(self) -> None:
        """Show what was shown for the slice one sees now, if that is another answer."""
        last, entry = self._last, self._parts.entries.entry
        if last is None or entry is None or not self._follows() or self._subject.image is None:
            return
        at, known, step = self._subject.at(), self._asking.known, self._subject.step
        if not last.stale(self._viewer) and step == last.step:
            seen = known is not None and known.key == last.ground.key and known.view.holds(at)
            if at == last.at or (seen and not is_about_place(entry, self._parts)):
                return
        self.show()

    def press_compare(self) -> None:
        """Compare two models, or stop comparing them."""
        if self._asking.wants("compare"):
            self._asking.drop("compare")
            self.told.emit("")
        else:
            self.compare()

    def compare(self) -> None:
        """Compare the model with the other one that is chosen."""
        other = self._parts.other.currentData()
        if other is None or self._subject.obstacle() is not None:
            return
        about, look = self._subject.about(), look_of(self._parts, self._window)
        work_ = partial(work.compared, about.ground, about.at, Path(other), look)
        self._asking.ask(Wish("compare", work_, about, by_hand=True))

    def save(self, what: Any) -> None:
        """Ask where a table, curves or an overlay are saved, and save them."""
        wish = saving(self._panel, what)
        if wish is not None:
            self._asking.ask(wish)

    def advice(self) -> str:
        """Return what one can do now, as a sentence."""
        if self.clicks.on:
            return "Click on a voxel of the image; Escape leaves."
        entry = self._parts.entries.entry
        if entry is None or self.listing is None:
            return ""
        return advice(entry, self._subject, self._asking.known)

    def _draw(self) -> None:
        image = self._subject.image
        if image is not None:
            add_box_layer(self._viewer, image)

    def _take_voxel(self) -> None:
        if self._follows():
            self.show()
        else:
            self.told.emit("The voxel is chosen; press Show.")

    def _list_anew(self) -> None:
        """List the model again where its file is another one than what was listed."""
        loaded = None if self.listing is None else self.listing.loaded
        if loaded is not None and loaded.written != written_at(loaded.path):
            self.list_model()

    def _ask_why(self) -> None:
        model = self._session.model
        if model is None or self._subject.obstacle() is not None:
            return
        rows = model_choice_of(self._viewer).rows if model.card.parent else ()
        cards = {row.path: row.card for row in rows if row.card is not None}
        about, look = self._subject.about(), look_of(self._parts, self._window)
        work_ = partial(work.because, about.ground, about.at, cards, look)
        self._asking.ask(Wish("why", work_, about, by_hand=True))

    def _narrow(self, window: tuple[int, ...]) -> None:
        self._window = window

    def _follows(self) -> bool:
        entry = self._parts.entries.entry
        return entry is not None and entry.key not in DEAR and self._parts.live.isChecked()
