"""From what is chosen in the panel to what is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_medseg.widgets.explain.known import Look
from napari_medseg.widgets.explain.layout import BOXED, EVERYWHERE, HERE, LABELLED, Layout
from napari_medseg.widgets.explain.subject import Subject
from napari_medseg.widgets.explain.work import Asked

if TYPE_CHECKING:
    from napari_medseg.explain.entries import Entry
    from napari_medseg.widgets.explain.known import Known

DEAR = frozenset({"integrated", "smooth", "occlusion"})
"""Entries that take tens of passes of the network: they wait for Show."""


class NoBox(ValueError):
    """A box is asked about, and there is none."""


def look_of(parts: Layout, window: tuple[int, ...] | None) -> Look:
    """Return how much of the image the panel looks at; `window` is what the memory suffices for."""
    return Look(parts.part.currentIndex() == EVERYWHERE, window)


def asked_for(
    entry: Entry, parts: Layout, subject: Subject, window: tuple[int, ...] | None
) -> Asked:
    """Return what the panel asks for.

    Parameters
    ----------
    window : tuple of int or None
        As for `look_of`.

    Raises
    ------
    ValueError
        If something is chosen that is not there, as a sentence for a person.
    """
    part, about_class = parts.part.currentIndex(), "class" in entry.needs
    where = parts.where.currentIndex() if about_class else None
    labels: np.ndarray | None = None
    if where == LABELLED:
        labels = subject.labelled()
        if labels is None:
            raise ValueError(
                "No labels lie on this image: segment it first, or ask somewhere else."
            )
    box = subject.box() if part == BOXED else None
    if part == BOXED and box is None:
        raise NoBox("No box lies on this image: draw one, or look elsewhere.")
    return Asked(
        entry.key,
        parts.layers.name if "layer" in entry.needs else None,
        parts.value.currentData() if about_class else None,
        labels,
        "here" if where == HERE else None,
        box,
        look_of(parts, window),
    )


def is_about_place(entry: Entry, parts: Layout) -> bool:
    """Whether the answer is another one for another voxel."""
    here = "class" in entry.needs and parts.where.currentIndex() == HERE
    return here or "place" in entry.needs


def advice(entry: Entry, subject: Subject, known: Known | None) -> str:
    """Return what a person should know before showing an entry, as a sentence; or nothing."""
    along = None if known is None else known.view.slice_axis
    flat = known is None or known.volume.spatial_dims == 2
    if not flat and along is not None and subject.axis not in (None, along):
        return (
            "This model goes through slices of another plane: roll the axes (below the layers) to "
            "see its maps whole."
        )
    if "place" in entry.needs and not subject.pointed:
        return "This is about one voxel: point at it, else the middle is taken."
    return "This takes a while." if entry.key in DEAR else ""
