"""One level of MSA²Net's decoder: merge a skip connection, refine, double the size."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from napari_medseg.networks.base import Inspectable
from napari_medseg.networks.blocks.pointwise import Pointwise
from napari_medseg.networks.msa2net.dual_attention import DualAttentionBlock
from napari_medseg.networks.msa2net.gate import MultiScaleGate
from napari_medseg.networks.msa2net.large_kernel import LargeKernelBlock
from napari_medseg.networks.msa2net.maps import (
    ChannelNorm,
    Expand,
    scramble,
    unscramble,
)

BLOCKS: dict[str, Callable[[int], nn.Module]] = {
    "dual": DualAttentionBlock,
    "large_kernel": LargeKernelBlock,
}


_OVERLAYS = {
    "encoder": "where the encoder's map is taken (1) rather than the decoder's (0)",
    "kept": "how much of the encoder's map is let through, 0 to 1",
}
_OVERLAYS_OF = {
    "dual": {"context": "which places make up the global context; sums to one"},
    "large_kernel": {"large_kernel": "how strongly each place is weighted by its surroundings"},
}


class DecoderLevel(Inspectable):
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
        self.overlays = _OVERLAYS if gated else {}
        if not raw:  # what scrambled maps show is nowhere in the image
            self.overlays = self.overlays | _OVERLAYS_OF[blocks]
        self.raw = raw
        # the published code flattens after dual attention as one should: what it scrambled stays so
        self.unscrambles = blocks != "dual"
        self.linear = Pointwise(channels, channels)
        self.gate = MultiScaleGate(channels) if gated else None
        self.norm = ChannelNorm(channels)
        self.blocks = nn.Sequential(BLOCKS[blocks](channels), BLOCKS[blocks](channels))
        self.parts = dict.fromkeys(_OVERLAYS_OF[blocks], ("first block", "second block"))
        for block in self.blocks if raw else ():
            if isinstance(block, DualAttentionBlock):
                block.channels.overlays = {}  # what is a channel there is none elsewhere
        self.expand = Expand(channels, channels // 2 if factor == 2 else channels, factor)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        y = self.blocks(self._merged(*self._maps(x, skip)))
        return self.expand(unscramble(y) if self.raw and self.unscrambles else y)

    def overlay(self, name: str, inputs: tuple[Tensor, ...], at: tuple[float, ...]) -> Tensor:
        """Return a map, or one per block, averaged over the channels: ``(B, n, H, W)``."""
        g, skip = self._maps(*inputs)
        if name not in _OVERLAYS:
            return self._of_blocks(self._merged(g, skip))
        assert self.gate is not None
        weights = self.gate.select(self.gate.fuse(skip, g))
        if name == "encoder":
            shown = weights[:, :1].expand_as(skip)
        else:
            shown = self.gate.recalibration(skip, g, weights)
        # whatever weighs the encoder's map has its places, also where that is scrambled
        return (unscramble(shown) if self.raw else shown).mean(1, keepdim=True)

    def _maps(self, x: Tensor, skip: Tensor) -> tuple[Tensor, Tensor]:
        g = self.linear(x)
        return (scramble(g), scramble(skip)) if self.raw else (g, skip)

    def _merged(self, g: Tensor, skip: Tensor) -> Tensor:
        return self.norm(g + (skip if self.gate is None else self.gate(skip, g)))

    def _of_blocks(self, x: Tensor) -> Tensor:
        maps = []
        for block in self.blocks:
            if isinstance(block, DualAttentionBlock):
                shown = block.context(x)
            else:
                assert isinstance(block, LargeKernelBlock)
                shown = block.gate_weights(x).abs()
            maps.append(shown.mean(1, keepdim=True))
            x = block(x)
        return torch.cat(maps, dim=1)
