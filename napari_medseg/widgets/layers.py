"""The napari adapter: writing edits as undo steps; what else panels need of layers is found here.

Private names of napari's ``Labels`` lie in three files, and nowhere else: writing a step in this
one (``_save_history``, ``_block_history``, ``_staged_history`` and ``_commit_staged_history``),
reading the history in `step_log`, the atoms of a stroke in `atoms`.
Tests fail when napari changes one, or when another file uses such a name. What needs no private
names lies in `placement`, `hooks` and `stroke_rules`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from napari.layers import Labels

from napari_medseg.packed import Box, bounding_box, moved, within
from napari_medseg.widgets.atoms import undo_steps
from napari_medseg.widgets.classes.stored import class_signals, locked_of
from napari_medseg.widgets.hooks import Drag, bind_key, on_drag, taken_keys, unbind_key
from napari_medseg.widgets.placement import (
    class_look,
    image_layers,
    insert_above,
    is_map,
    is_preview,
    remove_layer,
    same_grid,
    same_place,
)
from napari_medseg.widgets.step_log import (
    Happened,
    Listener,
    Step,
    catch_up,
    follow_steps,
    go_to_step,
    history,
    history_bytes,
    history_limit,
    limit_history,
    stepped,
    steps,
    undo_name,
    undone_steps,
)
from napari_medseg.widgets.stroke_rules import add_rule, kept_by_locks, restrict_strokes

__all__ = [
    "Drag",
    "Happened",
    "Listener",
    "Step",
    "add_rule",
    "apply_edit",
    "bind_key",
    "catch_up",
    "class_look",
    "follow_steps",
    "go_to_step",
    "history",
    "history_bytes",
    "history_limit",
    "image_layers",
    "insert_above",
    "is_being_painted",
    "is_map",
    "is_preview",
    "limit_history",
    "on_drag",
    "remove_layer",
    "restrict_strokes",
    "same_grid",
    "same_place",
    "stepped",
    "steps",
    "taken_keys",
    "unbind_key",
    "undo_name",
    "undone_steps",
    "why_not_editable",
]


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
    prompted: bool = False,
) -> int:
    """Write `edited` into a Labels layer as one named undo step; locked classes stay as they are.

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
    prompted : bool
        Whether the answer is to a person's prompts: a person's work all the same.

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
    if locked_of(layer):
        edited, different = _without_locked(layer, edited, different, box)
    inner = bounding_box(different)
    if inner is None:
        return 0
    where = moved(inner, box)
    made = undo_steps(name, where, layer.data[where], edited[inner], different[inner])
    for step in made:
        step.is_answer = answer is not None
        step.by_person = prompted or not step.is_answer
    if answer is not None:
        made[0].answer = box, answer
    catch_up(layer)
    with _one_step(layer):
        for step in made:
            layer._save_history(step)
            layer.data[step[0]] = edited[within(step[0], box)]
    for step in made:
        step.piece = step.answer = None
    layer.refresh(extent=False)
    return int(np.count_nonzero(different))


def _without_locked(
    layer: Labels, edited: np.ndarray, different: np.ndarray, box: Box
) -> tuple[np.ndarray, np.ndarray]:
    """Return an edit that leaves locked classes alone, and where it differs; tell what it left."""
    locked, inner = locked_of(layer), bounding_box(different)
    if inner is None:
        return edited, different
    before, after = layer.data[box][inner], edited[inner]
    held = kept_by_locks(before, after, locked)
    if held.any():
        edited, different = edited.copy(), different.copy()
        edited[inner][held] = before[held]
        different[inner][held] = False
        touched = {*np.unique(before[held]).tolist(), *np.unique(after[held]).tolist()}
        count = int(np.count_nonzero(held))
        class_signals(layer).protected.emit(frozenset(touched & locked), count)
    return edited, different


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
