"""What a stroke of napari's tools may change: locked classes stay, and rules of one's own hold.

napari paints first and tells afterwards. So a stroke is put right as soon as it is finished, in
its own undo step: what it may not change gets its old value back, and the history holds the
stroke as it should have been.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from napari.layers import Labels

from napari_medseg.edits import Piece
from napari_medseg.packed import Box
from napari_medseg.widgets.atoms import UndoStep, undo_steps
from napari_medseg.widgets.classes.stored import class_signals, locked_of

Rule = Callable[[np.ndarray, np.ndarray, Box, Labels], np.ndarray]

_rules: WeakKeyDictionary[Labels, list[Rule]] = WeakKeyDictionary()
_ranges: WeakKeyDictionary[Labels, Callable[[], None]] = WeakKeyDictionary()


def add_rule(layer: Labels, rule: Rule) -> Callable[[], None]:
    """Let `rule` decide what a stroke in `layer` may change.

    Parameters
    ----------
    rule : callable
        ``rule(before, after, box, layer) -> after``: of the values of a box before and after the
        stroke it makes those the box shall have, as a new array. Only voxels that the stroke
        changed are taken from it, and locked classes stay locked whatever it says. It must not
        keep the layer alive.

    Returns
    -------
    callable
        Ends it.
    """
    from napari_medseg.widgets.step_log import catch_up  # it imports this module

    rules = _rules.setdefault(layer, [])
    rules.append(rule)
    catch_up(layer)  # from now on its strokes are followed

    def stop() -> None:
        if rule in rules:
            rules.remove(rule)

    return stop


def restrict_strokes(layer: Labels, allowed: Callable[[Box], np.ndarray] | None) -> None:
    """Let strokes change only what is allowed; erasing is a change, too.

    Parameters
    ----------
    allowed : callable
        ``allowed(box)`` gives booleans of the box's shape. It replaces the one before; None lets
        strokes go everywhere again.
    """
    end = _ranges.pop(layer, None)
    if end is not None:
        end()
    if allowed is not None:
        _ranges[layer] = add_rule(
            layer, lambda before, after, box, _layer: np.where(allowed(box), after, before)
        )


def kept_by_locks(before: np.ndarray, after: np.ndarray, locked: frozenset[int]) -> np.ndarray:
    """Return where `after` would take voxels from a locked class or give it more.

    Parameters
    ----------
    before, after : ndarray
        Labels of one shape.
    """
    if not locked:
        return np.zeros(before.shape, bool)
    return (before != after) & (_among(before, locked) | _among(after, locked))


def put_right(layer: Labels, item: list[Any], name: str, pieces: Sequence[Piece]) -> bool:
    """Give back what a step may not change, and let the step be what remains.

    Parameters
    ----------
    item : list
        The step as napari keeps it; what is in there is replaced where something was given back.
    name : str
        Of the step, for people.
    pieces : sequence of Piece
        What it wrote, each voxel once.

    Returns
    -------
    bool
        Whether something was given back. The `item` is empty then if nothing of the step is left.
    """
    rules, locked = _rules.get(layer, ()), locked_of(layer)
    if not (rules or locked) or isinstance(item[0], UndoStep):
        return False
    if not rules and not any(_touches(layer, piece, locked) for piece in pieces):
        return False
    painted = [np.array(layer.data[piece.box]) for piece in pieces]
    for piece in pieces:
        _write(layer, piece, piece.old)  # now the layer is as it was before
    before = [np.array(layer.data[piece.box]) for piece in pieces]
    wanted = [
        _as_it_should_be(layer, piece, old, new, rules, locked)
        for piece, old, new in zip(pieces, before, painted, strict=True)
    ]
    given_back = [new != right for new, right in zip(painted, wanted, strict=True)]
    if not any(mask.any() for mask in given_back):
        for piece, new in zip(pieces, painted, strict=True):
            _write(layer, piece, new[piece.mask])
        return False
    touched: set[int] = set()
    for old, new, mask in zip(before, painted, given_back, strict=True):
        touched |= {*np.unique(old[mask]).tolist(), *np.unique(new[mask]).tolist()}
    pairs = zip(pieces, wanted, strict=True)
    item[:] = [atom for piece, right in pairs for atom in _redone(layer, piece, right, name)]
    count = sum(int(np.count_nonzero(mask)) for mask in given_back)
    class_signals(layer).protected.emit(frozenset(touched & locked), count)
    return True


def _touches(layer: Labels, piece: Piece, locked: frozenset[int]) -> bool:
    new = np.asarray(layer.data[piece.box])[piece.mask]
    return bool(kept_by_locks(piece.old, new, locked).any())


def _as_it_should_be(
    layer: Labels,
    piece: Piece,
    before: np.ndarray,
    after: np.ndarray,
    rules: Sequence[Rule],
    locked: frozenset[int],
) -> np.ndarray:
    """Return the values the box of a piece shall have where the stroke changed it."""
    wanted = after
    for rule in rules:
        ruled = rule(before.copy(), wanted.copy(), piece.box, layer)
        wanted = np.where(piece.mask, ruled, after).astype(after.dtype)
    return np.where(kept_by_locks(before, wanted, locked), before, wanted)


def _redone(layer: Labels, piece: Piece, wanted: np.ndarray, name: str) -> list[UndoStep]:
    """Write the wanted values of a piece, and return the steps to them; none if nothing changes."""
    before = np.array(layer.data[piece.box])
    after = before.copy()
    after[piece.mask] = wanted[piece.mask]
    changed = before != after
    if changed.any():
        layer.data[piece.box] = after
    return undo_steps(name, piece.box, before, after, changed)


def _write(layer: Labels, piece: Piece, values: np.ndarray) -> None:
    """Write values where a piece did; by whole boxes, which lazy arrays can do, too."""
    whole = np.array(layer.data[piece.box])
    whole[piece.mask] = values
    layer.data[piece.box] = whole


def _among(values: np.ndarray, wanted: frozenset[int]) -> np.ndarray:
    """Return where `values` are one of those `wanted`."""
    if values.dtype == np.uint8:
        table = np.zeros(256, bool)
        table[[value for value in wanted if 0 <= value < 256]] = True
        return table[values]
    return np.isin(values, sorted(wanted))
