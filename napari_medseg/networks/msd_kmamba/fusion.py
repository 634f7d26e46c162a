"""One answer from several resolutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from napari_medseg.networks.base import Inspectable
from napari_medseg.networks.blocks.pointwise import Pointwise


class Fusion(Inspectable):
    """Weigh levels against each other at every voxel.

    Shapes: ``[(B, C, *S), (B, C, *S/2), ...] -> (B, C, *S)``.

    Parameters
    ----------
    channels : int
        ``C``.
    levels : int
        How many.
    """

    def __init__(self, channels: int, levels: int) -> None:
        super().__init__()
        self.overlays = {"scales": "share of each resolution in the answer, finest first"}
        sizes = ("full size", *(f"1/{2**i} of the size" for i in range(1, levels)))
        self.parts = {"scales": sizes}
        self.weigh = Pointwise(channels, levels)

    def forward(self, levels: list[Tensor]) -> Tensor:
        """Fuse."""
        finest = levels[0]
        weights = self.weights(finest)
        y = finest * weights[:, :1]
        for i, level in enumerate(levels[1:], 1):
            y = torch.addcmul(y, upsample(level, finest.shape[2:]), weights[:, i : i + 1])
        return y

    def weights(self, finest: Tensor) -> Tensor:
        """Return the share of each level: ``(B, C, *S) -> (B, levels, *S)``."""
        return self.weigh(finest).softmax(1)

    def overlay(self, name: str, inputs: tuple[Any, ...], at: tuple[float, ...]) -> Tensor:
        """Return the share of each level at each voxel."""
        return self.weights(inputs[0][0])


def upsample(x: Tensor, size: Sequence[int]) -> Tensor:
    """Interpolate linearly along each axis: ``(B, C, *S) -> (B, C, *size)``.

    Equal to `torch.nn.functional.interpolate`; as a product of a matrix per axis, the last and
    largest of which is one product of matrices, it takes a fraction of the time on a CPU.
    """
    y = x.movedim(1, -1)
    for axis in range(y.ndim - 2, 0, -1):  # the axis that lies farthest apart comes last
        y = torch.matmul(_linear(y.shape[axis], size[axis - 1], y), y.flatten(axis + 1)).view(
            *y.shape[:axis], size[axis - 1], *y.shape[axis + 1 :]
        )
    return y.movedim(-1, 1)


def _linear(length: int, size: int, like: Tensor) -> Tensor:
    """Return the matrix that interpolates `length` values at `size` places: ``(size, length)``."""
    unit = torch.eye(length, device=like.device, dtype=like.dtype)
    return F.interpolate(unit[None], size, mode="linear")[0].T
