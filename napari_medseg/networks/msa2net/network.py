"""MSA²Net, 2-D.

Paper: MSA²Net: Multi-scale adaptive attention-guided network for medical image segmentation,
       arXiv:2407.21640.
Code:  https://github.com/xmindflow/MSA-2Net at 209ca72 (MIT); read for numbers, not copied.
Differs from the paper: the encoder is timm's ``maxvit_rmlp_small_rw_224``, as in the code (text:
       MaxViT-B); the gate has the code's norms; dual attention runs at stride 16 only, as in the
       code, which builds it at stride 32 and never runs it (``deep_blocks=True`` does).
Differs from the code: maps are maps. The code takes the memory of tokens for a map, which
       scrambles it; ``layout="raw"`` does the same, for published weights. What never runs is
       left out: 36,161,315 of the 112,767,981 parameters which the paper counts, after mending a
       class that the last commit defines twice. ``build="head"`` is the network of that commit.
       Sides may be any multiple of 32.
Checked: 76,606,666 parameters with 9 classes, 105,076,442 with ``deep_blocks``; outputs equal to
       the published code's on the same weights (``layout="raw"``).
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from napari_medseg.networks.base import Feature, SegmentationNetwork
from napari_medseg.networks.blocks.pointwise import Pointwise
from napari_medseg.networks.msa2net.config import MSA2NetConfig
from napari_medseg.networks.msa2net.decoder import DecoderLevel
from napari_medseg.networks.msa2net.dual_attention import DualAttentionBlock
from napari_medseg.networks.msa2net.maps import Expand
from napari_medseg.networks.msa2net.maxvit import MaxViT
from napari_medseg.networks.nd import fastest_layout

RAW_SIDE = 224  # pixels; what the raw layout does depends on it


class MSA2Net(SegmentationNetwork):
    """Attention in windows and grids encodes, gated skip connections decode.

    Shapes: ``(B, C, H, W) -> (B, K, H, W)``; every side a multiple of 32, with ``layout="raw"``
    224.

    Parameters
    ----------
    config : MSA2NetConfig
        Channels, classes, widths, depths, layout, build.
    """

    config: MSA2NetConfig
    decoder_modules = ("deep", "up32", "dec16", "dec8", "dec4")

    def __init__(self, config: MSA2NetConfig) -> None:
        super().__init__(config)
        raw, paper = config.layout == "raw", config.build == "paper"
        c4, c8, c16, c32 = config.widths
        self.encoder = MaxViT(config.in_channels, config.stem_width, config.widths, config.depths)
        self.deep = nn.Sequential(*(DualAttentionBlock(c32) for _ in range(2 * config.deep_blocks)))
        self.up32 = Expand(c32, c16, 2)
        self.dec16 = DecoderLevel(
            c16, blocks="dual" if paper else "large_kernel", gated=paper, raw=raw
        )
        self.dec8 = DecoderLevel(c8, blocks="large_kernel", raw=raw)
        self.dec4 = DecoderLevel(c4, blocks="large_kernel", factor=4, raw=raw)
        self.head = Pointwise(c4, config.num_classes)
        for part in (self.deep, self.up32, self.dec16, self.dec8, self.dec4, self.head):
            part.apply(_initialise)

    @property
    def divisor(self) -> int:
        """Five halvings; the raw layout knows one size."""
        return RAW_SIDE if self.config.layout == "raw" else 32

    @property
    def feature_info(self) -> Sequence[Feature]:
        """The stem and the four encoder stages, then the four maps of the decoder."""
        c4, c8, c16, c32 = self.config.widths
        return (
            Feature("encoder.stem", self.config.stem_width, 2),
            Feature("encoder.stages.0", c4, 4),
            Feature("encoder.stages.1", c8, 8),
            Feature("encoder.stages.2", c16, 16),
            Feature("encoder.stages.3", c32, 32),
            Feature("up32", c16, 16),
            Feature("dec16", c8, 8),
            Feature("dec8", c4, 4),
            Feature("dec4", c4, 1),
        )

    def lies_nowhere(self, name: str) -> bool:
        """Whether the raw layout scrambles the maps of a module, see `DecoderLevel`."""
        level, _, inner = name.partition(".")
        if self.config.layout != "raw" or level not in ("dec16", "dec8", "dec4"):
            return False
        stays = not self.dec16.unscrambles
        child = inner.partition(".")[0]
        if child == "linear":
            return level == "dec8" and stays
        if child in ("", "expand"):
            return level == "dec16" and stays
        return True

    def check_input(self, x: Tensor) -> None:
        """Raise a `ValueError` that says what is wrong with `x`, if anything is."""
        super().check_input(x)
        if self.config.layout == "raw" and x.shape[2:] != (RAW_SIDE, RAW_SIDE):
            raise ValueError(
                f"image of {tuple(x.shape[2:])} pixels: published weights (layout='raw') know only "
                f"{RAW_SIDE} x {RAW_SIDE}; resize it, or set size in the model's card"
            )

    def forward(self, x: Tensor) -> Tensor:
        """Compute logits: ``(B, C, H, W) -> (B, K, H, W)``."""
        self.check_input(x)
        s4, s8, s16, s32 = self.encoder(fastest_layout(x))
        y = self.up32(self.deep(s32))
        y = self.dec16(y, s16)
        y = self.dec8(y, s8)
        y = self.dec4(y, s4)
        return self.head(y)


def _initialise(module: nn.Module) -> None:
    """Draw fresh decoder weights as the published code does."""
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
