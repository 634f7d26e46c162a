"""Where labels are most doubtful: what the model is unsure of, what differs, what is odd in shape.

The places come in the order in which a person should look at them.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from collections.abc import Sequence

import numpy as np

from napari_medseg.engine.doubt_map import doubt_map, unsure_places, with_doubt
from napari_medseg.engine.doubt_place import Place, around, moved, ranked
from napari_medseg.engine.doubt_shapes import bridges, holes, odd_parts, parts_of
from napari_medseg.engine.doubt_slices import odd_slices
from napari_medseg.packed import bounding_box
from napari_medseg.progress import Report, Step, silent

__all__ = ["Place", "doubt_map", "doubtful_places"]


def doubtful_places(
    probabilities: np.ndarray | None,
    labels: np.ndarray,
    *,
    spacing: Sequence[float] | None,
    uncertainty: np.ndarray | None = None,
    flipped: Sequence[np.ndarray] = (),
    image: np.ndarray | None = None,
    reviewed: np.ndarray | None = None,
    axis: int = 0,
    report: Report = silent,
) -> list[Place]:
    """Rank the doubtful places of a label image.

    Parameters
    ----------
    probabilities : ndarray or None
        ``(K, *S)``, a model's for the same image.
    labels : ndarray
        ``(*S)``, integers, 2D or 3D; 0 is background.
    spacing : sequence of float or None
        mm per voxel along each axis; None if not known.
    uncertainty : ndarray or None
        ``(*S)`` in [0, 1], where there are no probabilities.
    flipped : sequence of ndarray
        ``(*S)`` each: other answers for the same image, of mirrored copies or of another model.
    image : ndarray or None
        ``(*S)``, grey values.
    reviewed : ndarray or None
        ``(*S)``, bool: what a person has seen already and is not asked again.
    axis : int
        Along which the slices of a volume lie.
    report : Report
        Called before each part of the work; may raise `Cancelled`.

    Returns
    -------
    list of Place
        At most 30, the most doubtful first; none where nothing is odd.

    Raises
    ------
    ValueError
        If the arrays do not lie on the same grid, or the labels are not whole numbers.
    """
    _check(labels, spacing, probabilities, uncertainty, flipped, image, reviewed)
    labels = labels.astype(np.uint8) if labels.dtype.kind == "b" else labels
    found = _odd(labels, spacing, image, axis, report)
    if reviewed is not None:
        found = [place for place in found if not reviewed[place.box].all()]
    doubt = doubt_map(labels, probabilities, uncertainty, flipped)
    if doubt is not None:
        report(Step(0, 0, "step", "looking at what is unsure"))
        if reviewed is not None:
            doubt[reviewed] = 0
        found = [with_doubt(place, doubt) for place in ranked(found)]
        found += unsure_places(doubt, labels, flipped, spacing)
    return ranked(found)


def _odd(
    labels: np.ndarray,
    spacing: Sequence[float] | None,
    image: np.ndarray | None,
    axis: int,
    report: Report,
) -> list[Place]:
    """Return what is odd in shape, looked for in the box of what is labelled."""
    tight = bounding_box(labels != 0)
    if tight is None:
        return []
    box = around(tight, labels.shape)  # with a margin, except where the image ends
    inside = np.ascontiguousarray(labels[box])
    looked = itertools.count()

    def tick() -> None:
        report(Step(next(looked), 0, "step", "looking at the shapes"))

    tick()
    numbers, parts = parts_of(inside)
    values = None if image is None else image[box]
    found: list[Place] = []
    for search in (
        odd_parts(numbers, parts, spacing=spacing, image=values, tick=tick),
        holes(inside, spacing=spacing),
        odd_slices(inside, axis=axis, tick=tick),
        bridges(numbers, parts, spacing=spacing, tick=tick),
    ):
        tick()
        found += search
    offset = [s.start for s in box]
    return [moved(place, offset) for place in _less_surprising(found)]


def _less_surprising(places: Sequence[Place]) -> list[Place]:
    """Lower the scores of what a class has again and again: it may well be made that way."""
    often = Counter((p.kind, p.label) for p in places if p.kind not in ("island", "part"))
    return [
        dataclasses.replace(p, score=p.score * max(2 / max(often[p.kind, p.label], 2), 0.4))
        for p in places
    ]


def _check(
    labels: np.ndarray,
    spacing: Sequence[float] | None,
    probabilities: np.ndarray | None,
    uncertainty: np.ndarray | None,
    flipped: Sequence[np.ndarray],
    image: np.ndarray | None,
    reviewed: np.ndarray | None,
) -> None:
    if labels.ndim not in (2, 3) or labels.dtype.kind not in "uib":
        raise ValueError(
            f"the labels are {labels.ndim}-D {labels.dtype}; doubtful places are looked for in "
            "one 2-D or 3-D image of whole numbers"
        )
    if labels.dtype.kind == "i" and labels.size and labels.min() < 0:
        raise ValueError("the labels have negative values; give the classes values from 1 on")
    if spacing is not None and len(spacing) != labels.ndim:
        raise ValueError(f"spacing {tuple(spacing)} must have {labels.ndim} entries (mm)")
    others = {
        "probabilities": None if probabilities is None else probabilities.shape[1:],
        "uncertainty": None if uncertainty is None else uncertainty.shape,
        "image": None if image is None else image.shape,
        "reviewed": None if reviewed is None else reviewed.shape,
        **{f"other answer {i + 1}": other.shape for i, other in enumerate(flipped)},
    }
    for name, shape in others.items():
        if shape is not None and tuple(shape) != labels.shape:
            raise ValueError(
                f"the labels have {labels.shape} voxels, the {name} {tuple(shape)}; they must lie "
                "on the same grid"
            )
