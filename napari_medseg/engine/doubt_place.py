"""A doubtful place of a label image, and how several of them become one list."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from napari_medseg.packed import Box, shape_of

MOST = 30
"""How many places a list has at most: more than anybody goes through in one sitting."""

_SAME = 0.4  # share of the smaller box that two boxes share if they are one place


@dataclass(frozen=True)
class Place:
    """Where a person should look.

    Parameters
    ----------
    centre : tuple of int
        The voxel to show.
    box : tuple of slice
        All that belongs to it; one slice with start and stop for each axis of ``*S``.
    label : int
        The class in question; 0 where there is none.
    score : float
        How likely something is wrong here, in [0, 1]; for ranking, not a probability.
    reason : str
        In words for a physician.
    kind : str
        "unsure", "differ", "island", "part", "hole", "slice", "jump" or "bridge".
    share : float
        Its part of all the doubt of the list, in [0, 1].
    """

    centre: tuple[int, ...]
    box: Box
    label: int
    score: float
    reason: str
    kind: str
    share: float = 0.0


def ranked(places: Iterable[Place], most: int = MOST) -> list[Place]:
    """Return the places with the highest scores first, those that are one joined.

    A place that lies for the most part in one with a higher score makes that one more doubtful,
    and is named with it where it says something else.
    """
    chosen: list[Place] = []
    for place in sorted(places, key=lambda p: -p.score):
        twin = next((i for i, c in enumerate(chosen) if _shared(c.box, place.box) > _SAME), None)
        if twin is None:
            chosen.append(place)
        elif place.kind != chosen[twin].kind:
            chosen[twin] = _joined(chosen[twin], place)
    chosen = sorted(chosen, key=lambda p: -p.score)[:most]
    total = sum(p.score for p in chosen) or 1.0
    return [dataclasses.replace(p, share=p.score / total) for p in chosen]


def around(voxels: Sequence[slice], shape: Sequence[int], margin: int = 1) -> Box:
    """Return a box that reaches `margin` voxels beyond another one, within the image."""
    return tuple(
        slice(max(int(s.start) - margin, 0), min(int(s.stop) + margin, n))
        for s, n in zip(voxels, shape, strict=True)
    )


def moved(place: Place, offset: Sequence[int]) -> Place:
    """Return a place found in a part of an image that begins at `offset`."""
    centre = tuple(c + o for c, o in zip(place.centre, offset, strict=True))
    box = tuple(slice(s.start + o, s.stop + o) for s, o in zip(place.box, offset, strict=True))
    return dataclasses.replace(place, centre=centre, box=box)


def pause() -> None:
    """Do nothing: the tick of work nobody watches."""


def amount(voxels: int, spacing: Sequence[float] | None) -> str:
    """Return a volume (an area, in 2D) in words: "0.2 ml", "14 mm²", "12 voxels"."""
    if spacing is None or voxels < 3:
        return f"{voxels} voxel" + "s" * (voxels != 1)
    size = voxels * float(np.prod(spacing))
    if len(spacing) == 2:
        return f"{size:.2g} mm²" if size < 100 else f"{size / 100:.3g} cm²"
    return f"{size:.2g} mm³" if size < 95 else f"{size / 1000:.2g} ml"


def length(distance: float, spacing: Sequence[float] | None) -> str:
    """Return a distance in words: "34 mm", "12 voxels"."""
    return f"{distance:.0f} " + ("voxels" if spacing is None else "mm")


def _shared(one: Box, other: Box) -> float:
    """Return how much of the smaller box lies in the other one."""
    both = 1
    for a, b in zip(one, other, strict=True):
        both *= max(min(a.stop, b.stop) - max(a.start, b.start), 0)
    smaller = min(np.prod(shape_of(one)), np.prod(shape_of(other)))
    return both / max(float(smaller), 1.0)


def _joined(place: Place, weaker: Place) -> Place:
    reason = place.reason
    if weaker.reason not in reason and ";" not in reason:  # two reasons are enough to look
        reason = f"{reason}; {weaker.reason}"
    score = 1 - (1 - place.score) * (1 - weaker.score / 2)
    return dataclasses.replace(place, score=score, reason=reason)
