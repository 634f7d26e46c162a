"""GLAD-Net's attention: in groups of channels at the coarsest level, and on the skips."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_medseg.networks.base import Inspectable
from napari_medseg.networks.gladnet.gates import Regressor, SelectiveFusion

MOST_TOKENS = 4096  # beyond, a voxel attends to the means of 2 x 2 others: 512 x 512 images and up


class GroupAttention(Inspectable):
    """Self-attention over the whole image, apart in each group of channels.

    Shapes: ``(B, C, H, W) -> (B, C, H, W)``.

    Parameters
    ----------
    channels : int
        ``C``, a multiple of `split` times `heads`.
    split : int
        Groups of channels.
    heads : int
        Heads of each group.

    Source: GLAD-Net's GLAM: channel groups, multi-head attention, concatenation. Ours: group
    normalisation before, the depthwise convolution of the values, which tells places apart, and
    the projection after.
    """

    def __init__(self, channels: int, split: int, heads: int) -> None:
        super().__init__()
        self.overlays = {
            "attention": "where each head looks from the chosen place; sums to one per head",
            "entropy": "how widely each head looks from every place: 0 one place, 1 everywhere",
        }
        pairs = [f"group {g + 1}, head {h + 1}" for g in range(split) for h in range(heads)]
        self.parts = dict.fromkeys(self.overlays, tuple(pairs))
        self.split, self.heads = split, heads
        self.norm = nn.GroupNorm(split, channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1, groups=split, bias=False)
        self.place = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.project = nn.Conv2d(channels, channels, 1, groups=split)

    def forward(self, x: Tensor) -> Tensor:
        """Attend."""
        query, key, value = self._query_key_value(x)
        attended = F.scaled_dot_product_attention(
            self._tokens(query), self._tokens(self._thin(key)), self._tokens(self._thin(value))
        )
        y = attended.transpose(-1, -2).reshape(x.shape)
        return self.project(y + self.place(value))

    def overlay(self, name: str, inputs: tuple[Tensor, ...], at: tuple[float, ...]) -> Tensor:
        """Return the attention of one place or the entropy of all, ``(B, split heads, H, W)``."""
        query, key, _ = self._query_key_value(*inputs)
        size = query.shape[-2:]
        if name == "entropy":
            return self._entropy(query, key)
        row, column = (min(int(a * s), s - 1) for a, s in zip(at, size, strict=True))
        chosen = self._tokens(query)[:, :, row * size[1] + column, None]
        thinned = self._thin(key)
        weights = self._weights(chosen, self._tokens(thinned))[:, :, 0]
        weights = weights.unflatten(-1, thinned.shape[-2:])
        if thinned is key:
            return weights
        shared = F.avg_pool2d(torch.ones_like(key[:1, :1]), 2, ceil_mode=True, divisor_override=1)
        return F.interpolate(weights / shared, size, mode="nearest")

    def _entropy(self, query: Tensor, key: Tensor) -> Tensor:
        keys = self._tokens(self._thin(key))
        rows = [
            torch.special.entr(self._weights(some, keys)).sum(-1)
            for some in self._tokens(query).split(256, dim=2)  # never the whole matrix
        ]
        most = math.log(max(keys.shape[2], 2))
        return (torch.cat(rows, dim=2) / most).unflatten(-1, query.shape[-2:])

    def _weights(self, query: Tensor, key: Tensor) -> Tensor:
        return (query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5).softmax(-1)

    def _query_key_value(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return three of ``(B, C, H, W)``."""
        qkv = self.qkv(self.norm(x)).unflatten(1, (self.split, 3, -1))
        query, key, value = qkv.unbind(2)
        return query.flatten(1, 2), key.flatten(1, 2), value.flatten(1, 2)

    def _tokens(self, x: Tensor) -> Tensor:
        """Part channels into heads: ``(B, C, H, W) -> (B, split heads, H W, d)``."""
        return x.flatten(2).unflatten(1, (self.split * self.heads, -1)).transpose(-1, -2)

    def _thin(self, x: Tensor) -> Tensor:
        many = x.shape[-1] * x.shape[-2] > MOST_TOKENS
        return F.avg_pool2d(x, 2, ceil_mode=True) if many else x


class GlobalLocalAttention(nn.Module):
    """Attend in groups of channels and fuse the answer with what came in (GLAM).

    Shapes: ``(B, C, H, W) -> (B, C, H, W)``.

    Parameters
    ----------
    channels, split, heads : int
        See `GroupAttention`.
    fuse : str
        "skm" selects per channel, "direct" adds (the paper's Table 3).
    kind : str
        See `Regressor`.

    Source: GLAD-Net, GLAM; the fusion is eq. 5.
    """

    def __init__(self, channels: int, split: int, heads: int, fuse: str, kind: str) -> None:
        super().__init__()
        self.attention = GroupAttention(channels, split, heads)
        self.fuse = SelectiveFusion(channels, kind) if fuse == "skm" else None

    def forward(self, x: Tensor) -> Tensor:
        """Attend and fuse."""
        local = self.attention(x)
        return local + x if self.fuse is None else self.fuse(local, x)


class ChannelSpatialAttention(Inspectable):
    """Weigh a skip connection's channels, then its places (CSCA).

    Shapes: ``(B, C, H, W) -> (B, C, H, W)``.

    Parameters
    ----------
    channels : int
        ``C``.
    channel, spatial : bool
        Which of the two there are, at least one (the paper's Table 4).
    kind : str
        See `Regressor`.

    Source: GLAD-Net, CSCA, after Woo et al. 2018, CBAM, arXiv:1807.06521.
    """

    def __init__(self, channels: int, *, channel: bool, spatial: bool, kind: str) -> None:
        super().__init__()
        self.channel = Regressor(channels, max(channels // 16, 8), kind) if channel else None
        self.spatial = nn.Conv2d(2, 1, 7, padding=3) if spatial else None
        self.mix = nn.Conv2d(channels, channels, 1)
        self.overlays = {
            name: words for name, words in _CSCA_OVERLAYS.items() if getattr(self, name) is not None
        }

    def forward(self, x: Tensor) -> Tensor:
        """Weigh."""
        if self.channel is not None:
            x = x * self.channel_weights(x)
        if self.spatial is not None:
            x = x * self.place_weights(x)
        return self.mix(x)

    def channel_weights(self, x: Tensor) -> Tensor:
        """Return ``(B, C, 1, 1)`` in [0, 1]."""
        assert self.channel is not None
        return self.channel(x.mean((2, 3)))[..., None, None].sigmoid()

    def place_weights(self, x: Tensor) -> Tensor:
        """Return ``(B, 1, H, W)`` in [0, 1], for an image whose channels are weighed."""
        assert self.spatial is not None
        return self.spatial(torch.cat([x.amax(1, True), x.mean(1, True)], dim=1)).sigmoid()

    def overlay(self, name: str, inputs: tuple[Tensor, ...], at: tuple[float, ...]) -> Tensor:
        """Return the weights of channels ``(B, C)`` or of places ``(B, 1, H, W)``."""
        (x,) = inputs
        if name == "channel":
            return self.channel_weights(x)[..., 0, 0]
        return self.place_weights(x if self.channel is None else x * self.channel_weights(x))


_CSCA_OVERLAYS = {
    "channel": "weight of each channel of the skip connection",
    "spatial": "weight of each place of the skip connection",
}
