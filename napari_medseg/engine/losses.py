"""The papers' losses over (B, K, *S) logits, blind to voxels nobody labelled.

Every loss takes ``valid``, a mask ``(B, 1, *S)`` of the voxels that count, or None for all of
them; a voxel left out adds nothing to any sum.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

_SMOOTH = 1e-5  # LGMSNet's code; keeps an empty image's Dice at 1
_SMOOTH_DENOMINATOR = 1e-6  # MONAI's DiceCELoss as LGMSNet's 3D training calls it


def bce_dice(logits: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
    """Half the binary cross-entropy plus one minus soft Dice, for sigmoid outputs.

    Parameters
    ----------
    logits : Tensor
        ``(B, K, *S)``.
    target : Tensor
        ``(B, K, *S)``, 0 or 1.
    valid : Tensor, optional
        ``(B, 1, *S)``, True where the target is known.

    Returns
    -------
    Tensor
        A scalar; Dice is taken per image over all voxels and channels, then averaged.

    Source: LGMSNet, Dong et al. 2025, arXiv:2508.15476, eq. 9.
    """
    target = target.to(logits.dtype)
    entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    probability = logits.sigmoid()
    if valid is None:
        cross = entropy.mean()
    else:
        mask = valid.to(logits.dtype).expand_as(logits)
        cross = (entropy * mask).sum() / mask.sum().clamp(min=1)
        probability, target = probability * mask, target * mask
    overlap = (probability * target).flatten(1).sum(1)
    sizes = probability.flatten(1).sum(1) + target.flatten(1).sum(1)
    dice = (2 * overlap + _SMOOTH) / (sizes + _SMOOTH)
    return 0.5 * cross + 1 - dice.mean()


def dice_cross_entropy(logits: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
    """Cross-entropy plus one minus soft Dice with squared denominators, for softmax outputs.

    Parameters
    ----------
    logits : Tensor
        ``(B, K, *S)``; channel 0 is the background and counts like the others.
    target : Tensor
        ``(B, *S)``, int64 class indices.
    valid : Tensor, optional
        ``(B, 1, *S)``, True where the target is known.

    Source: LGMSNet's 3D recipe, MONAI's DiceCELoss(to_onehot_y=True, softmax=True,
    squared_pred=True, smooth_nr=0, smooth_dr=1e-6); equal to it when `valid` is None.
    """
    cross = F.cross_entropy(logits, target, reduction="none")[:, None]
    probability = logits.softmax(1)
    onehot = torch.zeros_like(probability).scatter_(1, target[:, None], 1)
    if valid is None:
        mean_cross = cross.mean()
    else:
        mask = valid.to(logits.dtype)
        mean_cross = (cross * mask).sum() / mask.sum().clamp(min=1)
        probability, onehot = probability * mask, onehot * mask
    overlap = (probability * onehot).flatten(2).sum(2)
    sizes = probability.square().flatten(2).sum(2) + onehot.flatten(2).sum(2)
    dice = 2 * overlap / (sizes + _SMOOTH_DENOMINATOR)
    return mean_cross + 1 - dice.mean()
