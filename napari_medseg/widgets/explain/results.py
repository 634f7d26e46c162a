"""What came of a question, on the pages of the panel and over the image."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from napari_medseg.explain.overlay import Overlay
from napari_medseg.explain.table import Table
from napari_medseg.widgets.explain.page import Page
from napari_medseg.widgets.explain.seen import called
from napari_medseg.widgets.notices import as_sentence

if TYPE_CHECKING:
    from napari_medseg.explain.comparison import Comparison
    from napari_medseg.explain.showing import Shown
    from napari_medseg.widgets.explain.work import Because

Show = Callable[[Sequence[Overlay]], object]
"""Lays overlays over the image they are of."""


def show_things(page: Page, things: Iterable[Shown], show: Show) -> None:
    """Show what an entry of the catalogue gave."""
    things = list(things)
    page.begin()
    overlays = [thing for thing in things if isinstance(thing, Overlay)]
    if overlays:
        show(overlays)
        for note in dict.fromkeys(note for overlay in overlays for note in overlay.notes):
            page.say(as_sentence(note))
    for thing in things:
        if isinstance(thing, Table):
            page.add_table(thing)
            if thing.definition:
                page.say(as_sentence(thing.definition))
        elif not isinstance(thing, Overlay):
            page.add_curves(thing)


def show_because(page: Page, because: Because, show: Show) -> None:
    """Say why a voxel got its label; what belongs to it on the image is shown by a click."""
    why = because.why
    page.begin()
    at = ", ".join(str(i) for i in why.at)
    page.say(f"Voxel {at}: {why.name}", bold=True)
    for sentence in why.sentences:
        page.say(as_sentence(sentence))
    page.add_table(why.classes)
    if because.changes is not None:
        page.add_table(because.changes)
    for overlay in why.overlays:
        words = overlay.words[:1].upper() + overlay.words[1:]
        page.add_button(f"Show {called(overlay)}", words, partial(show, [overlay]))
    page.add_bars(why.layers)
    best = max(why.layers.rows, key=lambda row: float(row[2]), default=None)
    if best is not None:
        page.say(
            f"Of {best[0]}, channel {best[3]} says most here: {float(best[4]):.3g}, "
            f"{float(best[5]):.1f} standard deviations from its mean."
        )
    for note in why.notes:
        page.say(as_sentence(note))


def show_comparison(page: Page, found: Comparison, show: Show) -> None:
    """Show where two models differ."""
    page.begin()
    show(found.overlays)
    page.add_table(found.answers)
    if found.features.rows:
        page.add_table(found.features)
    for note in found.notes:
        page.say(as_sentence(note))
