"""The connected objects of a class: keep some, remove others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from napari_medseg.config import Config
from napari_medseg.editing.checks import check_label, check_labels, holds, spacing_of
from napari_medseg.editing.connected import TOUCHING, connected
from napari_medseg.editing.islands import Island, islands
from napari_medseg.editing.tool import Tool
from napari_medseg.progress import Report, silent

SIZE_UNITS = ("mm³", "ml", "voxels")


@dataclass(frozen=True, eq=False)
class Objects:
    """The objects in an island: `numbers` ``(*S)`` 1, 2, ..., and `sizes` in voxels."""

    island: Island
    numbers: np.ndarray
    sizes: np.ndarray


def keep_largest(
    labels: np.ndarray,
    label: int = 1,
    *,
    largest: int = 1,
    touching: str = "corners",
    report: Report = silent,
) -> np.ndarray:
    """Remove every object of `label` but the largest; other labels are untouched.

    Parameters
    ----------
    labels : ndarray
        ``(*S)`` integers, 2D or 3D.
    label : int
        The class.
    largest : int
        How many of the largest objects stay; of equal ones the first in array order.
    touching : str
        "corners", "edges" or "faces": what voxels of one object share at least.

    Raises
    ------
    ValueError
        If the labels are no integers in 2D or 3D, or `touching` is none of these words.
    """
    if largest < 1:
        raise ValueError(f"at least one object must stay, got {largest}; clear the class instead")
    found = objects(labels, label, touching, report)
    if not found:
        return labels.copy()
    every = np.concatenate([here.sizes for here in found])
    dropped = np.ones(every.size, bool)
    dropped[np.argsort(-every, kind="stable")[:largest]] = False
    ends = np.cumsum([here.sizes.size for here in found])
    return _without(labels, found, np.split(dropped, ends[:-1]))


def keep_clicked(
    labels: np.ndarray,
    label: int,
    points: Sequence[Sequence[int]],
    *,
    touching: str = "corners",
    report: Report = silent,
) -> np.ndarray:
    """Remove every object of `label` but those under the clicks.

    Parameters
    ----------
    labels : ndarray
        ``(*S)`` integers.
    label : int
        The class.
    points : sequence of tuple of int
        Clicked voxels; those beside the class are passed over.
    touching : str
        "corners", "edges" or "faces": what voxels of one object share at least.
    report : Report
        Called for each part of the class that is looked at; may raise `Cancelled`.

    Returns
    -------
    ndarray
        ``(*S)``, the type of `labels`; a new array.

    Raises
    ------
    ValueError
        If none of the points lies on the class.
    """
    found = objects(labels, label, touching, report)
    return _without(labels, found, [~clicked for clicked in under(found, label, points)])


def remove_clicked(
    labels: np.ndarray,
    label: int,
    points: Sequence[Sequence[int]],
    *,
    touching: str = "corners",
    report: Report = silent,
) -> np.ndarray:
    """Remove the objects of `label` under the clicks.

    Parameters, errors and what is returned are those of `keep_clicked`.
    """
    found = objects(labels, label, touching, report)
    return _without(labels, found, under(found, label, points))


def remove_small(
    labels: np.ndarray,
    label: int = 1,
    *,
    smallest: float = 100.0,
    unit: str = "mm³",
    spacing: Sequence[float] = (),
    touching: str = "corners",
    report: Report = silent,
) -> np.ndarray:
    """Remove the objects of `label` that are smaller than `smallest`.

    Parameters
    ----------
    labels : ndarray
        ``(*S)`` integers, 2D or 3D.
    label : int
        The class.
    smallest : float
        What this large or larger stays.
    unit : str
        "mm³" (mm² in 2D), "ml" (3D only) or "voxels".
    spacing : sequence of float
        mm along each axis; 1 by default.
    touching : str
        "corners", "edges" or "faces".

    Raises
    ------
    ValueError
        If the unit is unknown, or ml are asked of an image.
    """
    least = size_in_voxels(smallest, unit, spacing_of(labels, spacing))
    found = objects(labels, label, touching, report)
    return _without(labels, found, [o.sizes < least for o in found])


def objects(
    labels: np.ndarray, label: int, touching: str = "corners", report: Report = silent
) -> list[Objects]:
    """Return the connected objects of `label`, those of each island together."""
    check_labels(labels)
    check_label(labels, label)
    found = []
    for island in islands(labels, label, report=report):
        numbers, count = connected(island.mask, touching)
        if count == 1:
            sizes = np.array([np.count_nonzero(island.mask)])
        else:
            sizes = np.bincount(numbers[island.mask], minlength=count + 1)[1:]
        found.append(Objects(island, numbers, sizes))
    return found


def under(
    found: Sequence[Objects], label: int, points: Sequence[Sequence[int]]
) -> list[np.ndarray]:
    """Return for each island which of its objects lie under the `points`.

    Raises
    ------
    ValueError
        If none does.
    """
    every = []
    for here in found:
        clicked = np.zeros(here.sizes.size + 1, bool)
        for point in points:
            if holds(here.island.box, point):
                at = [p - b.start for p, b in zip(point, here.island.box, strict=True)]
                clicked[here.numbers[tuple(at)]] = True
        every.append(clicked[1:])
    if not any(clicked.any() for clicked in every):
        raise ValueError(f"class {label} is not under the click; click on one of its voxels")
    return every


def _without(
    labels: np.ndarray, found: Sequence[Objects], dropped: Sequence[np.ndarray]
) -> np.ndarray:
    """Return `labels` without the objects that are true in `dropped`."""
    edited = labels.copy()
    for here, drop in zip(found, dropped, strict=True):
        if drop.all():
            np.copyto(edited[here.island.box], 0, where=here.island.mask, casting="unsafe")
        elif drop.any():
            gone = np.append(False, drop)[here.numbers]
            np.copyto(edited[here.island.box], 0, where=gone, casting="unsafe")
    return edited


def size_in_voxels(size: float, unit: str, spacing: Sequence[float]) -> float:
    """Return a size in mm³ (mm² in 2D), ml or voxels as a number of voxels.

    Raises
    ------
    ValueError
        If the unit is unknown, or ml are asked of an image.
    """
    if unit not in SIZE_UNITS:
        raise ValueError(f"sizes are in {', '.join(SIZE_UNITS)}; got {unit!r}, choose one")
    if unit == "voxels":
        return size
    if unit == "ml" and len(spacing) == 2:
        raise ValueError("a slice has an area, no volume in ml; choose mm³, which is mm² here")
    return size * (1000 if unit == "ml" else 1) / math.prod(spacing) * (1 - 1e-9)


@dataclass(frozen=True, kw_only=True)
class Touching(Config):
    """What makes voxels one object."""

    touching: str = field(
        default="corners",
        metadata={
            "word": "Connected by",
            "choices": tuple(TOUCHING),
            "tip": "voxels belong to one object if they share at least a face, edge or corner",
        },
    )


@dataclass(frozen=True, kw_only=True)
class KeepLargest(Touching):
    """How many objects stay."""

    largest: int = field(
        default=1,
        metadata={"word": "Keep", "min": 1, "max": 99, "tip": "how many of the largest stay"},
    )


@dataclass(frozen=True, kw_only=True)
class RemoveSmall(Touching):
    """How small is too small."""

    smallest: float = field(
        default=100.0,
        metadata={"word": "Smaller than", "min": 0.0, "max": 1e6, "tip": "larger objects stay"},
    )
    unit: str = field(
        default="mm³",
        metadata={"word": "Unit", "choices": SIZE_UNITS, "tip": "in a slice, mm³ means mm²"},
    )


TOOLS = (
    Tool(
        name="keep_largest",
        title="Keep largest",
        group="clean",
        tip="Remove every piece of the class but the largest",
        options=KeepLargest,
        run=lambda scene, options: keep_largest(
            scene.labels,
            scene.label,
            largest=options.largest,
            touching=options.touching,
            report=scene.report,
        ),
    ),
    Tool(
        name="keep_clicked",
        title="Keep clicked",
        group="clean",
        tip="Click a piece: every other piece of the class is removed",
        options=Touching,
        run=lambda scene, options: keep_clicked(
            scene.labels,
            scene.label,
            scene.points,
            touching=options.touching,
            report=scene.report,
        ),
        needs=frozenset({"points"}),
        all_labels=False,
    ),
    Tool(
        name="remove_clicked",
        title="Remove clicked",
        group="clean",
        tip="Click a piece of the class to remove it",
        options=Touching,
        run=lambda scene, options: remove_clicked(
            scene.labels,
            scene.label,
            scene.points,
            touching=options.touching,
            report=scene.report,
        ),
        needs=frozenset({"points"}),
        all_labels=False,
        sees="object",
    ),
    Tool(
        name="remove_small",
        title="Remove small",
        group="clean",
        tip="Remove the pieces of the class that are smaller than a size",
        options=RemoveSmall,
        run=lambda scene, options: remove_small(
            scene.labels,
            scene.label,
            smallest=options.smallest,
            unit=options.unit,
            spacing=scene.spacing,
            touching=options.touching,
            report=scene.report,
        ),
    ),
)
