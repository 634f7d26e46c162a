"""How well a prediction fits the truth: overlap, distances of surfaces, volume."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from napari_medseg.engine.lesions import NO_LESIONS, LesionRule, LesionScores, score_lesions
from napari_medseg.engine.surfaces import surface_distances, surface_points
from napari_medseg.progress import Report, Step, silent
from napari_medseg.tally import Tally, combined, tally


@dataclass(frozen=True)
class Counts:
    """Voxels of one class: true and false, positive and negative."""

    tp: int
    fp: int
    fn: int
    tn: int

    @property
    def empty(self) -> str:
        """Which side has no voxel of the class: "", "both", "prediction" or "truth"."""
        prediction, truth = self.tp + self.fp == 0, self.tp + self.fn == 0
        if prediction and truth:
            return "both"
        return "prediction" if prediction else "truth" if truth else ""

    @property
    def dice(self) -> float:
        """``2 TP / (2 TP + FP + FN)``; 1 if both are empty."""
        return _ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn, 1.0)

    @property
    def iou(self) -> float:
        """``TP / (TP + FP + FN)``; 1 if both are empty."""
        return _ratio(self.tp, self.tp + self.fp + self.fn, 1.0)

    @property
    def sensitivity(self) -> float:
        """``TP / (TP + FN)``; if the truth is empty 1 if both are, else 0."""
        return _ratio(self.tp, self.tp + self.fn, float(not self.fp))

    @property
    def specificity(self) -> float:
        """``TN / (TN + FP)``; 1 if the truth leaves no background."""
        return _ratio(self.tn, self.tn + self.fp, 1.0)

    @property
    def precision(self) -> float:
        """``TP / (TP + FP)``; if the prediction is empty 1 if both are, else 0."""
        return _ratio(self.tp, self.tp + self.fp, float(not self.fn))

    @property
    def accuracy(self) -> float:
        """``(TP + TN)`` of all voxels."""
        return _ratio(self.tp + self.tn, self.tp + self.fp + self.fn + self.tn, 1.0)

    def __add__(self, other: Counts) -> Counts:
        """Pool two images."""
        return Counts(
            self.tp + other.tp, self.fp + other.fp, self.fn + other.fn, self.tn + other.tn
        )


@dataclass(frozen=True)
class Scores:
    """All metrics of one class of one image; `metric_table.METRICS` says what each means.

    Lengths are in the unit of the spacing (mm), volumes in its power (mm³, mm² for 2D). `lesions`
    is None where lesions were not counted.
    """

    dice: float
    iou: float
    hd95: float
    assd: float
    nsd: float
    sensitivity: float
    specificity: float
    precision: float
    accuracy: float
    volume_difference: float
    counts: Counts
    lesions: LesionScores | None = None

    def number(self, metric: str) -> float:
        """Return a metric by its name in `METRICS`; NaN if it has no value here."""
        if metric not in _OF_LESIONS:
            return float(getattr(self, metric))
        return float("nan") if self.lesions is None else lesion_number(self.lesions, metric)


def lesion_number(lesions: LesionScores, metric: str) -> float:
    """Return one of the lesion metrics of `METRICS` by its name."""
    return float(getattr(lesions, _OF_LESIONS[metric]))


_OF_LESIONS = {
    "lesion_f1": "f1",
    "lesion_sensitivity": "sensitivity",
    "lesion_precision": "precision",
    "lesion_dice": "dice",
    "lesions_found": "found",
    "lesions_missed": "missed",
    "lesions_extra": "extra",
}


def dice(prediction: np.ndarray, truth: np.ndarray, value: int = 1) -> float:
    """Dice of the voxels that have `value`; 1 if neither image has any.

    Shapes: both ``(*S)``; any integer or bool dtype.
    """
    return counts(prediction, truth, value).dice


def counts(prediction: np.ndarray, truth: np.ndarray, value: int = 1) -> Counts:
    """Count true and false voxels of `value` in two label images ``(*S)``.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    same_shape(prediction, truth)
    return _count(*_as_in_memory(prediction, truth, (1.0,) * truth.ndim)[:2], value)


