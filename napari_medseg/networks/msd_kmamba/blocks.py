"""MSD-KMamba's blocks: convolutions, and state spaces followed by splines.

The paper's text could not be had; these are ours in its spirit, see `network`. Tokens are
``(B, D, H, W, C)``.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_medseg.networks.blocks.kan import ChannelSpline, KANLinear
from napari_medseg.networks.blocks.pointwise import Pointwise
from napari_medseg.networks.convolution import Conv3d
from napari_medseg.networks.msd_kmamba.state_space import (
    BidirectionalStateSpace,
    Depthwise,
    DiagonalStateSpace,
)
from napari_medseg.networks.norm import InstanceNorm


class Residual(nn.Module):
    """Two 3x3x3 convolutions beside a way round.

    Shapes: ``(B, I, *S) -> (B, O, *S)``.
    """

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.conv1 = Conv3d(in_channels, channels, 3, padding=1, bias=False)
        self.conv2 = Conv3d(channels, channels, 3, padding=1, bias=False)
        self.norm, self.act = InstanceNorm(), nn.LeakyReLU(0.01)
        self.skip: nn.Module = nn.Identity()
        if in_channels != channels:
            self.skip = nn.Sequential(Pointwise(in_channels, channels, bias=False), InstanceNorm())

    def forward(self, x: Tensor) -> Tensor:
        """Convolve and add."""
        y = self.act(self.norm(self.conv1(x)))
        return self.act(self.skip(x) + self.norm(self.conv2(y)))


class StateSpaceBlock(nn.Module):
    """Let every voxel see the whole volume, then bend its channels.

    Shapes: ``(B, C, D, H, W) -> (B, C, D, H, W)``.

    Parameters
    ----------
    channels : int
        ``C``, a multiple of 8.
    axes, states, ssm, kan
        See `MSDKMambaConfig`.
    """

    def __init__(
        self,
        channels: int,
        *,
        axes: int = 3,
        states: int = 16,
        ssm: str = "ssd",
        kan: str = "channel",
    ) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(channels), nn.LayerNorm(channels)
        kind = BidirectionalStateSpace if ssm == "ssd" else DiagonalStateSpace
        self.mix = kind(channels, axes=axes, states=states)
        self.bend = SplineFeedForward(channels, kan=kan)
        self.scale1 = nn.Parameter(torch.full((channels,), 0.1))
        self.scale2 = nn.Parameter(torch.full((channels,), 0.1))

    def forward(self, x: Tensor) -> Tensor:
        """Add what both layers say."""
        t = x.movedim(1, -1)
        t = t + self.scale1 * self.mix(self.norm1(t))
        t = t + self.scale2 * self.bend(self.norm2(t))
        return t.movedim(-1, 1)


class SplineFeedForward(nn.Module):
    """Widen, bend each channel by its own spline, look around, narrow.

    Shapes: ``(B, D, H, W, C) -> (B, D, H, W, C)``.

    Parameters
    ----------
    channels : int
        ``C``; twice as many are bent.
    kan : str
        "channel": one curve per hidden channel, which with the next layer makes edges that are
        multiples of it; "dense": one per pair of channels; "none": SiLU only.
    """

    def __init__(self, channels: int, *, kan: str) -> None:
        super().__init__()
        hidden = 2 * channels
        self.widen: nn.Module = (
            KANLinear(channels, hidden) if kan == "dense" else nn.Linear(channels, hidden)
        )
        self.norm = nn.LayerNorm(hidden) if kan == "channel" else None
        self.spline = ChannelSpline(hidden) if kan == "channel" else None
        self.silu = kan != "dense"  # the dense layer has its own
        self.near = Depthwise(hidden)
        self.narrow = nn.Linear(hidden, channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Bend the channels."""
        h = self.widen(x)
        y = F.silu(h) if self.silu else h
        if self.spline is not None and self.norm is not None:
            y = y + self.spline(self.norm(h))
        return self.narrow(y + self.near(y))
