"""The papers' losses over (B, K, *S) logits, blind to voxels nobody labelled.

Every loss takes ``valid``, ``(B, 1, *S)``: a mask of the voxels that count, or how much each of
them counts, or None for all alike; a voxel of 0 adds nothing to any sum. Targets are
``(B, K, *S)`` of 0 and 1 for sigmoid outputs, whose regions may overlap, and ``(B, *S)`` int64
class indices for softmax outputs.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

Loss = Callable[[Tensor, Tensor, Tensor | None], Tensor]

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
        ``(B, 1, *S)``, how much each voxel counts, 0 where the target is not known.

    Returns
    -------
    Tensor
        A scalar; Dice is taken per image over all voxels and channels, then averaged.

    Source: LGMSNet, Dong et al. 2025, arXiv:2508.15476, eq. 9.
    """
    logits = _full(logits)
    target = target.to(logits.dtype)
    entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    probability = logits.sigmoid()
    overlap = _weighted(probability * target, valid).flatten(1).sum(1)
    sizes = _weighted(probability, valid).flatten(1).sum(1)
    sizes = sizes + _weighted(target, valid).flatten(1).sum(1)
    dice = (2 * overlap + _SMOOTH) / (sizes + _SMOOTH)
    return 0.5 * _mean(entropy, valid) + 1 - dice.mean()