def score(
    prediction: np.ndarray,
    truth: np.ndarray,
    value: int = 1,
    *,
    spacing: Sequence[float] | None = None,
    tolerance: float = 1.0,
    lesions: LesionRule | None = None,
) -> Scores:
    """Measure one class of a prediction against the truth.

    Parameters
    ----------
    prediction, truth : ndarray
        Label images ``(*S)``, 2D or 3D, on the same grid.
    value : int
        The class's value in both.
    spacing : sequence of float, optional
        mm per voxel along each axis of ``*S``; 1 without.
    tolerance : float
        Distance in mm up to which surfaces count as the same in NSD.
    lesions : LesionRule, optional
        Also match connected lesions, by this rule.

    Raises
    ------
    ValueError
        If shapes and spacing do not fit together, or the tolerance is negative.

    Source: Maier-Hein et al. 2024, Metrics Reloaded, doi:10.1038/s41592-023-02151-z; surfaces and
    percentiles as in MONAI's ``monai/metrics``.
    """
    scores = score_classes(
        prediction, truth, (value,), spacing=spacing, tolerance=tolerance, lesions=lesions
    )
    return scores[value]


def score_classes(
    prediction: np.ndarray,
    truth: np.ndarray,
    values: Iterable[int] | None = None,
    *,
    spacing: Sequence[float] | None = None,
    tolerance: float = 1.0,
    lesions: LesionRule | None = None,
    report: Report = silent,
) -> dict[int, Scores]:
    """Measure several classes as `score` does, in one pass.

    Parameters
    ----------
    prediction, truth : ndarray
        ``(*S)`` integers, 2D or 3D.
    values : iterable of int or None
        The classes; None takes all that occur, without 0.
    spacing : sequence of float or None
        mm along each axis; 1 by default.
    tolerance : float
        Of the surface Dice, mm.
    lesions : LesionRule or None
        Whether, and how, lesions are counted one by one.
    report : Report
        Called before every class; may raise `Cancelled`.

    Raises
    ------
    ValueError
        If the arrays differ in shape, or spacing, tolerance or a class cannot be.
    """
    same_shape(prediction, truth)
    spacing = tuple(spacing) if spacing is not None else (1.0,) * truth.ndim
    if len(spacing) != truth.ndim or any(not s > 0 for s in spacing):
        raise ValueError(
            f"spacing {spacing} must be {truth.ndim} positive lengths, one per axis of the image"
        )
    values = None if values is None else tuple(values)
    check_wanted(values, tolerance)
    prediction, truth, spacing = _as_in_memory(prediction, truth, spacing)
    numbers = _class_counts(prediction, truth, values)
    report(Step(0, len(numbers), "class"))
    surfaces = [surface_points(side, numbers) for side in (prediction, truth)]
    scores: dict[int, Scores] = {}
    for value, number in numbers.items():
        report(Step(len(scores), len(numbers), "class"))
        points = [side[value] for side in surfaces if value in side]
        distances = _distances(points, number, truth.shape, spacing, tolerance)
        counted = None
        if lesions is not None:
            box = _box_around(points)
            masks = prediction[box] == value, truth[box] == value
            counted = score_lesions(*masks, lesions, spacing=spacing)
        scores[value] = _scores(number, distances, float(np.prod(spacing)), counted)
    return scores


def check_wanted(values: Collection[int] | None, tolerance: float) -> None:
    """Raise a ValueError unless these classes can be scored with this tolerance, in mm."""
    if not tolerance >= 0:
        raise ValueError(f"tolerance must be a distance of at least 0 mm, got {tolerance}")
    if values is not None and 0 in values:
        raise ValueError("0 is the background, which has no surface; choose the values of classes")


def empty_scores(voxels: int, lesions: LesionRule | None = None) -> Scores:
    """Score a class that neither image has, in an image of so many voxels."""
    none = NO_LESIONS if lesions else None
    return _scores(Counts(0, 0, 0, voxels), (0.0, 0.0, 1.0), 1.0, none)


def _scores(
    number: Counts,
    distances: tuple[float, float, float],
    voxel: float,
    lesions: LesionScores | None,
) -> Scores:
    hd95, assd, nsd = distances
    return Scores(
        dice=number.dice,
        iou=number.iou,
        hd95=hd95,
        assd=assd,
        nsd=nsd,
        sensitivity=number.sensitivity,
        specificity=number.specificity,
        precision=number.precision,
        accuracy=number.accuracy,
        volume_difference=(number.fp - number.fn) * voxel,
        counts=number,
        lesions=lesions,
    )


