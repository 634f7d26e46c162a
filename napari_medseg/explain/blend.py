"""Windows over a view, and maps of them blended into one stack as the run blends its answers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor

from napari_medseg.engine.windows import gaussian

_BEYOND = 1e-6  # of the weight, of what is extrapolated


@dataclass(frozen=True)
class Windows:
    """Windows of one size in a view.

    Parameters
    ----------
    sides : tuple of int
        Of a window, along the axes ``*S'`` of the view.
    starts : tuple of tuple of int
        Where windows start along each of them.
    """

    sides: tuple[int, ...]
    starts: tuple[tuple[int, ...], ...]

    def __len__(self) -> int:
        """Return the number of windows."""
        return math.prod(len(starts) for starts in self.starts)

    def corners(self) -> Iterator[tuple[int, ...]]:
        """Yield the first voxel of every window."""
        yield from product(*self.starts)

    def part(self, corner: Sequence[int]) -> tuple[slice, ...]:
        """Return the voxels of the window at `corner`."""
        return tuple(slice(c, c + side) for c, side in zip(corner, self.sides, strict=True))

    def around(self, voxel: Sequence[int]) -> tuple[int, ...]:
        """Return the corner of the window in which a voxel counts most."""
        places = zip(self.starts, self.sides, voxel, strict=True)
        return tuple(nearest_start(*place) for place in places)

    def touching(self, part: Sequence[slice]) -> Windows:
        """Return the windows that hold voxels of a part of the view."""
        kept = (
            tuple(s for s in starts if s < wanted.stop and s + side > wanted.start)
            for starts, side, wanted in zip(self.starts, self.sides, part, strict=True)
        )
        return Windows(self.sides, tuple(kept))

    def from_first(self) -> Windows:
        """Return the same windows, counted from the first voxel of the first."""
        starts = tuple(tuple(s - starts[0] for s in starts) for starts in self.starts)
        return Windows(self.sides, starts)

    @property
    def span(self) -> tuple[slice, ...]:
        """From the first voxel of the first window to the last of the last."""
        return tuple(
            slice(starts[0], starts[-1] + side)
            for starts, side in zip(self.starts, self.sides, strict=True)
        )


def nearest_start(starts: Sequence[int], side: int, voxel: int) -> int:
    """Return the start of the window of `side` voxels whose middle is nearest to a voxel."""
    return min(starts, key=lambda start: abs(start + side / 2 - 0.5 - voxel))


class Blend:
    """Maps of windows summed with the weights of the run, voxel by voxel.

    Maps of stride s come together on one grid of that stride, which begins with the view. Where a
    window begins between two voxels of it, its maps are interpolated linearly.

    Parameters
    ----------
    windows : Windows
        Where they lie.
    stride : int
        Of the maps.
    part : sequence of slice
        Which voxels of that grid are wanted.

    Source: the weights are those of `engine.sliding_window`, averaged over a voxel of the maps.
    """

    def __init__(self, windows: Windows, stride: int, part: Sequence[slice]) -> None:
        self.stride, self._windows, self._part = stride, windows, tuple(part)
        self._weight = gaussian(windows.sides)[None, None]
        self._known: dict[tuple[int, ...], Tensor] = {}
        self._size = tuple(p.stop - p.start for p in self._part)
        self._total: Tensor | None = None
        self._weights = torch.zeros(self._size)

    def add(self, maps: Tensor, corner: Sequence[int]) -> None:
        """Add the maps ``(n, *window / stride)`` of the window at `corner`."""
        if self._total is None:
            self._total = torch.zeros((len(maps), *self._size))
        ahead = tuple(c % self.stride for c in corner)
        maps, weight = self._shifted(maps.float(), ahead), self._weight_of(ahead)
        into, out = [], []
        for c, count, part in zip(corner, weight.shape, self._part, strict=True):
            first = c // self.stride
            low, high = max(first, part.start), min(first + count, part.stop)
            if low >= high:
                return
            into.append(slice(low - part.start, high - part.start))
            out.append(slice(low - first, high - first))
        at, of = tuple(into), tuple(out)
        self._total[(slice(None), *at)].addcmul_(maps[(slice(None), *of)], weight[of])
        self._weights[at] += weight[of]

    def blended(self) -> Tensor:
        """Return the mean of the maps, ``(n, *part)``; 0 where no window lies."""
        assert self._total is not None  # there is always a window
        return self._total / self._weights.clamp(min=torch.finfo(torch.float32).tiny)

    def _shifted(self, maps: Tensor, ahead: Sequence[int]) -> Tensor:
        """Bring maps of a window that begins `ahead` of a voxel of the grid onto the grid."""
        for axis, voxels in enumerate(ahead, 1):
            if voxels:
                share, last = voxels / self.stride, maps.shape[axis] - 1
                later = torch.cat([maps, maps.narrow(axis, last, 1)], axis)
                maps = torch.cat([maps.narrow(axis, 0, 1), maps], axis).lerp(later, 1 - share)
        return maps

    def _weight_of(self, ahead: tuple[int, ...]) -> Tensor:
        """Return the mean weight over each voxel of the grid that the window touches."""
        if ahead not in self._known:
            missing: list[int] = []
            for voxels, side in zip(ahead, self._windows.sides, strict=True):
                missing = [voxels, -(voxels + side) % self.stride, *missing]
            pool = F.avg_pool2d if len(ahead) == 2 else F.avg_pool3d
            weight = pool(F.pad(self._weight, missing), self.stride)[0, 0]
            for axis, voxels in enumerate(ahead):
                if voxels:  # the ends lie beyond the window's own voxels: only if no other has them
                    weight.narrow(axis, 0, 1).mul_(_BEYOND)
                    weight.narrow(axis, -1, 1).mul_(_BEYOND)
            self._known[ahead] = weight
        return self._known[ahead]
