"""One level of MSA²Net's decoder: merge a skip connection, refine, double the size."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from napari_medseg.networks.msa2net.dual_attention import DualAttentionBlock
from napari_medseg.networks.msa2net.gate import MultiScaleGate
from napari_medseg.networks.msa2net.large_kernel import LargeKernelBlock
from napari_medseg.networks.msa2net.maps import (
    ChannelNorm,
    Expand,
    Pointwise,
    scramble,
    unscramble,
)

BLOCKS: dict[str, Callable[[int], nn.Module]] = {
    "dual": DualAttentionBlock,
    "large_kernel": LargeKernelBlock,
}


class DecoderLevel(nn.Module):
    """Merge the decoder's map with the encoder's, refine both and enlarge.

    Shapes: ``x (B, C, H, W), skip (B, C, H, W) -> (B, C_out, factor H, factor W)``.

    Parameters
    ----------
    channels : int
        ``C``; ``C_out`` is half of it when the size doubles, else `channels`.
    blocks : str
        "dual" or "large_kernel": a key of `BLOCKS`.
    factor : int
        2 or 4: how much larger the map becomes.
    gated : bool
        Merge by a `MultiScaleGate`; without, by a sum.
    raw : bool
        Scramble the maps as the published code does, see `scramble`.

    Source: MSA²Net, arXiv:2407.21640, section 2.3 and figure 1. The linear layer before the gate
    and the norm after it are the published code's.
    """

    def __init__(
        self, channels: int, *, blocks: str, factor: int = 2, gated: bool = True, raw: bool = False
    ) -> None:
        super().__init__()
        self.raw = raw
        # the published code flattens after dual attention as one should: what it scrambled stays so
        self.unscrambles = blocks != "dual"
        self.linear = Pointwise(channels, channels)
        self.gate = MultiScaleGate(channels) if gated else None
        self.norm = ChannelNorm(channels)
        self.blocks = nn.Sequential(BLOCKS[blocks](channels), BLOCKS[blocks](channels))
        self.expand = Expand(channels, channels // 2 if factor == 2 else channels, factor)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        g = self.linear(x)
        if self.raw:
            g, skip = scramble(g), scramble(skip)
        y = self.blocks(self.norm(g + (skip if self.gate is None else self.gate(skip, g))))
        return self.expand(unscramble(y) if self.raw and self.unscrambles else y)