def _distances(
    points: list[np.ndarray],
    number: Counts,
    shape: tuple[int, ...],
    spacing: tuple[float, ...],
    tolerance: float,
) -> tuple[float, float, float]:
    """HD95, ASSD and NSD of the surfaces of one class in an image of `shape`."""
    if number.empty == "both":
        return 0.0, 0.0, 1.0
    if number.empty:
        diagonal = float(np.linalg.norm(np.multiply(shape, spacing)))
        return diagonal, diagonal, 0.0
    there, back = surface_distances(points[0], points[1], spacing)
    pooled = np.concatenate([there, back])
    return (
        float(max(np.percentile(there, 95), np.percentile(back, 95))),
        float(pooled.mean(dtype=np.float64)),
        int(np.count_nonzero(pooled <= tolerance)) / pooled.size,
    )


def _as_in_memory(
    prediction: np.ndarray, truth: np.ndarray, spacing: tuple[float, ...]
) -> tuple[np.ndarray, np.ndarray, tuple[float, ...]]:
    """Turn the axes so that planes lie in one piece, as a file's need not; no metric minds."""
    order = np.argsort([-abs(stride) for stride in truth.strides], kind="stable")
    turned = [np.ascontiguousarray(side.transpose(order)) for side in (prediction, truth)]
    return turned[0], turned[1], tuple(spacing[axis] for axis in order)


def _box_around(points: list[np.ndarray]) -> tuple[slice, ...]:
    if not points:
        return (slice(0, 0),)
    lower = np.min([side.min(0) for side in points], axis=0)
    upper = np.max([side.max(0) for side in points], axis=0) + 1
    return tuple(slice(int(a), int(b)) for a, b in zip(lower, upper, strict=True))


def same_shape(prediction: np.ndarray, truth: np.ndarray) -> None:
    """Raise a ValueError unless two label images have as many voxels along each axis."""
    if prediction.shape != truth.shape:
        raise ValueError(
            f"the prediction has {prediction.shape} voxels, the truth {truth.shape}; "
            "they must lie on the same grid"
        )


def _class_counts(
    prediction: np.ndarray, truth: np.ndarray, values: tuple[int, ...] | None
) -> dict[int, Counts]:
    """Count every class, plane by plane."""
    if values is not None and len(values) == 1:
        return {values[0]: _count(prediction, truth, values[0])}
    both: Tally = {}
    for ours, theirs in _planes(prediction, truth):
        both = combined(both, tally(np.where(ours == theirs, ours, 0)[None]))
    positive, true = tally(prediction), tally(truth)
    return {
        value: _counts(both.get(value, 0), positive.get(value, 0), true.get(value, 0), truth.size)
        for value in (sorted({*positive, *true}) if values is None else values)
    }


def _count(prediction: np.ndarray, truth: np.ndarray, value: int) -> Counts:
    """Count one class, plane by plane so that the masks stay in the processor's cache."""
    both = positive = true = 0
    mine, other = np.empty(truth.shape[-2:], bool), np.empty(truth.shape[-2:], bool)
    for ours, theirs in _planes(prediction, truth):
        positives = int(np.count_nonzero(np.equal(ours, value, out=mine)))
        trues = int(np.count_nonzero(np.equal(theirs, value, out=other)))
        positive, true = positive + positives, true + trues
        if positives and trues:
            both += int(np.count_nonzero(np.bitwise_and(mine, other, out=mine)))
    return _counts(both, positive, true, truth.size)


def _planes(prediction: np.ndarray, truth: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    shape = (-1, *truth.shape[-2:])
    return zip(prediction.reshape(shape), truth.reshape(shape), strict=True)


def _counts(both: int, positive: int, true: int, voxels: int) -> Counts:
    tp, fp, fn = both, positive - both, true - both
    return Counts(tp, fp, fn, voxels - tp - fp - fn)


def _ratio(part: int, whole: int, if_none: float) -> float:
    return part / whole if whole else if_none
