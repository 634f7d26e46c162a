"""MASAG, the gate that merges an encoder map with what the decoder has."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from napari_medseg.networks.blocks.pointwise import Pointwise


class MultiScaleGate(nn.Module):
    """Multi-scale adaptive spatial attention gate: local context of `x`, global context of `g`.

    Shapes: ``x (B, C, H, W), g (B, C, H, W) -> (B, C, H, W)``.

    Source: MSA²Net, arXiv:2407.21640, eq. 1-6 and figure 2. As in the published code, and not in
    the equations, every convolution is followed by batch norm, the dilated one mixes channels,
    and the weights of the selection have one channel (eq. 2 gives them two).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.local = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, groups=channels),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=2, dilation=2),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            Pointwise(channels, channels),
            nn.BatchNorm2d(channels),
        )
        self.everywhere = nn.Sequential(Pointwise(2, 1), nn.BatchNorm2d(1))
        self.fuse_norm = nn.BatchNorm2d(channels)
        self.selection = Pointwise(channels, 2)
        self.recalibrate = nn.Sequential(Pointwise(channels, channels), nn.BatchNorm2d(channels))
        self.project = nn.Sequential(Pointwise(channels, channels), nn.BatchNorm2d(channels))

    def forward(self, x: Tensor, g: Tensor) -> Tensor:
        weights = self.select(self.fuse(x, g))
        return self.project(self.recalibration(x, g, weights) * x)

    def fuse(self, x: Tensor, g: Tensor) -> Tensor:
        """Add both contexts (eq. 1): ``-> (B, C, H, W)``."""
        pooled = torch.cat([g.mean(1, keepdim=True), g.amax(1, keepdim=True)], dim=1)
        return self.fuse_norm(self.local(x) + self.everywhere(pooled))

    def select(self, fused: Tensor) -> Tensor:
        """Say how much of `x` and of `g` to take (eq. 2): ``(B, C, H, W) -> (B, 2, H, W)``.

        The two sum to one.
        """
        return self.selection(fused).softmax(dim=1)

    def recalibration(self, x: Tensor, g: Tensor, weights: Tensor) -> Tensor:
        """Let both shape each other (eq. 3-5), and say what of `x` to keep: ``(B, C, H, W)``."""
        of_x, of_g = weights.split(1, dim=1)
        x, g = x + x * of_x, g + g * of_g
        return self.recalibrate(x * g.sigmoid() * (g * x.sigmoid())).sigmoid()
