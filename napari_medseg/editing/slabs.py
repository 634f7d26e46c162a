"""Going through an array piece by piece, so that what is made on the way stays in the cache."""

from __future__ import annotations

import math
from collections.abc import Sequence

_VOXELS = 1 << 18


def slabs(shape: Sequence[int]) -> list[slice]:
    """Return slices along the first axis, which together are all of it."""
    plane = max(math.prod(shape[1:]), 1)
    step = max(_VOXELS // plane, 1)
    return [slice(start, min(start + step, shape[0])) for start in range(0, shape[0], step)]
