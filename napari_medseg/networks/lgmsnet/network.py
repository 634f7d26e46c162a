"""LGMSNet, 2-D and 3-D.

Paper: LGMSNet: Thinning a medical image segmentation model via dual-level multiscale fusion,
       arXiv:2508.15476.
Code:  https://github.com/cq-dong/LGMSNet at 4089497 (no licence: facts only, nothing copied).
Differs from the paper: the default variant is the published code, which made the published
       numbers: GELU(GN(Y + X)) in the local block (eq. 4: SiLU(GN(Y)) + X), a two-convolution
       residual local branch in the global block (eq. 5: one convolution), and no fusion block at
       stride 8. ``variant="paper"`` follows the text in the first two.
Differs from the code: attention is computed without its matrix, which is there on request.
Checked: 2,321,393 parameters in 2-D (paper: 2.32 M) and outputs equal to the published code's in
       2-D and 3-D on the same weights. The 3-D network of the code's training script has
       6,193,742 parameters; the 9.86 M of the paper are no configuration of the code.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn

from napari_medseg.networks.base import Feature, SegmentationNetwork
from napari_medseg.networks.blocks.pointwise import Pointwise
from napari_medseg.networks.lgmsnet.blocks import (
    Fusion,
    GlobalMultiScale,
    LocalMultiScale,
    PatchAttention,
    Up,
    conv_norm_silu,
)
from napari_medseg.networks.lgmsnet.config import LGMSNetConfig
from napari_medseg.networks.nd import fastest_layout, nd


class LGMSNet(SegmentationNetwork):
    """Local multi-scale blocks where the image is large, global ones where it is small.

    Shapes: ``(B, C, *S) -> (B, K, *S)``; every side a multiple of 32.

    Parameters
    ----------
    config : LGMSNetConfig
        Dimensions, channels, classes, widths, depths, variant.
    """

    config: LGMSNetConfig
    decoder_modules = ("up5", "dec5", "up4", "dec4", "up3", "dec3", "up2", "dec2")

    def __init__(self, config: LGMSNetConfig) -> None:
        super().__init__(config)
        dims, as_in_paper = config.spatial_dims, config.variant == "paper"
        ops = nd(dims)
        c1, c2, c3, c4, c5 = config.widths

        def local_stage(in_channels: int, out_channels: int, depth: int) -> nn.Sequential:
            return nn.Sequential(
                *(
                    LocalMultiScale(dims, in_channels, as_in_paper=as_in_paper)
                    for _ in range(depth)
                ),
                conv_norm_silu(dims, in_channels, out_channels, 1),
            )

        def global_block(in_channels: int, out_channels: int) -> GlobalMultiScale:
            return GlobalMultiScale(dims, in_channels, out_channels, as_in_paper=as_in_paper)

        self.stem = nn.Sequential(
            ops.Conv(config.in_channels, c1, 3, padding=1), ops.Norm(c1), nn.ReLU()
        )
        self.pool = ops.MaxPool(2)
        self.enc1 = local_stage(c1, c1, config.depths[0])
        self.enc2 = local_stage(c1, c2, config.depths[1])
        self.enc3 = local_stage(c2, c3, config.depths[2])
        self.enc4 = global_block(c3, c4)
        self.enc5 = global_block(c4, c5)
        self.up5 = Up(dims, c5, c4)
        self.dec5 = global_block(2 * c4, c4)
        self.up4 = Up(dims, c4, c3)
        self.dec4 = nn.Sequential(Fusion(dims, c3), global_block(c3, c3))
        self.up3 = Up(dims, c3, c2)
        self.dec3 = Fusion(dims, c2)
        self.up2 = Up(dims, c2, c1)
        self.dec2 = Fusion(dims, c1)
        self.head = Pointwise(c1, config.num_classes)

    @property
    def divisor(self) -> int:
        """Four poolings, and patches of two at the last."""
        return 32

    @property
    def feature_info(self) -> Sequence[Feature]:
        """The five encoder stages, then the four decoder stages."""
        c1, c2, c3, c4, c5 = self.config.widths
        return (
            Feature("enc1", c1, 1),
            Feature("enc2", c2, 2),
            Feature("enc3", c3, 4),
            Feature("enc4", c4, 8),
            Feature("enc5", c5, 16),
            Feature("dec5", c4, 8),
            Feature("dec4", c3, 4),
            Feature("dec3", c2, 2),
            Feature("dec2", c1, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Compute logits: ``(B, C, *S) -> (B, K, *S)``."""
        self.check_input(x)
        x1 = self.enc1(fastest_layout(self.stem(x)))
        x2 = self.enc2(self.pool(x1))
        x3 = self.enc3(self.pool(x2))
        x4 = self.enc4(self.pool(x3))
        x5 = self.enc5(self.pool(x4))
        y = self.dec5(torch.cat([x4, self.up5(x5)], dim=1))
        y = self.dec4(torch.cat([x3, self.up4(y)], dim=1))
        y = self.dec3(torch.cat([x2, self.up3(y)], dim=1))
        y = self.dec2(torch.cat([x1, self.up2(y)], dim=1))
        return self.head(y)

    @torch.no_grad()
    def attention_weights(self, x: Tensor) -> dict[str, Tensor]:
        """Return the attention of every global block, which a forward pass never holds.

        Parameters
        ----------
        x : Tensor
            ``(B, C, *S)``.

        Returns
        -------
        dict of str to Tensor
            ``(B, P, heads, N, N)`` per stage ("enc4", "enc5", "dec5", "dec4"), where ``P`` counts
            the places in a patch and ``N`` the patches (see `unfold_patches`); the last axis sums
            to one.
        """
        found: dict[str, Tensor] = {}

        def keep(name: str, module: PatchAttention, inputs: tuple[Tensor]) -> None:
            found[name.partition(".")[0]] = module.weights(*inputs)

        hooks = [
            module.register_forward_pre_hook(partial(keep, name))
            for name, module in self.named_modules()
            if isinstance(module, PatchAttention)
        ]
        try:
            self(x)
        finally:
            for hook in hooks:
                hook.remove()
        return found
