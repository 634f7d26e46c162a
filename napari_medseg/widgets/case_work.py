"""A case in whose labels a person paints is in work from the first stroke on."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import ReferenceType, WeakSet, ref

from napari.layers import Labels

from napari_medseg.widgets.layers import Step, follow_steps
from napari_medseg.widgets.notices import show_failure
from napari_medseg.widgets.opened_cases import case_labels, opened_case
from napari_medseg.widgets.sessions import unwrapped
from napari_medseg.worklist_file import State

if TYPE_CHECKING:
    from napari.utils.events import Event
    from napari.viewer import Viewer

_followed: WeakSet[Any] = WeakSet()
_layers: WeakSet[Labels] = WeakSet()


def follow_work(viewer: Viewer) -> None:
    """Note on disk when a person begins to work on the open case; once for each viewer."""
    viewer = unwrapped(viewer)
    for layer in viewer.layers:
        _follow(ref(viewer), layer)
    if viewer not in _followed:
        _followed.add(viewer)
        viewer.layers.events.inserted.connect(partial(_on_inserted, ref(viewer)))


def _on_inserted(viewer: ReferenceType[Viewer], event: Event) -> None:
    _follow(viewer, event.value)


def _follow(viewer: ReferenceType[Viewer], layer: object) -> None:
    if isinstance(layer, Labels) and layer not in _layers:
        _layers.add(layer)
        follow_steps(layer, partial(_on_step, viewer, ref(layer)))


def _on_step(
    viewer: ReferenceType[Viewer], layer: ReferenceType[Labels], _what: str, step: Step
) -> None:
    window, labels = viewer(), layer()
    if window is None or labels is None or not getattr(step.head, "by_person", True):
        return  # the answer of a model
    opened = opened_case(window)
    if opened is None or labels not in case_labels(window):
        return
    worklist = opened.worklist
    if worklist.state_of(opened.name) in (State.NEW, State.SEGMENTED):
        try:
            worklist.set_state(opened.name, State.IN_WORK)
        except (ValueError, OSError) as error:
            show_failure(error)
