"""A part of an image on the network's grid, resampled as it would be within the whole image.

`Grid.resample_image` resizes a whole image; here the same filter is taken at the places of the
whole, so that parts fit together without a seam.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from napari_medseg.engine.grid import Grid
from napari_medseg.engine.part import Box


@dataclass(frozen=True, eq=False)
class AxisFilter:
    """Which voxels of the input make each voxel of a part of one axis, and what each counts.

    Parameters
    ----------
    first : int
        The first voxel of the input that is needed.
    taps : ndarray
        ``(voxels of the part, T)``: indices counted from `first`.
    weights : ndarray
        ``(voxels of the part, T)`` float32; sum to 1 over T.

    Source: the triangle filter of ``aten/native/cpu/UpSampleKernel.cpp`` (bilinear, antialias),
    computed in float32 as there.
    """

    first: int
    taps: np.ndarray
    weights: np.ndarray

    @classmethod
    def of(cls, inputs: int, outputs: int, part: slice) -> AxisFilter:
        """Return the filter for voxels `part` of an axis that goes from `inputs` to `outputs`."""
        scale = np.float32(inputs) / np.float32(outputs)
        width = max(scale, np.float32(1))
        centre = scale * (np.arange(part.start, part.stop).astype(np.float32) + np.float32(0.5))
        half = np.float32(0.5)
        first = np.maximum((centre - width + half).astype(np.int64), 0)
        count = np.minimum((centre + width + half).astype(np.int64), inputs) - first
        tap = np.arange(math.ceil(width) * 2 + 1)
        distance = ((tap + first[:, None]).astype(np.float32) - centre[:, None] + half) / width
        weights = np.clip(1 - np.abs(distance), 0, None).astype(np.float32)
        weights[tap >= count[:, None]] = 0
        weights /= weights.sum(1, keepdims=True)
        at = np.minimum(first[:, None] + tap, (first + count - 1)[:, None])
        return cls(int(at.min()), at - at.min(), weights)

    @property
    def span(self) -> slice:
        """The voxels of the input that are needed."""
        return slice(self.first, self.first + int(self.taps.max()) + 1)

    def apply(self, image: Tensor, dim: int) -> Tensor:
        """Filter `image`, which holds the voxels of `span` along `dim`."""
        shape = [1] * image.ndim
        shape[dim] = -1
        result: Tensor | None = None
        for at, weight in zip(self.taps.T, self.weights.T, strict=True):
            taken = image.index_select(dim, torch.from_numpy(at.copy()))
            factor = torch.from_numpy(weight.copy()).view(shape)
            result = taken.mul_(factor) if result is None else result.addcmul_(taken, factor)
        assert result is not None  # there is at least one tap
        return result


def input_box(grid: Grid, part: Sequence[slice]) -> Box:
    """Return the voxels of the input that `part` of the network's grid is made of."""
    return tuple(
        AxisFilter.of(n, m, p).span if n != m else p
        for n, m, p in zip(grid.input_shape, grid.shape, part, strict=True)
    )


def resample_part(grid: Grid, image: Tensor, part: Sequence[slice]) -> Tensor:
    """Bring ``(C, *input_box)`` onto `part` of the network's grid, float32.

    Parameters
    ----------
    grid : Grid
        Of the whole image.
    image : Tensor
        The voxels of ``input_box(grid, part)``.
    part : sequence of slice
        On the network's grid, with starts and stops.
    """
    axes = range(len(part))
    for axis in (0, *reversed(axes[1:])):  # the order of `Grid.resample_image`
        n, m = grid.input_shape[axis], grid.shape[axis]
        if n != m:
            image = AxisFilter.of(n, m, part[axis]).apply(image, 1 + axis)
    return image
