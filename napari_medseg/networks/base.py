"""The contract every network keeps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from napari_medseg.networks.config import NetConfig


@dataclass(frozen=True)
class Feature:
    """A named place inside a network whose activations can be read or trained.

    Parameters
    ----------
    name : str
        Module path for ``network.get_submodule(name)``; its output is ``(B, channels, *S/stride)``.
    channels : int
        Channels of that output.
    stride : int
        Input voxels per voxel of that output, the same along every axis.
    """

    name: str
    channels: int
    stride: int


class SegmentationNetwork(nn.Module, ABC):
    """A network that turns images into class logits on the same grid.

    ``forward`` always returns one tensor ``(B, K, *S)``; sides of the input are multiples of
    `divisor`. Nothing returns a different type because of a flag.
    """

    config: NetConfig

    def __init__(self, config: NetConfig) -> None:
        super().__init__()
        self.config = config

    @property
    @abstractmethod
    def divisor(self) -> int:
        """Every side of the input must be a multiple of this."""

    @property
    @abstractmethod
    def feature_info(self) -> Sequence[Feature]:
        """The stages in order, encoder first; the last is the input of the final layer."""

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Compute logits: ``(B, C, *S) -> (B, K, *S)``."""

    def forward_levels(self, x: Tensor) -> list[Tensor]:
        """Compute the logits of every supervised level, finest first; here just one.

        Shapes: ``(B, C, *S) -> [(B, K, *S), (B, K, *S/2), ...]``.
        """
        return [self(x)]

    def check_input(self, x: Tensor) -> None:
        """Raise a `ValueError` that says what is wrong with `x`, if anything is."""
        dims, channels = self.config.spatial_dims, self.config.in_channels
        if x.ndim != dims + 2 or x.shape[1] != channels:
            expected = "(B, C, H, W)" if dims == 2 else "(B, C, D, H, W)"
            raise ValueError(f"expected {expected} with C = {channels}, got {tuple(x.shape)}")
        size = tuple(x.shape[2:])
        if any(s % self.divisor for s in size):
            padded = tuple(-(-s // self.divisor) * self.divisor for s in size)
            raise ValueError(
                f"image of {size} voxels: every side must be a multiple of {self.divisor}; "
                f"pad to {padded} or use Segmenter, which pads for you"
            )

    def count_parameters(self) -> int:
        """Return the number of trainable parameters."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device
