"""The patches a model is fine-tuned on: corrected ones, and those that rehearse what it knew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from napari_medseg.engine.card import ModelCard
from napari_medseg.engine.cases import Case
from napari_medseg.engine.channels import can_do_without, fitted
from napari_medseg.engine.finetune_config import FineTuneConfig
from napari_medseg.engine.patches import Batch, Batches, Example, make_examples
from napari_medseg.engine.preprocess import check_volume
from napari_medseg.engine.replay import UNSEEN, Replay, check_replay
from napari_medseg.engine.restyle import restyled
from napari_medseg.engine.training_config import AugmentConfig, TrainingConfig
from napari_medseg.networks.base import SegmentationNetwork
from napari_medseg.progress import Report, Step, silent

CHANGED = 2
"""How a voxel that a person changed is marked in patches; one that was only seen is 1."""

_LARGEST = {2: 256, 3: 96}  # side of a patch of a model whose card names neither size nor window
_REPLAY_SEED = 1 << 20  # apart from that of the corrected patches


def examples_of(case: Case, card: ModelCard) -> list[Example]:
    """Bring a case onto a model's grid, each voxel marked 0 not seen, 1 seen or `CHANGED`.

    Raises
    ------
    ValueError
        If the model cannot take the image, in words for a person.
    """
    volume, _ = fitted(case.volume, card)
    check_volume(
        volume,
        card.preprocessing,
        spatial_dims=card.spatial_dims,
        in_channels=card.in_channels if not can_do_without(card) else None,
    )
    return make_examples(replace(case, volume=volume), card, changed_weight=CHANGED)


def examples_of_each(
    cases: Sequence[Case], card: ModelCard, report: Report = silent
) -> list[list[Example]]:
    """Bring cases onto a model's grid one after another, as `examples_of` does."""
    examples = []
    for done, case in enumerate(cases):
        report(Step(done, len(cases), "case", "preparing"))
        examples.append(examples_of(case, card))
    return examples


def patch_size(
    card: ModelCard, network: SegmentationNetwork, examples: Sequence[Example]
) -> tuple[int, ...]:
    """Return the voxels of a patch: the card's size or window, else what the images suggest."""
    wanted = card.preprocessing.size or card.preprocessing.window
    if wanted is None:
        median = np.median([example.labels.shape for example in examples], axis=0)
        wanted = tuple(int(min(side, _LARGEST[card.spatial_dims])) for side in median)
    divisor = network.divisor
    return tuple(max(-(-side // divisor), 1) * divisor for side in wanted)


class Rehearsed(NamedTuple):
    """Patches of what the model knew; those of a `Batch`, and what the teacher sees."""

    images: Tensor
    targets: Tensor
    marks: Tensor | None
    plain: Tensor


class Patches:
    """The patches of every step; any of them can be made again by its number.

    Parameters
    ----------
    examples : sequence of Example
        Of the corrected cases.
    card : ModelCard
        Of the model that learns.
    config : FineTuneConfig
        Sizes of the batches, augmentation, seed.
    size : tuple of int
        Voxels of a patch.
    replay : Replay, optional
        What is rehearsed; without it strongly changed copies of the corrected images are.
    rank : int
        Of several processes that learn together, which one this is.

    Attributes
    ----------
    mixed : int
        How many of the corrected and of the rehearsed patches of a step can be taken alike.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        card: ModelCard,
        config: FineTuneConfig,
        size: tuple[int, ...],
        replay: Replay | None = None,
        rank: int = 0,
    ) -> None:
        if replay is not None:
            check_replay(replay, card)
        rehearsed = round(config.batch_size * config.replay)
        if config.replay and config.distillation:
            rehearsed = max(rehearsed, 1)
        gentle = config.augment if card.mirrored else config.augment.replace(flip=0.0)
        training = TrainingConfig(
            window=size,
            batch_size=max(config.batch_size - rehearsed, 1),
            foreground=config.foreground,
            seed=config.seed * 1009 + rank,
            augment=gentle,
        )
        self._now = Batches(examples, card, training)
        self.mixed = min(training.batch_size, rehearsed)
        learns = replay is not None and config.supervised > 0  # a look is learnt as labels are
        self._restyle = config.restyle if learns else 0.0
        self._seed = training.seed
        self._rehearsed: Batches | None = None
        if rehearsed and config.distillation:
            kept = examples if replay is None else _kept(replay, config)
            training = training.replace(
                batch_size=rehearsed,
                seed=training.seed + _REPLAY_SEED,
                augment=_strong(gentle) if replay is None else gentle,
            )
            self._rehearsed = Batches(kept, card, training)

    def of(self, step: int) -> tuple[Batch, Rehearsed | None]:
        """Return the corrected patches of a step and those that rehearse, if any do.

        Some of a replay's are shown to the student in the look of the corrected ones.
        """
        now = _batch(self._now, step)
        if self._rehearsed is None:
            return now, None
        images, targets, marks = _batch(self._rehearsed, step)
        shown = images
        if self._restyle:
            rng = np.random.default_rng([self._seed, step])
            shown = torch.stack([self._dressed(image, now[0], rng) for image in images])
        return now, Rehearsed(shown, targets, marks, images)

    def _dressed(self, image: Tensor, looks: Tensor, rng: np.random.Generator) -> Tensor:
        if rng.random() >= self._restyle:
            return image
        return restyled(image, looks[rng.integers(len(looks))], rng.uniform(0.5, 1.0))


def _batch(batches: Batches, step: int) -> Batch:
    epoch, number = divmod(step, len(batches))
    return next(iter(batches.epoch(epoch, number)))


def _kept(replay: Replay, config: FineTuneConfig) -> list[Example]:
    """Return the patches of a replay as examples; without `rehearsal` as ones nobody has seen.

    Where classes are added, background may be one of them.
    """
    nowhere = np.zeros((0, replay.images.ndim - 2), np.int32)
    seen = replay.labels > (0 if config.new_classes else UNSEEN)
    if not config.rehearsal:
        seen = torch.zeros_like(seen)
    labels, marks = (replay.labels.clamp(min=0) * seen).numpy(), seen.numpy().astype(np.uint8)
    return [
        Example(f"replay {i + 1}", image, labels[i], nowhere, marks[i], nowhere)
        for i, image in enumerate(replay.images)
    ]


def _strong(augment: AugmentConfig) -> AugmentConfig:
    """Change images so much that they stand for others than the corrected ones."""
    return augment.replace(
        affine=1.0,
        rotate=max(augment.rotate, 30.0),
        scale=(0.7, 1.4),
        colour=1.0,
        brightness=(0.5, 1.6),
        contrast=0.5,
        saturation=0.4,
        hue=0.05,
        intensity_scale=0.4,
        intensity_shift=0.4,
    )


def to_device(
    batch: Sequence[Tensor | None], device: torch.device, layout: torch.memory_format
) -> list[Any]:
    """Bring a batch to where the network is, images in its memory format."""
    rank = 4 if layout == torch.channels_last else 5
    moved = [None if tensor is None else tensor.to(device, non_blocking=True) for tensor in batch]
    return [
        t.contiguous(memory_format=layout) if t is not None and t.ndim == rank else t for t in moved
    ]
