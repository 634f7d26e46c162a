"""The doubtful places of one Labels layer, and what became of each: state only, no widget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary, ref

import numpy as np
from napari.layers import Labels
from psygnal import Signal

from napari_medseg.engine.doubt_place import Place
from napari_medseg.packed import Box, shape_of
from napari_medseg.widgets.layers import Happened, Step, follow_steps
from napari_medseg.widgets.painted import painted_of

OPEN, RIGHT, CORRECTED = "open", "right", "corrected"
_VERSION = 1


class ReviewQueue:
    """Places in the order of their doubt, the one a person is at, and which are done.

    A place is *corrected* when a person changes voxels in it while being there, or makes an edit
    that lies mostly in it; undo makes it what it was before. Emits ``changed()`` after everything.
    """

    changed = Signal()

    def __init__(self, layer: Labels) -> None:
        self._layer = ref(layer)
        self.places: tuple[Place, ...] = ()
        self.states: list[str] = []
        self.current = -1
        self.step: tuple[int, ...] = ()  # index along the axes before the spatial ones
        self.source = ""
        self.stale = False
        # what the places were before a step corrected them
        self._corrected_by: WeakKeyDictionary[Step, dict[int, str]] = WeakKeyDictionary()
        follow_steps(layer, self._follow)
        layer.events.data.connect(self._grow_stale)

    def fill(self, places: Sequence[Place], source: str, step: tuple[int, ...] = ()) -> None:
        """Begin with new places.

        Parameters
        ----------
        source : str
            For people: what was looked at to find them.
        step : tuple of int
            Index of the volume along the layer's axes before the spatial ones.
        """
        self.places, self.states = tuple(places), [OPEN] * len(places)
        self.current, self.source, self.step, self.stale = -1, source, step, False
        self._corrected_by.clear()
        self.changed.emit()

    @property
    def place(self) -> Place | None:
        """Where a person is; None before the first one."""
        return self.places[self.current] if 0 <= self.current < len(self.places) else None

    @property
    def done(self) -> int:
        """How many places were looked at."""
        return sum(state != OPEN for state in self.states)

    @property
    def share_done(self) -> float:
        """How much of all the doubt lay in the places that were looked at, in [0, 1]."""
        shares = [p.share for p, s in zip(self.places, self.states, strict=True) if s != OPEN]
        return float(sum(shares))

    def next(self) -> Place | None:
        """Go to the next place that is open, from the last one to the first."""
        count = len(self.places)
        ahead = [(self.current + 1 + i) % count for i in range(count)]
        return self._go(next((i for i in ahead if self.states[i] == OPEN), None))

    def previous(self) -> Place | None:
        """Go back to the place before, also when it is done."""
        return self._go(max(self.current - 1, 0) if self.places else None)

    def looks_right(self) -> Place | None:
        """Note that the place is right and all its voxels were seen; go to the next one."""
        place, layer = self.place, self._layer()
        if place is None or layer is None:
            return None
        self.states[self.current] = RIGHT
        painted_of(layer).mark_reviewed(self.box_of(place))
        if self.done == len(self.places):
            self.changed.emit()
            return None
        return self.next()

    def box_of(self, place: Place) -> Box:
        """Return the box of a place over all axes of the layer."""
        return (*(slice(i, i + 1) for i in self.step), *place.box)

    def state(self) -> dict[str, Any]:
        """Return all of it as plain JSON values, for `restore`."""
        return {
            "version": _VERSION,
            "places": [
                {
                    "centre": list(p.centre),
                    "box": [[s.start, s.stop] for s in p.box],
                    "label": p.label,
                    "score": round(float(p.score), 4),
                    "reason": p.reason,
                    "kind": p.kind,
                    "share": round(float(p.share), 6),
                    "state": state,
                }
                for p, state in zip(self.places, self.states, strict=True)
            ],
            "current": self.current,
            "step": list(self.step),
            "source": self.source,
            "stale": self.stale,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` returned.

        Raises
        ------
        ValueError
            If it is not of this layer, or not such a state; the queue stays as it was.
        """
        layer = self._layer()
        if layer is None:
            return
        try:
            step = tuple(int(i) for i in state["step"])
            places = [_place(values, layer.data.shape[len(step) :]) for values in state["places"]]
            states = [_known(values["state"]) for values in state["places"]]
            current = int(state["current"])
            source, stale = str(state["source"]), bool(state["stale"])
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise ValueError(
                f"the review kept for '{layer.name}' does not fit these labels ({error}); look for "
                "doubtful places again"
            ) from error
        self.fill(places, source, step)
        self.states, self.stale = states, stale
        self.current = current if 0 <= current < len(places) else -1
        self.changed.emit()

    def _go(self, index: int | None) -> Place | None:
        if index is not None:
            self.current = index
            self.changed.emit()
        return None if index is None else self.place

    def _follow(self, happened: Happened, step: Step) -> None:
        if not self.places:
            return
        if happened == "undone":
            changed = self._set(self._corrected_by.get(step, {}))
        elif happened == "redone":
            changed = self._set(dict.fromkeys(self._corrected_by.get(step, {}), CORRECTED))
        elif not step.by_person:
            changed, self.stale = not self.stale, True
        else:
            touched = [i for i in self._touched(step) if self.states[i] != CORRECTED]
            self._corrected_by[step] = {i: self.states[i] for i in touched}
            changed = self._set(dict.fromkeys(touched, CORRECTED))
        if changed:
            self.changed.emit()

    def _set(self, states: Mapping[int, str]) -> bool:
        for index, state in states.items():
            self.states[index] = state
        return bool(states)

    def _touched(self, step: Step) -> list[int]:
        """Return the places a person's step changed: where one is, and where most of it lies."""
        pieces = [piece for piece in step.pieces() if piece.mask.any()]
        total = sum(int(np.count_nonzero(piece.mask)) for piece in pieces)
        touched = []
        for index, place in enumerate(self.places):
            box = self.box_of(place)
            inside = sum(_inside(piece.box, piece.mask, box) for piece in pieces)
            if inside and (index == self.current or inside > total / 2):
                touched.append(index)
        return touched

    def _grow_stale(self, _event: object = None) -> None:
        if self.places and not self.stale:
            self.stale = True
            self.changed.emit()


