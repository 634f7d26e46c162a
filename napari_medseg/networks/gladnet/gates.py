"""What weighs channels in GLAD-Net: two Kolmogorov-Arnold layers, and selection by them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from napari_medseg.networks.base import Inspectable
from napari_medseg.networks.blocks.kan import KANLinear


class Regressor(nn.Sequential):
    """Compress a vector and restore it: ``(B, C) -> (B, C)``, through ``hidden`` features.

    Parameters
    ----------
    channels, hidden : int
        ``C`` and the features between.
    kind : str
        "kan", or "linear" with SiLU in between (the paper's Table 7).

    Source: GLAD-Net, "several KANs" of SKM and CSCA; two of them, their width and the
    normalisation that brings inputs onto the splines' grid are ours.
    """

    def __init__(self, channels: int, hidden: int, kind: str) -> None:
        layers: list[nn.Module]
        if kind == "kan":
            layers = [KANLinear(channels, hidden), KANLinear(hidden, channels)]
        else:
            layers = [nn.Linear(channels, hidden), nn.SiLU(), nn.Linear(hidden, channels)]
        super().__init__(nn.LayerNorm(channels), *layers)


class SelectiveFusion(Inspectable):
    """Select, channel by channel, how much of one image and how much of the other (SKM).

    Shapes: two of ``(B, C, H, W) -> (B, C, H, W)``.

    Parameters
    ----------
    channels : int
        ``C``.
    kind : str
        See `Regressor`.

    Source: GLAD-Net, eq. 5 (which gives alpha to the local branch; the prose says global).
    """

    def __init__(self, channels: int, kind: str) -> None:
        super().__init__()
        self.overlays = {
            "selection": "share of the first source in each channel; the rest is of the second"
        }
        self.regressor = Regressor(2 * channels, max(channels // 16, 16), kind)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Blend: ``alpha first + (1 - alpha) second``."""
        alpha = self.selection(first, second)[..., None, None]
        return torch.lerp(second, first, alpha.to(first.dtype))

    def selection(self, first: Tensor, second: Tensor) -> Tensor:
        """Return alpha, ``(B, C)`` in [0, 1]."""
        pooled = torch.cat([first.mean((2, 3)), second.mean((2, 3))], dim=1)
        return self.regressor(pooled).unflatten(1, (2, -1)).softmax(1)[:, 0]

    def overlay(self, name: str, inputs: tuple[Tensor, ...], at: tuple[float, ...]) -> Tensor:
        """Return the selection, ``(B, C)``."""
        return self.selection(*inputs)
