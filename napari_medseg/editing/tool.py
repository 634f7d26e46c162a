"""What an editing tool is, what it sees, and the one place where protected voxels are protected."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

import numpy as np

from napari_medseg.config import Config
from napari_medseg.editing.checks import (
    check_label,
    check_labels,
    check_points,
    has_label,
    holds,
    sides,
    spacing_of,
)
from napari_medseg.editing.slabs import slabs
from napari_medseg.packed import Box, bounding_box
from napari_medseg.progress import Report, silent

__all__ = [
    "OVERWRITE",
    "Group",
    "Need",
    "Scene",
    "Tool",
    "apply",
    "check",
    "check_label",
    "check_labels",
    "unlocked",
]

Need = Literal["image", "points", "slice", "volume", "box"]
Group = Literal["clean", "grow", "slices", "intensity", "split"]

OVERWRITE = {"word": "Overwrite other classes", "tip": "take voxels of other classes, too"}
"""How the field `overwrite` of a tool's options is put in words."""

_SAID = {
    "image": "'{}' works by grey values: choose the image these labels belong to",
    "points": "'{}' works from a click: click a voxel first",
    "slice": "'{}' works on the slice shown: show a slice of the volume first",
    "volume": "'{}' works on volumes; these labels are a single slice: choose the whole volume",
    "box": "'{}' needs a box: draw one first",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene:
    """What a tool sees; everything lies in one box of the volume, in 2D or 3D.

    Parameters
    ----------
    labels : ndarray
        ``(*S)`` integers; never written to.
    spacing : tuple of float
        mm along each axis of `labels`.
    label : int
        The class worked on; 0 only for tools that say so (`Tool.any_label`).
    locked : frozenset of int
        Classes that neither lose nor gain a voxel.
    image : ndarray or None
        ``(*S)``, the grey values.
    points : tuple of tuple of int
        Clicked voxels, in the coordinates of `labels`.
    axis : int
        The axis one steps through; slices lie across it.
    index : int or None
        The slice shown, along `axis`.
    mask : ndarray of bool or None
        ``(*S)``: where alone something may change (a box, a brush); None is everywhere.
    other : ndarray or None
        ``(*S)``, labels or a mask of another layer on the same grid, for logical operations.
    box : tuple of slice or None
        The box a person drew, in the coordinates of `labels`, for tools that work by it; where
        alone something may change is said by `mask`.
    report : Report
        Called between objects, slices or parts; may raise `Cancelled`.
    """

    labels: np.ndarray
    spacing: tuple[float, ...]
    label: int
    locked: frozenset[int] = frozenset()
    image: np.ndarray | None = None
    points: tuple[tuple[int, ...], ...] = ()
    axis: int = 0
    index: int | None = None
    mask: np.ndarray | None = None
    other: np.ndarray | None = None
    box: Box | None = None
    report: Report = field(default=silent, repr=False)

    def crop(self, box: Box) -> Self:
        """Return what lies in `box`; points and a slice outside of it are dropped."""
        inside = [
            tuple(p - s.start for p, s in zip(point, box, strict=True))
            for point in self.points
            if holds(box, point)
        ]
        index = None if self.index is None else self.index - box[self.axis].start
        if index is not None and not 0 <= index < box[self.axis].stop - box[self.axis].start:
            index = None
        return replace(
            self,
            labels=self.labels[box],
            image=None if self.image is None else self.image[box],
            mask=None if self.mask is None else self.mask[box],
            other=None if self.other is None else self.other[box],
            box=None if self.box is None else _moved(self.box, box),
            points=tuple(inside),
            index=index,
        )

    def shown_slice(self) -> Self:
        """Return the slice shown as a scene of its own, ``(D, H, W) -> (H, W)`` for axis 0.

        Raises
        ------
        ValueError
            If no slice is shown.
        """
        if self.index is None:
            raise ValueError("no slice is shown; show one of the volume first")
        at = (slice(None),) * self.axis + (self.index,)
        rest = [a for a in range(self.labels.ndim) if a != self.axis]
        return replace(
            self,
            labels=self.labels[at],
            spacing=tuple(self.spacing[a] for a in rest),
            image=None if self.image is None else self.image[at],
            mask=None if self.mask is None else self.mask[at],
            other=None if self.other is None else self.other[at],
            box=None if self.box is None else tuple(self.box[a] for a in rest),
            points=tuple(
                tuple(p[a] for a in rest) for p in self.points if p[self.axis] == self.index
            ),
            axis=0,
            index=None,
        )


@dataclass(frozen=True, kw_only=True)
class Tool:
    """One tool of the Edit panel.

    Parameters
    ----------
    name : str
        How the code calls it: "keep_largest".
    title : str
        What stands on its button: "Keep largest".
    group : str
        "clean", "grow", "slices", "intensity" or "split".
    tip : str
        What it does, in words of the clinic.
    options : type
        A `Config`; the metadata of its fields (``tip``, ``word``, ``unit``, ``min``, ``max``,
        ``choices``) make the form.
    run : callable
        ``(scene, options) -> labels (*S)``, a new array; called by `apply` only.
    margin_mm : callable
        ``options -> mm``: how far beyond the object touched it reaches or needs to see; infinite
        is the whole volume.
    needs : frozenset of str
        Of "image", "points", "box", "slice" (one must be shown) and "volume" (3D only).
    all_labels : bool
        Whether it makes sense for every class in turn.
    any_label : bool
        Whether it works on all classes at once: `Scene.label` is not used and may be 0.
    others : bool
        Whether it is there to change other classes, too (swapping two, smoothing all); if not,
        these lose voxels only with ``options.overwrite``.
    starts_empty : bool
        Whether it may make a class that has no voxel yet (threshold, region growing).
    sees : str
        What the answer at a voxel depends on: "around" on what lies within `margin_mm` of it,
        "object" on the connected objects clicked, "label" on all of the class; "box" if it only
        works in `Scene.box`.
    """

    name: str
    title: str
    group: Group
    tip: str
    options: type[Config]
    run: Callable[[Scene, Any], np.ndarray]
    margin_mm: Callable[[Any], float] = lambda options: 0.0
    needs: frozenset[Need] = frozenset()
    all_labels: bool = True
    any_label: bool = False
    others: bool = False
    starts_empty: bool = False
    sees: Literal["around", "object", "label", "box"] = "label"


def apply(tool: Tool, scene: Scene, options: Config) -> np.ndarray:
    """Run a tool and put back what it must not change.

    Locked classes neither lose nor gain a voxel, other classes lose voxels only with
    ``options.overwrite`` (unless the tool is there for it), and nothing changes outside of
    `scene.mask`.

    Returns
    -------
    ndarray
        ``(*S)``, the type of `scene.labels`; a new array.

    Raises
    ------
    ValueError
        With a sentence for a person, if the tool cannot work here; nothing is changed then.
    """
    check(tool, scene)
    edited = tool.run(scene, options)
    overwrite = bool(getattr(options, "overwrite", False)) or tool.others or tool.any_label
    _protect(scene, edited, overwrite)
    return edited


def check(tool: Tool, scene: Scene) -> None:
    """Raise a ValueError with a sentence for a person if `tool` cannot work on `scene`."""
    labels, shape = scene.labels, scene.labels.shape
    check_labels(labels)
    spacing_of(labels, scene.spacing)
    beside = {"image": scene.image, "area to work in": scene.mask, "other layer": scene.other}
    for what, array in beside.items():
        if array is not None and array.shape != shape:
            raise ValueError(
                f"the {what} has {sides(array.shape)} voxels, the labels have {sides(shape)}; "
                "choose one on the same grid"
            )
    check_points(labels, scene.points)
    present = {
        "image": scene.image is not None,
        "points": bool(scene.points),
        "slice": scene.index is not None,
        "volume": labels.ndim == 3,
        "box": scene.box is not None,
    }
    for need in sorted(tool.needs):
        if not present[need]:
            raise ValueError(_SAID[need].format(tool.title))
    if tool.any_label:
        return
    check_label(labels, scene.label)
    unlocked(scene, scene.label)
    if not tool.starts_empty and not has_label(labels, scene.label):
        raise ValueError(
            f"class {scene.label} has no voxels here; choose another class or paint it first"
        )


def unlocked(scene: Scene, label: int) -> int:
    """Return `label`, raise a ValueError if it is locked."""
    if label in scene.locked:
        raise ValueError(f"class {label} is locked; unlock it to change it")
    return label


def _protect(scene: Scene, edited: np.ndarray, overwrite: bool) -> None:
    """Put back in `edited` what must not differ from the labels, slab by slab."""
    locked = sorted(scene.locked)
    if overwrite and not locked and scene.mask is None:
        return
    for slab in slabs(scene.labels.shape):
        before, after = scene.labels[slab], edited[slab]
        changed = before != after
        box = bounding_box(changed)
        if box is None:
            continue
        before, after, changed = before[box], after[box], changed[box]
        wrong = np.zeros(before.shape, bool) if scene.mask is None else ~scene.mask[slab][box]
        if not overwrite:
            foreign = before != 0
            foreign &= before != scene.label
            wrong |= foreign
        for value in locked:
            wrong |= before == value
            wrong |= after == value
        wrong &= changed
        if wrong.any():
            np.copyto(after, before, where=wrong)


def _moved(box: Box, outer: Box) -> Box:
    """Return `box` in the coordinates of `outer`, cut at its borders; maybe of no voxel."""
    sides = []
    for inner, around in zip(box, outer, strict=True):
        start = min(max(inner.start, around.start), around.stop) - around.start
        stop = min(max(inner.stop, around.start), around.stop) - around.start
        sides.append(slice(start, max(start, stop)))
    return tuple(sides)
