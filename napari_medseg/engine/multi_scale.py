"""Learning at several resolutions, where the answer of a network teaches its coarser levels.

Targets are as in `losses`: ``(B, K, *S)`` of 0 and 1 with sigmoid outputs, ``(B, *S)`` int64 with
softmax outputs. ``valid`` is ``(B, 1, *S)`` or None; a coarse voxel counts if all it covers do.

Source: the abstract of MSD-KMamba (arXiv:2509.23677) has a "multi-scale self-distilled fusion
strategy" and no formula; soft labels at a temperature are Hinton et al. 2015, arXiv:1503.02531.
Ours:   everything else. The two dangers of learning from oneself, a wrong teacher and a teacher no
        better than the student, are met by the trust in a voxel and by the gate of a level.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from napari_medseg.engine.losses import Loss

TEMPERATURE = 2.0
_STEEPNESS = 10.0  # of the gate: a teacher 0.1 Dice better opens it to 0.73
_SMALLEST = 1e-6


@dataclass(frozen=True, eq=False)
class Level:
    """Target and valid mask at one resolution.

    Parameters
    ----------
    target : Tensor
        As in `losses`, at this resolution.
    shares : Tensor
        ``(B, K, *S_i)``: how much of a voxel each class fills.
    valid : Tensor or None
        ``(B, 1, *S_i)`` bool.
    weights : Tensor or None
        ``(B, 1, *S_i)``, how much each voxel counts; 0 where not valid.
    """

    target: Tensor
    shares: Tensor
    valid: Tensor | None
    weights: Tensor | None = None


def levels_of(
    target: Tensor, valid: Tensor | None, sizes: Sequence[Sequence[int]], classes: int
) -> list[Level]:
    """Shrink a target to coarser grids.

    Of regions that may overlap a voxel belongs to each that it touches, so that small lesions do
    not vanish; of classes that exclude each other it belongs to the one that fills most of it.

    Parameters
    ----------
    target, valid : Tensor
        At full resolution.
    sizes : sequence
        Sides of the grids, finest first; each divides the one before it.
    classes : int
        K.
    """
    overlapping = target.ndim == len(sizes[0]) + 2
    shares = pyramid(target.float() if overlapping else _one_hot(target, classes), sizes)
    known = [] if valid is None else pyramid((valid > 0).float(), sizes)
    counted = [] if valid is None else pyramid(valid.float(), sizes)
    levels = []
    for i, share in enumerate(shares):
        if share.shape[2:] == target.shape[-len(sizes[0]) :]:
            coarse = target
        else:
            coarse = (share > 0).float() if overlapping else share.argmax(1)
        mask = known[i] > 1 - 1e-4 if known else None
        levels.append(Level(coarse, share, mask, None if mask is None else counted[i] * mask))
    return levels


def pyramid(x: Tensor, sizes: Sequence[Sequence[int]]) -> list[Tensor]:
    """Average to coarser grids, each from the one before it: ``(B, K, *S) -> [(B, K, *S_i)]``."""
    levels = []
    for size in sizes:
        stride = x.shape[-1] // size[-1]
        if stride > 1:
            x = F.avg_pool2d(x, stride) if x.ndim == 4 else F.avg_pool3d(x, stride)
        levels.append(x)
    return levels


def levels_loss(students: Sequence[Tensor], levels: Sequence[Level], loss: Loss) -> Tensor:
    """Return the loss of every level, each half as heavy as the one before it.

    Parameters
    ----------
    students : sequence of Tensor
        Logits ``(B, K, *S_i)``, finest first.
    levels : sequence of Level
        At the same resolutions.
    loss : callable
        See `losses`.
    """
    parts = [
        loss(logits, level.target, level.weights) / 2**i
        for i, (logits, level) in enumerate(zip(students, levels, strict=True))
    ]
    return torch.stack(parts).sum()


def multi_scale_distillation(
    teacher: Tensor,
    students: Sequence[Tensor],
    levels: Sequence[Level],
    gates: Sequence[float] | Tensor,
) -> Tensor:
    """Pull each level towards the teacher's soft labels, where the teacher is right and sure.

    Parameters
    ----------
    teacher : Tensor
        Logits ``(B, K, *S)``; gets no gradient.
    students : sequence of Tensor
        Logits ``(B, K, *S_i)``.
    levels : sequence of Level
        At the same resolutions.
    gates : sequence of float
        Weight of each level in [0, 1], see the function of this name.

    Returns
    -------
    Tensor
        A scalar: per level T² times the divergence from the teacher's labels, averaged over
        voxels weighted by `trust`.
    """
    sizes, overlapping = [s.shape[2:] for s in students], _overlapping(levels[0])
    teacher = teacher.detach().float()
    soft = pyramid(probabilities(teacher / TEMPERATURE, overlapping), sizes)
    believed = pyramid(probabilities(teacher, overlapping), sizes)
    total = torch.zeros((), device=teacher.device)
    for i, (logits, level) in enumerate(zip(students, levels, strict=True)):
        trusted = trust(believed[i], level)
        divergence = _divergence(soft[i], logits.float() / TEMPERATURE, overlapping)
        mean = (divergence * trusted).sum() / trusted.sum().clamp(min=1)
        total = total + gates[i] * TEMPERATURE**2 * mean
    return total


def trust(probability: Tensor, level: Level) -> Tensor:
    """Return how far to believe the teacher in each voxel, in [0, 1].

    Parameters
    ----------
    probability : Tensor
        ``(B, K, *S_i)``, the teacher's, averaged over what a voxel covers.
    level : Level
        The truth there, averaged alike.

    Returns
    -------
    Tensor
        ``(B, K, *S_i)`` for overlapping regions, else ``(B, 1, *S_i)``: the squared agreement
        with the truth times the confidence; 0 where the truth is not known.
    """
    apart = (probability - level.shares).abs()
    if _overlapping(level):
        confidence = (2 * probability - 1).abs()
    else:
        apart = apart.sum(1, keepdim=True) / 2
        classes = probability.shape[1]
        confidence = (classes * probability.amax(1, keepdim=True) - 1) / max(classes - 1, 1)
    value = (1 - apart).square() * confidence
    return value if level.valid is None else value * level.valid


def gates(teacher: Tensor, students: Sequence[Tensor], levels: Sequence[Level]) -> Tensor:
    """Return how much better the teacher is than each student: ``(levels,)`` in [0, 1].

    Both are compared at the student's resolution by soft Dice with the same target; 0.5 is a
    teacher as good as the student.
    """
    overlapping = _overlapping(levels[0])
    with torch.no_grad():
        taught = pyramid(
            probabilities(teacher.float(), overlapping), [s.shape[2:] for s in students]
        )
        better = [
            _dice(believed, level) - _dice(probabilities(student.float(), overlapping), level)
            for believed, student, level in zip(taught, students, levels, strict=True)
        ]
        return torch.sigmoid(_STEEPNESS * torch.stack(better))


def _dice(probability: Tensor, level: Level) -> Tensor:
    truth = level.target
    if not _overlapping(level):  # the background says little
        truth = _one_hot(truth, probability.shape[1])[:, 1:]
        probability = probability[:, 1:]
    if level.valid is not None:
        truth, probability = truth * level.valid, probability * level.valid
    overlap = (truth * probability).flatten(2).sum(2)
    sizes = (truth + probability).flatten(2).sum(2)
    return ((2 * overlap + 1) / (sizes + 1)).mean()


def _divergence(soft: Tensor, logits: Tensor, overlapping: bool) -> Tensor:
    """Return KL(soft || student) per voxel: ``(B, K, *S)`` if overlapping, else ``(B, 1, *S)``."""
    soft = soft.clamp(_SMALLEST, 1 - _SMALLEST)
    if not overlapping:
        return (soft * (soft.log() - logits.log_softmax(1))).sum(1, keepdim=True)
    inside = soft * (soft.log() - F.logsigmoid(logits))
    return inside + (1 - soft) * ((1 - soft).log() - F.logsigmoid(-logits))


def probabilities(logits: Tensor, overlapping: bool) -> Tensor:
    """Return sigmoids of regions that may overlap, else softmax over the classes."""
    return logits.sigmoid() if overlapping else logits.softmax(1)


def _overlapping(level: Level) -> bool:
    return level.target.ndim == level.shares.ndim


def _one_hot(target: Tensor, classes: int) -> Tensor:
    shape = (target.shape[0], classes, *target.shape[1:])
    return torch.zeros(shape, device=target.device).scatter_(1, target[:, None], 1)
