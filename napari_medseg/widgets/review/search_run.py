"""One search for doubtful places, from a Labels layer to its queue."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING
from weakref import ref

from napari.layers import Labels

from napari_medseg.widgets.background import Task
from napari_medseg.widgets.review.queue import queue_of
from napari_medseg.widgets.review.request import search_of
from napari_medseg.widgets.review.search import Found, search
from napari_medseg.widgets.sessions import runner_of, session_of
from napari_medseg.widgets.volumes import shown_step

if TYPE_CHECKING:
    from napari.viewer import Viewer


def start_search(viewer: Viewer, layer: Labels, *, mirrored: bool = False) -> None:
    """Look for doubtful places in the background; they come into the queue of the layer.

    Raises
    ------
    ValueError
        If an image cannot be used.
    """
    step = shown_step(layer, tuple(viewer.dims.point))
    task = Task(partial(search, search_of(viewer, layer, mirrored=mirrored)))
    task.returned.connect(partial(_take, ref(viewer), ref(layer), step))
    runner_of(viewer).start(task, f"{layer.name} · doubtful places")


def _take(viewer: ref[Viewer], layer: ref[Labels], step: tuple[int, ...], found: Found) -> None:
    alive, labels = viewer(), layer()
    if alive is None:
        return
    if found.loaded is not None:
        session_of(alive).loaded = found.loaded
    if labels is not None and labels in alive.layers:
        queue_of(labels).fill(found.places, found.words, step)
