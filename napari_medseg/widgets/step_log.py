"""Reading napari's undo history: the named steps of a layer, and who follows them.

Of napari this file knows of a Labels layer the private ``_undo_history``, ``_redo_history`` and
``_staged_history``; a test fails when napari changes them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Literal
from weakref import WeakKeyDictionary, ref

import numpy as np
from napari.layers import Labels
from psygnal import Signal, SignalInstance

from napari_medseg.edits import Piece, net
from napari_medseg.packed import Box
from napari_medseg.tally import Tally
from napari_medseg.widgets.atoms import (
    UndoStep,
    gained_by,
    is_written,
    name_of,
    nbytes_of,
    piece_of,
    written_by,
)
from napari_medseg.widgets.stroke_rules import put_right

Happened = Literal["done", "undone", "redone"]
Listener = Callable[[Happened, "Step"], Any]

_limit = 512 << 20  # what the undo history of one layer may hold; the oldest steps go first


class Step:
    """One step of a layer's history: what a person undoes at once.

    Parameters
    ----------
    item : list
        What napari keeps for it.
    name : str
        For people.
    """

    def __init__(self, item: list[Any], name: str) -> None:
        self.name = name
        self.head = item[0]  # by which the step is known again
        self.nbytes = sum(nbytes_of(atom) for atom in item)
        self._atoms = tuple(item)
        self.known_pieces: list[Piece] | None = None
        self._gained: Tally | None = None

    @property
    def by_person(self) -> bool:
        """Whether a person did it, or asked for it by prompts; else a model answered unasked."""
        return not isinstance(self.head, UndoStep) or self.head.by_person

    @property
    def is_answer(self) -> bool:
        """Whether a model found what was written, by itself or from a person's prompts."""
        return isinstance(self.head, UndoStep) and self.head.is_answer

    def answers(self) -> list[tuple[Box, np.ndarray, list[Piece]]]:
        """Return where a model answered, what it found, and what that wrote; nothing of a person.

        What was found is whole while it is written; later it is what the layer then held where
        the step changed it.
        """
        if not self.is_answer:
            return []
        if self.head.answer is not None:
            return [(*self.head.answer, self.pieces())]
        return [(atom[0], np.asarray(atom[2]), [piece_of(atom)]) for atom in self._atoms]

    @property
    def gained(self) -> Tally:
        """How many voxels each value gains when the step is done, and loses when it is undone."""
        if self._gained is None:
            self._gained = gained_by(self._atoms)
        return self._gained

    def pieces(self) -> list[Piece]:
        """Return what was written where, each voxel once, and what was there before."""
        return self.known_pieces or _pieces(self._atoms)

    def written(self) -> list[tuple[Box, np.ndarray, Any]]:
        """Return the values after the step: box, mask and values of each atom; the last one wins.

        The values are one for all voxels of the mask, or one for each in C order.
        """
        return [written_by(atom) for atom in self._atoms]

    def undone_item(self) -> list[Any]:
        """Return what napari keeps for the step while it is undone."""
        return list(reversed(self._atoms))


def _pieces(item: Sequence[Any]) -> list[Piece]:
    """Return what the atoms of a step wrote; those of ours write each voxel once already."""
    pieces = [piece_of(atom) for atom in item]
    return pieces if isinstance(item[0], UndoStep) else net(pieces)


