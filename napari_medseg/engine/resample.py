"""Logits from the network's grid onto the input's, plane by plane.

Trilinear interpolation is separable, so it need not see the volume: each finished plane is
interpolated within itself, then voxels between two planes from those two. The result is that of
interpolating all classes of the whole volume at once, which nobody has the memory for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from napari_medseg.engine.sliding_window import Consume

_FLOATS_AT_ONCE = 1 << 22  # of resampled planes: 16 MB, beyond which nothing gets faster


@dataclass(frozen=True, eq=False)
class AxisMap:
    """Where the voxels of one axis of the output lie among network voxels ``0..length-1``.

    Parameters
    ----------
    first : int
        The first voxel of the input's grid that is written.
    low : ndarray
        For every voxel written, the network voxel at or before its centre.
    fraction : ndarray
        How far it is from there to the next, in [0, 1).
    length : int
        Network voxels along the axis.
    """

    first: int
    low: np.ndarray
    fraction: np.ndarray
    length: int

    @classmethod
    def of(cls, inputs: int, outputs: int, box: slice, wanted: slice = slice(None)) -> AxisMap:
        """Map `inputs` voxels of the input's axis onto `outputs` of the network's, within `box`.

        Voxels of the input whose centre lies in the box, and that are `wanted`, are written; at
        the box's border the outermost network voxel is repeated.
        """
        centre = (np.arange(inputs) + 0.5) * outputs / inputs
        asked = np.zeros(inputs, bool)
        asked[wanted] = True
        inside = np.flatnonzero((centre >= box.start) & (centre < box.stop) & asked)
        length = box.stop - box.start
        at = (centre[inside] - 0.5 - box.start).clip(0, length - 1)
        low = np.minimum(at.astype(np.intp), max(length - 2, 0))
        first = int(inside[0]) if len(inside) else 0
        return cls(first, low, (at - low).astype(np.float32), length)

    @property
    def is_identity(self) -> bool:
        """Whether voxels lie on voxels, one by one."""
        return len(self.low) == self.length and np.array_equal(
            self.low + self.fraction, np.arange(self.length)
        )

    def interpolate(self, x: Tensor, dim: int, part: slice = slice(None), base: int = 0) -> Tensor:
        """Interpolate `x` along `dim`, whose first entry is network voxel `base`."""
        low = torch.from_numpy(self.low[part] - base).to(x.device)
        high = (low + 1).clamp_(max=x.shape[dim] - 1)
        shape = [1] * x.ndim
        shape[dim] = -1
        fraction = torch.from_numpy(self.fraction[part]).to(x.device).view(shape)
        below, above = x.index_select(dim, low), x.index_select(dim, high)
        return below.lerp_(above, fraction)


class Resampler:
    """Takes finished logits on the network's grid, hands on logits on the input's grid.

    Parameters
    ----------
    axes : sequence of AxisMap
        One per axis ``(D, H, W)``.
    stream : int
        Axis along which blocks come in order (``tiling.order[0]``).
    consume : callable
        Takes the blocks on the input's grid.
    """

    def __init__(self, axes: Sequence[AxisMap], stream: int, consume: Consume) -> None:
        self.axes = axes
        self.stream = stream
        self.consume = consume
        self._slab: Tensor | None = None
        self._missing = 0
        self._last: Tensor | None = None  # the last resampled plane: neighbour of what comes next
        self._taken = 0  # network planes consumed
        self._written = 0  # output planes handed on

    def __call__(self, logits: Tensor, corner: tuple[int, ...]) -> None:
        """Collect blocks until they make whole planes along the stream, then resample those."""
        size = [axis.length for axis in self.axes]
        size[self.stream] = logits.shape[1 + self.stream]
        if list(logits.shape[1:]) == size:
            self._take(logits)
            return
        if self._slab is None:
            self._slab = logits.new_empty((logits.shape[0], *size))
            self._missing = self._slab[0].numel()
        start = list(corner)
        start[self.stream] = 0  # the slab starts where its blocks do
        at = tuple(slice(s, s + n) for s, n in zip(start, logits.shape[1:], strict=True))
        self._slab[(slice(None), *at)] = logits
        self._missing -= logits[0].numel()
        if self._missing == 0:
            slab, self._slab = self._slab, None
            self._take(slab)

    def _take(self, slab: Tensor) -> None:
        dim = 1 + self.stream
        growth = max(1, len(self.axes[self.stream].low) // self.axes[self.stream].length)
        plane = slab.shape[0] * int(
            np.prod([len(a.low) for i, a in enumerate(self.axes) if i != self.stream])
        )
        for planes in slab.split(max(1, _FLOATS_AT_ONCE // max(1, plane * growth)), dim):
            for axis, mapping in enumerate(self.axes):
                if axis != self.stream and not mapping.is_identity:
                    planes = mapping.interpolate(planes, 1 + axis)
            self._hand_on(planes)

    def _hand_on(self, planes: Tensor) -> None:
        """Take planes resampled within themselves and write what lies between them."""
        dim, mapping = 1 + self.stream, self.axes[self.stream]
        base = self._taken
        self._taken += planes.shape[dim]
        if self._last is not None:
            planes, base = torch.cat([self._last, planes], dim), base - 1
        final = self._taken == mapping.length
        self._last = None if final else planes.narrow(dim, planes.shape[dim] - 1, 1).clone()
        # a voxel is due once the plane behind it is here
        due = int(np.searchsorted(mapping.low, self._taken - 1)) if not final else len(mapping.low)
        if due == self._written:
            return
        part = slice(self._written, due)
        corner = [axis.first for axis in self.axes]
        corner[self.stream] += self._written
        self._written = due
        self.consume(mapping.interpolate(planes, dim, part, base), tuple(corner))
