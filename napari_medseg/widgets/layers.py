"""The napari adapter: edits as undo steps, and following what is done to Labels layers.

Every private name of napari that the project uses is in this file (and has a test that fails when
napari changes it): of ``Labels`` the names ``_save_history``, ``_undo_history``,
``_redo_history``, ``_staged_history``, ``_commit_staged_history`` and ``_block_history``, and the
atoms a stroke leaves there. What needs no private names lies in `placement` and `hooks`; panels
find all of it here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal
from weakref import WeakKeyDictionary, ref

import numpy as np
from napari.layers import Labels

from napari_medseg.edits import Piece
from napari_medseg.packed import Box, PackedArray, bounding_box
from napari_medseg.widgets.hooks import Drag, bind_key, on_drag, taken_keys, unbind_key
from napari_medseg.widgets.placement import (
    class_look,
    image_layers,
    insert_above,
    is_map,
    remove_layer,
    same_grid,
    same_place,
)

__all__ = [
    "HISTORY_BYTES",
    "Drag",
    "Step",
    "apply_edit",
    "bind_key",
    "catch_up",
    "class_look",
    "follow_steps",
    "history",
    "history_bytes",
    "image_layers",
    "insert_above",
    "is_being_painted",
    "is_map",
    "limit_history",
    "on_drag",
    "remove_layer",
    "same_grid",
    "same_place",
    "steps",
    "taken_keys",
    "unbind_key",
    "undo_name",
    "why_not_editable",
]

HISTORY_BYTES = 512 << 20  # what the undo history of one layer may hold; the oldest steps go first

Happened = Literal["done", "undone", "redone"]
Listener = Callable[[Happened, "Step"], Any]

_TOOLS = {"paint": "Brush", "erase": "Eraser", "fill": "Fill", "polygon": "Polygon"}


class UndoStep(tuple):
    """A named region delta ``(box, before, after)``; lies in napari's own undo history."""

    name: str = ""
    by_person: bool = True
    # only while it is written, for those who follow:
    piece: Piece | None = None
    answer: tuple[Box, np.ndarray] | None = None


def why_not_editable(layer: Labels) -> str:
    """Return why a Labels layer cannot be edited, as a sentence for people; empty if it can."""
    if layer.multiscale:
        return (
            f"the layer '{layer.name}' holds several resolutions, which napari cannot edit; "
            "make a new labels layer"
        )
    if not isinstance(layer.data, np.ndarray):
        return (
            f"the layer '{layer.name}' is read piece by piece while it is shown and cannot be "
            "edited; save it and open the saved file"
        )
    if not layer.data.flags.writeable:
        return f"the layer '{layer.name}' cannot be written; duplicate it and use the copy"
    return ""


def is_being_painted(layer: Labels) -> bool:
    """Whether a brush stroke is going on, which an edit of ours would tear in two."""
    return bool(layer._block_history)


def apply_edit(
    layer: Labels,
    edited: np.ndarray,
    name: str,
    *,
    box: Box | None = None,
    answer: np.ndarray | None = None,
) -> int:
    """Write `edited` into a Labels layer as one named undo step.

    Parameters
    ----------
    edited : ndarray
        What the layer shall hold in `box`; integers that the layer's type can hold.
    name : str
        What a person undoes ("Segment: liver").
    box : tuple of slice
        Where, a slice for each axis of the layer; the whole layer without it.
    answer : ndarray
        What a model found in the box, if the edit is its answer and not a person's own. `edited`
        may differ from it only where a person's voxels are kept.

    Returns
    -------
    int
        How many voxels changed; with 0 there is no step.

    Raises
    ------
    ValueError
        If the layer cannot be edited, is being painted right now, or cannot hold the values.
    """
    reason = why_not_editable(layer)
    if reason:
        raise ValueError(reason)
    if is_being_painted(layer):
        raise ValueError(f"a stroke in '{layer.name}' is not finished; finish it first")
    shape = layer.data.shape
    box = tuple(
        slice(*s.indices(n)[:2])
        for s, n in zip(box or [slice(None)] * len(shape), shape, strict=True)
    )
    edited = _fitting(layer, edited, box)
    different = edited != layer.data[box]
    inner = bounding_box(different)
    if inner is None:
        return 0
    where = tuple(
        slice(b.start + i.start, b.start + i.stop) for b, i in zip(box, inner, strict=True)
    )
    step = UndoStep((where, PackedArray(layer.data[where]), PackedArray(edited[inner])))
    step.name, step.by_person = name, answer is None
    step.piece = Piece(where, different[inner], layer.data[where][different[inner]])
    if answer is not None:
        step.answer = box, answer
    _log_of(layer)
    with _one_step(layer):
        layer._save_history(step)
        layer.data[where] = edited[inner]
    step.piece = step.answer = None
    layer.refresh(extent=False)
    return int(np.count_nonzero(different))


