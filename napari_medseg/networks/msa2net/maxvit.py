"""MaxViT, the encoder, with the names of timm's weights so that they can be loaded as they are.

Paper: Tu et al. 2022, MaxViT: Multi-Axis Vision Transformer, arXiv:2204.01697.
Code:  timm 1.0.31 (Apache-2.0), ``maxvit_rmlp_small_rw_224``: read for names and numbers, not
       copied.
Differs from the code: windows are as near to 7 voxels a side as each map allows (timm: the
       image's side by 32), so that sides of any multiple of 32 run, small images attend to more
       than themselves and large ones cost no more per voxel; attention is computed without its
       matrix.
Checked: 64,126,044 parameters.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_medseg.networks.base import Inspectable
from napari_medseg.networks.msa2net.attention import WINDOW, OffsetNetwork, RelativeAttention, Tiles


class MaxViT(nn.Module):
    """Convolution, attention in windows and attention over a grid, in four stages.

    Shapes: ``(B, C_in, H, W) -> [(B, C, H/4, W/4), (B, 2C, H/8, W/8), (B, 4C, H/16, W/16),
    (B, 8C, H/32, W/32)]``; sides are multiples of 32. The last map is normalised.

    Parameters
    ----------
    in_channels : int
        ``C_in``.
    stem_width : int
        Channels at stride 2.
    widths : tuple of int
        Channels of the stages.
    depths : tuple of int
        Blocks of the stages.
    """

    def __init__(
        self,
        in_channels: int,
        stem_width: int,
        widths: tuple[int, ...],
        depths: tuple[int, ...],
    ) -> None:
        super().__init__()
        self.stem = Stem(in_channels, stem_width)
        before = (stem_width, *widths[:-1])
        self.stages = nn.ModuleList(
            Stage(a, b, depth) for a, b, depth in zip(before, widths, depths, strict=True)
        )
        self.norm = LayerNorm2d(widths[-1], eps=1e-6)
        self.apply(_initialise)

    def forward(self, x: Tensor) -> list[Tensor]:
        y = self.stem(x)
        maps = []
        for stage in self.stages:
            y = stage(y)
            maps.append(y)
        maps[-1] = self.norm(y)
        return maps


def window_side(side: int) -> int:
    """Return the side of the windows of a map: its divisor whose ratio to 7 is nearest to one."""
    divisors = [d for d in range(1, side + 1) if side % d == 0]
    return min(divisors, key=lambda d: abs(math.log(d / WINDOW)))


class LayerNorm2d(nn.LayerNorm):
    """Layer norm over the channels of a map: ``(B, C, H, W) -> (B, C, H, W)``."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class Stem(nn.Module):
    """Halve the image: ``(B, C_in, H, W) -> (B, C, H/2, W/2)``."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels // 2, 3, stride=2, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels // 2)
        self.conv2 = nn.Conv2d(channels // 2, channels, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv2(F.silu(self.norm1(self.conv1(x))))


class Stage(nn.Module):
    """Halve the map and widen it: ``(B, C_in, H, W) -> (B, C, H/2, W/2)``."""

    def __init__(self, in_channels: int, channels: int, depth: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            Block(channels if i else in_channels, channels, stride=1 if i else 2)
            for i in range(depth)
        )

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return x


class Block(Inspectable):
    """MBConv, then attention within windows, then over a grid.

    Shapes: ``(B, C_in, H, W) -> (B, C, H/stride, W/stride)``.

    Source: MaxViT, arXiv:2204.01697, section 3.2 and figure 2.
    """

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.overlays = {
            "window": "how much each place is looked at within its window; 1 is the mean",
            "grid": "how much each place is looked at from across the image; 1 is the mean",
            "from_here": "where the chosen place looks across the image; sums to one",
        }
        self.conv = MBConv(in_channels, channels, stride)
        self.attn_block = AttentionLayer(channels)
        self.attn_grid = AttentionLayer(channels)

    def forward(self, x: Tensor) -> Tensor:
        y, tiles = self._within_windows(x)
        y = tiles.join_grid(self.attn_grid(tiles.grid(y), tiles.window))
        return y.movedim(-1, 1)

    def overlay(self, name: str, inputs: tuple[Tensor, ...], at: tuple[float, ...]) -> Tensor:
        """Return attention, averaged over the heads: ``(B, 1, H/stride, W/stride)``."""
        if name == "window":
            y, tiles = self._convolved(*inputs)
            seen = self.attn_block.weights(tiles.windows(y), tiles.window).sum(1)
            return tiles.join_windows(seen[..., None]).movedim(-1, 1)
        y, tiles = self._within_windows(*inputs)
        weights = self.attn_grid.weights(tiles.grid(y), tiles.window)  # (B', N, N)
        if name == "grid":
            return tiles.join_grid(weights.sum(1)[..., None]).movedim(-1, 1)
        here = torch.zeros_like(y[..., :1])
        row, column = (min(int(a * s), s - 1) for a, s in zip(at, y.shape[1:3], strict=True))
        here[:, row, column] = 1
        chosen = tiles.grid(here).transpose(1, 2) @ weights  # (B', 1, N)
        return tiles.join_grid(chosen.transpose(1, 2)).movedim(-1, 1)

    def _convolved(self, x: Tensor) -> tuple[Tensor, Tiles]:
        y = self.conv(x).movedim(1, -1)  # channels last from here on: (B, H, W, C)
        size = (y.shape[1], y.shape[2])
        return y, Tiles((window_side(size[0]), window_side(size[1])), size)

    def _within_windows(self, x: Tensor) -> tuple[Tensor, Tiles]:
        y, tiles = self._convolved(x)
        return tiles.join_windows(self.attn_block(tiles.windows(y), tiles.window)), tiles


class MBConv(nn.Module):
    """An inverted bottleneck with a gate per channel.

    Shapes: ``(B, C_in, H, W) -> (B, C, H/stride, W/stride)``; it expands to ``4 C_in`` channels.

    Source: Tan & Le 2019, EfficientNet, arXiv:1905.11946, as timm's ``MbConvBlock`` has it, with a
    norm before the first convolution.
    """

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        wide = 4 * in_channels
        self.shortcut = Shortcut(in_channels, channels) if stride == 2 else nn.Identity()
        self.pre_norm = nn.BatchNorm2d(in_channels)
        self.conv1_1x1 = nn.Conv2d(in_channels, wide, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(wide)
        self.conv2_kxk = nn.Conv2d(wide, wide, 3, stride=stride, padding=1, groups=wide, bias=False)
        self.norm2 = nn.BatchNorm2d(wide)
        self.se = SqueezeExcite(wide, in_channels // 4)
        self.conv3_1x1 = nn.Conv2d(wide, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = F.silu(self.norm1(self.conv1_1x1(self.pre_norm(x))))
        y = self.se(F.silu(self.norm2(self.conv2_kxk(y))))
        return self.conv3_1x1(y) + self.shortcut(x)


class Shortcut(nn.Module):
    """Average four voxels, then widen: ``(B, C_in, H, W) -> (B, C, H/2, W/2)``."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.expand = nn.Conv2d(in_channels, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.expand(F.avg_pool2d(x, 2))


