"""Which voxels are of which class: merge, swap, renumber, logical operations.

These only compare and copy; they go through a volume slab by slab.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from napari_medseg.config import Config
from napari_medseg.editing.checks import check_label, check_labels, classes_in
from napari_medseg.editing.components import objects, under
from napari_medseg.editing.slabs import slabs
from napari_medseg.editing.tool import OVERWRITE, Scene, Tool, unlocked
from napari_medseg.progress import Report, Step, silent

OPERATIONS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "union": np.logical_or,
    "intersection": np.logical_and,
    "difference": lambda a, b: a & ~b,
    "exclusive or": np.logical_xor,
}


def merge(labels: np.ndarray, label: int, into: int, *, report: Report = silent) -> np.ndarray:
    """Make all of `label` a part of the class `into`.

    Raises
    ------
    ValueError
        If the labels are no integers in 2D or 3D, or cannot hold the class.
    """
    return relabel(labels, {label: into}, report=report)


def swap(labels: np.ndarray, label: int, other: int, *, report: Report = silent) -> np.ndarray:
    """Swap two classes. Errors are those of `merge`."""
    return relabel(labels, {label: other, other: label}, report=report)


def relabel(
    labels: np.ndarray, numbers: Mapping[int, int], *, report: Report = silent
) -> np.ndarray:
    """Give classes other numbers, all at once; errors are those of `merge`.

    Parameters
    ----------
    labels : ndarray
        ``(*S)`` integers, 2D or 3D.
    numbers : mapping
        Old number to new number; 0 as the new one clears the class.
    """
    check_labels(labels)
    for old, new in numbers.items():
        check_label(labels, old)
        if new:
            check_label(labels, new)
    edited = labels.copy()
    for _, before, after in _pairs(labels, edited, report):
        for old, new in numbers.items():
            found = before == old
            if found.any():
                np.copyto(after, new, where=found, casting="unsafe")
    return edited


def renumber(
    labels: np.ndarray, *, locked: frozenset[int] = frozenset(), report: Report = silent
) -> np.ndarray:
    """Give the classes that occur the numbers 1, 2, 3, ... in their order.

    Parameters
    ----------
    labels : ndarray
        ``(*S)`` integers, 2D or 3D.
    locked : frozenset of int
        Classes that keep their numbers, which no other class gets.
    """
    check_labels(labels)
    report(Step(0, 0, "class"))
    values = [v for v in classes_in(labels) if v not in locked]
    free = (n for n in itertools.count(1) if n not in locked)
    numbers = {old: new for old, new in zip(values, free, strict=False) if old != new}
    return relabel(labels, numbers, report=report)


def logical(
    labels: np.ndarray,
    label: int,
    other: int | np.ndarray,
    operation: str = "union",
    *,
    overwrite: bool = False,
    report: Report = silent,
) -> np.ndarray:
    """Combine `label` with another class, or with a mask or labels on the same grid.

    Parameters
    ----------
    labels : ndarray
        ``(*S)`` integers, 2D or 3D.
    label : int
        The class that becomes the result; what it loses becomes background.
    other : int or ndarray
        A class of `labels`, or an array ``(*S)`` of which all that is not 0 counts.
    operation : str
        "union", "intersection", "difference" or "exclusive or".
    overwrite : bool
        Whether the result may take voxels of other classes than these two.

    Raises
    ------
    ValueError
        If the operation is unknown, or the shapes differ.
    """
    check_labels(labels)
    check_label(labels, label)
    if operation not in OPERATIONS:
        raise ValueError(f"operations are {', '.join(OPERATIONS)}; got {operation!r}, choose one")
    operand = labels if isinstance(other, int | np.integer) else np.asarray(other)
    if operand.shape != labels.shape:
        raise ValueError(
            f"the other layer has {operand.shape} voxels, the labels have {labels.shape}; "
            "choose one on the same grid"
        )
    edited = labels.copy()
    named = other if operand is labels else label
    for slab, before, after in _pairs(labels, edited, report):
        mine = before == label
        theirs = before == other if operand is labels else operand[slab] != 0
        result = OPERATIONS[operation](mine, theirs)
        if np.array_equal(result, mine):
            continue
        gained = result & ~mine
        if not overwrite:
            gained &= (before == 0) | (before == named)
        np.copyto(after, 0, where=mine & ~result, casting="unsafe")
        np.copyto(after, label, where=gained, casting="unsafe")
    return edited


def move_clicked(
    labels: np.ndarray,
    label: int,
    into: int,
    points: Sequence[Sequence[int]],
    *,
    report: Report = silent,
) -> np.ndarray:
    """Make the objects of `label` under the clicks a part of another class.

    Parameters
    ----------
    labels : ndarray
        ``(*S)`` integers.
    label, into : int
        The class, and the one its objects join; 0 clears them.
    points : sequence of tuple of int
        Clicked voxels; those beside the class are passed over.
    report : Report
        Called for each part of the class that is looked at; may raise `Cancelled`.

    Returns
    -------
    ndarray
        ``(*S)``, the type of `labels`; a new array.

    Raises
    ------
    ValueError
        If none of the points lies on the class, or the labels cannot hold `into`.
    """
    if into:
        check_label(labels, into)
    found = objects(labels, label, report=report)
    edited = labels.copy()
    for here, clicked in zip(found, under(found, label, points), strict=True):
        moved = np.append(False, clicked)[here.numbers]
        np.copyto(edited[here.island.box], into, where=moved, casting="unsafe")
    return edited


def _pairs(
    labels: np.ndarray, edited: np.ndarray, report: Report
) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    parts = slabs(labels.shape)
    for done, slab in enumerate(parts):
        report(Step(done, len(parts), "part"))
        yield slab, labels[slab], edited[slab]


@dataclass(frozen=True, kw_only=True)
class Into(Config):
    """Which class it becomes."""

    into: int = field(
        default=2,
        metadata={"word": "Class", "min": 1, "max": 65535, "tip": "the number of the class"},
    )


@dataclass(frozen=True, kw_only=True)
class Combine(Config):
    """With what, and how."""

    operation: str = field(
        default="union",
        metadata={
            "word": "Operation",
            "choices": tuple(OPERATIONS),
            "tip": "union: in either; intersection: in both; difference: not in the other",
        },
    )
    other: int = field(
        default=2,
        metadata={
            "word": "With class",
            "min": 0,
            "max": 65535,
            "tip": "of these labels, or of the other layer if one is chosen (0: all of it)",
        },
    )
    overwrite: bool = field(default=False, metadata=OVERWRITE)


def _run_combine(scene: Scene, options: Combine) -> np.ndarray:
    operand: int | np.ndarray = options.other
    if scene.other is not None:
        operand = scene.other == options.other if options.other else scene.other
    elif options.other in (0, scene.label):
        raise ValueError("choose another class to combine with, or another layer")
    return logical(
        scene.labels,
        scene.label,
        operand,
        options.operation,
        overwrite=options.overwrite,
        report=scene.report,
    )


TOOLS = (
    Tool(
        name="merge",
        title="Merge into",
        group="split",
        tip="Make all of this class a part of another one",
        options=Into,
        run=lambda scene, options: merge(
            scene.labels, scene.label, unlocked(scene, options.into), report=scene.report
        ),
        sees="around",
    ),
    Tool(
        name="move_clicked",
        title="Move clicked to",
        group="split",
        tip="Click a piece of this class to make it a part of another one",
        options=Into,
        run=lambda scene, options: move_clicked(
            scene.labels,
            scene.label,
            unlocked(scene, options.into),
            scene.points,
            report=scene.report,
        ),
        needs=frozenset({"points"}),
        all_labels=False,
        sees="object",
    ),
    Tool(
        name="swap",
        title="Swap with",
        group="split",
        tip="Swap this class with another one",
        options=Into,
        run=lambda scene, options: swap(
            scene.labels, scene.label, unlocked(scene, options.into), report=scene.report
        ),
        margin_mm=lambda options: math.inf,
        all_labels=False,
        others=True,
        starts_empty=True,
    ),
    Tool(
        name="renumber",
        title="Renumber",
        group="split",
        tip="Number all classes 1, 2, 3, ... without gaps",
        options=Config,
        run=lambda scene, options: renumber(scene.labels, locked=scene.locked, report=scene.report),
        all_labels=False,
        any_label=True,
    ),
    Tool(
        name="combine",
        title="Combine with",
        group="split",
        tip="Unite this class with another class or layer, or cut it by it",
        options=Combine,
        run=_run_combine,
        margin_mm=lambda options: math.inf,
        all_labels=False,
        others=True,
        starts_empty=True,
    ),
)
