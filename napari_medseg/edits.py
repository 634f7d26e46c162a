"""What a person changed in a label image: kept small, and exact through undo and redo.

Two questions are answered for every voxel. Is its value *reviewed*, which means that a person
painted it or confirmed it? Is it *changed*, which means that it differs from the reference, from
what a model answered there last or else from what was there in the beginning? The reference is
kept only where somebody wrote; everywhere else it is what the labels show.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from napari_medseg.packed import (
    Bits,
    Box,
    PackedArray,
    PackedMask,
    box_around,
    moved,
    shape_of,
    within,
)

_NOTHING = np.zeros(0, np.uint8)
_ROOM = 1 << 18  # voxels; joining the dabs of a stroke in a box of this size always pays


@dataclass(frozen=True, eq=False)
class Piece:
    """What was written in a box.

    Parameters
    ----------
    box : tuple of slice
        One slice with start and stop for each axis.
    mask : ndarray of bool
        Of the box's shape: where something was written.
    old : ndarray
        The values under the mask before, in C order.
    """

    box: Box
    mask: np.ndarray
    old: np.ndarray


@dataclass(frozen=True, eq=False)
class Reference:
    """The reference where it is kept in a box: where, and the values there in C order."""

    box: Box
    where: Bits
    values: PackedArray


@dataclass(frozen=True, eq=False)
class Answered:
    """What a model's answer did to `Edits`."""

    box: Box
    before: Reference | None  # None: nothing was kept in the box, nor was there reason to
    after: Reference | None
    overwritten: tuple[Bits, ...]
    painted_lost: tuple[Bits, ...]
    confirmed_lost: tuple[Bits, ...]


Marks = Mapping[str, np.ndarray]
"""What `Edits` knows of a box, for files: "painted", "confirmed", "kept" and "reference"."""


@dataclass(frozen=True, eq=False)
class Restored:
    """Marks that were replaced by those of an earlier sitting."""

    box: Box
    before: Marks
    after: Marks


@dataclass(frozen=True, eq=False)
class Change:
    """What a step did to `Edits`, so that it can be taken back and done again."""

    painted: tuple[Bits, ...] = ()  # what a person painted, newly
    answered: tuple[Answered, ...] = ()
    confirmed: tuple[Bits, ...] = ()  # what a person confirmed with it, newly
    restored: Restored | None = None


