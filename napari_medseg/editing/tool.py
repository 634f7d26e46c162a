"""What an editing tool is, what it sees, and the one place where protected voxels are protected."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

import numpy as np

from napari_medseg.config import Config
from napari_medseg.packed import Box
from napari_medseg.progress import Report, silent

Need = Literal["image", "points", "slice", "volume"]
Group = Literal["clean", "grow", "slices", "intensity", "split"]

_SAID = {
    "image": "'{}' works by grey values: choose the image these labels belong to",
    "points": "'{}' works from a click: click a voxel first",
    "slice": "'{}' works on the slice shown: show a slice of the volume first",
    "volume": "'{}' works on volumes; these labels are a single slice: choose the whole volume",
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
    report: Report = field(default=silent, repr=False)

    def crop(self, box: Box) -> Self:
        """Return what lies in `box`; points and a slice outside of it are dropped."""
        inside = [
            tuple(p - s.start for p, s in zip(point, box, strict=True))
            for point in self.points
            if all(s.start <= p < s.stop for p, s in zip(point, box, strict=True))
        ]
        index = None if self.index is None else self.index - box[self.axis].start
        if index is not None and not 0 <= index < box[self.axis].stop - box[self.axis].start:
            index = None
        return replace(
            self,
            labels=self.labels[box],
            image=None if self.image is None else self.image[box],
            mask=None if self.mask is None else self.mask[box],
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
        Of "image", "points", "slice" (one must be shown) and "volume" (3D only).
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
        "object" on the connected objects clicked, "label" on all of the class.
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
    sees: Literal["around", "object", "label"] = "label"


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
    keep = _protected(tool, scene, edited, getattr(options, "overwrite", False))
    if keep is not None:
        np.copyto(edited, scene.labels, where=keep)
    return edited


def check(tool: Tool, scene: Scene) -> None:
    """Raise a ValueError with a sentence for a person if `tool` cannot work on `scene`."""
    labels, shape = scene.labels, scene.labels.shape
    check_labels(labels)
    if len(scene.spacing) != labels.ndim or not all(
        math.isfinite(s) and s > 0 for s in scene.spacing
    ):
        raise ValueError(
            f"the voxel size {scene.spacing} does not fit labels with {labels.ndim} axes; "
            "give one positive length in mm for each"
        )
    for what, array in (("image", scene.image), ("area to work in", scene.mask)):
        if array is not None and array.shape != shape:
            raise ValueError(
                f"the {what} has {_sides(array.shape)} voxels, the labels have {_sides(shape)}; "
                "choose one on the same grid"
            )
    for point in scene.points:
        if len(point) != labels.ndim or not all(
            0 <= p < n for p, n in zip(point, shape, strict=True)
        ):
            raise ValueError(f"the click at {point} lies outside of the labels; click inside")
    present = {
        "image": scene.image is not None,
        "points": bool(scene.points),
        "slice": scene.index is not None,
        "volume": labels.ndim == 3,
    }
    for need in sorted(tool.needs):
        if not present[need]:
            raise ValueError(_SAID[need].format(tool.title))
    if tool.any_label:
        return
    check_label(labels, scene.label)
    if scene.label in scene.locked:
        raise ValueError(f"class {scene.label} is locked; unlock it to change it")
    if not tool.starts_empty and not (labels == scene.label).any():
        raise ValueError(
            f"class {scene.label} has no voxels here; choose another class or paint it first"
        )


def check_labels(labels: np.ndarray) -> None:
    """Raise a ValueError if `labels` are not integers of an image or a volume."""
    if labels.dtype.kind not in "iub":
        raise ValueError(
            f"labels hold whole numbers, these are {labels.dtype}; convert them to labels first"
        )
    if labels.ndim not in (2, 3):
        raise ValueError(
            f"the tools work on 2D and 3D labels, these have {labels.ndim} axes; "
            "choose one time point or channel"
        )
    if not labels.size:
        raise ValueError(f"labels of {_sides(labels.shape)} voxels are empty; nothing to edit")


def check_label(labels: np.ndarray, label: int) -> None:
    """Raise a ValueError if `label` is the background or does not fit into `labels`."""
    if label == 0:
        raise ValueError("class 0 is the background; choose the class to work on")
    low, high = (
        (0, 1)
        if labels.dtype.kind == "b"
        else (np.iinfo(labels.dtype).min, np.iinfo(labels.dtype).max)
    )
    if not low <= label <= high:
        raise ValueError(
            f"class {label} does not fit into labels of type {labels.dtype} ({low} to {high}); "
            "choose another class"
        )


def _protected(tool: Tool, scene: Scene, edited: np.ndarray, overwrite: bool) -> np.ndarray | None:
    """Return where `edited` must not differ from the labels; None if it may everywhere."""
    labels, keep = scene.labels, None
    if scene.mask is not None:
        keep = ~scene.mask
    if not (overwrite or tool.others or tool.any_label):
        foreign = (labels != 0) & (labels != scene.label)
        keep = foreign if keep is None else np.logical_or(keep, foreign, out=keep)
    for value in scene.locked:
        locked = (labels == value) | (edited == value)
        keep = locked if keep is None else np.logical_or(keep, locked, out=keep)
    return keep


def _sides(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