class _Log:
    """Reads what happened to a layer from its two histories, whatever napari told."""

    stepped = Signal()

    def __init__(self, layer: Labels) -> None:
        self._layer = ref(layer)
        self.listeners: list[Listener] = []
        self._history: deque[list[Any]] = layer._undo_history
        self.steps = [Step(item, name_of(item)) for item in layer._undo_history]
        self.undone = [Step(item[::-1], name_of(item[::-1])) for item in layer._redo_history]
        self._looking = False
        for emitter in (layer.events.paint, layer.events.set_data, layer.events.labels_update):
            emitter.connect(self.look)

    @property
    def nbytes(self) -> int:
        return sum(step.nbytes for step in (*self.steps, *self.undone))

    def look(self, _event: object = None) -> None:
        """Compare the histories with what is known, and tell what happened since."""
        layer = self._layer()
        if layer is None or self._looking:
            return
        now = layer._undo_history
        known = self.steps
        same = now is self._history and len(now) == len(known)
        if same and (not known or now[-1][0] is known[-1].head):
            return
        self._looking = True
        try:
            self._read(layer)
        finally:
            self._looking = False
        self.stepped.emit()

    def _read(self, layer: Labels) -> None:
        now, known = layer._undo_history, self.steps
        if now is not self._history:  # napari threw it away
            self._history = now
            known.clear()
            self.undone.clear()
        heads = [item[0] for item in now]
        forgotten = next((i for i, s in enumerate(known) if heads and s.head is heads[0]), 0)
        del known[:forgotten]  # the oldest steps, which no undo reaches any more
        common = 0
        while common < min(len(known), len(heads)) and known[common].head is heads[common]:
            common += 1
        while len(known) > common:
            step = known.pop()
            self.undone.append(step)
            self._tell("undone", step)
        new = list(now)[common:]
        while new and self.undone and self.undone[-1].head is new[0][0]:
            step = self.undone.pop()
            known.append(step)
            new.pop(0)
            self._tell("redone", step)
        for item in new:
            if item is now[-1] and not is_written(item, layer.data):
                return  # it will be the next time
            self._note(layer, item)
        self._bound(layer)

    def _note(self, layer: Labels, item: list[Any]) -> None:
        """Take a new step in, put right where it changed what it may not."""
        name = name_of(item, str(layer.mode))
        pieces = _pieces(item)
        repaired = put_right(layer, item, name, pieces)
        if not item:  # nothing of it is left: it never was, and what was undone can be redone
            place = next(i for i, other in enumerate(layer._undo_history) if other is item)
            del layer._undo_history[place]
            layer._redo_history.extend(step.undone_item() for step in self.undone)
        else:
            self.undone.clear()
            layer._redo_history.clear()
            step = Step(item, name)
            self.steps.append(step)
            # worked out once for all who are told of the step just now
            step.known_pieces = None if repaired else pieces
            self._tell("done", step)
            step.known_pieces = None
            for atom in item:
                if isinstance(atom, UndoStep):
                    atom.piece = atom.answer = None
        if repaired:
            layer.refresh(extent=False)

    def _tell(self, happened: Happened, step: Step) -> None:
        for listener in tuple(self.listeners):
            listener(happened, step)

    def _bound(self, layer: Labels) -> None:
        """Forget the oldest steps where the history takes too much memory; the last one stays."""
        total = self.nbytes
        while total > _limit and len(self.steps) > 1:
            total -= self.steps.pop(0).nbytes
            layer._undo_history.popleft()


_logs: WeakKeyDictionary[Labels, _Log] = WeakKeyDictionary()


def _log_of(layer: Labels) -> _Log:
    """Return the log of a layer, up to date."""
    if layer not in _logs:
        _logs[layer] = _Log(layer)
    log = _logs[layer]
    log.look()
    return log


def catch_up(layer: Labels) -> None:
    """Tell those who follow a layer what it did not tell itself: undo while it was hidden."""
    _log_of(layer)


def stepped(layer: Labels) -> SignalInstance:
    """Return a signal that comes without arguments after steps were done, undone or redone."""
    return _log_of(layer).stepped


def gained_by_stroke(layer: Labels) -> Tally:
    """Return how many voxels each value has gained in the stroke that is going on, if one is."""
    staged, done = layer._staged_history, layer._undo_history
    # napari clears what is staged only after it has told that it is done
    return {} if done and done[-1] is staged else gained_by(staged)


def steps(layer: Labels) -> list[Step]:
    """Return the steps that can be undone, the last one last."""
    return list(_log_of(layer).steps)


def undone_steps(layer: Labels) -> list[Step]:
    """Return the steps that can be redone, the next one first."""
    return _log_of(layer).undone[::-1]


def history(layer: Labels) -> list[str]:
    """Return the names of what can be undone, the last one last: "Brush", "Segment: liver"."""
    return [step.name for step in _log_of(layer).steps]


def undo_name(layer: Labels) -> str:
    """Return the name of what the next undo takes back; empty if there is nothing."""
    done = _log_of(layer).steps
    return done[-1].name if done else ""


def go_to_step(layer: Labels, count: int) -> None:
    """Undo or redo until `count` steps are done, of those `steps` and `undone_steps` give."""
    log = _log_of(layer)
    for _ in range(len(log.steps) - count):
        layer.undo()
    for _ in range(count - len(log.steps)):
        layer.redo()


def history_bytes(layer: Labels) -> int:
    """Return how much memory the undo history of a layer takes."""
    return _log_of(layer).nbytes


def history_limit() -> int:
    """Return how many bytes the undo history of a layer may take."""
    return _limit


def limit_history(nbytes: int) -> None:
    """Let the undo history of every layer hold this much from now on; one step always stays."""
    global _limit
    _limit = nbytes


def follow_steps(layer: Labels, listener: Listener) -> Callable[[], None]:
    """Tell `listener` of every step that is done in a layer, undone and redone.

    It is called with "done", "undone" or "redone" and the `Step`: for strokes, tools of napari
    and edits of ours, by mouse, key or script, in any slice, also while the layer is hidden (then
    when it is shown again or its history is asked for). What it is told is in the array already,
    and put right where a stroke went over a locked class.

    Returns
    -------
    callable
        Ends it.
    """
    listeners = _log_of(layer).listeners
    listeners.append(listener)

    def stop() -> None:
        if listener in listeners:
            listeners.remove(listener)

    return stop
