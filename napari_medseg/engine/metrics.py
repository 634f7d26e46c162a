"""How well a prediction fits the truth: overlap, distances of surfaces, volume."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from napari_medseg.engine.lesions import NO_LESIONS, LesionRule, LesionScores, score_lesions
from napari_medseg.engine.surfaces import surface_distances


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
    return _count(prediction == value, truth == value, truth.size)


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
    values: Iterable[int],
    *,
    spacing: Sequence[float] | None = None,
    tolerance: float = 1.0,
    lesions: LesionRule | None = None,
) -> dict[int, Scores]:
    """Measure several classes as `score` does, each in its own box."""
    same_shape(prediction, truth)
    spacing = tuple(spacing) if spacing is not None else (1.0,) * truth.ndim
    if len(spacing) != truth.ndim or any(not s > 0 for s in spacing):
        raise ValueError(
            f"spacing {spacing} must be {truth.ndim} positive lengths, one per axis of the image"
        )
    if not tolerance >= 0:
        raise ValueError(f"tolerance must be a distance of at least 0 mm, got {tolerance}")
    values = tuple(values)
    boxes = _class_boxes(prediction, truth, values)
    scores = {}
    for value in values:
        box = boxes.get(value, ...)
        masks = prediction[box] == value, truth[box] == value
        number = _count(*masks, truth.size)
        distances = _distances(*masks, number, truth.shape, spacing, tolerance)
        counted = score_lesions(*masks, lesions, spacing=spacing) if lesions else None
        scores[value] = _scores(number, distances, float(np.prod(spacing)), counted)
    return scores


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
    prediction: np.ndarray,
    truth: np.ndarray,
    number: Counts,
    shape: tuple[int, ...],
    spacing: tuple[float, ...],
    tolerance: float,
) -> tuple[float, float, float]:
    """HD95, ASSD and NSD of two masks cut from an image of `shape`."""
    if number.empty == "both":
        return 0.0, 0.0, 1.0
    if number.empty:
        diagonal = float(np.linalg.norm(np.multiply(shape, spacing)))
        return diagonal, diagonal, 0.0
    there, back = surface_distances(prediction, truth, spacing)
    pooled = np.concatenate([there, back])
    return (
        float(max(np.percentile(there, 95), np.percentile(back, 95))),
        float(pooled.mean(dtype=np.float64)),
        np.count_nonzero(pooled <= tolerance) / pooled.size,
    )


def _class_boxes(
    prediction: np.ndarray, truth: np.ndarray, values: tuple[int, ...]
) -> dict[int, tuple[slice, ...]]:
    """Find where each of many classes lies, in one pass; none for a few, the pass costs more."""
    if len(values) < 3 or {prediction.dtype.kind, truth.dtype.kind} - set("ui"):
        return {}
    from scipy import ndimage

    found = [ndimage.find_objects(image, max(values)) for image in (prediction, truth)]
    boxes: dict[int, tuple[slice, ...]] = {}
    for value in values:
        sides = [objects[value - 1] for objects in found if value > 0 and objects[value - 1]]
        if value > 0:
            boxes[value] = tuple(
                slice(min(s.start for s in axis), max(s.stop for s in axis))
                for axis in zip(*sides, strict=True)
            ) or (slice(0, 0),)
    return boxes


def same_shape(prediction: np.ndarray, truth: np.ndarray) -> None:
    """Raise a ValueError unless two label images have as many voxels along each axis."""
    if prediction.shape != truth.shape:
        raise ValueError(
            f"the prediction has {prediction.shape} voxels, the truth {truth.shape}; "
            "they must lie on the same grid"
        )


def _count(prediction: np.ndarray, truth: np.ndarray, voxels: int) -> Counts:
    """Count in two masks cut from an image of so many `voxels`; what was cut away is background."""
    tp = int(np.count_nonzero(prediction & truth))
    fp = int(np.count_nonzero(prediction)) - tp
    fn = int(np.count_nonzero(truth)) - tp
    return Counts(tp, fp, fn, voxels - tp - fp - fn)


def _ratio(part: int, whole: int, if_none: float) -> float:
    return part / whole if whole else if_none
