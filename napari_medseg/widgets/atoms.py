"""What a step of napari's undo history holds: the atoms of its tools, and those of ours.

Of napari this file knows the private atoms of a stroke, with their ``slice_key``, ``mask``,
``old_values`` and ``new_value``; a test fails when napari changes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from napari_medseg.edits import Piece
from napari_medseg.packed import Box, PackedArray, blocks_of, bounding_box, moved
from napari_medseg.tally import Tally, combined, gained

_LARGE = 1 << 20  # voxels; of a larger edit only blocks are kept
_SIDE, _BLOCK = 64, 1 << 15  # voxels along each axis of a block; bytes worth compressing
_TOOLS = {"paint": "Brush", "erase": "Eraser", "fill": "Fill", "polygon": "Polygon"}


class UndoStep(tuple):
    """A named region delta ``(box, before, after)``; lies in napari's own undo history."""

    name: str = ""
    by_person: bool = True  # also what a model made of a person's prompts
    is_answer: bool = False
    gained: Tally  # how many voxels each value gains when it is done
    # only while it is written, for those who follow:
    piece: Piece | None = None
    answer: tuple[Box, np.ndarray] | None = None


def undo_steps(
    name: str, where: Box, before: np.ndarray, after: np.ndarray, changed: np.ndarray
) -> list[UndoStep]:
    """Return what napari's history keeps for an edit of the box `where`.

    Of a large box only the blocks that hold changes are kept; they are one step together.

    Parameters
    ----------
    before, after : ndarray
        Of the box's shape.
    changed : ndarray of bool
        Where they differ.
    """
    large = changed.size > _LARGE
    parts = blocks_of(changed, _SIDE) if large else [bounding_box(changed)]
    steps = []
    for part in parts:
        if part is not None:
            old, new, mask = before[part], after[part], changed[part]
            small = (_BLOCK,) if large else ()
            step = UndoStep(
                (moved(part, where), PackedArray(old, *small), PackedArray(new, *small))
            )
            step.name = name
            step.piece = Piece(step[0], mask, old[mask])
            step.gained = gained(step.piece.old, new[mask])
            steps.append(step)
    return steps


def name_of(item: Sequence[Any], mode: str = "") -> str:
    """Return what people call a step: of ours by its name, of napari's by the tool."""
    atom = item[0]
    if isinstance(atom, UndoStep):
        return atom.name
    if not _is_dab(atom):
        return "Edit"
    if atom.new_value == 0 and mode in ("", "paint", "pan_zoom"):
        return "Eraser"
    return _TOOLS.get(mode, "Brush")


def piece_of(atom: Any) -> Piece:
    """Return what an atom of a step wrote: of ours, of a tool of napari, of ``data_setitem``."""
    if isinstance(atom, UndoStep):
        if atom.piece is not None:
            return atom.piece
        box, before, after = atom
        old = np.asarray(before)
        mask = old != np.asarray(after)
        return Piece(box, mask, old[mask])
    if _is_dab(atom):
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


def gained_by(item: Sequence[Any]) -> Tally:
    """Return how many voxels each value gains when a step is done; no array is read for it."""
    total: Tally = {}
    dabs: dict[int, list[np.ndarray]] = {}
    for atom in item:
        if isinstance(atom, UndoStep):
            total = combined(total, atom.gained)
        elif _is_dab(atom):
            dabs.setdefault(int(atom.new_value), []).append(np.ravel(atom.old_values))
        else:
            total = combined(total, gained(np.asarray(atom[1]), atom[2]))
    for value, replaced in dabs.items():
        total = combined(total, gained(np.concatenate(replaced), value))
    return total


def is_written(item: Sequence[Any], data: Any) -> bool:
    """Whether what a step says is in the array yet: napari may tell of it a moment before."""
    if len(item) > 1 or isinstance(item[0], UndoStep):
        return True
    piece = piece_of(item[0])
    first = np.unravel_index(int(piece.mask.argmax()), piece.mask.shape)
    place = tuple(int(i) + s.start for i, s in zip(first, piece.box, strict=True))
    return bool(np.asarray(data[place]) != piece.old[0])


def written_by(atom: Any) -> tuple[Box, np.ndarray, Any]:
    """Return where an atom wrote, a mask of that box, and the values (one, or in C order)."""
    piece = piece_of(atom)
    if isinstance(atom, UndoStep):
        return piece.box, piece.mask, np.asarray(atom[2])[piece.mask]
    if _is_dab(atom):
        return piece.box, piece.mask, atom.new_value
    if np.ndim(atom[2]) == 0:
        return piece.box, piece.mask, atom[2]
    inside = tuple(i - s.start for i, s in zip(atom[0], piece.box, strict=True))
    values = np.zeros(piece.mask.shape, np.asarray(atom[2]).dtype)
    values[inside] = atom[2]
    return piece.box, piece.mask, values[piece.mask]


def nbytes_of(atom: Any) -> int:
    """Return how much memory an atom takes."""
    if isinstance(atom, UndoStep):
        return int(atom[1].nbytes + atom[2].nbytes)
    if _is_dab(atom):
        return int(atom.old_values.nbytes + (0 if atom.mask is None else atom.mask.nbytes))
    return sum(int(np.asarray(part).nbytes) for part in (*atom[0], *atom[1:]))


def _is_dab(atom: Any) -> bool:
    """Whether a brush, eraser, bucket or polygon of napari left this."""
    return hasattr(atom, "slice_key")
