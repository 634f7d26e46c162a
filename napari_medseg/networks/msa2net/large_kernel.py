"""Large kernel attention, the decoder where the map is large."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_medseg.networks.blocks.pointwise import Pointwise
from napari_medseg.networks.msa2net.maps import ChannelNorm


class LargeKernelGate(nn.Module):
    """Weight each voxel by a neighbourhood of 23 x 23: ``(B, C, H, W) -> (B, C, H, W)``.

    Source: Guo et al. 2022, Visual Attention Network, arXiv:2202.09741, eq. 1-2.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.near = nn.Conv2d(channels, channels, 5, padding=2, groups=channels)
        self.far = nn.Conv2d(channels, channels, 7, padding=9, dilation=3, groups=channels)
        self.mix = Pointwise(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weights(x)

    def weights(self, x: Tensor) -> Tensor:
        """Return the weight of every voxel and channel, of any size: ``(B, C, H, W)``."""
        return self.mix(self.far(self.near(x)))


class LargeKernelBlock(nn.Module):
    """A large kernel gate and a convolutional feed-forward: ``(B, C, H, W) -> (B, C, H, W)``.

    Source: MSA²Net, arXiv:2407.21640, section 2.3, after Guo et al. 2022, arXiv:2202.09741.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1 = ChannelNorm(channels)
        self.enter = Pointwise(channels, channels)
        self.gate = LargeKernelGate(channels)
        self.leave = Pointwise(channels, channels)
        self.scale1 = nn.Parameter(torch.full((channels,), 1e-2))
        self.norm2 = ChannelNorm(channels)
        self.widen = Pointwise(channels, 4 * channels)
        self.depthwise = nn.Conv2d(4 * channels, 4 * channels, 3, padding=1, groups=4 * channels)
        self.narrow = Pointwise(4 * channels, channels)
        self.scale2 = nn.Parameter(torch.full((channels,), 1e-2))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm1(x)
        y = self.leave(self.gate(F.gelu(self.enter(y)))) + y
        x = x + self.scale1[:, None, None] * y
        y = self.narrow(F.gelu(self.depthwise(self.widen(self.norm2(x)))))
        return x + self.scale2[:, None, None] * y

    def gate_weights(self, x: Tensor) -> Tensor:
        """Return the weight of every voxel and channel: ``(B, C, H, W)``."""
        return self.gate.weights(F.gelu(self.enter(self.norm1(x))))
