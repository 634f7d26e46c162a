"""How tokens and maps are taken for each other in the decoder."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of a map: ``(B, C, H, W) -> (B, C, H, W)``."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


def scramble(x: Tensor) -> Tensor:
    """Take the memory of the tokens ``(B, H W, C)`` of a map for a map ``(B, C, H, W)``.

    The published code does so by a view where a transposition is meant. Voxel ``p`` of channel
    ``c`` of the result is channel ``(c N + p) mod C`` of token ``(c N + p) // C``.
    """
    tokens = x.movedim(1, -1).contiguous()
    return tokens.view(x.shape).contiguous(memory_format=torch.channels_last)


def unscramble(x: Tensor) -> Tensor:
    """Undo `scramble`: ``(B, C, H, W) -> (B, C, H, W)``."""
    batch, channels, height, width = x.shape
    return x.contiguous().view(batch, height, width, channels).movedim(-1, 1)


class Expand(nn.Module):
    """Turn each voxel into ``factor`` x ``factor`` voxels.

    Shapes: ``(B, C_in, H, W) -> (B, C, factor H, factor W)``.

    Source: Cao et al. 2021, Swin-Unet, arXiv:2105.05537, section 3.5.
    """

    def __init__(self, in_channels: int, channels: int, factor: int) -> None:
        super().__init__()
        self.factor = factor
        self.linear = nn.Linear(in_channels, factor * factor * channels, bias=False)
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        batch, _, height, width = x.shape
        factor = self.factor
        y = self.linear(x.movedim(1, -1)).unflatten(-1, (factor, factor, -1))
        y = y.transpose(2, 3).reshape(batch, factor * height, factor * width, -1)
        return self.norm(y).movedim(-1, 1)
