"""The first layer of a network whose channels are modalities, some of which may be missing."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from napari_medseg.networks.blocks.pointwise import Pointwise
from napari_medseg.networks.norm import InstanceNorm

_WIDTH = 8  # channels per modality


def present(x: Tensor) -> Tensor:
    """Return which modalities an image has: ``(B, M, *S) -> (B, M)`` bool.

    A modality that is 0 at every voxel is missing; the engine makes those so that are missing in
    a volume. One that says the same everywhere would tell nothing anyway.
    """
    return (x != 0).flatten(2).any(-1)


def drop(there: Tensor, probability: float) -> Tensor:
    """Leave out modalities at random, never all: ``(B, M) -> (B, M)`` bool."""
    chance = torch.rand(there.shape, device=there.device).masked_fill(~there, -1)
    best = chance >= chance.amax(1, keepdim=True)
    return there & ((chance >= probability) | best)


class ModalityStem(nn.Module):
    """Look at each modality by itself, then join those that are there.

    Shapes: ``(B, M, *S) -> (B, C, *S)``.

    Parameters
    ----------
    modalities : int
        ``M``.
    channels : int
        ``C``.
    dropout : float
        Probability with which training leaves a modality out.

    Source: ours; the abstract of MSD-KMamba says "multi-modal". What is left grows by M over the
    number of those there, as in dropout (Srivastava et al. 2014) but exactly.
    """

    def __init__(self, modalities: int, channels: int, dropout: float) -> None:
        super().__init__()
        self.modalities, self.dropout = modalities, dropout
        width = _WIDTH * modalities
        self.conv = nn.Conv3d(modalities, width, 3, padding=1, groups=modalities, bias=False)
        self.norm, self.act = InstanceNorm(), nn.LeakyReLU(0.01)
        self.join = Pointwise(width, channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Join the modalities that are there."""
        y = self.act(self.norm(self.conv(x)))
        if self.modalities > 1:
            there = present(x)
            if self.training and self.dropout:
                there = drop(there, self.dropout)
            weight = there * (self.modalities / there.sum(1, keepdim=True).clamp(min=1))
            y = y * weight.to(y.dtype).repeat_interleave(_WIDTH, 1)[..., None, None, None]
        return self.join(y)
