"""How much an image changes on the way from a prompt to each voxel."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

_ROUNDS = 2


def image_distance(look: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Return the change of the image along the way from `start` on which it changes least.

    A step to a neighbour, diagonal ones too, costs the largest change of a channel. Sweeps along
    each axis in both directions are taken from the same state and the least of them is kept, so
    that neither the order of the axes nor their direction matters; ways that turn back more often
    than there are rounds come out longer than they are.

    Parameters
    ----------
    look : ndarray
        ``(C, *S)`` float32.
    start : ndarray of bool
        ``(*S)``.

    Returns
    -------
    ndarray
        ``(*S)`` float32, 0 at the start, in units of `look`.

    Source: the raster scans of GeoS (Criminisi et al. 2008, doi:10.1007/978-3-540-88682-2_9),
    without its cost of mere length.
    """
    far = np.float32(np.ptp(look) * sum(start.shape) + 1)
    found = np.where(start, np.float32(0), far)
    costs = [
        _costs(np.ascontiguousarray(np.moveaxis(look, axis + 1, 1))) for axis in range(start.ndim)
    ]
    for _ in range(_ROUNDS):
        swept = []
        for axis, cost in enumerate(costs):
            there, back = _swept(np.moveaxis(found, axis, 0), cost)
            swept += [np.moveaxis(there, 0, axis), np.moveaxis(back, 0, axis)]
        found = np.minimum.reduce(swept)
    return found


def _costs(look: np.ndarray) -> np.ndarray:
    """Return what it costs to come from each neighbour in the plane before.

    Returns
    -------
    ndarray
        ``(planes - 1, neighbours, 2, *padded)`` for ``(C, planes, *plane)``: from first to last,
        and from last to first; infinite from beyond the image. Padded is one voxel on each side.
    """
    planes, *sides = look.shape[1:]
    around = tuple(n + 2 for n in sides)
    costs = np.full((planes - 1, *(3,) * len(sides), 2, *around), np.inf, np.float32)
    inside: tuple[Any, ...] = (..., *(slice(1, -1) for _ in sides))
    inner = costs[inside]
    every = slice(None)
    for offset in itertools.product((-1, 0, 1), repeat=len(sides)):
        ends = list(zip(offset, sides, strict=True))
        there = tuple(slice(max(o, 0), max(n + min(o, 0), 0)) for o, n in ends)
        here = tuple(slice(max(-o, 0), max(n + min(-o, 0), 0)) for o, n in ends)
        step = _largest_change(
            look[(every, slice(1, None), *there)], look[(every, slice(-1), *here)]
        )
        ahead: tuple[Any, ...] = (every, *(1 - o for o in offset), 0, *there)
        back: tuple[Any, ...] = (every, *(1 + o for o in offset), 1, *here)
        inner[ahead], inner[back] = step, step[::-1]
    return costs.reshape(planes - 1, 3 ** len(sides), 2, *around)


def _largest_change(there: np.ndarray, here: np.ndarray) -> np.ndarray:
    """Return the largest change of a channel, ``(C, ...)`` twice ``-> (...)``."""
    largest, change = np.zeros((2, *there.shape[1:]), np.float32)
    for one, other in zip(there, here, strict=True):
        np.subtract(one, other, out=change)
        np.maximum(largest, np.abs(change, out=change), out=largest)
    return np.asarray(largest)


def _swept(found: np.ndarray, costs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Carry distances from each plane to the next one: from first to last, and back.

    Both at once, each plane as one line of numbers, in which a neighbour is always as far away:
    what takes long is how often numpy is called.
    """
    planes, *sides = found.shape
    around = costs.shape[2:]  # (2, *padded)
    inside = (slice(None), slice(None), *(slice(1, -1) for _ in sides))
    both = np.full((planes, *around), np.inf, np.float32)
    inner = both[inside]
    inner[:, 0], inner[:, 1] = found, found[::-1]
    lines = both.reshape(planes, -1)
    steps = np.array([math.prod(around[axis + 1 :]) for axis in range(1, len(around))], int)
    offsets = np.array(list(itertools.product((-1, 0, 1), repeat=len(sides))), int)
    most, shifts = int(steps.sum()), (offsets @ steps).tolist()
    ends = slice(most, lines.shape[1] - most)  # before and after lies only padding
    ways = np.empty(lines[0, ends].shape, np.float32)
    flat = costs.reshape(planes - 1, len(shifts), lines.shape[1])[..., ends]
    for before, cost, after in zip(lines, flat, lines[1:, ends], strict=False):
        for shift, step in zip(shifts, cost, strict=True):
            np.add(before[ends.start + shift : ends.stop + shift], step, out=ways)
            np.minimum(after, ways, out=after)
    return inner[:, 0], inner[::-1, 1]
