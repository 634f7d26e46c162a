"""Objects of a class and the parts they fall into."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from napari_medseg.editing.checks import check_points
from napari_medseg.editing.connected import connected
from napari_medseg.editing.scope import expanded, label_box
from napari_medseg.packed import Box, bounding_box
from napari_medseg.progress import Report, Step


def objects_of(
    labels: np.ndarray, label: int, points: Sequence[Sequence[int]], report: Report
) -> Iterator[tuple[Box, np.ndarray, list[tuple[int, ...]]]]:
    """Give the box of each object of a class, and its mask and the clicks on it in that box.

    Raises
    ------
    ValueError
        If a click lies beside the class or outside of the labels.
    """
    from scipy.ndimage import find_objects

    check_points(labels, points)
    around = label_box(labels, label)
    if around is None:
        return
    corner = [s.start for s in around]
    objects, count = connected(labels[around] == label)
    for point in points:
        if labels[tuple(point)] != label:
            raise ValueError(
                f"the click at {tuple(point)} lies beside class {label}; click on each of its parts"
            )
    clicks = [tuple(p - c for p, c in zip(point, corner, strict=True)) for point in points]
    for number, box in enumerate(find_objects(objects), start=1):
        report(Step(number - 1, count, "object"))
        seeds = [
            tuple(p - s.start for p, s in zip(click, box, strict=True))
            for click in clicks
            if objects[click] == number
        ]
        there = tuple(slice(c + s.start, c + s.stop) for c, s in zip(corner, box, strict=True))
        yield there, objects[box] == number, seeds


def add_parts(parts: np.ndarray, mask: np.ndarray, found: np.ndarray, count: int) -> int:
    """Write the parts 1, 2, ... of one object: the largest as 1, the others counted on.

    Returns
    -------
    int
        The highest number of a part so far.
    """
    sizes = np.bincount(found[mask])
    order = [int(n) for n in np.argsort(-sizes, kind="stable") if sizes[n]]
    numbers = np.zeros(len(sizes), np.int32)
    numbers[order] = np.arange(len(order)) + max(count, 1)
    numbers[order[0]] = 1
    parts[mask] = numbers[found[mask]]
    return max(count, 1) + len(order) - 1


def part_gap(parts: np.ndarray) -> np.ndarray:
    """Return the voxels that part the `parts` ``(*S)`` when they are taken away, as booleans.

    They lie in the part with the higher number of two that touch, through faces, edges or corners.
    Only one of the two may be part 1.
    """
    gap = np.zeros(parts.shape, bool)
    found = bounding_box(parts > 1)
    if found is None:
        return gap
    box = expanded(found, 1.0, (1.0,) * parts.ndim, parts.shape)
    near = parts[box]
    for offset in itertools.product((-1, 0, 1), repeat=parts.ndim):
        if offset <= (0,) * parts.ndim:
            continue  # the opposite one does for both
        here, there = shifted(near.shape, offset)
        a, b = near[here], near[there]
        met = (a != b) & (a > 0) & (b > 0)
        gap[box][here] |= met & (a > b)
        gap[box][there] |= met & (b > a)
    return gap


def shifted(shape: Sequence[int], offset: Sequence[int]) -> tuple[Box, Box]:
    """Return where voxels lie that have a neighbour at `offset`, and where these neighbours lie."""
    here = tuple(slice(max(-o, 0), n - max(o, 0)) for o, n in zip(offset, shape, strict=True))
    there = tuple(slice(max(o, 0), n - max(-o, 0)) for o, n in zip(offset, shape, strict=True))
    return here, there
