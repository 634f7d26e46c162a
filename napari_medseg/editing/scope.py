"""Where an edit works: the box of the object touched, this slice, a selected box, every class."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from napari_medseg.config import Config
from napari_medseg.editing.checks import check_labels, classes_in, has_label
from napari_medseg.editing.connected import connected
from napari_medseg.editing.islands import grown, loose_boxes
from napari_medseg.editing.slabs import slabs
from napari_medseg.editing.tool import Scene, Tool, apply, check
from napari_medseg.packed import Box, bounding_box, within
from napari_medseg.progress import Step

_NEAR = 40  # voxels to each side of a click that are looked at first


@dataclass(frozen=True, kw_only=True)
class Scope:
    """What one press of Apply works on.

    Parameters
    ----------
    every_label : bool
        Every class that is not locked, one after the other, instead of the scene's.
    where : str
        "volume"; "slice", the one shown as an image of its own; "box", where alone something may
        change, while the tool sees what lies around it.
    box : tuple of slice or None
        The box for "box", in the volume's coordinates.
    """

    every_label: bool = False
    where: Literal["volume", "slice", "box"] = "volume"
    box: Box | None = None


def edit(
    tool: Tool, scene: Scene, options: Config, scope: Scope | None = None
) -> tuple[Box, np.ndarray] | None:
    """Apply a tool to a whole volume, computing only in the box of what it touches.

    Parameters
    ----------
    scene : Scene
        Of the whole volume ``(*S)``; nothing is copied but the box worked in.

    Returns
    -------
    tuple of (tuple of slice, ndarray), or None
        The box and its new labels, to write as one undo step; None if there is nothing to do.

    Raises
    ------
    ValueError
        With a sentence for a person, if the tool cannot work here.
    """
    scope = scope or Scope()
    if scope.where == "slice" and scene.labels.ndim == 3:
        return _edit_slice(tool, scene, options, scope)
    check_labels(scene.labels)
    if not scope.every_label or tool.any_label:
        return _edit_label(tool, scene, options, scope)
    if not tool.all_labels:
        raise ValueError(f"'{tool.title}' works on one class at a time; choose 'this class'")
    return _edit_every_label(tool, scene, options, scope)


def touched_box(
    labels: np.ndarray,
    label: int,
    margin_mm: float,
    spacing: Sequence[float],
    points: Iterable[Sequence[int]] = (),
    seed_box: Box | None = None,
) -> Box | None:
    """Return the box of the object that an edit touches, with a margin.

    Parameters
    ----------
    labels : ndarray
        ``(*S)`` integers.
    margin_mm : float
        How far the box reaches beyond the object; infinite gives the whole volume.
    spacing : sequence of float
        mm along each axis.
    points : iterable of tuple of int
        Clicked voxels: the box holds the connected objects of `label` under them.
    seed_box : tuple of slice or None
        The box holds the connected objects of `label` that reach into this one.

    Returns
    -------
    tuple of slice or None
        None if the label, or what was clicked, has no voxel. Without points and `seed_box`, the
        box of the whole label.
    """
    seeds = [tuple(slice(p, p + 1) for p in point) for point in points]
    if seed_box is not None:
        seeds.append(seed_box)
    if seeds:
        boxes = [_object_box(labels, label, seed) for seed in seeds]
        box = union([b for b in boxes if b is not None])
    else:
        box = label_box(labels, label)
    return None if box is None else expanded(box, margin_mm, spacing, labels.shape)


def label_box(labels: np.ndarray, label: int | None = None) -> Box | None:
    """Return the smallest box with all of `label` (of all classes without it), None if empty."""

    def found(part: np.ndarray) -> np.ndarray:
        return np.asarray(part != 0 if label is None else part == label)

    parts = slabs(labels.shape)
    first = next((n for n, slab in enumerate(parts) if found(labels[slab]).any()), None)
    if first is None:
        return None
    last = next(n for n in range(len(parts) - 1, -1, -1) if found(labels[parts[n]]).any())
    loose = slice(parts[first].start, parts[last].stop)
    rest = np.zeros(labels.shape[1:], bool)
    ends: list[int] = []
    for slab in parts[first : last + 1]:
        here = found(labels[slab])
        rest |= here.any(axis=0)
        if slab.start == loose.start or slab.stop == loose.stop:
            planes = np.flatnonzero(here.reshape(len(here), -1).any(axis=1))
            ends += [slab.start + int(planes[0]), slab.start + int(planes[-1])]
    inner = bounding_box(rest)
    assert inner is not None  # a slab of it is not empty
    return (slice(min(ends), max(ends) + 1), *inner)


def expanded(box: Box, margin_mm: float, spacing: Sequence[float], shape: Sequence[int]) -> Box:
    """Return `box` grown by a margin on all sides, cut at the borders of a volume of `shape`."""
    if not math.isfinite(margin_mm):
        return tuple(slice(0, n) for n in shape)
    steps = [math.ceil(margin_mm / s - 1e-9) if margin_mm > 0 else 0 for s in spacing]
    return tuple(
        slice(max(b.start - m, 0), min(b.stop + m, n))
        for b, m, n in zip(box, steps, shape, strict=True)
    )


def intersection(a: Box, b: Box) -> Box | None:
    """Return the box that two boxes share, None if they share no voxel."""
    shared = tuple(
        slice(max(s.start, t.start), min(s.stop, t.stop)) for s, t in zip(a, b, strict=True)
    )
    return shared if all(s.start < s.stop for s in shared) else None


def union(boxes: Sequence[Box]) -> Box | None:
    """Return the smallest box around all of them, None if there are none."""
    if not boxes:
        return None
    return tuple(
        slice(min(s.start for s in sides), max(s.stop for s in sides))
        for sides in zip(*boxes, strict=True)
    )


def _edit_label(
    tool: Tool, scene: Scene, options: Config, scope: Scope
) -> tuple[Box, np.ndarray] | None:
    check(tool, scene)
    limits = _limits(scene, scope)
    box = _work_box(tool, scene, tool.margin_mm(options), limits)
    if box is None:
        return None
    part = scene.crop(box)
    if tool.sees in ("around", "box") and not _has_work(tool, part):
        return None
    if limits is not None:
        part = replace(part, mask=_masked(part.mask, limits, box))
    return box, apply(tool, part, options)


def _has_work(tool: Tool, part: Scene) -> bool:
    """Whether the class reaches into the part of it that was cut out."""
    return tool.any_label or tool.starts_empty or has_label(part.labels, part.label)


def _edit_every_label(
    tool: Tool, scene: Scene, options: Config, scope: Scope
) -> tuple[Box, np.ndarray] | None:
    values = [v for v in classes_in(scene.labels) if v not in scene.locked]
    if not values:
        raise ValueError("there is no class to work on here: none is painted, or all are locked")
    current, boxes = scene.labels.copy(), []
    for done, label in enumerate(values):
        scene.report(Step(done, len(values), "class"))
        one = replace(scene, labels=current, label=label)
        found = None
        if has_label(current, label):  # the others may have taken all of it
            found = _edit_label(tool, one, options, scope)
        if found is not None:
            box, edited = found
            current[box] = edited
            boxes.append(box)
    whole = union(boxes)
    return None if whole is None else (whole, current[whole])


def _edit_slice(
    tool: Tool, scene: Scene, options: Config, scope: Scope
) -> tuple[Box, np.ndarray] | None:
    if tool.needs & {"slice", "volume"}:
        raise ValueError(f"'{tool.title}' works between slices; choose the whole volume")
    flat = edit(tool, scene.shown_slice(), options, replace(scope, where="volume"))
    if flat is None:
        return None
    (box, edited), axis, index = flat, scene.axis, scene.index
    assert index is not None  # shown_slice would have raised
    return (
        (*box[:axis], slice(index, index + 1), *box[axis:]),
        np.expand_dims(edited, axis),
    )


def _limits(scene: Scene, scope: Scope) -> Box | None:
    if scope.where != "box":
        return None
    shape = scene.labels.shape
    if scope.box is None or len(scope.box) != len(shape):
        raise ValueError("no box is selected; draw one or choose the whole volume")
    whole = tuple(slice(0, n) for n in shape)
    limits = intersection(
        tuple(slice(*s.indices(n)[:2]) for s, n in zip(scope.box, shape, strict=True)), whole
    )
    if limits is None:
        raise ValueError("the selected box lies outside of the labels; draw it over them")
    return limits


def _work_box(tool: Tool, scene: Scene, margin_mm: float, limits: Box | None) -> Box | None:
    """Return the box to compute in, so that what lies within `limits` comes out right."""
    labels, spacing = scene.labels, scene.spacing
    whole = tuple(slice(0, n) for n in labels.shape)
    box: Box | None
    if tool.sees == "box" and scene.box is not None:
        box = intersection(scene.box, whole)
    elif tool.starts_empty or not math.isfinite(margin_mm):
        box = whole
    elif tool.sees == "object" and scene.points:
        box = touched_box(labels, scene.label, margin_mm, spacing, scene.points)
        if box is None:
            raise ValueError(
                f"class {scene.label} is not under the click; click on one of its voxels"
            )
    else:
        box = label_box(labels, None if tool.any_label else scene.label)
        box = None if box is None else expanded(box, margin_mm, spacing, labels.shape)
    if box is None or limits is None:
        return box
    if tool.sees == "around":
        return intersection(box, expanded(limits, margin_mm, spacing, labels.shape))
    return box if intersection(box, limits) is not None else None


def _masked(mask: np.ndarray | None, limits: Box, box: Box) -> np.ndarray:
    allowed = np.zeros([s.stop - s.start for s in box], bool)
    shared = intersection(limits, box)
    if shared is not None:
        inside = within(shared, box)
        allowed[inside] = True if mask is None else mask[inside]
    return allowed


def _object_box(labels: np.ndarray, label: int, seed: Box) -> Box | None:
    """Return the box of the connected objects that reach into `seed`.

    Most objects end near the click; for the others a map of the volume says how far they may go.
    """
    window = grown(seed, [_NEAR] * labels.ndim, labels.shape)
    box = _touching(labels, label, seed, window)
    if box is None or all(
        (b.start > w.start or w.start == 0) and (b.stop < w.stop or w.stop == n)
        for b, w, n in zip(box, window, labels.shape, strict=True)
    ):
        return box
    around = union([i for i in loose_boxes(labels, label) if intersection(i, box) is not None])
    assert around is not None  # one of them holds the voxels found
    return _touching(labels, label, seed, around)


def _touching(labels: np.ndarray, label: int, seed: Box, window: Box) -> Box | None:
    """Return the box of what of the objects that reach into `seed` lies in `window`."""
    shared = intersection(seed, window)
    if shared is None:
        return None
    objects, count = connected(labels[window] == label)
    touched = np.zeros(count + 1, bool)
    touched[objects[within(shared, window)]] = True
    touched[0] = False
    inner = bounding_box(touched[objects])
    if inner is None:
        return None
    return tuple(
        slice(w.start + i.start, w.start + i.stop) for w, i in zip(window, inner, strict=True)
    )
