"""What lies between painted slices, and slices copied to their neighbours."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from napari_medseg.config import Config
from napari_medseg.editing.checks import classes_in, spacing_of
from napari_medseg.editing.shape_based import fill_gap
from napari_medseg.editing.tool import Scene, Tool, check_label, check_labels
from napari_medseg.progress import Report, Step, silent


def interpolate_slices(
    labels: np.ndarray,
    label: int | Sequence[int],
    *,
    axis: int = 0,
    spacing: Sequence[float] = (),
    slices: Sequence[int] | None = None,
    overwrite: bool = False,
    report: Report = silent,
) -> np.ndarray:
    """Fill the slices between painted ones; the painted slices stay as they are.

    Between two neighbouring painted slices the signed distances to the outline are mixed linearly,
    and what comes out positive is inside: outlines move evenly, and may split and join. Of several
    classes the one deepest inside wins, so that they never overlap; where they touch in the painted
    slices no gap opens between them. What does not overlap from one slice to the next (a vessel
    that runs aslant) moves from the one place to the other. A class that only one of the two slices
    has ends there: it shrinks from that slice on and is gone half way to the other one.

    Parameters
    ----------
    labels : ndarray
        ``(D, H, W)`` integers.
    label : int or sequence of int
        The class, or several at once.
    axis : int
        The axis across the slices.
    spacing : sequence of float
        mm along each axis, 1 by default; those within the slice count.
    slices : sequence of int or None
        The painted slices; None takes those that have one of the classes.
    overwrite : bool
        Whether other classes give way in the slices between; if not, only background is filled.
    report : Report
        Called before each gap; may raise `Cancelled`.

    Returns
    -------
    ndarray
        ``(D, H, W)``, the type of `labels`; a new array.

    Raises
    ------
    ValueError
        If there are fewer than two painted slices, or none is left to fill between them.

    Source: shape-based interpolation, Raya & Udupa 1990 (`shape_based`).
    """
    check_labels(labels)
    values = (label,) if isinstance(label, int | np.integer) else tuple(dict.fromkeys(label))
    for value in values:
        check_label(labels, value)
    if labels.ndim != 3:
        raise ValueError("only a volume has slices to fill between; these labels are one slice")
    result = np.array(labels)
    planes = np.moveaxis(result, axis, 0)
    lengths = spacing_of(labels, spacing)
    plane_spacing = tuple(s for a, s in enumerate(lengths) if a != axis % labels.ndim)
    painted = sorted(slices) if slices is not None else painted_slices(labels, values, axis)
    gaps = [(a, b) for a, b in itertools.pairwise(painted) if b - a > 1]
    if not gaps:
        raise ValueError(_nothing_between(painted, values))
    for done, (a, b) in enumerate(gaps):
        report(Step(done, len(gaps), "gap"))
        fill_gap(planes[a : b + 1], values, plane_spacing, overwrite=overwrite)
    return result


def painted_slices(labels: np.ndarray, values: Sequence[int], axis: int = 0) -> list[int]:
    """Return the slices across `axis` in which one of the classes `values` has a voxel."""
    planes = np.moveaxis(labels, axis, 0)
    return [i for i, plane in enumerate(planes) if any((plane == v).any() for v in values)]


def copy_slice(
    labels: np.ndarray,
    source: int,
    target: int,
    *,
    label: int | None = None,
    axis: int = 0,
    overwrite: bool = False,
) -> np.ndarray:
    """Copy one slice onto another one.

    Parameters
    ----------
    labels : ndarray
        ``(D, H, W)`` integers.
    source, target : int
        Slices across `axis`.
    label : int or None
        The class that is copied; None copies all of them.
    overwrite : bool
        Whether the target then has the class just as the source has it: other classes give way,
        and what the target had of the class beside it goes. If not, only background is filled.

    Returns
    -------
    ndarray
        ``(D, H, W)``, the type of `labels`; a new array.

    Raises
    ------
    ValueError
        If there is no such slice, or nothing in the source to copy.
    """
    check_labels(labels)
    count = labels.shape[axis]
    for index in (source, target):
        if labels.ndim != 3 or not 0 <= index < count:
            raise ValueError(
                f"there is no slice {index} to copy from or to; the volume has slices 0 to "
                f"{count - 1}"
            )
    result = np.array(labels)
    planes = np.moveaxis(result, axis, 0)
    here, there = planes[source], planes[target]
    copied = here != 0 if label is None else here == label
    if not copied.any():
        what = "nothing" if label is None else f"nothing of class {label}"
        raise ValueError(f"slice {source} has {what} to copy; show a slice that has something")
    if overwrite:
        there[(there != 0) if label is None else (there == label)] = 0
    else:
        copied &= there == 0
    np.copyto(there, here, where=copied)
    return result


@dataclass(frozen=True, kw_only=True)
class InterpolateOptions(Config):
    """Options of filling between slices."""

    overwrite: bool = field(
        default=False,
        metadata={"word": "Over other classes", "tip": "Other classes give way in between"},
    )


@dataclass(frozen=True, kw_only=True)
class CopyOptions(Config):
    """Options of copying a slice."""

    every_class: bool = field(
        default=False,
        metadata={"word": "All classes", "tip": "Copy all classes of the slice, not only this one"},
    )
    overwrite: bool = field(
        default=False,
        metadata={
            "word": "Replace what is there",
            "tip": "The other slice then looks like this one; else only its background is filled",
        },
    )


def _nothing_between(painted: Sequence[int], values: Sequence[int]) -> str:
    what = f"class {values[0]} is" if len(values) == 1 else "these classes are"
    if len(painted) < 2:
        where = f"only in slice {painted[0]}" if painted else "in no slice"
        return f"{what} painted {where}; paint at least two slices to fill what lies between"
    return (
        f"{what} painted in every slice from {painted[0]} to {painted[-1]}, so there is nothing to "
        "fill; leave out the slices between those you painted"
    )


def _interpolate(scene: Scene, options: InterpolateOptions) -> np.ndarray:
    return interpolate_slices(
        scene.labels,
        scene.label,
        axis=scene.axis,
        spacing=scene.spacing,
        overwrite=options.overwrite,
        report=scene.report,
    )


def _interpolate_all(scene: Scene, options: InterpolateOptions) -> np.ndarray:
    values = [v for v in classes_in(scene.labels) if v not in scene.locked]
    if not values:
        raise ValueError("there is no class to work on here: none is painted, or all are locked")
    return interpolate_slices(
        scene.labels,
        values,
        axis=scene.axis,
        spacing=scene.spacing,
        overwrite=options.overwrite,
        report=scene.report,
    )


def _copy(scene: Scene, options: CopyOptions, step: int) -> np.ndarray:
    assert scene.index is not None  # the tool needs a slice
    target = scene.index + step
    if not 0 <= target < scene.labels.shape[scene.axis]:
        end = "last" if step > 0 else "first"
        raise ValueError(f"this is the {end} slice of the volume; there is none to copy to")
    return copy_slice(
        scene.labels,
        scene.index,
        target,
        label=None if options.every_class else scene.label,
        axis=scene.axis,
        overwrite=options.overwrite,
    )


def _whole(_options: Config) -> float:
    return float("inf")


def _voxel(_options: Config) -> float:
    return 1e-3  # a voxel on each side is an outside, without which there is no outline


TOOLS: tuple[Tool, ...] = (
    Tool(
        name="interpolate",
        title="Fill between",
        group="slices",
        tip="Paint this class in every few slices; the slices between are filled, those you "
        "painted stay",
        options=InterpolateOptions,
        run=_interpolate,
        margin_mm=_voxel,
        needs=frozenset({"volume"}),
    ),
    Tool(
        name="interpolate_all",
        title="Fill all classes",
        group="slices",
        tip="Paint all classes in every few slices; the slices between are filled for all of them "
        "at once. A class that a painted slice does not have ends half way to it",
        options=InterpolateOptions,
        run=_interpolate_all,
        margin_mm=_voxel,
        needs=frozenset({"volume"}),
        any_label=True,
    ),
    Tool(
        name="copy_next",
        title="Copy to next",
        group="slices",
        tip="Copy this class from the slice shown to the next one",
        options=CopyOptions,
        run=lambda scene, options: _copy(scene, options, 1),
        margin_mm=_whole,
        needs=frozenset({"slice", "volume"}),
        all_labels=False,
    ),
    Tool(
        name="copy_previous",
        title="Copy to previous",
        group="slices",
        tip="Copy this class from the slice shown to the previous one",
        options=CopyOptions,
        run=lambda scene, options: _copy(scene, options, -1),
        margin_mm=_whole,
        needs=frozenset({"slice", "volume"}),
        all_labels=False,
    ),
)
