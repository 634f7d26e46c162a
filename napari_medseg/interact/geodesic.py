"""How much an image changes on the way from a prompt to each voxel."""

from __future__ import annotations

import itertools

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
    steps = [_steps(np.moveaxis(look, axis + 1, 1)) for axis in range(start.ndim)]
    for _ in range(_ROUNDS):
        swept = []
        for axis, step in enumerate(steps):
            for back in (False, True):
                reached = np.array(np.moveaxis(found, axis, 0), order="C")
                _sweep(reached, step, back)
                swept.append(np.moveaxis(reached, 0, axis))
        found = np.minimum.reduce(swept)
    return found


_Step = tuple[tuple[slice, ...], tuple[slice, ...], np.ndarray]


def _steps(look: np.ndarray) -> list[_Step]:
    """Return for each neighbour in the next plane: voxels there, here, and what the step costs."""
    sides = look.shape[2:]
    steps = []
    for offset in itertools.product((-1, 0, 1), repeat=len(sides)):
        if any(abs(o) >= n for o, n in zip(offset, sides, strict=True)):
            continue
        there = tuple(slice(max(o, 0), n + min(o, 0)) for o, n in zip(offset, sides, strict=True))
        here = tuple(slice(max(-o, 0), n + min(-o, 0)) for o, n in zip(offset, sides, strict=True))
        every = slice(None)
        apart = np.abs(look[(every, slice(1, None), *there)] - look[(every, slice(-1), *here)])
        steps.append((there, here, apart.max(axis=0)))
    return steps


def _sweep(reached: np.ndarray, steps: list[_Step], back: bool) -> None:
    """Carry distances from each plane to the next one, from first to last or back."""
    planes = range(len(reached) - 1)
    for plane in reversed(planes) if back else planes:
        for there, here, cost in steps:
            above, below = reached[plane + 1][there], reached[plane][here]
            if back:
                np.minimum(below, above + cost[plane], out=below)
            else:
                np.minimum(above, below + cost[plane], out=above)
