"""DAE-Former's block: attention among places, then among channels, both of linear cost."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_medseg.networks.base import Inspectable
from napari_medseg.networks.msa2net.config import CHANNEL_HEADS


class EfficientAttention(nn.Module):
    """Attention by way of one global context: ``(B, N, C) -> (B, N, C)``.

    Source: Shen et al. 2021, Efficient Attention, arXiv:1812.01243, eq. 4, one head.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.key = nn.Linear(channels, channels)
        self.query = nn.Linear(channels, channels)
        self.value = nn.Linear(channels, channels)
        self.project = nn.Linear(channels, channels)

    def forward(self, tokens: Tensor) -> Tensor:
        context = self.weights(tokens).transpose(1, 2) @ self.value(tokens)  # (B, C, C)
        return self.project(self.query(tokens).softmax(dim=2) @ context)

    def weights(self, tokens: Tensor) -> Tensor:
        """Return how much each place gives to each channel's context: ``(B, N, C)``.

        Sums to one over the places.
        """
        return self.key(tokens).softmax(dim=1)


class ChannelAttention(Inspectable):
    """Attention among the channels of a head: ``(B, N, C) -> (B, N, C)``.

    Source: Ali et al. 2021, XCiT, arXiv:2106.09681, eq. 2, as in Azad et al. 2022, DAE-Former,
    arXiv:2212.13504, eq. 4.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.overlays = {"matrix": "which channel listens to which, per head; rows sum to one"}
        self.matrices = frozenset(self.overlays)
        self.parts = {"matrix": tuple(f"head {i + 1}" for i in range(CHANNEL_HEADS))}
        self.temperature = nn.Parameter(torch.ones(CHANNEL_HEADS, 1, 1))
        self.qkv = nn.Linear(channels, 3 * channels, bias=False)
        self.project = nn.Linear(channels, channels)

    def forward(self, tokens: Tensor) -> Tensor:
        weights, value = self._weights_and_value(tokens)
        attended = weights @ value  # (B, heads, C/heads, N)
        return self.project(attended.flatten(1, 2).transpose(1, 2))

    def overlay(self, name: str, inputs: tuple[Tensor, ...], at: tuple[float, ...]) -> Tensor:
        """Return the attention, ``(B, heads, C/heads, C/heads)``."""
        return self._weights_and_value(*inputs)[0]

    def _weights_and_value(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        qkv = self.qkv(tokens).unflatten(-1, (3, CHANNEL_HEADS, -1))
        query, key, value = qkv.permute(2, 0, 3, 4, 1)  # each (B, heads, C/heads, N)
        query, key = F.normalize(query, dim=-1), F.normalize(key, dim=-1)
        return (query @ key.transpose(-2, -1) * self.temperature).softmax(dim=-1), value


class MixFeedForward(nn.Module):
    """Two layers with a depthwise convolution between: ``(B, H, W, C) -> (B, H, W, C)``.

    Source: Xie et al. 2021, SegFormer, arXiv:2105.15203, eq. 3, without its skip.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.widen = nn.Linear(channels, 4 * channels)
        self.depthwise = nn.Conv2d(4 * channels, 4 * channels, 3, padding=1, groups=4 * channels)
        self.narrow = nn.Linear(4 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        y = self.depthwise(self.widen(x).movedim(-1, 1)).movedim(1, -1)
        return self.narrow(F.gelu(y))


class DualAttentionBlock(nn.Module):
    """Attention among places and among channels, each with a feed-forward.

    Shapes: ``(B, C, H, W) -> (B, C, H, W)``.

    Source: Azad et al. 2022, DAE-Former, arXiv:2212.13504, section 2; MSA²Net, arXiv:2407.21640,
    section 2.3. The feed-forward is the plain one, as in MSA²Net's published code.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels)
        self.places = EfficientAttention(channels)
        self.norm2 = nn.LayerNorm(channels)
        self.feed_forward1 = MixFeedForward(channels)
        self.norm3 = nn.LayerNorm(channels)
        self.channels = ChannelAttention(channels)
        self.norm4 = nn.LayerNorm(channels)
        self.feed_forward2 = MixFeedForward(channels)

    def forward(self, x: Tensor) -> Tensor:
        size = x.shape[2:]
        y = x.movedim(1, -1)  # (B, H, W, C)
        y = y + self.places(self.norm1(y).flatten(1, 2)).unflatten(1, size)
        y = y + self.feed_forward1(self.norm2(y))
        y = y + self.channels(self.norm3(y).flatten(1, 2)).unflatten(1, size)
        y = y + self.feed_forward2(self.norm4(y))
        return y.movedim(-1, 1)

    def context(self, x: Tensor) -> Tensor:
        """Return how much each place gives to each channel's context: ``(B, C, H, W)``."""
        tokens = self.norm1(x.movedim(1, -1)).flatten(1, 2)
        return self.places.weights(tokens).transpose(1, 2).unflatten(2, x.shape[2:])
