"""GLAD-Net, 2-D.

Paper: Zhao et al. 2025, GLAD-Net, ICIC 2025 (global-local attention and self-distillation).
Code:  https://github.com/XiLinky/GLAD-Net could not be had; this follows the paper's text.
Ours, where the text leaves it open:
       skips are taken before pooling, so that encoder and decoder stages that are distilled have
       one shape; the third pooling is followed by convolutions (the U-Net of Table 2 needs them);
       the image that came up is joined with the skip, then convolved (eq. 9); CMSF works at the
       two finer decoder stages, each with the stage before the last (eq. 8); a 1x1 convolution
       matches their channels, before upsampling, which computes the same; selection is per
       channel, by two Kolmogorov-Arnold layers of C/16 features between; attention has four heads
       per group and no embedding of places. See `gates` and `attention` for the rest.
Checked: 9,032,426 parameters at ``width=64`` with 3 channels and 1 class (paper's scale),
       7,700,161 with every module switched off, 8,232,586 with linear layers for KAN.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_medseg.networks.base import Feature, SegmentationNetwork
from napari_medseg.networks.gladnet.attention import ChannelSpatialAttention, GlobalLocalAttention
from napari_medseg.networks.gladnet.config import LEVELS, GLADNetConfig
from napari_medseg.networks.gladnet.gates import SelectiveFusion
from napari_medseg.networks.nd import fastest_layout


class Stages(NamedTuple):
    """What one pass gives: logits, and the features of encoder and decoder, finest first."""

    logits: Tensor
    encoder: tuple[Tensor, ...]
    decoder: tuple[Tensor, ...]


class GLADNet(SegmentationNetwork):
    """A U-Net that attends at its coarsest level, on its skips and across decoder stages.

    Shapes: ``(B, C, H, W) -> (B, K, H, W)``; both sides a multiple of 8.

    Parameters
    ----------
    config : GLADNetConfig
        Channels, classes, width, and which modules there are.
    """

    config: GLADNetConfig
    decoder_modules = (
        "skip1",
        "skip2",
        "skip3",
        "up3",
        "up2",
        "up1",
        "cross2",
        "cross1",
        "dec3",
        "dec2",
        "dec1",
    )

    def __init__(self, config: GLADNetConfig) -> None:
        super().__init__(config)
        c1, c2, c3, c4 = (config.width * 2**level for level in range(LEVELS + 1))
        kind, norm = config.regressor, config.norm
        self.pool = nn.MaxPool2d(2)
        self.enc1 = double_conv(config.in_channels, c1, norm)
        self.enc2 = double_conv(c1, c2, norm)
        self.enc3 = double_conv(c2, c3, norm)
        self.enc4 = double_conv(c3, c4, norm)
        self.glam: nn.Module = nn.Identity()
        if config.glam:
            self.glam = GlobalLocalAttention(
                c4, config.glam_split, config.glam_heads, config.glam_fuse, kind
            )
        self.skip1, self.skip2, self.skip3 = (_skip(config, c) for c in (c1, c2, c3))
        self.up3 = nn.ConvTranspose2d(c4, c3, 2, stride=2)
        self.up2 = nn.ConvTranspose2d(c3, c2, 2, stride=2)
        self.up1 = nn.ConvTranspose2d(c2, c1, 2, stride=2)
        self.cross2 = CrossLevelFusion(c4, c2, config.cmsf, kind)
        self.cross1 = CrossLevelFusion(c3, c1, config.cmsf, kind)
        self.dec3 = double_conv(2 * c3, c3, norm)
        self.dec2 = double_conv(2 * c2, c2, norm)
        self.dec1 = double_conv(2 * c1, c1, norm)
        self.head = nn.Conv2d(c1, config.num_classes, 1)

    @property
    def divisor(self) -> int:
        """Three poolings."""
        return 2**LEVELS

    @property
    def feature_info(self) -> Sequence[Feature]:
        """The encoder's stages, the attention's answer, then the decoder's stages."""
        w = self.config.width
        return (
            Feature("enc1", w, 1),
            Feature("enc2", 2 * w, 2),
            Feature("enc3", 4 * w, 4),
            Feature("enc4", 8 * w, 8),
            Feature("glam", 8 * w, 8),
            Feature("dec3", 4 * w, 4),
            Feature("dec2", 2 * w, 2),
            Feature("dec1", w, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Compute logits: ``(B, C, H, W) -> (B, K, H, W)``."""
        return self.forward_stages(x).logits

    def forward_stages(self, x: Tensor) -> Stages:
        """Compute logits and the features that self-distillation compares, in one pass.

        Stage i of encoder and decoder is ``(B, 2**i width, H / 2**i, W / 2**i)``, i from 0.
        """
        self.check_input(x)
        e1 = self.enc1(fastest_layout(x))
        e2 = self.enc2(self.pool(e1))
        e3 = self.enc3(self.pool(e2))
        g = self.glam(self.enc4(self.pool(e3)))
        d3 = self.dec3(torch.cat([self.up3(g), self.skip3(e3)], dim=1))
        d2 = self.dec2(torch.cat([self.cross2(self.up2(d3), g), self.skip2(e2)], dim=1))
        d1 = self.dec1(torch.cat([self.cross1(self.up1(d2), d3), self.skip1(e1)], dim=1))
        return Stages(self.head(d1), (e1, e2, e3), (d1, d2, d3))


class CrossLevelFusion(nn.Module):
    """Take the decoder stage before the last into this one (CMSF).

    Shapes: ``(B, C, H, W)`` and ``(B, C_coarse, H/4, W/4) -> (B, C, H, W)``.

    Parameters
    ----------
    coarse, channels : int
        ``C_coarse`` and ``C``.
    fuse : str
        "skm" selects per channel, "sum" adds, "none" leaves it out (the paper's Table 5).
    kind : str
        See `Regressor`.

    Source: GLAD-Net, eq. 8.
    """

    def __init__(self, coarse: int, channels: int, fuse: str, kind: str) -> None:
        super().__init__()
        self.project = None if fuse == "none" else nn.Conv2d(coarse, channels, 1)
        self.select = SelectiveFusion(channels, kind) if fuse == "skm" else None

    def forward(self, fine: Tensor, coarse: Tensor) -> Tensor:
        """Fuse."""
        if self.project is None:
            return fine
        coarse = F.interpolate(self.project(coarse), scale_factor=4, mode="bilinear")
        return fine + coarse if self.select is None else self.select(fine, coarse)


def double_conv(in_channels: int, channels: int, norm: str) -> nn.Sequential:
    """Return two 3x3 convolutions, each normalised and rectified."""
    layers: list[nn.Module] = []
    for width in (in_channels, channels):
        layers += [
            nn.Conv2d(width, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels) if norm == "batch" else nn.GroupNorm(8, channels),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)


def _skip(config: GLADNetConfig, channels: int) -> nn.Module:
    channel, spatial = config.csca_channel, config.csca_spatial
    if not (channel or spatial):
        return nn.Identity()
    return ChannelSpatialAttention(
        channels, channel=channel, spatial=spatial, kind=config.regressor
    )