def dice_cross_entropy(logits: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
    """Cross-entropy plus one minus soft Dice with squared denominators, for softmax outputs.

    Parameters
    ----------
    logits : Tensor
        ``(B, K, *S)``; channel 0 is the background and counts like the others.
    target : Tensor
        ``(B, *S)``, int64 class indices.
    valid : Tensor, optional
        ``(B, 1, *S)``, how much each voxel counts, 0 where the target is not known.

    Source: LGMSNet's 3D recipe, MONAI's DiceCELoss(to_onehot_y=True, softmax=True,
    squared_pred=True, smooth_nr=0, smooth_dr=1e-6); equal to it when `valid` is None.
    """
    logits = _full(logits)
    cross = F.cross_entropy(logits, target, reduction="none")[:, None]
    probability = logits.softmax(1)
    onehot = _one_hot(target, probability)
    overlap = _weighted(probability * onehot, valid).flatten(2).sum(2)
    sizes = _weighted(probability.square(), valid).flatten(2).sum(2)
    sizes = sizes + _weighted(onehot, valid).flatten(2).sum(2)
    dice = 2 * overlap / (sizes + _SMOOTH_DENOMINATOR)
    return _mean(cross, valid) + 1 - dice.mean()


def dice_focal(
    logits: Tensor,
    target: Tensor,
    valid: Tensor | None = None,
    *,
    gamma: float = 2.0,
    smooth: float = 1.0,
    empty: float = 0.0,
    batch: bool = False,
) -> Tensor:
    """Half of one minus soft Dice plus half the focal loss, for sigmoid and softmax outputs.

    Parameters
    ----------
    logits : Tensor
        ``(B, K, *S)``.
    target : Tensor
        ``(B, K, *S)``, 0 or 1, or ``(B, *S)``, int64 class indices.
    valid : Tensor, optional
        ``(B, 1, *S)``, how much each voxel counts, 0 where the target is not known.
    gamma : float
        How little the voxels count that are right already; 0 is the cross-entropy.
    smooth : float
        Added above and below in Dice; 1 lets an empty image count without ruling the batch.
    empty : float
        `smooth` is at least this share of an image's voxels: smoothed by one voxel, what is
        found in an image that holds nothing has next to no gradient.
    batch : bool
        Take Dice over all images of the batch together, so that what is found in an image that
        holds nothing counts as much as anywhere else; alone, such an image has next to no gradient.

    Returns
    -------
    Tensor
        A scalar; Dice is per image and channel, or per channel, then averaged.

    Source: GLAD-Net's loss without its self-distillation; Lin et al. 2017, Focal Loss,
    arXiv:1708.02002, eq. 4, without class weights. `smooth`, `empty`, `batch` and the averaging
    are ours.
    """
    logits = _full(logits)
    if target.ndim == logits.ndim:
        expected = target.to(logits.dtype)
        entropy = F.binary_cross_entropy_with_logits(logits, expected, reduction="none")
    else:
        expected = _one_hot(target, logits)
        entropy = F.cross_entropy(logits, target, reduction="none")[:, None]
    focal = (1 - (-entropy).exp()) ** gamma * entropy  # exp(-entropy): the probability of the truth
    probability = _probability(logits, target)
    overlap = _weighted(probability * expected, valid).flatten(2).sum(2)
    sizes = _weighted(probability, valid).flatten(2).sum(2)
    sizes = sizes + _weighted(expected, valid).flatten(2).sum(2)
    smooth = max(smooth, empty * math.prod(logits.shape[2:]))
    if batch:
        overlap, sizes = overlap.sum(0), sizes.sum(0)
    dice = (2 * overlap + smooth) / (sizes + smooth)
    return 0.5 * (1 - dice.mean()) + 0.5 * _mean(focal, valid)


def boundary_difference_over_union(
    logits: Tensor, target: Tensor, valid: Tensor | None = None, *, skip_absent: bool = False
) -> Tensor:
    """Difference over union that weighs the boundary of large objects more.

    Parameters
    ----------
    logits : Tensor
        ``(B, K, *S)``.
    target : Tensor
        ``(B, K, *S)``, 0 or 1, or ``(B, *S)``, int64 class indices; the background counts too.
    valid : Tensor, optional
        ``(B, 1, *S)``, how much each voxel counts, 0 where the target is not known; what lies
        beyond makes no boundary.
    skip_absent : bool
        As published, a class that no image of the batch holds adds a constant, so that false
        positives get no gradient; True compares it with nothing instead (the mean of its squared
        probabilities), so that they do.

    Returns
    -------
    Tensor
        A scalar; sums run over the whole batch, then classes are averaged.

    Source: Sun et al. 2023, Boundary Difference Over Union Loss, arXiv:2308.00220, as in
    MSA2Net's code; in 3D a voxel has six neighbours. `skip_absent` is ours.
    """
    logits = _full(logits)
    one_hot = target.to(logits.dtype) if target.ndim == logits.ndim else _one_hot(target, logits)
    probability = _probability(logits, target)
    weights = torch.ones_like(one_hot) if valid is None else valid.to(logits.dtype)
    known = weights > 0
    inside = (one_hot * known).bool() & _surrounded(one_hot.bool() | ~known)
    over = (0, *range(2, logits.ndim))
    size = (one_hot * weights).sum(over)
    boundary = size - (inside * weights).sum(over)
    alpha = (1 - 2 * (boundary + _SMOOTH) / (size + _SMOOTH)).clamp(max=0.8)
    overlap = (probability * one_hot * weights).sum(over)
    squared = (probability.square() * weights).sum(over)
    both = squared + size
    loss = (both - 2 * overlap + _SMOOTH) / (both - (1 + alpha) * overlap + _SMOOTH)
    if skip_absent:
        count = weights.expand_as(probability).sum(over).clamp(min=1)
        loss = torch.where(size > 0, loss, squared / count)
    return loss.mean()


def loss_of(name: str, activation: str) -> Loss:
    """Return a loss by its name in a training config.

    Parameters
    ----------
    name : str
        "dice_ce" (what LGMSNet trains with), "dice_focal", "dice_focal_batch", "dice_focal_empty",
        "boundary" or "boundary_skip".
    activation : str
        "sigmoid" or "softmax".

    Raises
    ------
    ValueError
        If there is no such loss.
    """
    losses: dict[str, Loss] = {
        "dice_ce": bce_dice if activation == "sigmoid" else dice_cross_entropy,
        "dice_focal": dice_focal,
        "dice_focal_batch": functools.partial(dice_focal, batch=True),
        "dice_focal_empty": functools.partial(dice_focal, empty=0.02),
        "boundary": boundary_difference_over_union,
        "boundary_skip": functools.partial(boundary_difference_over_union, skip_absent=True),
    }
    if name not in losses:
        raise ValueError(f"there is no loss {name!r}; there are {', '.join(losses)}")
    return losses[name]


def _full(logits: Tensor) -> Tensor:
    """Return `logits` in float32 at least: half precision cannot count the voxels of an image."""
    return logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits


def _weighted(values: Tensor, valid: Tensor | None) -> Tensor:
    return values if valid is None else values * valid.to(values.dtype)


def _mean(values: Tensor, valid: Tensor | None) -> Tensor:
    """Return the mean of ``(B, n, *S)`` over the voxels that count."""
    if valid is None:
        return values.mean()
    weights = valid.to(values.dtype).expand_as(values)
    return (values * weights).sum() / weights.sum().clamp(min=1)


def _probability(logits: Tensor, target: Tensor) -> Tensor:
    return logits.sigmoid() if target.ndim == logits.ndim else logits.softmax(1)


def _one_hot(target: Tensor, logits: Tensor) -> Tensor:
    return torch.zeros_like(logits).scatter_(1, target[:, None], 1)


def _surrounded(mask: Tensor) -> Tensor:
    """Return where a voxel's neighbours along every axis are in `mask`; beyond the image is not."""
    result = mask
    for axis in range(2, mask.ndim):
        outside = torch.zeros_like(mask.narrow(axis, 0, 1))
        length = mask.shape[axis]
        before = torch.cat([outside, mask.narrow(axis, 0, length - 1)], dim=axis)
        after = torch.cat([mask.narrow(axis, 1, length - 1), outside], dim=axis)
        result = result & before & after
    return result
