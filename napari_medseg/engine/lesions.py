"""Lesion by lesion: which of many small objects were found, missed or marked for nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from napari_medseg.config import Config
from napari_medseg.editing.connected import TOUCHING, connected
from napari_medseg.packed import bounding_box


@dataclass(frozen=True, kw_only=True)
class LesionRule(Config):
    """When a lesion counts as found."""

    iou: float = field(
        default=0.1,
        metadata={
            "tip": "a lesion is found if it and one of the prediction overlap by this IoU or "
            "more; 0: by any voxel",
            "min": 0.0,
            "max": 1.0,
        },
    )
    smallest: float = field(
        default=0.0,
        metadata={
            "tip": "lesions smaller than this, in mm³ (mm² in 2D), count neither way",
            "min": 0.0,
        },
    )
    touching: str = field(
        default="corners",
        metadata={
            "tip": "voxels belong to one lesion if they share at least corners, edges or faces",
            "choices": tuple(TOUCHING),
        },
    )

    def __post_init__(self) -> None:
        if not 0 <= self.iou <= 1:
            raise ValueError(f"the IoU of a found lesion must be from 0 to 1, got {self.iou}")
        if not 0 <= self.smallest < float("inf"):
            raise ValueError(
                f"the smallest lesion must have a size of 0 mm³ or more, got {self.smallest}"
            )
        if self.touching not in TOUCHING:
            raise ValueError(
                f"lesions touch by {', '.join(TOUCHING)}; got {self.touching!r}, choose one"
            )

    def words(self, unit: str = "mm", dims: int = 3) -> str:
        """Say the rule in sentences, for reports."""
        neighbours = TOUCHING[self.touching] if dims == 3 else min(TOUCHING[self.touching], 8)
        neighbours = 4 if dims == 2 and self.touching == "faces" else neighbours
        overlap = f"an IoU of {self.iou:g} or more" if self.iou else "at least one voxel"
        size = {"px": "px"}.get(unit, "mm³" if dims == 3 else "mm²")
        small = (
            f" Lesions smaller than {self.smallest:g} {size} count neither as found nor as missed, "
            "nor as extra."
            if self.smallest
            else ""
        )
        return (
            f"A lesion is a connected object ({neighbours} neighbours). It is found if a lesion of "
            f"the prediction overlaps it with {overlap}; each has one partner at most, the pairs "
            f"with the highest IoU are taken first.{small}"
        )


@dataclass(frozen=True)
class LesionScores:
    """How many lesions of one class of one image were found.

    Parameters
    ----------
    found, missed, extra : int
        True lesions with and without a partner, and predicted ones without.
    overlap : float
        Sum of the Dice of the found lesions and their partners.
    """

    found: int
    missed: int
    extra: int
    overlap: float

    @property
    def f1(self) -> float:
        """``2 found / (2 found + missed + extra)``; 1 without any lesion."""
        return _ratio(2 * self.found, 2 * self.found + self.missed + self.extra, 1.0)

    @property
    def sensitivity(self) -> float:
        """``found / (found + missed)``; without a true lesion 1 if none was marked, else 0."""
        return _ratio(self.found, self.found + self.missed, float(not self.extra))

    @property
    def precision(self) -> float:
        """``found / (found + extra)``; without a marked lesion 1 if there is none, else 0."""
        return _ratio(self.found, self.found + self.extra, float(not self.missed))

    @property
    def dice(self) -> float:
        """Mean Dice over the found lesions; NaN without one."""
        return _ratio(self.overlap, self.found, float("nan"))

    def __add__(self, other: LesionScores) -> LesionScores:
        """Pool two images."""
        return LesionScores(
            self.found + other.found,
            self.missed + other.missed,
            self.extra + other.extra,
            self.overlap + other.overlap,
        )


NO_LESIONS = LesionScores(0, 0, 0, 0.0)


def score_lesions(
    prediction: np.ndarray,
    truth: np.ndarray,
    rule: LesionRule | None = None,
    *,
    spacing: Sequence[float] | None = None,
) -> LesionScores:
    """Match the connected objects of two masks one to one and count them.

    Parameters
    ----------
    prediction, truth : ndarray of bool
        Masks ``(*S)``, 2D or 3D, on the same grid.
    rule : LesionRule, optional
        What counts as found. Pairs are taken by falling IoU, those with a true lesion that is
        large enough first. A true lesion below the rule's size counts neither as found nor as
        missed, and its partner not as extra; nor does a predicted one below that size without a
        partner.
    spacing : sequence of float, optional
        mm per voxel along each axis, for the smallest size; 1 without.

    Returns
    -------
    LesionScores
        Counts, from which F1, sensitivity and precision follow.

    Source: the rule is ours; on matching objects by overlap see Maier-Hein et al. 2024, Metrics
    Reloaded, doi:10.1038/s41592-023-02151-z, and Kofler et al. 2023, Panoptica, arXiv:2312.02608.
    """
    rule = rule or LesionRule()
    box = bounding_box(prediction | truth)
    if box is None:
        return NO_LESIONS
    numbers, sizes = [], []
    for mask in (prediction[box], truth[box]):
        objects, count = connected(mask, rule.touching)
        numbers.append(objects)
        sizes.append(np.bincount(objects[mask], minlength=count + 1)[: count + 1])
    voxel = float(np.prod(spacing)) if spacing is not None else 1.0
    # sizes are compared in voxels, with room for the rounding of mm³
    large = [size >= rule.smallest / voxel * (1 - 1e-9) for size in sizes]
    partners = _partners(numbers, sizes, large[1], rule.iou)

    partner_of = np.zeros(len(sizes[1]), np.int64)
    overlap = np.zeros(len(sizes[1]))
    for predicted, true, dice in partners:
        partner_of[true], overlap[true] = predicted, dice
    found = (partner_of > 0) & large[1]
    alone = large[0].copy()
    alone[partner_of] = False
    return LesionScores(
        found=int(found.sum()),
        missed=int(large[1][1:].sum() - found.sum()),
        extra=int(alone[1:].sum()),
        overlap=float(overlap[found].sum()),
    )


def _partners(
    numbers: list[np.ndarray], sizes: list[np.ndarray], wanted: np.ndarray, iou: float
) -> list[tuple[int, int, float]]:
    """Return ``(predicted, true, Dice)`` of the pairs, each lesion in one at most."""
    both = (numbers[0] > 0) & (numbers[1] > 0)
    width = len(sizes[1])
    keys, common = np.unique(
        numbers[0][both].astype(np.int64) * width + numbers[1][both], return_counts=True
    )
    predicted, true = keys // width, keys % width
    together = sizes[0][predicted] + sizes[1][true]
    shares = common / (together - common)
    dices = 2 * common / together
    order = np.lexsort((true, predicted, -shares, ~wanted[true]))
    taken = [np.zeros(len(size), bool) for size in sizes]
    pairs = []
    for index in order[shares[order] >= iou]:
        one, other = int(predicted[index]), int(true[index])
        if not (taken[0][one] or taken[1][other]):
            taken[0][one] = taken[1][other] = True
            pairs.append((one, other, float(dices[index])))
    return pairs


def _ratio(part: float, whole: float, if_none: float) -> float:
    return part / whole if whole else if_none
