"""From finished logits to labels, probabilities and uncertainty, block by block."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from napari_medseg.engine.card import LabelClass, ModelCard


class NotFiniteError(ArithmeticError):
    """The network's logits are NaN."""


def argmax_classes(logits: Tensor) -> Tensor:
    """Return the largest class of every voxel: ``(K, *S) -> (*S)``, uint8 (int16 if K > 256).

    A running maximum without branches: ties go to the lower class, as in ``argmax``, which writes
    int64 and takes 7 to 30 times as long on a CPU.
    """
    dtype = torch.uint8 if logits.shape[0] <= 256 else torch.int16
    best = logits[0].clone(memory_format=torch.preserve_format)
    winner = torch.zeros_like(best, dtype=dtype)
    for index in range(1, logits.shape[0]):
        better = (logits[index] > best).to(dtype).mul_(index)
        torch.maximum(winner, better, out=winner)  # a later winner has the larger index
        torch.maximum(best, logits[index], out=best)
    if bool(best.isnan().any()):
        raise NotFiniteError("the network's answer is not a number (NaN)")
    return winner


def region_labels(logits: Tensor, classes: Sequence[LabelClass]) -> Tensor:
    """Write overlapping regions into one label image, later `order` over earlier.

    Shapes: ``(K, *S) -> (*S)``, int32 label values; a voxel is in a region where its logit is
    positive, which is where the probability is above one half.
    """
    if bool(logits.isnan().any()):
        raise NotFiniteError("the network's answer is not a number (NaN)")
    labels = torch.zeros(logits.shape[1:], dtype=torch.int32, device=logits.device)
    for index in sorted(range(len(classes)), key=lambda i: classes[i].order):
        labels.masked_fill_(logits[index] > 0, classes[index].value)
    return labels


def entropy(probabilities: Tensor, activation: str) -> Tensor:
    """Return how unsure a model is, ``(K, *S) -> (*S)``: 0 sure, 1 as unsure as can be.

    Softmax: the entropy over classes divided by log K. Sigmoid: the mean over regions of the
    binary entropy divided by log 2.
    """
    if activation == "softmax":
        total = torch.special.entr(probabilities).sum(0)
        return total / math.log(max(len(probabilities), 2))
    both = torch.special.entr(probabilities) + torch.special.entr(1 - probabilities)
    return both.mean(0) / math.log(2)


class Reader(Protocol):
    """What takes finished logits, block by block."""

    @property
    def channels(self) -> int:
        """Channels the network returns."""

    @property
    def needs_normalised(self) -> bool:
        """Whether the scale of the logits matters."""

    def __call__(self, logits: Tensor, corner: tuple[int, ...]) -> None:
        """Take finished logits ``(channels, *block)`` that start at `corner`."""


class Readout:
    """Arrays on the input's grid that fill up as finished logits arrive.

    Parameters
    ----------
    shape : tuple of int
        ``(D, H, W)`` of the input.
    card : ModelCard
        Says what the channels mean.
    probabilities, uncertainty : bool
        Whether they are wanted too; logits must then come normalised.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        card: ModelCard,
        *,
        probabilities: bool = False,
        uncertainty: bool = False,
    ) -> None:
        self.card = card
        values = [c.value for c in card.classes]
        dtype = np.uint8 if max(values) < 256 else np.uint16
        self._values = np.array([0, *values], dtype)
        self._dense = values == list(range(1, len(values) + 1))
        # what no logits are given for is background, for sure
        self.labels = np.zeros(shape, dtype)
        self.probabilities: np.ndarray | None = None
        if probabilities:
            self.probabilities = np.zeros((card.out_channels, *shape), np.float32)
            if card.activation == "softmax":
                self.probabilities[0] = 1
        self.uncertainty = np.zeros(shape, np.float32) if uncertainty else None

    @property
    def channels(self) -> int:
        """Output channels of the model."""
        return self.card.out_channels

    @property
    def needs_normalised(self) -> bool:
        """Whether the scale of the logits matters."""
        return self.probabilities is not None or self.uncertainty is not None

    def __call__(self, logits: Tensor, corner: tuple[int, ...]) -> None:
        """Take finished logits ``(K, *block)`` that start at `corner`."""
        at = tuple(slice(c, c + n) for c, n in zip(corner, logits.shape[1:], strict=True))
        self.labels[at] = self._labels(logits)
        if not self.needs_normalised:
            return
        softmax = self.card.activation == "softmax"
        probabilities = logits.softmax(0) if softmax else logits.sigmoid()
        if self.probabilities is not None:
            self.probabilities[(slice(None), *at)] = probabilities.cpu().numpy()
        if self.uncertainty is not None:
            self.uncertainty[at] = entropy(probabilities, self.card.activation).cpu().numpy()

    def _labels(self, logits: Tensor) -> np.ndarray:
        if self.card.activation == "sigmoid":
            regions: np.ndarray[Any, Any] = region_labels(logits, self.card.classes).cpu().numpy()
            return regions
        winner: np.ndarray[Any, Any] = argmax_classes(logits).cpu().numpy()
        return winner if self._dense else self._values[winner]
