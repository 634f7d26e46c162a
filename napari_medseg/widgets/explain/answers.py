"""What came of what was asked: shown on the pages and over the image, unless it is stale."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QWidget

from napari_medseg.widgets.explain.about import About
from napari_medseg.widgets.explain.asking import Asking, Wish
from napari_medseg.widgets.explain.bringing import Bringing
from napari_medseg.widgets.explain.layout import Layout
from napari_medseg.widgets.explain.results import show_because, show_comparison, show_things
from napari_medseg.widgets.explain.seen import Seen
from napari_medseg.widgets.explain.way_out import WayOut
from napari_medseg.widgets.explain.work import Listing
from napari_medseg.widgets.notices import sentence
from napari_medseg.widgets.sessions import session_of
from napari_medseg.widgets.taking_out import say_written

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_medseg.explain.overlay import Overlay
    from napari_medseg.explain.room import TooLarge


class Answers(QObject):
    """Shows answers in the parts of the panel.

    Emits ``told(text)``: what a person should read of it; ``narrowed(window)`` when a person wants
    the model to see no more at once than the memory suffices for.

    Attributes
    ----------
    listing : Listing or None
        What there is to see of the session's model; None until it is read.
    way_out : WayOut or None
        What can be shown where what was asked for is too large.
    """

    told = Signal(str)
    narrowed = Signal(object)

    def __init__(self, viewer: Viewer, panel: QWidget, parts: Layout, asking: Asking) -> None:
        super().__init__(panel)
        self._viewer, self._session = viewer, session_of(viewer)
        self._parts, self._asking = parts, asking
        self.listing: Listing | None = None
        self.way_out: WayOut | None = None
        self._bringing = Bringing(parts.numbers)
        asking.answered.connect(self._take)
        asking.failed.connect(self._fail)

    def clear(self) -> None:
        """Take away all that was said and shown of an image."""
        parts = self._parts
        self.way_out = None
        for page in (parts.numbers, parts.reasons, parts.differences):
            page.clear()
        parts.maps.forget()

    def forget_image(self, image: object) -> bool:
        """Let go of an image that was removed; whether its maps were shown."""
        maps = self._parts.maps
        if not maps.is_of(image):
            return False
        maps.on_canvas.remove()
        maps.forget()
        return True

    def _take(self, wish: Wish, found: Any) -> None:
        self.way_out = None
        if wish.kind == "list":
            self._take_listing(found)
        elif wish.stays:
            say_written(found)
            return
        elif stale := wish.about.stale(self._viewer):
            self.told.emit(stale)
            return
        else:
            self._show(wish, found)
        self.told.emit("")

    def _take_listing(self, listing: Listing) -> None:
        parts, model = self._parts, self._session.model
        self.listing, self._session.loaded = listing, listing.loaded
        chosen = parts.value.currentData()
        parts.value.clear()
        for one in model.card.classes if model is not None else ():
            parts.value.addItem(one.name, one.value)
        parts.value.setCurrentIndex(max(parts.value.findData(chosen), 0))
        parts.entries.show_entries(listing.entries)

    def _show(self, wish: Wish, found: Any) -> None:
        known, parts = self._asking.known, self._parts
        if known is not None:
            self._session.loaded = known.loaded
        lay = partial(self._lay, wish.about)
        if wish.kind == "why":
            show_because(parts.reasons, found, lay)
        elif wish.kind == "compare":
            show_comparison(parts.differences, found, lay)
        else:
            show_things(parts.numbers, found, lay)
            if wish.by_hand and parts.numbers.words():
                self._bringing.bring()

    def _lay(self, about: About, overlays: Sequence[Overlay], *_: object) -> None:
        """Lay maps over the image; a button of a page may come long after the answer."""
        stale = about.stale(self._viewer)
        if stale:
            self.told.emit(stale)
        else:
            seen = Seen(about.image, about.step, tuple(overlays), about.what)
            self._parts.maps.show_maps(seen)

    def _fail(self, wish: Wish, error: Exception) -> None:
        from napari_medseg.explain.room import TooLarge

        if wish.kind == "show":
            self._parts.numbers.clear()  # of another slice, or of something else
        self.way_out = self._smaller(wish.kind, error) if isinstance(error, TooLarge) else None
        self.told.emit(sentence(error))

    def _smaller(self, kind: str, error: TooLarge) -> WayOut | None:
        """Return what of the same is small enough for the memory."""
        from napari_medseg.explain.room import sides

        if error.window is not None:
            tip = "The model sees less around the voxel, until you choose another image or model"
            act = partial(self.narrowed.emit, error.window)
            return WayOut(f"Look at {sides(error.window)} at once", tip, act, kind)
        if kind == "show" and error.layers:
            tip = "The maps of this layer are small enough"
            act = partial(self._parts.layers.choose, error.layers[0])
            return WayOut(f"Show {error.layers[0]} instead", tip, act, kind)
        return None