def undo_name(layer: Labels) -> str:
    """Return the name of what the next undo takes back; empty if there is nothing."""
    steps = _log_of(layer).steps
    return steps[-1].name if steps else ""


def history(layer: Labels) -> list[str]:
    """Return the names of what can be undone, the last one last: "Brush", "Segment: liver"."""
    return [step.name for step in _log_of(layer).steps]


def history_bytes(layer: Labels) -> int:
    """Return how much memory the undo history of a layer takes."""
    return _log_of(layer).nbytes


def limit_history(nbytes: int) -> None:
    """Let the undo history of every layer hold this much from now on; one step always stays."""
    global HISTORY_BYTES
    HISTORY_BYTES = nbytes


def steps(layer: Labels) -> list[Step]:
    """Return the steps that can be undone, the last one last."""
    return list(_log_of(layer).steps)


def catch_up(layer: Labels) -> None:
    """Tell those who follow a layer what it did not tell itself: undo while it was hidden."""
    _log_of(layer)


def follow_steps(layer: Labels, listener: Listener) -> Callable[[], None]:
    """Tell `listener` of every step that is done in a layer, undone and redone.

    It is called with "done", "undone" or "redone" and the `Step`: for strokes, tools of napari
    and edits of ours, by mouse, key or script, in any slice, also while the layer is hidden (then
    when it is shown again or its history is asked for). Where a script paints without a block,
    napari tells of it just before the array is written.

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
        self._atoms = tuple(item)
        self.nbytes = sum(_nbytes(atom) for atom in item)

    @property
    def answer(self) -> tuple[Box, np.ndarray] | None:
        """Where a model answered and what it found; None for what a person did.

        What was found is whole while it is written; later it is what the layer then held.
        """
        if not isinstance(self.head, UndoStep) or self.head.by_person:
            return None
        return self.head.answer or (self.head[0], np.asarray(self.head[2]))

    def pieces(self) -> list[Piece]:
        """Return what was written where, and what was there before."""
        return [_piece(atom) for atom in self._atoms]


class _Log:
    """Reads what happened to a layer from its two histories, whatever napari told."""

    def __init__(self, layer: Labels) -> None:
        self._layer = ref(layer)
        self.listeners: list[Listener] = []
        self._history: deque[list[Any]] = layer._undo_history
        self.steps = [Step(item, _name(item)) for item in layer._undo_history]
        self._undone = [Step(item[::-1], _name(item)) for item in layer._redo_history]
        layer.events.paint.connect(self.look)
        layer.events.set_data.connect(self.look)

    @property
    def nbytes(self) -> int:
        return sum(step.nbytes for step in (*self.steps, *self._undone))

    def look(self, _event: object = None) -> None:
        """Compare the histories with what is known, and tell what happened since."""
        layer = self._layer()
        if layer is None:
            return
        now = layer._undo_history
        if now is not self._history:  # napari threw it away
            self._history, self.steps, self._undone = now, [], []
        known = self.steps
        if len(now) == len(known) and (not known or now[-1][0] is known[-1].head):
            return
        heads = [item[0] for item in now]
        forgotten = next((i for i, s in enumerate(known) if heads and s.head is heads[0]), 0)
        del known[:forgotten]  # the oldest steps, which no undo reaches any more
        same = 0
        while same < min(len(known), len(heads)) and known[same].head is heads[same]:
            same += 1
        while len(known) > same:
            step = known.pop()
            self._undone.append(step)
            self._tell("undone", step)
        for item in list(now)[same:]:
            if self._undone and self._undone[-1].head is item[0]:
                step = self._undone.pop()
                known.append(step)
                self._tell("redone", step)
            else:
                self._undone.clear()
                step = Step(item, _name(item, str(layer.mode)))
                known.append(step)
                self._tell("done", step)
        self._bound(layer)

    def _tell(self, happened: Happened, step: Step) -> None:
        for listener in tuple(self.listeners):
            listener(happened, step)

    def _bound(self, layer: Labels) -> None:
        """Forget the oldest steps where the history takes too much memory; the last one stays."""
        total = self.nbytes
        while total > HISTORY_BYTES and len(self.steps) > 1:
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


@contextmanager
def _one_step(layer: Labels) -> Iterator[None]:
    """Make one step of what is saved inside; nothing of it stays behind when it fails."""
    layer._commit_staged_history()  # what an exception left there is a step of its own
    try:
        with layer.block_history():  # the paint event then fires after the array is written
            yield
    except BaseException:
        layer._staged_history.clear()
        raise


def _fitting(layer: Labels, edited: np.ndarray, box: Box) -> np.ndarray:
    """Return `edited` in the type of the layer, if it has the right shape and values."""
    edited = np.asarray(edited)
    dtype, shape = layer.data.dtype, layer.data[box].shape
    wrong = edited.shape != shape or edited.dtype.kind not in "iub"
    if not wrong and not np.can_cast(edited.dtype, dtype) and edited.size:
        limits = np.iinfo(dtype)
        wrong = bool(edited.min() < limits.min or edited.max() > limits.max)
    if wrong:
        raise ValueError(
            f"the layer '{layer.name}' holds {shape} {dtype}, the edit is {edited.shape} "
            f"{edited.dtype}; only whole numbers that it can hold, of the same shape, fit"
        )
    return edited.astype(dtype, copy=False)


def _name(item: list[Any], mode: str = "") -> str:
    """Return what people call a step: of ours by its name, of napari's by the tool."""
    atom = item[0]
    if isinstance(atom, UndoStep):
        return atom.name
    if not hasattr(atom, "slice_key"):
        return "Edit"
    if atom.new_value == 0 and mode in ("", "paint", "pan_zoom"):
        return "Eraser"
    return _TOOLS.get(mode, "Brush")


