"""Attention within windows and over a grid, with a learned bias for how two voxels lie."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_medseg.networks.msa2net.config import HEAD_CHANNELS

WINDOW = 7  # voxels per side of a window of 224 x 224 pixels
_HIDDEN = 512  # of the network that computes the bias


class Tiles:
    """Two ways to cut a map into windows of equal size, and back.

    Parameters
    ----------
    window : tuple of int
        ``(h, w)``, which divides `size`.
    size : sequence of int
        ``(H, W)`` of the map.

    Source: MaxViT, arXiv:2204.01697, section 3.2 and figure 3.
    """

    def __init__(self, window: tuple[int, int], size: Sequence[int]) -> None:
        self.window, self._size = window, tuple(size)
        self._count = (size[0] // window[0], size[1] // window[1])

    def windows(self, x: Tensor) -> Tensor:
        """Cut into neighbourhoods: ``(B, H, W, C) -> (B n, h w, C)`` with ``n`` windows."""
        (h, w), (rows, columns) = self.window, self._count
        return (
            x.reshape(-1, rows, h, columns, w, x.shape[-1])
            .transpose(2, 3)
            .reshape(-1, h * w, x.shape[-1])
        )

    def join_windows(self, tokens: Tensor) -> Tensor:
        """Undo `windows`."""
        (h, w), (rows, columns) = self.window, self._count
        tiles = tokens.reshape(-1, rows, columns, h, w, tokens.shape[-1])
        return tiles.transpose(2, 3).reshape(-1, *self._size, tokens.shape[-1])

    def grid(self, x: Tensor) -> Tensor:
        """Take every ``H/h``-th row and ``W/w``-th column: ``(B, H, W, C) -> (B n, h w, C)``."""
        (h, w), (rows, columns) = self.window, self._count
        tiles = x.reshape(-1, h, rows, w, columns, x.shape[-1])
        return tiles.permute(0, 2, 4, 1, 3, 5).reshape(-1, h * w, x.shape[-1])

    def join_grid(self, tokens: Tensor) -> Tensor:
        """Undo `grid`."""
        (h, w), (rows, columns) = self.window, self._count
        tiles = tokens.reshape(-1, rows, columns, h, w, tokens.shape[-1])
        return tiles.permute(0, 3, 1, 4, 2, 5).reshape(-1, *self._size, tokens.shape[-1])


class RelativeAttention(nn.Module):
    """Self-attention within windows: ``(B', N, C) -> (B', N, C)``, ``N = h w``.

    Source: MaxViT, arXiv:2204.01697, eq. 1; the bias as in Liu et al. 2022, Swin Transformer V2,
    arXiv:2111.09883, eq. 3-4, without the cosine.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.heads = channels // HEAD_CHANNELS
        self.qkv = nn.Linear(channels, 3 * channels)
        self.rel_pos = RelativeBias(self.heads)
        self.proj = nn.Linear(channels, channels)

    def forward(self, tokens: Tensor, window: tuple[int, int]) -> Tensor:
        query, key, value = self._query_key_value(tokens)
        bias = self.rel_pos(window).to(query.dtype)
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        return self.proj(attended.transpose(1, 2).flatten(2))

    def weights(self, tokens: Tensor, window: tuple[int, int]) -> Tensor:
        """Return the attention itself: ``(B', N, C) -> (B', heads, N, N)``.

        The last axis is the voxel looked at; it sums to one.
        """
        query, key, _ = self._query_key_value(tokens)
        scores = query @ key.transpose(-2, -1) * HEAD_CHANNELS**-0.5
        return (scores + self.rel_pos(window)).softmax(dim=-1)

    def _query_key_value(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        qkv = self.qkv(tokens).unflatten(-1, (self.heads, 3, HEAD_CHANNELS))  # (B', N, heads, 3, c)
        query, key, value = qkv.permute(3, 0, 2, 1, 4)
        return query, key, value


class RelativeBias(nn.Module):
    """What is added to the attention of two voxels, from the offset between them.

    ``(h, w) -> (1, heads, N, N)`` with ``N = h w``; its weights know no window size.
    """

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.mlp = OffsetNetwork(heads)

    def forward(self, window: tuple[int, int]) -> Tensor:
        device = self.mlp.fc1.weight.device
        down, right = (torch.arange(1 - side, side, device=device) for side in window)
        offsets = torch.stack(torch.meshgrid(down, right, indexing="ij"), dim=-1)
        offsets = offsets.to(self.mlp.fc1.weight.dtype)
        table = self.mlp(offsets.sign() * offsets.abs().log1p()).flatten(0, 1)  # (offsets, heads)
        return table[_offset_index(window, device)].permute(2, 0, 1)[None]


class OffsetNetwork(nn.Module):
    """Two layers from an offset to a bias per head: ``(..., 2) -> (..., heads)``."""

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(2, _HIDDEN)
        self.drop = nn.Dropout(0.125)
        self.fc2 = nn.Linear(_HIDDEN, heads)

    def forward(self, offsets: Tensor) -> Tensor:
        return self.fc2(self.drop(F.relu(self.fc1(offsets))))


def _offset_index(window: tuple[int, int], device: torch.device) -> Tensor:
    """Return where in the table of offsets the one from key to query is: ``(N, N)``."""
    h, w = window
    down = torch.arange(h, device=device).repeat_interleave(w)
    right = torch.arange(w, device=device).repeat(h)
    rows = down[:, None] - down[None, :] + h - 1
    columns = right[:, None] - right[None, :] + w - 1
    return rows * (2 * w - 1) + columns
