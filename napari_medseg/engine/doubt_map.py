"""How doubtful each voxel is, and the boxes with the most doubt in them.

A model is unsure along every border. A place is a box of the size one looks at at once, where there
is more of it together than elsewhere.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from napari_medseg.engine.doubt_place import MOST, Place, amount
from napari_medseg.packed import Box, bounding_box

_LARGEST = 40.0  # mm; side of a place in a large organ
_SMALLEST = 5  # voxels
_FULL = 0.25  # mean doubt of a place whose score is 1
_LEAST = 0.06  # score below which a place is not worth a look


def doubt_map(
    labels: np.ndarray,
    probabilities: np.ndarray | None = None,
    uncertainty: np.ndarray | None = None,
    flipped: Sequence[np.ndarray] = (),
) -> np.ndarray | None:
    """Return how doubtful each voxel is, ``(*S)`` float32 in [0, 1]; None if nothing is known.

    Where the probability of a class is one half the model tosses a coin, and the doubt is 1; it
    falls with the square of the distance from there, so that thin blurred borders, which are
    everywhere, do not outweigh what is really unsure. Answers that differ count half.
    """
    doubt: np.ndarray | None = None
    if probabilities is not None:
        doubt = np.zeros(labels.shape, np.float32)
        for channel in probabilities:  # one by one: no second array of all channels
            np.maximum(doubt, 1 - np.abs(2 * np.asarray(channel, np.float32) - 1), out=doubt)
    elif uncertainty is not None:
        doubt = np.asarray(uncertainty, np.float32).clip(0, 1)
    if doubt is not None:
        doubt *= doubt
    if flipped:
        differ = np.zeros(labels.shape, np.float32)
        for other in flipped:
            differ += other != labels
        differ *= 0.5 / len(flipped)
        doubt = differ if doubt is None else np.maximum(doubt, differ, out=doubt)
    return doubt


def with_doubt(place: Place, doubt: np.ndarray) -> Place:
    """Return an odd place with the doubt in it added to its score, and taken out of the map."""
    share = min(float(doubt[place.box].mean()) / _FULL, 1.0)
    doubt[place.box] = 0
    return dataclasses.replace(place, score=1 - (1 - place.score) * (1 - share / 2))


def unsure_places(
    doubt: np.ndarray,
    labels: np.ndarray,
    flipped: Sequence[np.ndarray],
    spacing: Sequence[float] | None,
) -> Iterator[Place]:
    """Yield the boxes with the most doubt in them, the next one without what is in the last."""
    steps = np.asarray(spacing if spacing is not None else (1.0,) * labels.ndim, float)
    side = _side(labels, steps)
    size = np.maximum(np.round(side / steps), 1).astype(int)  # voxels
    block = np.maximum(size // 5, 1)
    cells, count = _cells(doubt, block), np.maximum(size // block, 1)
    whole = float(np.prod(count * block)) * _FULL
    for corner, total in _richest(cells, count):
        score = total / whole
        if score < _LEAST:
            return
        box = tuple(
            slice(int(c * b), int(min((c + n) * b, full)))
            for c, b, n, full in zip(corner, block, count, labels.shape, strict=True)
        )
        yield _unsure(box, min(score, 0.95), doubt[box], labels, flipped, spacing)


def _side(labels: np.ndarray, steps: np.ndarray) -> float:
    """Return the side of a place in mm: a third of what is labelled, within bounds."""
    box = bounding_box(labels > 0)
    extent = np.asarray(labels.shape if box is None else [s.stop - s.start for s in box]) * steps
    fine = float(steps.min())
    return float(np.clip(np.exp(np.log(extent).mean()) / 3, _SMALLEST * fine, _LARGEST))


def _cells(doubt: np.ndarray, block: np.ndarray) -> np.ndarray:
    """Return the sums of blocks of voxels, so that large volumes are searched as fast as small."""
    for axis, step in enumerate(block):
        starts = np.arange(0, doubt.shape[axis], step)
        if step > 1:
            doubt = np.add.reduceat(doubt, starts, axis=axis)
    return np.array(doubt, np.float32)


def _richest(cells: np.ndarray, count: np.ndarray) -> Iterator[tuple[np.ndarray, float]]:
    """Yield the first cell and the sum of windows of `count` cells, the largest sum first."""
    from scipy import ndimage

    size = np.minimum(count, cells.shape)
    for _ in range(2 * MOST):
        sums = ndimage.uniform_filter(cells, tuple(size), mode="constant") * float(np.prod(size))
        middle = np.array(np.unravel_index(int(sums.argmax()), sums.shape))
        corner = np.clip(middle - size // 2, 0, np.asarray(cells.shape) - size)
        window = tuple(slice(int(c), int(c + n)) for c, n in zip(corner, size, strict=True))
        total = float(cells[window].sum())
        if total <= 0:
            return
        yield corner, total
        cells[window] = 0


def _unsure(
    box: Box,
    score: float,
    doubt: np.ndarray,
    labels: np.ndarray,
    flipped: Sequence[np.ndarray],
    spacing: Sequence[float] | None,
) -> Place:
    at = np.unravel_index(int(doubt.argmax()), doubt.shape)
    weights = doubt.ravel() / doubt.sum()
    middle = [float((i.ravel() * weights).sum()) for i in np.indices(doubt.shape)]
    near = tuple(round(m) for m in middle)
    if doubt[near] < 0.25 * doubt[at]:
        near = tuple(int(a) for a in at)
    inside = labels[box]
    classes = np.bincount(inside.ravel(), weights=doubt.ravel())
    present = [int(c) for c in np.flatnonzero(np.bincount(inside.ravel())) if c]
    label = max(present, key=lambda c: classes[c]) if present else 0
    differ = sum(int((other[box] != inside).sum()) for other in flipped) / max(len(flipped), 1)
    kind = "unsure"
    if differ * 0.5 > 0.5 * float(doubt.sum()):
        kind, reason = "differ", f"the answers differ here ({amount(round(differ), spacing)})"
    elif not present:
        reason = "the model is unsure whether something is here"
    elif not (inside != label).any():
        reason = "the model is unsure inside this part"
    elif len(present) > 1 and classes[present].sum() > 3 * classes[0]:
        reason = "the model is unsure where one class ends and the next begins"
    else:
        reason = "the model is unsure at this border"
    centre = tuple(b.start + n for b, n in zip(box, near, strict=True))
    return Place(centre, box, label, score, reason, kind)
