"""Self-distillation: a network that learns from its own better parts."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def stage_distillation(
    students: Sequence[Tensor],
    teachers: Sequence[Tensor],
    weights: Sequence[float],
    valid: Tensor | None = None,
    *,
    detach: bool = True,
    normalise: bool = False,
) -> Tensor:
    """Pull encoder stages towards the decoder stages of the same size (CSSD).

    Parameters
    ----------
    students, teachers : sequence of Tensor
        ``(B, C_i, *S_i)``, encoder and decoder, alike stage by stage.
    weights : sequence of float
        One per stage that is distilled; further stages are left alone.
    valid : Tensor, optional
        ``(B, 1, *S)``, how much each voxel counts, shrunk to each stage.
    detach : bool
        The decoder does not follow the encoder. Without it both meet halfway, which in our trials
        costs the segmentation more than it gives.
    normalise : bool
        Compare directions in channel space, not values.

    Returns
    -------
    Tensor
        A scalar, the weighted sum of mean squared differences.

    Source: GLAD-Net, eq. 10 and 13; `detach` and `normalise` are ours (the text: "distilled back
    to the encoder").
    """
    total = torch.zeros((), device=students[0].device)
    for student, teacher, weight in zip(students, teachers, weights, strict=False):
        goal = teacher.detach() if detach else teacher
        if normalise:
            student, goal = F.normalize(student, dim=1), F.normalize(goal, dim=1)
        squared = (student - goal).square()
        if valid is None:
            total = total + weight * squared.mean()
            continue
        known = F.interpolate(valid.to(squared.dtype), squared.shape[2:], mode="area")
        mean = (squared * known).sum() / (known.sum() * squared.shape[1]).clamp(min=1)
        total = total + weight * mean
    return total