class SqueezeExcite(Inspectable):
    """Weight each channel by a gate computed from its mean: ``(B, C, H, W) -> (B, C, H, W)``.

    Source: Hu et al. 2018, Squeeze-and-Excitation Networks, arXiv:1709.01507, eq. 2-4, with SiLU.
    """

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.overlays = {"channels": "how much each channel is let through, 0 to 1"}
        self.fc1 = nn.Conv2d(channels, hidden, 1)
        self.fc2 = nn.Conv2d(hidden, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x * self._gate(x)

    def overlay(self, name: str, inputs: tuple[Tensor, ...], at: tuple[float, ...]) -> Tensor:
        """Return the weight of every channel, ``(B, C)``."""
        return self._gate(*inputs).flatten(1)

    def _gate(self, x: Tensor) -> Tensor:
        return self.fc2(F.silu(self.fc1(x.mean((2, 3), keepdim=True)))).sigmoid()


class LayerScale(nn.Module):
    """Scale each channel; starts near zero so that a fresh layer hardly speaks.

    Source: Touvron et al. 2021, Going deeper with Image Transformers, arXiv:2103.17239, eq. 4.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.full((channels,), 1e-6))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gamma


class FeedForward(nn.Module):
    """Two layers with GELU between: ``(..., C) -> (..., C)``."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, 4 * channels)
        self.fc2 = nn.Linear(4 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class AttentionLayer(nn.Module):
    """A pre-norm transformer layer on windows: ``(B', N, C) -> (B', N, C)``."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels, eps=1e-6)
        self.attn = RelativeAttention(channels)
        self.ls1 = LayerScale(channels)
        self.norm2 = nn.LayerNorm(channels, eps=1e-6)
        self.mlp = FeedForward(channels)
        self.ls2 = LayerScale(channels)

    def forward(self, tokens: Tensor, window: tuple[int, int]) -> Tensor:
        tokens = tokens + self.ls1(self.attn(self.norm1(tokens), window))
        return tokens + self.ls2(self.mlp(self.norm2(tokens)))

    def weights(self, tokens: Tensor, window: tuple[int, int]) -> Tensor:
        """Return the attention, averaged over the heads: ``(B', N, C) -> (B', N, N)``."""
        return self.attn.weights(self.norm1(tokens), window).mean(1)


def _initialise(module: nn.Module) -> None:
    """Draw fresh weights as timm does for this network."""
    if isinstance(module, nn.Conv2d):
        outputs = module.kernel_size[0] * module.kernel_size[1] * module.out_channels
        nn.init.normal_(module.weight, std=math.sqrt(2 / (outputs // module.groups)))
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(
        module, FeedForward | OffsetNetwork
    ):  # after its layers: apply goes from the leaves up
        for layer in (module.fc1, module.fc2):
            nn.init.normal_(layer.bias, std=1e-6)
