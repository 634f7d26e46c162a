"""What is drawn over a slice: prompts, the line the mouse draws now, the answer's outline."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

import numpy as np

from napari_medseg.editing.scope import intersection
from napari_medseg.engine.card import LabelClass
from napari_medseg.interact.drawing import nearest, stroke
from napari_medseg.interact.prompts import POINTED, Prompt
from napari_medseg.packed import within
from napari_medseg.widgets.edit.outline import LARGE, changes, edges
from napari_medseg.widgets.interact.plane import Plane
from napari_medseg.widgets.interact.turns import Turn, changed_box, overlaid

_MOST = 250  # classes that have marks of their own
_MARGIN = 3  # voxels around an answer, so that its outline is not drawn along its box


class Mark(IntEnum):
    """Values of the preview layer; from `CLASSES` on the outlines of the classes, in their order.

    Classes that are in no table have the outline `OTHERS`.
    """

    NOTHING = 0
    LEAVES = 1
    OTHERS = 2
    CLASSES = 3
    ADDS = 253
    REMOVES = 254


_COLOURS: dict[int | None, str] = {
    None: "#f0e442",
    Mark.NOTHING: "transparent",
    Mark.LEAVES: "#d55e00",
    Mark.OTHERS: "#f0e442",
    Mark.ADDS: "#ffffff",
    Mark.REMOVES: "#ff7f2a",
}


def colours_of(classes: Sequence[LabelClass]) -> dict[int | None, str]:
    """Return the colour of each mark: outlines in those of their classes."""
    return {**_COLOURS, **{Mark.CLASSES + i: c.colour for i, c in enumerate(classes[:_MOST])}}


def drawn_line(plane: Plane, points: np.ndarray, radius: float, *, kind: str) -> np.ndarray:
    """Return the pixels ``(M, 2)`` of what the mouse draws, on the slice.

    Parameters
    ----------
    points : ndarray
        ``(N, 2)`` on the slice, fractional; two corners of a box.
    radius : float
        mm, of a scribble.
    """
    width = radius if kind in POINTED else 0.0
    if kind == "box":
        (a, b), (c, d) = points[0], points[-1]
        points = np.array([(a, b), (a, d), (c, d), (c, b), (a, b)])
    elif kind == "lasso":
        points = np.vstack([points, points[:1]])
    found = stroke(points, width, plane.spacing, plane.shape)
    if found is None:
        return np.zeros((0, 2), int)
    box, mask = found
    return np.argwhere(mask) + [s.start for s in box]


def prompt_marks(plane: Plane, prompts: Sequence[Prompt]) -> np.ndarray:
    """Return the marks ``(H, W)`` of the prompts that lie on the slice.

    A point is a plus where it adds and a minus where it removes; anything else its line.
    """
    marks = np.zeros(plane.shape, np.uint8)
    reach = max(max(plane.shape) // 90, 1)
    for prompt in prompts:
        points = prompt.indices(plane.grid)
        if plane.axis is not None and plane.index not in nearest(points[:, plane.axis]):
            continue
        flat = plane.on_slice(points)
        if prompt.kind == "point":
            pixels = _sign(flat[0], reach, positive=prompt.positive)
        else:
            pixels = drawn_line(plane, flat, prompt.radius, kind=prompt.kind)
        pixels = pixels[((pixels >= 0) & (pixels < plane.shape)).all(axis=1)]
        marks[tuple(pixels.T)] = Mark.ADDS if prompt.positive else Mark.REMOVES
    return marks


def outline(
    plane: Plane, labels: np.ndarray, turns: Sequence[Turn], values: Sequence[int]
) -> np.ndarray:
    """Return the outlines ``(H, W)`` of what turns would change on the slice.

    Parameters
    ----------
    labels : ndarray
        ``(*S)``, as they are.
    values : sequence of int
        Of the classes, in their order.
    """
    marks = np.zeros(plane.shape, np.uint8)
    changed = changed_box(turns)
    seen = None if changed is None else intersection(changed, plane.box)
    if seen is None:
        return marks
    wide = tuple(
        slice(max(s.start - _MARGIN, whole.start), min(s.stop + _MARGIN, whole.stop))
        for s, whole in zip(seen, plane.box, strict=True)
    )
    edited = overlaid(labels, turns, wide)
    shown = changes(labels[wide], edited)
    if shown is None:
        return marks
    marked = np.where(shown > Mark.LEAVES, _marks_of(edited, values), shown)
    flat = marked.reshape([wide[a].stop - wide[a].start for a in plane.across])
    drawn = edges(flat, 0, wide=max(plane.shape) >= LARGE)
    inner = tuple(within(seen, wide)[a] for a in plane.across)
    marks[tuple(seen[a] for a in plane.across)] = drawn[inner]
    return marks


def _marks_of(labels: np.ndarray, values: Sequence[int]) -> np.ndarray:
    """Return the mark of each label's class."""
    marks = np.full(max(int(labels.max(initial=0)), *values, 0) + 1, Mark.OTHERS, np.uint8)
    for place, value in enumerate(values[:_MOST]):
        marks[value] = Mark.CLASSES + place
    return marks[labels]


def _sign(point: np.ndarray, reach: int, *, positive: bool) -> np.ndarray:
    row, column = nearest(point)
    arm = np.arange(-reach, reach + 1)
    across = np.stack([np.full_like(arm, row), column + arm], axis=1)
    if not positive:
        return across
    return np.vstack([across, np.stack([row + arm, np.full_like(arm, column)], axis=1)])
