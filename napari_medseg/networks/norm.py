"""Instance normalisation that is exact and fast for large volumes on a CPU."""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

EPSILON = 1e-5


class InstanceNorm(nn.Module):
    """Standardise each channel of each image; no weights, no running statistics.

    Shapes: ``(B, C, *S) -> (B, C, *S)``, in the memory format of the input.

    Source: Ulyanov et al. 2016, Instance Normalization, arXiv:1607.08022, eq. 4.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Standardise `x`."""
        on_cpu = x.device.type == "cpu" and x.dtype in (torch.float32, torch.float64)
        if on_cpu and not x.is_contiguous():
            return cast(Tensor, _ChannelsLast.apply(x))  # type: ignore[no-untyped-call]
        return F.group_norm(x, x.shape[1], eps=EPSILON)


class _ChannelsLast(torch.autograd.Function):
    """The same with pairwise sums.

    PyTorch's own kernels for this memory format add voxel after voxel in single precision: on
    96³ voxels they are off by 2e-3.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """Standardise `x`."""
        spatial = tuple(range(2, x.ndim))
        y = x - x.mean(spatial, keepdim=True)
        scale = (y.square().mean(spatial, keepdim=True) + EPSILON).rsqrt()
        y.mul_(scale)
        ctx.save_for_backward(y, scale)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        """Return the gradient of the input."""
        y, scale = ctx.saved_tensors
        spatial = tuple(range(2, y.ndim))
        along_y = (gradient * y).mean(spatial, keepdim=True)
        centred = gradient - gradient.mean(spatial, keepdim=True)
        return centred.addcmul_(y, along_y, value=-1).mul_(scale)
