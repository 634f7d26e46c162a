"""What a step of fine-tuning minimises: the corrections, and the distance to the old model."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from napari_medseg.engine.card import ModelCard
from napari_medseg.engine.finetune_config import FineTuneConfig
from napari_medseg.engine.finetune_patches import CHANGED, Rehearsed
from napari_medseg.engine.objective import Objective, objective_of
from napari_medseg.engine.patches import Batch
from napari_medseg.engine.teacher import divergence, followed
from napari_medseg.engine.training_config import LOSSES, TrainingConfig
from napari_medseg.engine.training_recipes import paper_recipe
from napari_medseg.networks.base import SegmentationNetwork


class Losses(NamedTuple):
    """Scalars: what is minimised, and its two terms before they are weighted."""

    total: Tensor
    supervised: Tensor
    distilled: Tensor


class Lesson(nn.Module):
    """A student, its teacher, and what is to be learnt from whom.

    Parameters
    ----------
    student : SegmentationNetwork
        Learns.
    teacher : SegmentationNetwork
        In eval mode, is not changed; may know fewer classes.
    objective : Objective
        The architecture's own, with its self-distillation.
    config : FineTuneConfig
        Weights of the terms.
    """

    def __init__(
        self,
        student: SegmentationNetwork,
        teacher: SegmentationNetwork,
        objective: Objective,
        config: FineTuneConfig,
    ) -> None:
        super().__init__()
        self.student, self.objective = student, objective
        # no part of this module, which several processes would keep alike; and its weights stay as
        # they are, since kernels for weights without gradients round otherwise than the student's
        self._teacher = [teacher]
        self._config = config

    def use_layout(self, layout: torch.memory_format) -> None:
        """Bring student and teacher into a memory format."""
        for network in (self.student, *self._teacher):
            network.to(memory_format=layout)  # type: ignore[call-overload]

    def forward(self, now: Batch, rehearsed: Rehearsed | None, progress: float) -> Losses:
        """Return the losses of a step.

        Parameters
        ----------
        now : Batch
            Patches of the corrected cases; their third entry says which voxels were seen (1) and
            changed (`CHANGED`).
        rehearsed : Rehearsed or None
            Patches of what the model knew: their labels are learnt where they have any, and the
            teacher is followed where nobody disagreed with it.
        progress : float
            Share of the run that is done.
        """
        config = self._config
        images, targets, marks = now
        weights = None if marks is None else _weights(marks, config.changed_weight)
        supervised, logits = self._taught(images, targets, weights, progress)
        distilled = logits.new_zeros((), dtype=torch.float32)
        kept = torch.zeros_like(supervised)
        if config.distillation:
            distilled = self._apart(images, logits, targets, marks)
            if rehearsed is not None:
                images, targets, marks, plain = rehearsed
                kept, logits = self._taught(
                    images, targets, marks, progress, labelled=config.rehearsal > 0
                )
                distilled = (distilled + self._apart(plain, logits, targets, marks)) / 2
        total = config.supervised * (supervised + config.rehearsal * kept)
        total = total + config.distillation * distilled
        return Losses(total, supervised.detach(), distilled.detach())

    def _taught(
        self,
        images: Tensor,
        targets: Tensor,
        weights: Tensor | None,
        progress: float,
        *,
        labelled: bool = True,
    ) -> tuple[Tensor, Tensor]:
        """Return the loss of labels, 0 if none are to be learnt, and the student's logits."""
        if self._config.supervised and labelled:
            return self.objective.answer(self.student, images, targets, weights, progress)
        logits = self.student(images)
        return logits.new_zeros(()), logits

    def _apart(
        self, images: Tensor, logits: Tensor, targets: Tensor, marks: Tensor | None
    ) -> Tensor:
        with torch.no_grad():
            teacher = self._teacher[0](images)
        where = followed(
            teacher,
            targets,
            None if marks is None else marks > 0,
            None if marks is None else marks == CHANGED,
            confidence=self._config.confidence,
        )
        return divergence(logits, teacher, where, temperature=self._config.temperature)


def _weights(marks: Tensor, changed_weight: float) -> Tensor:
    return torch.where(marks == CHANGED, changed_weight, marks)


def objective_for(card: ModelCard) -> Objective:
    """Return what a model was trained with, as its history says, else as its paper does."""
    return objective_of(card.architecture, _loss_name(card), card.activation)


def _loss_name(card: ModelCard) -> str:
    for entry in reversed(card.history):
        config: Any = entry.get("config")
        if isinstance(config, dict) and config.get("loss") in LOSSES:
            return str(config["loss"])
    try:
        return TrainingConfig.recipe(paper_recipe(card.architecture, card.spatial_dims)).loss
    except ValueError:  # no paper trained it on images of these dimensions
        return TrainingConfig().loss