class Edits:
    """What a person changed in labels ``(*S)``.

    Steps come in as they happen and give a `Change`; `undo` and `redo` take it back and do it
    again, in the order of a history (the last one first).
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = tuple(shape)
        self._painted = PackedMask(shape)
        self._confirmed = PackedMask(shape)
        self._kept = PackedMask(shape)  # where the reference is kept
        self._reference: np.ndarray | None = None

    @property
    def nbytes(self) -> int:
        """Bytes at most; the system gives memory page by page, as they are written."""
        masks = (self._painted, self._confirmed, self._kept)
        reference = 0 if self._reference is None else self._reference.nbytes
        return sum(mask.nbytes for mask in masks) + reference

    def paint(self, pieces: Sequence[Piece]) -> Change:
        """Note what a person wrote: it is reviewed now, and what was there is kept."""
        painted, pieces = [], net(pieces)
        self._keep_old(pieces)
        for piece in pieces:
            new = Bits.of(piece.box, piece.mask) - self._painted.bits(piece.box)
            self._painted.add(new)
            painted.append(new.stored())
        return Change(tuple(painted))

    def answer(
        self,
        box: Box,
        answer: np.ndarray,
        shown: np.ndarray,
        overwritten: Sequence[Piece] = (),
        held: Box | None = None,
    ) -> Change:
        """Note what a model answered: it is the reference now.

        Parameters
        ----------
        box : tuple of slice
            Where it answered.
        answer, shown : ndarray
            Of the box's shape: what it found, and what the labels show now; they may differ only
            where a person's voxels are kept, which are reviewed, and in `held`.
        overwritten : sequence of Piece
            Where the labels showed something else before, each voxel once.
        held : tuple of slice
            A part of `box`, counted from its corner, where classes are locked.
        """
        around = box_around((self._kept, self._painted, self._confirmed), box)
        if held is not None:
            around = _around_both(around, held, box)
        before = after = None
        if around is not None:
            inside = within(around, box)
            before = self._reference_in(around)
            written = before.where.mask(around) | (shown[inside] != answer[inside])
            values = answer[inside][written]
            after = Reference(around, Bits.of(around, written).stored(), PackedArray(values))
            self._keep(around, written, values)
        over = [Bits.of(piece.box, piece.mask) for piece in overwritten]
        painted = [b & self._painted.bits(p.box) for b, p in zip(over, overwritten, strict=True)]
        confirmed = [
            b & self._confirmed.bits(p.box) for b, p in zip(over, overwritten, strict=True)
        ]
        for lost, mask in ((painted, self._painted), (confirmed, self._confirmed)):
            for bits in lost:
                mask.remove(bits)
        stored = (tuple(bits.stored() for bits in kind) for kind in (over, painted, confirmed))
        return Change(answered=(Answered(box, before, after, *stored),))

    def undo(self, change: Change) -> None:
        """Take a step back: what it painted is no longer reviewed, what it replaced is again."""
        for new in change.confirmed:
            self._confirmed.remove(new)
        for new in change.painted:
            self._painted.remove(new)
        for answered in change.answered:
            self._kept.remove(Bits.of(answered.box))
            self._restore(answered.before)
            for bits in answered.painted_lost:
                self._painted.add(bits)
            for bits in answered.overwritten:
                self._confirmed.remove(bits)
            for bits in answered.confirmed_lost:
                self._confirmed.add(bits)
        if change.restored is not None:
            self._set_marks(change.restored.box, change.restored.before)

    def redo(self, change: Change, pieces: Sequence[Piece] = ()) -> None:
        """Do a step again that was taken back; `pieces` are those `paint` was told.

        Undo of an answer before the step forgets the reference of what nobody had painted then.
        """
        for new in change.painted:
            self._painted.add(new)
        if change.painted:
            self._keep_old(pieces)
        for answered in change.answered:
            self._restore(answered.after)
            for bits in answered.painted_lost:
                self._painted.remove(bits)
            for bits in answered.overwritten:
                self._confirmed.remove(bits)
        for new in change.confirmed:
            self._confirmed.add(new)
        if change.restored is not None:
            self._set_marks(change.restored.box, change.restored.after)

    def confirm(self, box: Box) -> None:
        """Note that a person looked at everything in `box` and finds it right."""
        self._confirmed.add(Bits.of(box))

    def confirm_voxels(self, box: Box, mask: np.ndarray) -> Bits:
        """Note that a person confirmed the voxels of a mask; return those that are new."""
        new = Bits.of(box, mask) - self._confirmed.bits(box)
        self._confirmed.add(new)
        return new.stored()

    def reference(self, box: Box, shown: np.ndarray) -> np.ndarray:
        """Return the reference in `box`, where the labels are `shown`, as an array of its own."""
        if self._reference is None:
            return shown.copy()
        return np.where(self._kept.get(box), self._reference[box], shown)

    def marks(self, box: Box) -> Marks:
        """Return all that is known of the voxels of `box`, for a file; `restore` takes it back."""
        masks = {"painted": self._painted, "confirmed": self._confirmed, "kept": self._kept}
        around = box_around([self._kept], box)
        reference = _NOTHING
        if around is not None and self._reference is not None:
            reference = self._reference[around].copy()
        return {name: mask.read(box) for name, mask in masks.items()} | {"reference": reference}

    def restore(self, box: Box, marks: Marks) -> Change:
        """Make what is known of `box` what an earlier `marks` of that box returned."""
        before = self.marks(box)
        self._set_marks(box, marks)
        return Change(restored=Restored(box, before, marks))

    def reviewed(self, box: Box) -> np.ndarray:
        """Return where in `box` a person painted or confirmed, as booleans of its shape."""
        return self._painted.get(box) | self._confirmed.get(box)

    def changed(self, box: Box, shown: np.ndarray) -> np.ndarray:
        """Return where in `box` the labels `shown` there differ from the reference."""
        if self._reference is None:
            return np.zeros(shape_of(box), bool)
        return self._kept.get(box) & (self._reference[box] != shown)

    def count_reviewed(self) -> int:
        """Return how many voxels a person painted or confirmed."""
        return self._painted.count_with(self._confirmed)

    def written(self) -> Box | None:
        """Return a box outside of which nothing is changed; None if nothing is."""
        return self.written_box(tuple(slice(0, side) for side in self.shape))

    def written_box(self, box: Box) -> Box | None:
        """Return a box within `box` outside of which nothing is changed; None if nothing is."""
        return box_around([self._kept], box)

    def reviewed_box(self, box: Box) -> Box | None:
        """Return a box within `box` outside of which nothing is reviewed; None if nothing is."""
        return box_around((self._painted, self._confirmed), box)

    def _keep(self, box: Box, where: np.ndarray, values: np.ndarray) -> None:
        """Keep `values` as the reference under the mask `where` in `box`."""
        if not values.size:
            return
        fits = np.min_scalar_type(values.max()) if values.min() >= 0 else values.dtype
        if self._reference is None:
            self._reference = np.zeros(self.shape, fits)
        elif not np.can_cast(fits, self._reference.dtype):
            self._widen(np.promote_types(fits, self._reference.dtype))
        assert self._reference is not None
        self._reference[box][where] = values
        self._kept.add(Bits.of(box, where))

    def _keep_old(self, pieces: Sequence[Piece]) -> None:
        """Keep what was there before as the reference, where none is kept yet."""
        for piece in pieces:
            first, values = piece.mask, piece.old
            if (Bits.of(piece.box, first) & self._kept.bits(piece.box)).any():
                first = piece.mask & ~self._kept.get(piece.box)
                values = piece.old[first[piece.mask]]
            self._keep(piece.box, first, values)

    def _set_marks(self, box: Box, marks: Marks) -> None:
        masks = {"painted": self._painted, "confirmed": self._confirmed, "kept": self._kept}
        for name, mask in masks.items():
            mask.write(box, marks[name])
        around = box_around([self._kept], box)
        if around is not None:
            kept = self._kept.get(around)
            self._keep(around, kept, marks["reference"][kept])

    def _reference_in(self, box: Box) -> Reference:
        bits = self._kept.bits(box)
        values = _NOTHING
        if self._reference is not None and bits.any():
            values = self._reference[box][bits.mask(box)]
        return Reference(box, bits.stored(), PackedArray(values))

    def _restore(self, reference: Reference | None) -> None:
        if reference is not None:
            where = reference.where.mask(reference.box)
            self._keep(reference.box, where, np.asarray(reference.values))

    def _widen(self, dtype: np.dtype) -> None:
        """Move the reference into a type for larger values, touching only memory in use."""
        assert self._reference is not None
        wider, box = np.zeros(self.shape, dtype), self.written()
        if box is not None:
            wider[box] = self._reference[box]
        self._reference = wider


def _around_both(around: Box | None, held: Box, box: Box) -> Box:
    """Return a box with `around` and with `held`, which is counted from the corner of `box`."""
    there = moved(held, box)
    pairs = zip(around or there, there, strict=True)
    return tuple(slice(min(a.start, m.start), max(a.stop, m.stop)) for a, m in pairs)


def net(pieces: Sequence[Piece]) -> list[Piece]:
    """Return what the dabs of a stroke did together: each voxel once, with its oldest value.

    It is one piece where the dabs lie close enough for one box, and few where they do not.
    """
    joined = _joined(list(pieces))
    return _each_voxel_once(joined) if _overlap(joined) else joined


def _joined(pieces: list[Piece]) -> list[Piece]:
    """Return dabs that follow each other as one piece, or as the pieces of their two halves."""
    if len(pieces) < 2:
        return pieces
    starts = np.array([[s.start for s in piece.box] for piece in pieces])
    stops = np.array([[s.stop for s in piece.box] for piece in pieces])
    low, high = starts.min(axis=0), stops.max(axis=0)
    size = int(np.prod(high - low))
    if size > max(_ROOM, 4 * sum(piece.mask.size for piece in pieces)):
        half = len(pieces) // 2
        return _joined(pieces[:half]) + _joined(pieces[half:])
    mask = np.zeros(high - low, bool)
    old = np.empty(high - low, np.result_type(*{piece.old.dtype for piece in pieces}))
    for piece, start, stop in zip(
        reversed(pieces), starts[::-1] - low, stops[::-1] - low, strict=True
    ):
        inside = tuple(map(slice, start, stop))
        mask[inside] |= piece.mask
        old[inside][piece.mask] = piece.old  # the first dab comes last: it saw the oldest value
    return [Piece(tuple(map(slice, low.tolist(), high.tolist())), mask, old[mask])]


def _overlap(pieces: Sequence[Piece]) -> bool:
    """Whether the boxes of any two pieces have voxels in common."""
    starts = np.array([[s.start for s in piece.box] for piece in pieces])
    stops = np.array([[s.stop for s in piece.box] for piece in pieces])
    for i in range(1, len(pieces)):
        if ((starts[:i] < stops[i]) & (stops[:i] > starts[i])).all(axis=1).any():
            return True
    return False


def _each_voxel_once(pieces: Sequence[Piece]) -> list[Piece]:
    """Take from every piece the voxels that an earlier one wrote already."""
    low = np.array([[s.start for s in piece.box] for piece in pieces]).min(axis=0)
    high = np.array([[s.stop for s in piece.box] for piece in pieces]).max(axis=0)
    places = []
    for piece in pieces:
        corner = [s.start for s in piece.box] - low
        indices = [i + c for i, c in zip(np.nonzero(piece.mask), corner, strict=True)]
        places.append(np.ravel_multi_index(indices, high - low))
    everywhere = np.concatenate(places)
    first = np.zeros(everywhere.size, bool)
    first[np.unique(everywhere, return_index=True)[1]] = True
    if first.all():
        return list(pieces)
    once, begin = [], 0
    for piece, place in zip(pieces, places, strict=True):
        new = first[begin : begin + place.size]
        begin += place.size
        mask = piece.mask.copy()
        mask[piece.mask] = new
        if new.any():
            once.append(Piece(piece.box, mask, piece.old[new]))
    return once
