"""Where points of a group stand so that each is seen."""

from __future__ import annotations

import numpy as np


def swarm(places: np.ndarray, size: float, room: float) -> np.ndarray:
    """Return how far each point moves aside, as little as is needed not to cover another one.

    Parameters
    ----------
    places : ndarray
        ``(n,)``, where they stand along the axis, in pixels; nan stays where it is.
    size : float
        Pixels from one point to the next.
    room : float
        How far aside there is room; where that is full, points do cover each other.

    Returns
    -------
    ndarray
        ``(n,)`` pixels, both signs.
    """
    aside = np.zeros(len(places))
    lanes = [0.0]
    while len(lanes) < 2 * int(room / size) + 1:
        lanes.append(-lanes[-1] if lanes[-1] > 0 else size - lanes[-1])
    last = np.full(len(lanes), -np.inf)  # the point that came last in each lane
    for index in np.argsort(places, kind="stable"):
        if not np.isfinite(places[index]):
            continue
        free = np.flatnonzero(places[index] - last >= size)
        lane = int(free[0]) if len(free) else int(np.argmin(last))
        last[lane] = places[index]
        aside[index] = lanes[lane]
    return aside
