"""How good a model is on corrected cases and on cases of what it knew before."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from napari_medseg.engine.card import ModelCard
from napari_medseg.engine.cases import Case, region_of
from napari_medseg.engine.metrics import score
from napari_medseg.engine.replay import UNSEEN, Replay
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.engine.sparse import is_sparse
from napari_medseg.networks.base import SegmentationNetwork
from napari_medseg.packed import bounding_box
from napari_medseg.progress import Report, Step, silent
from napari_medseg.volume import Volume


@dataclass(frozen=True)
class ClassScore:
    """One class of one case, both empty and one empty as in `metrics.DEFINITIONS`.

    Parameters
    ----------
    value : int
        The class's label value.
    name : str
        For people.
    dice : float
        In [0, 1].
    hd95 : float
        In mm, in pixels where the spacing is not known.
    """

    value: int
    name: str
    dice: float
    hd95: float


Scored = tuple[ClassScore, ...]
"""The classes of one case."""


def mean_dice(scored: Sequence[Scored]) -> float:
    """Return the Dice averaged over classes, then over cases; NaN without any."""
    return float(np.mean([[c.dice for c in case] for case in scored])) if scored else math.nan


def score_cases(
    segmenter: Segmenter, cases: Sequence[Case], report: Report = silent
) -> list[Scored]:
    """Segment cases and score them as `score_case` does."""
    scored = []
    for done, case in enumerate(cases):
        report(Step(done, len(cases), "case"))
        scored.append(score_case(segmenter, case, report))
    return scored


def score_case(segmenter: Segmenter, case: Case, report: Report = silent) -> Scored:
    """Segment a case and compare it with its labels, class by class, on its own grid.

    Of a case that a person saw in part only that part is segmented and counted. A class that
    unites several label values is compared as that region.
    """
    volume, truth, box = case.volume, case.labels, None
    if is_sparse(case):
        assert case.reviewed is not None
        box = bounding_box(case.reviewed)
        if box is None:
            raise ValueError(f"nobody looked at any voxel of {case.name}; leave it out")
        truth = np.where(case.reviewed[box], truth[box], 0)
    found = segmenter.segment(volume, report=report, box=box).labels
    if box is not None:
        assert case.reviewed is not None
        found = np.where(case.reviewed[box], found, 0)
    scored = []
    for label_class in segmenter.card.classes:
        ours, theirs = (region_of(labels, label_class) for labels in (found, truth))
        number = score(ours, theirs, True, spacing=volume.spacing)
        scored.append(ClassScore(label_class.value, label_class.name, number.dice, number.hd95))
    return tuple(scored)


def guard_cases(replay: Replay) -> list[Case]:
    """Return the held-out cases of a replay, on the network's grid; see `guard_card`."""
    return [
        Case(
            Volume(image.numpy(), (1.0,) * labels.ndim, spacing_known=False),
            labels.clamp(min=0).numpy(),
            reviewed=(labels != UNSEEN).numpy(),
            name=f"guard {index + 1}",
        )
        for index, (image, labels) in enumerate(replay.guards)
    ]


def guard_card(card: ModelCard) -> ModelCard:
    """Return a card for images that are prepared already, all but a fixed normalising."""
    preprocessing = card.preprocessing
    return card.replace(
        preprocessing=preprocessing.replace(
            unit_range=False,
            clip=None,
            clip_percentiles=None,
            spacing=None,
            bgr=False,
            normalise="fixed" if preprocessing.normalise == "fixed" else "none",
        )
    )


class Examiner:
    """Scores weights on cases and guards, with a network of its own.

    Parameters
    ----------
    network : SegmentationNetwork
        Its weights are replaced at every score.
    card : ModelCard
        Describes it.
    guards : sequence of Case
        From `guard_cases`.
    """

    def __init__(
        self, network: SegmentationNetwork, card: ModelCard, guards: Sequence[Case]
    ) -> None:
        self._network = network
        self._segmenter = Segmenter(network, card, network.device)
        self._guarding = Segmenter(network, guard_card(card), network.device)
        self._guards = list(guards)

    def cases(
        self, weights: Mapping[str, Tensor], cases: Sequence[Case], report: Report
    ) -> list[Scored]:
        """Score weights on cases."""
        self._network.load_state_dict(weights)
        return score_cases(self._segmenter, cases, report)

    def guards(self, weights: Mapping[str, Tensor], report: Report) -> list[Scored]:
        """Score weights on the guards; empty if there are none."""
        self._network.load_state_dict(weights)
        return score_cases(self._guarding, self._guards, report)


def plain(scored: Sequence[Scored]) -> list[list[list[Any]]]:
    """Return scores as plain values, for files."""
    return [[[c.value, c.name, c.dice, c.hd95] for c in case] for case in scored]


def from_plain(values: Sequence[Sequence[Sequence[Any]]]) -> list[Scored]:
    """Undo `plain`."""
    return [tuple(ClassScore(*c) for c in case) for case in values]
