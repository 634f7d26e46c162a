"""Learning from an older model: where to follow it, and how far from its answer one is.

Source: Hinton et al. 2015, Distilling the Knowledge in a Neural Network, arXiv:1503.02531, and, for
       classes the teacher does not know, Cermelli et al. 2020, Modeling the Background,
       arXiv:2002.00718, eq. 9.
Ours:  the teacher is followed only where it is sure and nobody disagreed with it.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def followed(
    teacher: Tensor,
    targets: Tensor,
    seen: Tensor | None = None,
    changed: Tensor | None = None,
    *,
    confidence: float,
) -> Tensor:
    """Return where a student is to follow its teacher: where that is sure and nobody disagreed.

    Parameters
    ----------
    teacher : Tensor
        Logits ``(B, K, *S)``.
    targets : Tensor
        What a person says: ``(B, K', *S)`` of 0 and 1 for regions that may overlap, else
        ``(B, *S)`` int64; there may be classes the teacher does not know.
    seen : Tensor, optional
        ``(B, 1, *S)`` bool, where the person looked; everywhere without.
    changed : Tensor, optional
        ``(B, 1, *S)`` bool, where the person changed a model's answer.
    confidence : float
        Probability from which the teacher counts as sure.

    Returns
    -------
    Tensor
        Bool, ``(B, K, *S)`` for regions that may overlap, else ``(B, 1, *S)``.
    """
    if targets.ndim == teacher.ndim:
        probability = teacher.sigmoid()
        sure = torch.maximum(probability, 1 - probability) >= confidence
        disagreed = (teacher > 0) != (targets[:, : teacher.shape[1]] > 0)
    else:
        sure = teacher.softmax(1).amax(1, keepdim=True) >= confidence
        disagreed = teacher.argmax(1, keepdim=True) != targets[:, None]
    if seen is not None:
        disagreed = disagreed & seen
    if changed is not None:
        disagreed = disagreed | changed
    return sure & ~disagreed


def divergence(student: Tensor, teacher: Tensor, where: Tensor, *, temperature: float) -> Tensor:
    """Return T² KL(teacher ‖ student), averaged over the voxels where the teacher is followed.

    Its gradient is 0 to the last bit where both answer alike.

    Parameters
    ----------
    student : Tensor
        Logits ``(B, K', *S)``, the teacher's classes first.
    teacher : Tensor
        Logits ``(B, K, *S)``; gets no gradient.
    where : Tensor
        From `followed`.
    temperature : float
        T.

    Returns
    -------
    Tensor
        A scalar; 0 if the teacher is followed nowhere.
    """
    # sums of probabilities are 1 to 1e-7 in float32, which an optimiser that scales by the size of
    # the gradient makes a step of
    exact = torch.float32 if student.device.type == "mps" else torch.float64
    goal, answer = teacher.detach().to(exact) / temperature, student.to(exact) / temperature
    if where.shape[1] == teacher.shape[1]:
        answer = answer[:, : teacher.shape[1]]
        apart = _binary(goal, answer)
    else:
        answer = _old_classes(answer, teacher.shape[1])
        log_goal, log_answer = goal.log_softmax(1), answer.log_softmax(1)
        apart = F.kl_div(log_answer, log_goal, reduction="none", log_target=True)
        apart = apart.sum(1, keepdim=True)
    mean = (apart * where).sum() / where.sum().clamp(min=1)
    return (temperature**2 * mean).to(torch.float32)


def _binary(goal: Tensor, answer: Tensor) -> Tensor:
    inside = goal.sigmoid() * (F.logsigmoid(goal) - F.logsigmoid(answer))
    return inside + (-goal).sigmoid() * (F.logsigmoid(-goal) - F.logsigmoid(-answer))


def _old_classes(logits: Tensor, classes: int) -> Tensor:
    """Count what is new as background: that is what the teacher takes it for."""
    if logits.shape[1] == classes:
        return logits
    new = torch.cat([logits[:, :1], logits[:, classes:]], dim=1)
    return torch.cat([new.logsumexp(1, keepdim=True), logits[:, 1:classes]], dim=1)
