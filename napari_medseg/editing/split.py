"""The tools that part objects, and what becomes of the parts."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from napari_medseg.config import Config
from napari_medseg.editing.cuts import cut_objects
from napari_medseg.editing.necks import split_objects
from napari_medseg.editing.parts import part_gap
from napari_medseg.editing.tool import Scene, Tool


@dataclass(frozen=True, kw_only=True)
class PartsOptions(Config):
    """What becomes of the parts."""

    parts: str = field(
        default="new classes",
        metadata={
            "word": "Parts become",
            "choices": ("new classes", "one class", "objects with a gap"),
            "tip": "The largest part keeps its class. new classes: each other part has one of its "
            "own. one class: all others have the class below. objects with a gap: all keep their "
            "class, a line of background parts them",
        },
    )
    value: int = field(
        default=0,
        metadata={
            "word": "First new class",
            "min": 0,
            "max": 65535,
            "tip": "Number of the class the other parts get, or of the first one; 0 takes the next "
            "free one",
        },
    )

    def __post_init__(self) -> None:
        choices = ("new classes", "one class", "objects with a gap")
        if self.parts not in choices:
            raise ValueError(f"parts become one of {', '.join(choices)}; got {self.parts!r}")
        if self.value < 0:
            raise ValueError(f"the class of the parts must be 0 or more, got {self.value}")


@dataclass(frozen=True, kw_only=True)
class SplitOptions(PartsOptions):
    """Options of splitting at necks."""

    depth: float = field(
        default=1.0,
        metadata={
            "word": "Neck at least",
            "unit": "mm",
            "min": 0.0,
            "max": 100.0,
            "tip": "Without clicks: how much thinner than the parts beside it a neck is, to each "
            "side. More gives fewer parts",
        },
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.depth < 0:
            raise ValueError(f"the depth of a neck must be 0 mm or more, got {self.depth:g}")


def _write(scene: Scene, parts: np.ndarray, options: PartsOptions) -> np.ndarray:
    """Give the parts their classes, the largest one keeps its own."""
    labels = np.array(scene.labels)
    count = int(parts.max())
    if options.parts == "objects with a gap":
        labels[part_gap(parts)] = 0
        return labels
    first = options.value or int(labels.max()) + 1
    last = first if options.parts == "one class" else first + max(count - 2, 0)
    top = 1 if labels.dtype.kind == "b" else int(np.iinfo(labels.dtype).max)
    if count > 1 and last > top:
        raise ValueError(
            f"the {count} parts need class numbers up to {last}, these labels hold at most {top}; "
            "choose a smaller first class, or parts with a gap"
        )
    values = np.arange(first - 2, first - 1 + count)  # part 2 gets the first number
    if options.parts == "one class":
        values[:] = first
    values[:2] = 0, scene.label
    inside = parts > 0
    labels[inside] = values[parts[inside]].astype(labels.dtype)
    return labels


def _split(scene: Scene, options: SplitOptions) -> np.ndarray:
    parts = split_objects(
        scene.labels,
        scene.label,
        spacing=scene.spacing,
        points=scene.points,
        depth=options.depth,
        report=scene.report,
    )
    return _write(scene, parts, options)


def _cut(scene: Scene, options: PartsOptions) -> np.ndarray:
    parts = cut_objects(
        scene.labels,
        scene.label,
        scene.points,
        axis=scene.axis,
        spacing=scene.spacing,
        report=scene.report,
    )
    return _write(scene, parts, options)


def _reach(_options: PartsOptions) -> float:
    return math.inf  # a free class number is free in the whole volume


TOOLS: tuple[Tool, ...] = (
    Tool(
        name="split",
        title="Split at necks",
        group="split",
        tip="Part objects of this class that touch: click once on each part, or let it find the "
        "necks by itself",
        options=SplitOptions,
        run=_split,
        margin_mm=_reach,
        all_labels=False,
    ),
    Tool(
        name="cut",
        title="Cut",
        group="split",
        tip="Part an object of this class along a straight cut: click on one side of it and on the "
        "other; with a third click in another slice the cut is slanted",
        options=PartsOptions,
        run=_cut,
        margin_mm=_reach,
        needs=frozenset({"points"}),
        all_labels=False,
    ),
)
