"""How long a person worked on labels: noted at every stroke and tool, kept as long as the layer."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from napari.layers import Labels

from napari_medseg.effort import WorkClock
from napari_medseg.widgets.each_labels import each_labels
from napari_medseg.widgets.layers import Happened, Step, follow_steps

if TYPE_CHECKING:
    from napari.viewer import Viewer

_clocks: WeakKeyDictionary[Labels, WorkClock] = WeakKeyDictionary()


def follow(viewer: Viewer) -> None:
    """Note the work on every Labels layer of a viewer from now on; a second call does nothing."""
    each_labels(viewer, _begin)


def minutes_of(layer: Labels) -> float:
    """Return how many minutes a person worked on a layer; 0 if nobody noted it."""
    clock = _clocks.get(layer)
    return 0.0 if clock is None else clock.seconds / 60


def note_work(layer: Labels) -> None:
    """Note that a person does something for a layer that is no step of it yet: a prompt."""
    _begin(layer)
    _clocks[layer].note(time.monotonic())


def _begin(layer: Labels) -> None:
    if layer not in _clocks:  # a layer may come back
        _clocks[layer] = clock = WorkClock()
        follow_steps(layer, partial(_note, clock))


def _note(clock: WorkClock, _happened: Happened, step: Step) -> None:
    if step.by_person:  # and no answer of a model
        clock.note(time.monotonic())