def _inside(where: Box, mask: np.ndarray, box: Box) -> int:
    """Return how many voxels of a mask, which lies at `where`, are in `box`."""
    common = tuple(
        slice(max(w.start, b.start) - w.start, min(w.stop, b.stop) - w.start)
        for w, b in zip(where, box, strict=True)
    )
    if any(n <= 0 for n in shape_of(common)):
        return 0
    return int(np.count_nonzero(mask[common]))


def _place(values: Mapping[str, Any], shape: tuple[int, ...]) -> Place:
    box = tuple(slice(int(start), int(stop)) for start, stop in values["box"])
    centre = tuple(int(c) for c in values["centre"])
    for c, b, side in zip(centre, box, shape, strict=True):
        if not 0 <= b.start <= c < b.stop <= side:
            raise ValueError("a place lies outside of them")
    return Place(
        centre,
        box,
        int(values["label"]),
        float(values["score"]),
        str(values["reason"]),
        str(values["kind"]),
        float(values["share"]),
    )


def _known(state: str) -> str:
    if state not in (OPEN, RIGHT, CORRECTED):
        raise ValueError(f"no place is {state!r}")
    return state


_queues: WeakKeyDictionary[Labels, ReviewQueue] = WeakKeyDictionary()


def queue_of(layer: Labels) -> ReviewQueue:
    """Return the queue of a layer; an empty one if nobody has looked for places yet."""
    if layer not in _queues:
        _queues[layer] = ReviewQueue(layer)
    return _queues[layer]
