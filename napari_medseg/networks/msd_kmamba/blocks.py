"""MSD-KMamba's blocks: a state-space layer in both directions, and a feed-forward with splines.

Tokens are ``(B, D, H, W, C)``. The paper's text could not be had; these are ours in its spirit
(bidirectional state spaces, Kolmogorov-Arnold non-linearity), see `network`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_medseg.networks.blocks.kan import ChannelSpline, KANLinear
from napari_medseg.networks.blocks.scan import bidirectional_scan
from napari_medseg.networks.depthwise import depthwise_groups
from napari_medseg.networks.lgmsnet.blocks import Pointwise
from napari_medseg.networks.norm import InstanceNorm

HEAD = 32  # channels that share a decay, as many as there are at most
_ORDERS = ((1, 2, 3), (2, 3, 1), (3, 1, 2))  # axes of tokens, slowest first
_LONGEST, _SHORTEST = 4096.0, 4.0  # tokens that heads remember before training


class Residual(nn.Module):
    """Two 3x3x3 convolutions beside a way round.

    Shapes: ``(B, I, *S) -> (B, O, *S)``.
    """

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(in_channels, channels, 3, padding=1, bias=False)
        self.conv2 = nn.Conv3d(channels, channels, 3, padding=1, bias=False)
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
    axes, states, kan
        See `MSDKMambaConfig`.
    """

    def __init__(self, channels: int, *, axes: int, states: int, kan: str) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.mix = BidirectionalStateSpace(channels, axes=axes, states=states)
        self.bend = SplineFeedForward(channels, kan=kan)
        self.scale1 = nn.Parameter(torch.full((channels,), 0.1))
        self.scale2 = nn.Parameter(torch.full((channels,), 0.1))

    def forward(self, x: Tensor) -> Tensor:
        """Add what both layers say."""
        t = x.movedim(1, -1)
        t = t + self.scale1 * self.mix(self.norm1(t))
        t = t + self.scale2 * self.bend(self.norm2(t))
        return t.movedim(-1, 1)


class BidirectionalStateSpace(nn.Module):
    """Read a volume as a sequence along three axis orders, each from both ends.

    Shapes: ``(B, D, H, W, C) -> (B, D, H, W, C)``.

    Parameters
    ----------
    channels : int
        ``C``.
    axes : int
        How many of the orders D-H-W, H-W-D and W-D-H.
    states : int
        N of `bidirectional_scan`.

    Source: the gated layer of Gu & Dao 2024, Mamba, arXiv:2312.00752, Fig. 3, with the scan of
    Mamba-2. Ours: both directions, three orders mixed by learned shares, a 3x3x3 depthwise
    convolution for the causal one along the sequence, and heads that begin with memories of 4 to
    4096 tokens: at stride 4 of 96 voxels a row is 24 tokens and a plane 576.
    """

    def __init__(self, channels: int, *, axes: int, states: int) -> None:
        super().__init__()
        inner = 2 * channels
        self.head = min(HEAD, inner)
        self.heads, self.axes, self.states = inner // self.head, axes, states
        self.enter = nn.Linear(channels, 2 * inner, bias=False)
        self.near = Depthwise(inner)
        # per order: B, C and dt of every token
        self.select = nn.Linear(inner, axes * (2 * states + self.heads), bias=False)
        rate = 1 + 3 * torch.rand(axes, self.heads)
        tokens = torch.empty(axes, self.heads).uniform_(math.log(_SHORTEST), math.log(_LONGEST))
        dt = 1 / (tokens.exp() * rate)
        self.log_rate = nn.Parameter(rate.log())
        self.dt_bias = nn.Parameter(torch.log(torch.expm1(dt)))  # softplus gives dt
        self.shares = nn.Parameter(torch.zeros(axes)) if axes > 1 else None
        self.skip = nn.Parameter(torch.ones(inner))
        self.norm = nn.LayerNorm(inner)
        self.leave = nn.Linear(inner, channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Mix the tokens."""
        u, gate = self.enter(x).chunk(2, dim=-1)
        u = F.silu(self.near(u))
        y = self._scanned(u, self.select(u))
        return self.leave(self.norm(self.skip * u + y) * F.silu(gate))

    def _scanned(self, u: Tensor, selected: Tensor) -> Tensor:
        """Scan all orders at once, as groups of heads: ``(B, D, H, W, d) -> (B, D, H, W, d)``."""
        size, orders = u.shape[1:4], _ORDERS[: self.axes]
        own = selected.chunk(self.axes, dim=-1)
        tokens = torch.stack([_sequence(u, axes) for axes in orders], dim=2)
        b, c, dt = torch.stack(
            [_sequence(part, axes) for part, axes in zip(own, orders, strict=True)], dim=2
        ).split([self.states, self.states, self.heads], dim=-1)  # (B, L, orders, ...)
        y = bidirectional_scan(
            tokens.unflatten(-1, (self.heads, self.head)).flatten(2, 3),
            F.softplus(dt + self.dt_bias).clamp(max=1).flatten(2),
            -self.log_rate.exp().flatten(),
            b,
            c,
        )
        y = y.unflatten(2, (self.axes, self.heads)).flatten(3)  # (B, L, orders, d)
        if self.shares is not None:
            y = y * self.shares.softmax(0)[:, None]
        back = [_volume(part, axes, size) for part, axes in zip(y.unbind(2), orders, strict=True)]
        return torch.stack(back).sum(0) if len(back) > 1 else back[0]


def _sequence(t: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Read a volume along an order of axes: ``(B, D, H, W, C) -> (B, L, C)``."""
    return t.permute(0, *axes, 4).flatten(1, 3)


def _volume(t: Tensor, axes: tuple[int, ...], size: Sequence[int]) -> Tensor:
    """Undo `_sequence`."""
    back = [1 + axes.index(axis) for axis in (1, 2, 3)]
    return t.unflatten(1, [size[axis - 1] for axis in axes]).permute(0, *back, 4)


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


class Depthwise(nn.Module):
    """A 3x3x3 convolution of each channel by itself.

    Shapes: ``(B, D, H, W, C) -> (B, D, H, W, C)``.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        like = nn.Conv3d(channels, channels, 3, groups=channels)
        self.weight, self.bias = like.weight, like.bias

    def forward(self, x: Tensor) -> Tensor:
        """Convolve."""
        assert self.bias is not None
        return depthwise_groups(x.movedim(-1, 1), [self.weight], [self.bias]).movedim(1, -1)