def _piece(atom: Any) -> Piece:
    """Return what an atom of a step wrote: of ours, of a tool of napari, of ``data_setitem``."""
    if isinstance(atom, UndoStep):
        if atom.piece is not None:
            return atom.piece
        box, before, after = atom
        old = np.asarray(before)
        mask = old != np.asarray(after)
        return Piece(box, mask, old[mask])
    if hasattr(atom, "slice_key"):
        shape = tuple(s.stop - s.start for s in atom.slice_key)
        mask = np.ones(shape, bool) if atom.mask is None else atom.mask
        return Piece(atom.slice_key, mask, np.ravel(atom.old_values))
    indices, old_values, _ = atom
    box = tuple(slice(int(i.min()), int(i.max()) + 1) for i in indices)
    inside = tuple(i - s.start for i, s in zip(indices, box, strict=True))
    shape = tuple(s.stop - s.start for s in box)
    mask, old = np.zeros(shape, bool), np.zeros(shape, np.asarray(old_values).dtype)
    mask[inside], old[inside] = True, old_values
    return Piece(box, mask, old[mask])


def _nbytes(atom: Any) -> int:
    if isinstance(atom, UndoStep):
        return int(atom[1].nbytes + atom[2].nbytes)
    if hasattr(atom, "slice_key"):
        return int(atom.old_values.nbytes + (0 if atom.mask is None else atom.mask.nbytes))
    return sum(int(np.asarray(part).nbytes) for part in (*atom[0], *atom[1:]))
