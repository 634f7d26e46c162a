"""A ball of so many mm as the structuring element, an ellipsoid of voxels on most grids.

It holds the voxels whose centres lie within the radius. Its rows along the last axis are worked
with one length after the other: the mask is widened along that axis step by step, packed to a bit
a voxel, and moved to where the rows of that length lie. That is exact, and for the radii people
use several times quicker than a distance transform, which takes over for the large ones.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

_MANY = 2000  # rows; from here on a distance transform is quicker


class Ball:
    """Dilation and erosion by a ball.

    Parameters
    ----------
    radius : float
        mm; 0 is the voxel alone.
    spacing : sequence of float
        mm along each axis.

    Attributes
    ----------
    reach : tuple of int
        Voxels along each axis from the centre to the last one within the radius.
    """

    def __init__(self, radius: float, spacing: Sequence[float]) -> None:
        if not 0 <= radius < math.inf:
            raise ValueError(f"a radius is 0 mm or more, got {radius}; choose another one")
        self.spacing = tuple(spacing)
        self._radius = radius * (1 + 1e-9)  # 3 voxels of 0.1 mm are within 0.3 mm
        self.reach = tuple(int(self._radius / s) for s in self.spacing)
        self._rows = self._rows_by_half_length()

    def dilated(self, mask: np.ndarray) -> np.ndarray:
        """Return where a ball around the voxel meets `mask` ``(*S)``; nothing lies outside."""
        if self._rows is None:
            return self._near(mask)
        wide = mask.copy()
        width, found = 0, np.zeros((*mask.shape[:-1], -(-mask.shape[-1] // 8)), np.uint8)
        for half in sorted(self._rows):
            for step in range(width + 1, min(half, mask.shape[-1] - 1) + 1):
                wide[..., step:] |= mask[..., :-step]
                wide[..., :-step] |= mask[..., step:]
            width = half
            rows = np.packbits(wide, axis=-1)
            for offset in self._rows[half]:
                to, of = _overlap(offset, mask.shape)
                found[to] |= rows[of]
        return np.unpackbits(found, axis=-1, count=mask.shape[-1]).view(bool)

    def eroded(self, mask: np.ndarray) -> np.ndarray:
        """Return where a ball around the voxel lies in `mask` ``(*S)``, as far as it has voxels."""
        return ~self.dilated(~mask)

    def _near(self, mask: np.ndarray) -> np.ndarray:
        import edt

        if not mask.any():
            return mask.copy()
        distance = edt.edt(np.ascontiguousarray(~mask), anisotropy=self.spacing, parallel=1)
        return distance <= self._radius * (1 + 1e-6)  # it is in float32

    def _rows_by_half_length(self) -> dict[int, list[tuple[int, ...]]] | None:
        if math.prod(2 * r + 1 for r in self.reach[:-1]) * math.pi / 4 > _MANY:
            return None
        rows: dict[int, list[tuple[int, ...]]] = {}
        for offset in itertools.product(*(range(-r, r + 1) for r in self.reach[:-1])):
            legs = [o * s for o, s in zip(offset, self.spacing, strict=False)]
            rest = self._radius**2 - sum(leg**2 for leg in legs)
            if rest >= 0:
                half = int(math.sqrt(rest) / self.spacing[-1])
                rows.setdefault(half, []).append(offset)
        return rows


def _overlap(
    offset: Sequence[int], shape: Sequence[int]
) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Return where voxels moved by `offset` go to, and where they come from."""
    sides = list(zip(offset, shape, strict=False))
    to = tuple(slice(max(o, 0), max(n + min(o, 0), 0)) for o, n in sides)
    of = tuple(slice(max(-o, 0), max(n - max(o, 0), 0)) for o, n in sides)
    return to, of
