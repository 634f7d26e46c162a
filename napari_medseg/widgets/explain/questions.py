"""What a person asks of a model in the panel, and what is done with the answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from qtpy.QtCore import QObject, QTimer, Signal
from qtpy.QtWidgets import QScrollArea, QWidget

from napari_medseg.engine.card import ModelCard
from napari_medseg.widgets.explain import work
from napari_medseg.widgets.explain.asking import Asking, Wish
from napari_medseg.widgets.explain.layout import HERE, LABELLED, Layout
from napari_medseg.widgets.explain.map_row import MAP_KINDS, Seen
from napari_medseg.widgets.explain.pointing import Pointing
from napari_medseg.widgets.explain.results import show_because, show_comparison, show_things
from napari_medseg.widgets.explain.subject import Subject
from napari_medseg.widgets.interact.question import Ground
from napari_medseg.widgets.measure.saving import TABLE_KINDS
from napari_medseg.widgets.model_choice import model_choice_of
from napari_medseg.widgets.sessions import session_of
from napari_medseg.widgets.taking_out import ask_path, say_written
from napari_medseg.widgets.volumes import shown_step

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_medseg.explain.overlay import Overlay

DEAR = frozenset({"integrated", "smooth", "occlusion"})
"""Entries that take tens of passes of the network: they wait for Show."""
_GONE = "The image was removed while this was computed."


@dataclass(frozen=True, eq=False)
class _About:
    """For what an answer was computed."""

    image: Image
    step: tuple[int, ...]
    ground: Ground
    at: tuple[int, ...]


class Questions(QObject):
    """Asks for what the parts of the panel say, and shows the answers in them.

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
        self.listing: work.Listing | None = None
        self.by_hand = False  # whether what is shown next was asked for by the button
        self._last: _About | None = None  # what `show` was last asked for
        self._pointing = Pointing(viewer, panel)
        self._pointing.pointed.connect(self._take_point)
        self._pointing.left.connect(self.leave)
        parts.point.clicked.connect(partial(self._arm, parts.point))
        parts.why.clicked.connect(partial(self._arm, parts.why))
        asking.answered.connect(self._take)
        asking.failed.connect(self._fail)

    def begin(self) -> None:
        """Begin with another model: nothing is known of it."""
        self.listing = None
        self._asking.clear()
        self.change_image()

    def change_image(self) -> None:
        """Begin with another image: what was said of the one before goes."""
        parts = self._parts
        self._last = None
        self._asking.drop("show", "why", "compare")
        for page in (parts.numbers, parts.reasons, parts.differences):
            page.clear()
        parts.maps.forget()

    def forget_image(self, image: object) -> bool:
        """Let go of an image that was removed; whether something was computed of it."""
        if self._parts.maps.is_of(image):
            self._parts.maps.on_canvas.remove()
            self._parts.maps.forget()
            return True
        return False

    def list_model(self) -> None:
        """Find out what there is to see of the session's model."""
        model, session = self._session.model, self._session
        if model is not None and not self._asking.wants("list"):
            ready = session.ready_segmenter
            self._asking.ask(Wish("list", partial(work.listing, model.path, session.device, ready)))

    def press_show(self) -> None:
        """Show what is chosen, or stop what is computed for it."""
        if self.by_hand and self._asking.wants("show"):
            self._asking.drop("show")
            self.told.emit("")
        else:
            self.show(by_hand=True)

    def show(self, *, by_hand: bool = False) -> None:
        """Compute what is chosen and show it."""
        entry, parts, self.by_hand = self._parts.entries.entry, self._parts, by_hand
        if entry is None or self._subject.obstacle() is not None:
            return
        labels = None
        if "class" in entry.needs and parts.where.currentIndex() == LABELLED:
            layer = self._subject.labels()
            if layer is None:
                self.told.emit("No labels lie on this image: segment it first, or choose another.")
                return
            labels = np.array(layer.data[shown_step(layer, tuple(self._viewer.dims.point))])
        asked = work.Asked(
            entry.key,
            parts.layers.name if "layer" in entry.needs else None,
            parts.value.currentData() if "class" in entry.needs else None,
            labels,
            "here" if "class" in entry.needs and parts.where.currentIndex() == HERE else None,
        )
        about = self._last = self._about()
        self._asking.ask(Wish("show", partial(work.shown, about.ground, about.at, asked), about))

    def choose(self, *_: object) -> None:
        """Take another entry, layer or class; show it at once if one follows and it is cheap."""
        entry, listing = self._parts.entries.entry, self.listing
        if entry is not None and listing is not None and entry.key in listing.choices:
            choices = listing.choices[entry.key]
            first = listing.layer if listing.layer in choices else choices[0]
            self._parts.layers.show_layers(listing.root, choices, first)
        if self._last is not None and self._follows():
            self.show()

    def follow(self) -> None:
        """Show what was shown for the slice one sees now, if that is another answer."""
        last, entry = self._last, self._parts.entries.entry
        if last is None or entry is None or not self._follows() or self._subject.image is None:
            return
        at, known = self._subject.at(), self._asking.known
        if at == last.at and self._subject.step == last.step:
            return
        seen = known is not None and known.key == last.ground.key and known.view.holds(at)
        if self._subject.step == last.step and seen and not self._about_place():
            return
        self.show()

    def compare(self) -> None:
        """Compare the model with the other one that is chosen."""
        other = self._parts.other.currentData()
        if other is None or self._subject.obstacle() is not None:
            return
        about = self._about()
        work_ = partial(work.compared, about.ground, about.at, Path(other))
        self._asking.ask(Wish("compare", work_, about))

    def offer_others(self) -> None:
        """Offer the models at hand that find the same classes."""
        model, combo = self._session.model, self._parts.other
        before = combo.currentData()
        combo.clear()
        if model is not None:
            for row in model_choice_of(self._viewer).rows:
                card = row.card
                if card is None or row.path == model.path or row.origin == "download":
                    continue
                if _alike(card, model.card):
                    combo.addItem(row.title, str(row.path))
        combo.setCurrentIndex(max(combo.findData(before), 0))

    def save(self, what: Any) -> None:
        """Ask where a table, curves or an overlay are saved, and save them."""
        kinds = MAP_KINDS if hasattr(what, "place") else TABLE_KINDS
        path = ask_path(self._panel, f"Save {what.name}", what.name, kinds)
        if path is not None:
            self._asking.ask(Wish("save", partial(_saved, what, path)))

    def advice(self) -> str:
        """Return what one can do now, as a sentence."""
        if self._pointing.on:
            return "Click on a voxel of the image; Escape leaves."
        entry = self._parts.entries.entry
        if entry is None or self.listing is None:
            return ""
        if "place" in entry.needs and not self._subject.pointed:
            return "This is about one voxel: point at it, else the middle is taken."
        return "This takes a while." if entry.key in DEAR else ""

    def leave(self) -> None:
        """Leave the mouse to napari again."""
        self._pointing.leave()
        for button in (self._parts.point, self._parts.why):
            button.setChecked(False)
        self.told.emit("")

    def _arm(self, button: Any, on: bool) -> None:
        other = self._parts.why if button is self._parts.point else self._parts.point
        other.setChecked(False)
        if on:
            self._pointing.take()
            self.told.emit("")
        else:
            self.leave()

    def _take_point(self, position: tuple[float, ...]) -> None:
        reason = self._subject.point(position)
        if reason:
            self.told.emit(reason)
        elif self._parts.why.isChecked():
            self._ask_why()
        elif self._follows():
            self.show()
        else:
            self.told.emit("The voxel is chosen; press Show.")

    def _ask_why(self) -> None:
        model = self._session.model
        if model is None or self._subject.obstacle() is not None:
            return
        rows = model_choice_of(self._viewer).rows if model.card.parent else ()
        cards = {row.path: row.card for row in rows if row.card is not None}
        about = self._about()
        self._asking.ask(Wish("why", partial(work.because, about.ground, about.at, cards), about))

    def _about(self) -> _About:
        image = self._subject.image
        assert image is not None  # there is no obstacle
        return _About(image, self._subject.step, self._subject.ground(), self._subject.at())

    def _follows(self) -> bool:
        entry = self._parts.entries.entry
        return entry is not None and entry.key not in DEAR and self._parts.live.isChecked()

    def _about_place(self) -> bool:
        entry = self._parts.entries.entry
        here = self._parts.where.currentIndex() == HERE
        return entry is not None and ("place" in entry.needs or (here and "class" in entry.needs))

    def _take(self, wish: Wish, found: Any) -> None:
        if wish.kind == "list":
            self._take_listing(found)
        elif wish.kind == "save":
            say_written(found)
        elif wish.about.image not in self._viewer.layers:
            self.told.emit(_GONE)
        else:
            self._take_answer(wish, found)

    def _take_listing(self, listing: work.Listing) -> None:
        parts, model = self._parts, self._session.model
        self.listing, self._session.loaded = listing, listing.loaded
        chosen = parts.value.currentData()
        parts.value.clear()
        for one in model.card.classes if model is not None else ():
            parts.value.addItem(one.name, one.value)
        parts.value.setCurrentIndex(max(parts.value.findData(chosen), 0))
        parts.entries.show_entries(listing.entries)
        self.told.emit("")

    def _take_answer(self, wish: Wish, found: Any) -> None:
        known, about, parts = self._asking.known, wish.about, self._parts
        if known is not None:
            self._session.loaded = known.loaded
        show = partial(self._show, about)
        if wish.kind == "why":
            show_because(parts.reasons, found, show)
        elif wish.kind == "compare":
            show_comparison(parts.differences, found, show)
        else:
            show_things(parts.numbers, found, show)
            if self.by_hand and parts.numbers.words():
                QTimer.singleShot(0, self._bring_numbers)
        self.told.emit("")

    def _bring_numbers(self) -> None:
        """Scroll to the numbers a person asked for, if they lie out of sight."""
        page: QWidget | None = self._parts.numbers
        while page is not None and not isinstance(page, QScrollArea):
            page = page.parentWidget()
        if page is not None:
            page.ensureWidgetVisible(self._parts.numbers)

    def _show(self, about: _About, overlays: Sequence[Overlay], *_: object) -> None:
        if not self._parts.maps.show_maps(Seen(about.image, about.step, tuple(overlays))):
            self.told.emit(_GONE)

    def _fail(self, wish: Wish, sentence: str) -> None:
        self.told.emit(sentence)


def _alike(card: ModelCard, other: ModelCard) -> bool:
    """Whether two models prepare images alike and find the same classes."""
    same = (card.preprocessing, card.activation, card.spatial_dims, card.in_channels) == (
        other.preprocessing,
        other.activation,
        other.spatial_dims,
        other.in_channels,
    )
    return same and [c.value for c in card.classes] == [c.value for c in other.classes]


def _saved(what: Any, path: Path, known: Any, report: Any) -> tuple[Any, Path]:
    return known, work.saved(what, path, report)
