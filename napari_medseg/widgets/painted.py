"""What a person painted, tracked for every Labels layer of a viewer from its first stroke."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary, ref

import numpy as np
from napari.layers import Labels
from psygnal import Signal

from napari_medseg.edits import Answered, Change, Edits, Marks, Piece
from napari_medseg.packed import Box, bounding_box, within
from napari_medseg.widgets.classes.stored import locked_of
from napari_medseg.widgets.each_labels import each_labels
from napari_medseg.widgets.layers import (
    Happened,
    Step,
    apply_edit,
    catch_up,
    follow_steps,
    steps,
)

if TYPE_CHECKING:
    from napari.viewer import Viewer


class Painted:
    """What a person did in a Labels layer.

    *Reviewed* are the voxels that a person painted, erased or changed with a tool, and those that
    a person confirmed. *Changed* are those whose value differs from what a model answered there
    last (answers that changed nothing in the layer do not count), or where none answered from what
    was there when tracking began.

    Undo takes back what a step did, also to what is reviewed; redo does it again. A voxel that a
    model's answer gives another value is no longer reviewed. Painting a voxel with the value it
    has already leaves no trace in napari, and none here. When the array of the layer is replaced
    by another one of its shape, what differs counts as a person's change; with another shape
    everything begins anew.

    Emits ``confirmed(box)`` when a person found a box right.
    """

    confirmed = Signal(object)

    def __init__(self, layer: Labels) -> None:
        self._layer = ref(layer)
        self._array = layer.data
        self._edits = Edits(layer.data.shape)
        self._restoring: Marks | None = None
        self._evidence: Sequence[tuple[Box, np.ndarray]] = ()
        self._changes: WeakKeyDictionary[Step, Change] = WeakKeyDictionary()
        for step in steps(layer):  # what was done before anybody asked
            self._changes[step] = self._note(step)
        follow_steps(layer, self._follow)
        layer.events.data.connect(self._replace)

    @property
    def reviewed(self) -> np.ndarray:
        """Booleans of the layer's shape: what a person painted or confirmed."""
        return self.reviewed_in()

    @property
    def changed(self) -> np.ndarray:
        """Booleans of the layer's shape: what differs from the model's answer."""
        return self.changed_in()

    @property
    def count_reviewed(self) -> int:
        """How many voxels a person painted or confirmed."""
        self._alive()
        return self._edits.count_reviewed()

    @property
    def count_changed(self) -> int:
        """How many voxels differ from the model's answer."""
        data = self._alive().data
        box = self._edits.written()
        if box is None:
            return 0
        planes = range(box[0].start, box[0].stop)  # one by one, for no mask of the whole is made
        boxes = [(slice(i, i + 1), *box[1:]) for i in planes]
        return sum(
            int(np.count_nonzero(self._edits.changed(b, np.asarray(data[b])))) for b in boxes
        )

    @property
    def nbytes(self) -> int:
        """Bytes taken at most; memory is given page by page, as voxels are painted."""
        return self._edits.nbytes

    def reviewed_in(self, box: Box | None = None) -> np.ndarray:
        """Return where in `box` a person painted or confirmed, as booleans of its shape."""
        self._alive()
        return self._edits.reviewed(self._full(box))

    def changed_in(self, box: Box | None = None) -> np.ndarray:
        """Return where in `box` the layer differs from the model's answer, as booleans."""
        data, box = self._alive().data, self._full(box)
        changed = np.zeros(tuple(s.stop - s.start for s in box), bool)
        written = self._edits.written_box(box)
        if written is not None:
            inside = within(written, box)
            changed[inside] = self._edits.changed(written, np.asarray(data[written]))
        return changed

    def mark_reviewed(self, box: Box | None = None) -> None:
        """Note that a person saw all of `box` (of the layer without it) and finds it right."""
        self._alive()
        box = self._full(box)
        self._edits.confirm(box)
        self.confirmed.emit(box)

    def marks(self, box: Box | None = None) -> Marks:
        """Return all that is known of a box (of the layer without it), for `restore`."""
        self._alive()
        return self._edits.marks(self._full(box))

    def restore(self, labels: np.ndarray, marks: Marks, name: str) -> int:
        """Write labels and marks of an earlier sitting as one undo step; return what changed."""
        layer = self._alive()
        self._restoring = marks
        try:
            changed = apply_edit(layer, labels, name)
        finally:
            self._restoring = None
        if not changed:
            self._edits.restore(self._full(None), marks)
        return changed

    def write_answer(
        self, answer: np.ndarray, name: str, *, box: Box | None = None, keep_painted: bool = True
    ) -> int:
        """Write what a model found as one undo step; return how many voxels changed.

        An answer that changes nothing makes no step, and leaves the reference as it was: what
        undo cannot reach must not change what undo means.

        Parameters
        ----------
        answer : ndarray
            Of the shape of `box` (of the layer without it).
        name : str
            What a person undoes.
        keep_painted : bool
            Leave alone what is reviewed.
        """
        layer, box = self._alive(), self._full(box)
        edited, reviewed = answer, self._edits.reviewed_box(box) if keep_painted else None
        if reviewed is not None:
            edited, keep = answer.copy(), self._edits.reviewed(reviewed)
            edited[within(reviewed, box)][keep] = layer.data[reviewed][keep]
        return apply_edit(layer, edited, name, box=box, answer=answer)

    def write_prompted(
        self, edited: np.ndarray, name: str, box: Box, evidence: Sequence[tuple[Box, np.ndarray]]
    ) -> int:
        """Write what a model made of a person's prompts as one undo step; return what changed.

        It counts as the model's, and the voxels a person pointed at as confirmed. Voxels of a
        person that it leaves as they are stay what they were: painted, and changed.

        Parameters
        ----------
        edited : ndarray
            Of the shape of `box`.
        evidence : sequence of (box, ndarray of bool)
            The voxels of the prompts, over the axes of the layer.
        """
        layer, box = self._alive(), self._full(box)
        shown = np.asarray(layer.data[box])
        answer = edited.copy()
        kept = self._edits.reviewed(box) & (edited == shown)
        if kept.any():
            answer[kept] = self._edits.reference(box, shown)[kept].astype(answer.dtype)
        self._evidence = evidence
        try:
            return apply_edit(layer, edited, name, box=box, answer=answer, prompted=True)
        finally:
            self._evidence = ()

    def reviewed_box(self) -> Box | None:
        """Return a box outside of which nothing is painted or confirmed; None if nothing is."""
        self._alive()
        return self._edits.reviewed_box(self._full(None))

    def _follow(self, happened: Happened, step: Step) -> None:
        change = self._changes.get(step)
        if change is None:
            self._changes[step] = self._note(step)
        elif happened == "undone":
            self._edits.undo(change)
        else:
            self._edits.redo(change, step.pieces() if change.painted else ())

    def _note(self, step: Step) -> Change:
        if self._restoring is not None:
            return self._edits.restore(self._full(None), self._restoring)
        if not step.is_answer:
            return self._edits.paint(step.pieces())
        layer = self._alive()
        answered: list[Answered] = []
        for box, answer, pieces in step.answers():
            shown = np.asarray(layer.data[box])
            held = bounding_box(shown != answer) if locked_of(layer) else None
            answered += self._edits.answer(box, answer, shown, pieces, held).answered
        seen = [self._edits.confirm_voxels(*own) for own in self._evidence]
        return Change(answered=tuple(answered), confirmed=tuple(seen))

    def _replace(self, _event: object = None) -> None:
        layer, old = self._alive(), self._array
        new = self._array = layer.data
        if new is old:
            return
        if new.shape != self._edits.shape:
            self._edits = Edits(new.shape)
            self._changes.clear()
        elif isinstance(new, np.ndarray) and isinstance(old, np.ndarray):
            different = old != new
            whole = tuple(slice(0, side) for side in new.shape)
            self._edits.paint([Piece(whole, different, old[different])])

    def _full(self, box: Box | None) -> Box:
        """Return `box` with a start and a stop for each axis."""
        shape = self._edits.shape
        box = box if box is not None else (slice(None),) * len(shape)
        return tuple(slice(*s.indices(side)[:2]) for s, side in zip(box, shape, strict=True))

    def _alive(self) -> Labels:
        """Return the layer, with all that was done to it noted."""
        layer = self._layer()
        if layer is None:
            raise ValueError("this layer is gone; choose another one")
        catch_up(layer)
        return layer


_painted: WeakKeyDictionary[Labels, Painted] = WeakKeyDictionary()


def painted_of(layer: Labels) -> Painted:
    """Return what a person painted in a layer; tracking begins now if it has not yet."""
    if layer not in _painted:
        _painted[layer] = Painted(layer)
    return _painted[layer]


def follow(viewer: Viewer) -> None:
    """Track every Labels layer of a viewer, those to come as well; a second call does nothing."""
    each_labels(viewer, painted_of)
