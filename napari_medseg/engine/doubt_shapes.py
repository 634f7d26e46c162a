"""What is odd about the parts of a label: islands, second parts, holes, thin bridges."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from napari_medseg.editing.connected import connected
from napari_medseg.engine.doubt_place import MOST, Place, amount, around, length, pause
from napari_medseg.packed import Box

_SMALL = 0.1  # of the largest part: below it, a part is an island
_LARGE = 0.5  # from here on, parts come in pairs or rows, as kidneys and ribs do
_HOLE = 0.1  # of the class around it: larger ones are the inside of something hollow
_AT_ONCE = 2_000_000  # voxels measured at once
_NECK = 1.6  # half the width of a bridge, in voxels of the finest spacing


@dataclass(frozen=True, eq=False)
class Part:
    """One connected part of a class."""

    label: int
    voxels: int
    box: Box
    number: int  # its value in the image of parts


def parts_of(labels: np.ndarray) -> tuple[np.ndarray, list[Part]]:
    """Return the image ``(*S)`` of the connected parts of all classes, and a list of them.

    Voxels that touch at an edge or a corner are connected.
    """
    numbers, _ = connected(labels)
    parts = []
    for part in _listed(numbers):
        inside = numbers[part.box] == part.number
        label = int(labels[part.box].flat[int(inside.argmax())])
        parts.append(dataclasses.replace(part, label=label))
    return numbers, parts


def odd_parts(
    numbers: np.ndarray,
    parts: Sequence[Part],
    *,
    spacing: Sequence[float] | None,
    image: np.ndarray | None = None,
    tick: Callable[[], None] = pause,
) -> Iterator[Place]:
    """Find small islands, and second parts of a class that otherwise is one.

    Parameters
    ----------
    numbers, parts
        As `parts_of` gives them.
    spacing : sequence of float or None
        mm per voxel along each axis; None if not known.
    image : ndarray or None
        ``(*S)``, grey values: an island unlike its class is more doubtful.
    tick : callable
        Called before each class; may raise `Cancelled`.
    """
    for label in sorted({part.label for part in parts}):
        tick()
        own = sorted((p for p in parts if p.label == label), key=lambda p: -p.voxels)
        main, rest = own[0], own[1:]
        several = sum(p.voxels >= _LARGE * main.voxels for p in rest)
        for part in rest[:MOST]:
            size = part.voxels / main.voxels
            if size >= (_LARGE if several < 2 else _SMALL):
                continue  # a pair, or one of many
            small = size < _SMALL
            gap = min(
                _gap(part.box, p.box, spacing) for p in own if p.voxels >= _LARGE * main.voxels
            )
            score = 0.85 - 0.25 * (size / _SMALL) if small else 0.5
            score -= 0.2 * (several > 1) + 0.1 * (part.voxels < 3)
            where = "beside the rest" if gap < 1 else f"{length(gap, spacing)} from the rest"
            what = "a small island" if small else "a second part"
            reason = f"{what} {where} ({amount(part.voxels, spacing)})"
            if image is not None:
                unlike = _unlike(image, numbers, part, main)
                score += 0.1 * min(abs(unlike), 2) / 2
                if abs(unlike) > 2:
                    reason += ", brighter than it" if unlike > 0 else ", darker than it"
            yield Place(
                _centre(numbers, part),
                around(part.box, numbers.shape),
                label,
                min(score, 1.0),
                reason,
                "island" if small else "part",
            )


def holes(labels: np.ndarray, *, spacing: Sequence[float] | None) -> Iterator[Place]:
    """Find background that a class encloses on all sides."""
    numbers, _ = connected(labels == 0, "faces")
    sizes = np.bincount(labels.ravel())
    listed = 0
    for part in sorted(_listed(numbers), key=lambda p: -p.voxels):
        if any(s.start == 0 or s.stop == n for s, n in zip(part.box, labels.shape, strict=True)):
            continue  # it may be open beyond the image
        wider = around(part.box, labels.shape)
        rim = labels[wider][labels[wider] > 0]
        label = int(np.bincount(rim).argmax())
        if part.voxels > _HOLE * sizes[label]:
            continue
        score = 0.7 - 0.2 * (part.voxels < 3)
        reason = f"a hole ({amount(part.voxels, spacing)})"
        yield Place(_centre(numbers, part), wider, label, score, reason, "hole")
        listed += 1
        if listed == MOST:
            return


def bridges(
    numbers: np.ndarray,
    parts: Sequence[Part],
    *,
    spacing: Sequence[float] | None,
    tick: Callable[[], None] = pause,
) -> Iterator[Place]:
    """Find thin bridges, without which a part would be two bodies."""
    import edt

    steps = tuple(spacing) if spacing is not None else (1.0,) * numbers.ndim
    neck = _NECK * min(steps)
    for part in parts:
        sides = [(s.stop - s.start) * step for s, step in zip(part.box, steps, strict=True)]
        if min(sides) < 4 * neck:
            continue  # thin everywhere
        tick()
        # edt lets no other thread run: of a large part every n-th voxel must do
        stride = math.ceil((math.prod(s.stop - s.start for s in part.box) / _AT_ONCE) ** (1 / 3))
        mask = np.pad(numbers[part.box][(slice(None, None, stride),) * numbers.ndim], 1)
        mask = mask == part.number
        coarse = tuple(step * stride for step in steps)
        depth = edt.edt(mask, anisotropy=coarse)
        if depth.max() < 2 * neck * stride:
            continue
        cores, count = connected(depth > neck * stride, "faces")
        bodies = _bodies(cores, count, depth, neck * stride)
        if len(bodies) < 2:
            continue
        tick()
        yield from _necks(_nearest(cores, bodies, mask, coarse), part, stride, numbers.shape)


def _bodies(cores: np.ndarray, count: int, depth: np.ndarray, neck: float) -> list[int]:
    """Return which cores are large and thick enough to be a body of their own."""
    from scipy import ndimage

    sizes = np.bincount(cores.ravel(), minlength=count + 1)
    if count < 2:
        return []
    deepest = ndimage.maximum(depth, cores, np.arange(count + 1))
    least = 0.05 * sizes[1:].sum()
    return [n for n in range(1, count + 1) if sizes[n] > least and deepest[n] > 2 * neck]


def _nearest(
    cores: np.ndarray, bodies: Sequence[int], mask: np.ndarray, steps: Sequence[float]
) -> np.ndarray:
    """Return for each voxel of the mask the body it is nearest to, 0 elsewhere."""
    from scipy import ndimage

    kept = np.where(np.isin(cores, bodies), cores, 0)
    indices = ndimage.distance_transform_edt(
        kept == 0, sampling=steps, return_distances=False, return_indices=True
    )
    return np.where(mask, kept[tuple(indices)], 0)


def _necks(owner: np.ndarray, of: Part, stride: int, shape: tuple[int, ...]) -> Iterator[Place]:
    """Yield where two bodies of a part touch.

    Parameters
    ----------
    owner : ndarray
        Which body a voxel is of: every `stride`-th of the part's box, with a margin of one.
    """
    touching = np.zeros(owner.shape, bool)
    for axis in range(owner.ndim):
        ours = np.moveaxis(owner, axis, 0)
        meet = (ours[1:] != ours[:-1]) & (ours[1:] > 0) & (ours[:-1] > 0)
        np.moveaxis(touching, axis, 0)[1:] |= meet
    numbers, _ = connected(touching)
    for part in _listed(numbers):
        starts = [b.start for b in of.box]
        box = tuple(
            slice((s.start - 1) * stride + o, (s.stop - 1) * stride + o)
            for s, o in zip(part.box, starts, strict=True)
        )
        centre = tuple(
            min(max((c - 1) * stride + o, 0), n - 1)
            for c, o, n in zip(_centre(numbers, part), starts, shape, strict=True)
        )
        wider = around(box, shape, margin=2)
        reason = "a thin bridge between two bodies"
        yield Place(centre, wider, of.label, 0.55, reason, "bridge")


def _listed(numbers: np.ndarray) -> list[Part]:
    """Return the parts of an image of parts, their label left open."""
    import cc3d

    found = cc3d.statistics(numbers, no_slice_conversion=False)
    listed = []
    for number, voxels in enumerate(found["voxel_counts"]):
        if number and voxels:
            box = found["bounding_boxes"][number][: numbers.ndim]
            own = tuple(slice(int(s.start), int(s.stop)) for s in box)
            listed.append(Part(0, int(voxels), own, number))
    return listed


def _gap(one: Box, other: Box, spacing: Sequence[float] | None) -> float:
    """Return the distance of two boxes in mm; 0 if they touch."""
    steps = tuple(spacing) if spacing is not None else (1.0,) * len(one)
    gaps = [
        max(a.start - b.stop, b.start - a.stop, 0) * s
        for a, b, s in zip(one, other, steps, strict=True)
    ]
    return float(np.linalg.norm(gaps))


def _unlike(image: np.ndarray, numbers: np.ndarray, part: Part, main: Part) -> float:
    """Return by how many standard deviations a part is brighter than the main one."""
    ours = image[part.box][numbers[part.box] == part.number]
    theirs = image[main.box][numbers[main.box] == main.number]
    spread = float(theirs.std())
    return float(ours.mean() - theirs.mean()) / spread if spread else 0.0


def _centre(numbers: np.ndarray, part: Part) -> tuple[int, ...]:
    """Return the voxel of a part that is nearest to its middle."""
    at = np.argwhere(numbers[part.box] == part.number)
    nearest = at[np.abs(at - at.mean(0)).sum(1).argmin()]
    return tuple(int(a) + int(s.start) for a, s in zip(nearest, part.box, strict=True))
