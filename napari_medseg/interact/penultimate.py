"""What a network knows of every voxel before its last layer, read without changing the network."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from napari_medseg.engine.card import ModelCard
from napari_medseg.networks.base import SegmentationNetwork


class Penultimate(nn.Module):
    """A network that returns its logits and, behind them, the input of its final layer.

    Shapes: ``(B, C, *S) -> (B, K + F, *S)``.

    Parameters
    ----------
    network : SegmentationNetwork
        Stays as it is: the hook on ``feature_info[-1]`` lives only while `forward` runs.
    """

    def __init__(self, network: SegmentationNetwork) -> None:
        super().__init__()
        self.network = network
        self.channels = network.config.num_classes + network.feature_info[-1].channels

    @property
    def divisor(self) -> int:
        """That of the network."""
        return self.network.divisor

    def forward(self, x: Tensor) -> Tensor:
        """Compute logits and features, one behind the other along the channels."""
        found: list[Tensor] = []

        def keep(module: nn.Module, inputs: Any, output: Tensor) -> None:
            found.append(output)

        last = self.network.feature_info[-1]
        hook = self.network.get_submodule(last.name).register_forward_hook(keep)
        try:
            logits = self.network(x)
        finally:
            hook.remove()
        return torch.cat([logits, found[-1].to(logits.dtype)], dim=1)


class Collector:
    """Takes blocks of logits and features of a box; a `Reader` of the engine.

    Parameters
    ----------
    shape : tuple of int
        ``(D, H, W)`` of the box, on the network's grid.
    card : ModelCard
        Of the model.
    channels : int
        K + F.
    device : torch.device
        Where to keep them: logits in float32, features in half precision.
    """

    needs_normalised = True

    def __init__(
        self, shape: tuple[int, ...], card: ModelCard, channels: int, device: torch.device
    ) -> None:
        self.channels = channels
        classes = card.out_channels
        softmax = card.activation == "softmax"
        # what no window is run for is background, as sure as float32 can say
        self.logits = torch.full((classes, *shape), 0.0 if softmax else -_SURE, device=device)
        if softmax:
            self.logits[0] = _SURE
        self.features = torch.zeros(
            (channels - classes, *shape), dtype=torch.float16, device=device
        )

    def __call__(self, logits: Tensor, corner: tuple[int, ...]) -> None:
        """Take finished channels ``(K + F, *block)`` that start at `corner`."""
        at = tuple(slice(c, c + n) for c, n in zip(corner, logits.shape[1:], strict=True))
        classes = len(self.logits)
        self.logits[(slice(None), *at)] = logits[:classes]
        self.features[(slice(None), *at)] = logits[classes:].clamp(-_HALF, _HALF)


_SURE = 100.0
_HALF = 65504.0  # the largest number of half precision
