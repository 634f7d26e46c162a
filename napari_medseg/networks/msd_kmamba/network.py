"""MSD-KMamba, 3-D.

Paper: Tan et al. 2025, MSD-KMamba: Bidirectional Spatial-Aware Multi-Modal 3D Brain Segmentation
       via Multi-scale Self-Distilled Fusion Strategy, arXiv:2509.23677. Only the abstract could
       be had: bidirectional state spaces, Kolmogorov-Arnold non-linearity, self-distillation over
       resolutions, several modalities.
Code:  https://github.com/daimao-zhang/MSD-KMamba could not be had.
Ours:  everything the abstract does not say, that is, all below: the U-shape, widths and depths,
       state spaces from stride 4 on in three axis orders (`blocks`), stems per modality
       (`modalities`), and the teacher: the decoder's levels, brought to full resolution and
       weighted per voxel by a softmax. No number of the paper is claimed.
Checked: 9,314,890 parameters of base with 4 modalities and 4 classes (small 2,406,690, large
       23,778,954); no outside reference exists.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from napari_medseg.networks.base import Feature, SegmentationNetwork
from napari_medseg.networks.blocks.pointwise import Pointwise
from napari_medseg.networks.convolution import Conv3d
from napari_medseg.networks.msd_kmamba.blocks import Residual, StateSpaceBlock
from napari_medseg.networks.msd_kmamba.config import LEVELS, MSDKMambaConfig
from napari_medseg.networks.msd_kmamba.fusion import Fusion
from napari_medseg.networks.msd_kmamba.modalities import ModalityStem
from napari_medseg.networks.nd import fastest_layout


class MSDKMamba(SegmentationNetwork):
    """Convolutions where a volume is large, state spaces where it is small, and a fusion of levels.

    Shapes: ``(B, M, D, H, W) -> (B, K, D, H, W)``; every side a multiple of 32. A modality that
    is 0 everywhere counts as missing.

    Parameters
    ----------
    config : MSDKMambaConfig
        Modalities, classes, widths, depths and what blocks are made of.
    """

    config: MSDKMambaConfig
    decoder_modules = (
        "up0",
        "up1",
        "up2",
        "up3",
        "dec0",
        "dec1",
        "dec2",
        "dec3",
        "project",
        "fuse",
    )

    def __init__(self, config: MSDKMambaConfig) -> None:
        super().__init__(config)
        widths = config.widths
        self.stem = ModalityStem(config.in_channels, widths[0], config.modality_dropout)
        self.enc0, self.enc1, self.enc2, self.enc3, self.enc4 = (
            nn.Sequential(Residual(width, width), *_state_spaces(config, level))
            for level, width in enumerate(widths)
        )
        self.down1, self.down2, self.down3, self.down4 = (
            Conv3d(fine, coarse, 2, stride=2, bias=False)
            for fine, coarse in itertools.pairwise(widths)
        )
        self.up0, self.up1, self.up2, self.up3 = (
            nn.ConvTranspose3d(coarse, fine, 2, stride=2, bias=False)
            for fine, coarse in itertools.pairwise(widths)
        )
        self.dec0, self.dec1, self.dec2, self.dec3 = (
            Residual(2 * width, width) for width in widths[:-1]
        )
        self.project = nn.ModuleList(
            Pointwise(width, widths[0], bias=False) for width in widths[1:-1]
        )
        self.fuse = Fusion(widths[0], LEVELS - 1) if config.teacher == "fused" else None
        self.head = Pointwise(widths[0], config.num_classes)

    @property
    def divisor(self) -> int:
        """Four halvings, and at least two voxels a side at the last."""
        return 2**LEVELS

    @property
    def feature_info(self) -> Sequence[Feature]:
        """The encoder's stages, the decoder's, and their fusion."""
        widths = self.config.widths
        encoder = [Feature(f"enc{i}", width, 2**i) for i, width in enumerate(widths)]
        decoder = [Feature(f"dec{i}", widths[i], 2**i) for i in reversed(range(LEVELS - 1))]
        fused = [Feature("fuse", widths[0], 1)] if self.fuse is not None else []
        return (*encoder, *decoder, *fused)

    def forward(self, x: Tensor) -> Tensor:
        """Compute logits: ``(B, M, D, H, W) -> (B, K, D, H, W)``."""
        decoded = self._decode(x)
        if self.fuse is None:
            return self.head(decoded[0])
        return self.head(self.fuse(self._projected(decoded)))

    def forward_levels(self, x: Tensor) -> list[Tensor]:
        """Compute the answer and the logits of strides 2, 4 and 8."""
        teacher, students = self.forward_students(x)
        return [teacher, *students[1:]]

    def forward_students(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Compute the answer, which teaches, and the logits of each decoder level, finest first.

        One linear layer reads all of them, so that the fused answer is the weighted sum of the
        levels' logits.

        Shapes: ``(B, M, *S) -> (B, K, *S), [(B, K, *S), (B, K, *S/2), ..., (B, K, *S/8)]``.
        """
        projected = self._projected(self._decode(x))
        students = [self.head(level) for level in projected]
        if self.fuse is None:
            return students[0], students
        return self.head(self.fuse(projected)), students

    def _projected(self, decoded: list[Tensor]) -> list[Tensor]:
        coarse = zip(self.project, decoded[1:], strict=True)
        return [decoded[0], *(project(level) for project, level in coarse)]

    def _decode(self, x: Tensor) -> list[Tensor]:
        """Return the decoder's features, finest first."""
        self.check_input(x)
        x0 = self.enc0(self.stem(fastest_layout(x)))
        x1 = self.enc1(self.down1(x0))
        x2 = self.enc2(self.down2(x1))
        x3 = self.enc3(self.down3(x2))
        x4 = self.enc4(self.down4(x3))
        y3 = self.dec3(torch.cat([x3, self.up3(x4)], dim=1))
        y2 = self.dec2(torch.cat([x2, self.up2(y3)], dim=1))
        y1 = self.dec1(torch.cat([x1, self.up1(y2)], dim=1))
        y0 = self.dec0(torch.cat([x0, self.up0(y1)], dim=1))
        return [y0, y1, y2, y3]


def _state_spaces(config: MSDKMambaConfig, level: int) -> list[nn.Module]:
    return [
        StateSpaceBlock(
            config.widths[level],
            axes=config.axes,
            states=config.states,
            ssm=config.ssm,
            kan=config.kan,
        )
        for _ in range(config.depths[level])
    ]
