"""How well a prediction fits the truth: overlap, distances of surfaces, volume.

Surfaces are the voxels of an object that an erosion by one voxel removes, as in MONAI and medpy,
so that HD95, ASSD and NSD equal MONAI's. Everything is measured in the box around both objects.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

DEFINITIONS: dict[str, str] = {
    "dice": "Dice = 2 TP / (2 TP + FP + FN); both empty: 1, one empty: 0",
    "iou": "IoU (Jaccard) = TP / (TP + FP + FN); both empty: 1, one empty: 0",
    "hd95": "HD95: the larger of the two directed 95th percentiles of the surface distances; "
    "both empty: 0, one empty: the image's diagonal",
    "assd": "ASSD: mean of the surface distances of both directions pooled; "
    "both empty: 0, one empty: the image's diagonal",
    "nsd": "NSD: part of both surfaces (counted in voxels) nearer than the tolerance to the other; "
    "both empty: 1, one empty: 0",
    "sensitivity": "Sensitivity (recall) = TP / (TP + FN); truth empty: 1 if both are, else 0",
    "specificity": "Specificity = TN / (TN + FP); 1 if the truth leaves no background",
    "precision": "Precision = TP / (TP + FP); prediction empty: 1 if both are, else 0",
    "accuracy": "Accuracy = (TP + TN) / all voxels",
    "volume_difference": "Volume difference = prediction - truth",
}
"""Name of each metric in `Scores` and how it is defined, for printing beside numbers."""

EDT_POINTS_PER_VOXEL = 0.11
"""Surface voxels per voxel of the box above which a distance transform was measured faster than a
KD-tree; real organs are far below it, speckled masks above."""


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
        size = 2 * self.tp + self.fp + self.fn
        return 2 * self.tp / size if size else 1.0

    def __add__(self, other: Counts) -> Counts:
        """Pool two images."""
        return Counts(
            self.tp + other.tp, self.fp + other.fp, self.fn + other.fn, self.tn + other.tn
        )


@dataclass(frozen=True)
class Scores:
    """All metrics of one class of one image; `DEFINITIONS` says what each means.

    Lengths are in the unit of the spacing (mm), volumes in its power (mm³, mm² for 2D).
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
    _same_shape(prediction, truth)
    return _count(prediction == value, truth == value)


def score(
    prediction: np.ndarray,
    truth: np.ndarray,
    value: int = 1,
    *,
    spacing: Sequence[float] | None = None,
    tolerance: float = 1.0,
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

    Raises
    ------
    ValueError
        If shapes and spacing do not fit together, or the tolerance is negative.

    Source: Maier-Hein et al. 2024, Metrics Reloaded, doi:10.1038/s41592-023-02151-z; surfaces and
    percentiles as in MONAI's ``monai/metrics``.
    """
    spacing = tuple(spacing) if spacing is not None else (1.0,) * truth.ndim
    if len(spacing) != truth.ndim or any(not s > 0 for s in spacing):
        raise ValueError(
            f"spacing {spacing} must be {truth.ndim} positive lengths, one per axis of the image"
        )
    if not tolerance >= 0:
        raise ValueError(f"tolerance must be a distance of at least 0 mm, got {tolerance}")
    _same_shape(prediction, truth)
    prediction, truth = prediction == value, truth == value
    number = _count(prediction, truth)
    tp, fp, fn, tn = number.tp, number.fp, number.fn, number.tn
    hd95, assd, nsd = _distances(prediction, truth, number, spacing, tolerance)
    both_empty = float(number.empty == "both")
    return Scores(
        dice=number.dice,
        iou=_ratio(tp, tp + fp + fn, both_empty),
        hd95=hd95,
        assd=assd,
        nsd=nsd,
        sensitivity=_ratio(tp, tp + fn, both_empty),
        specificity=_ratio(tn, tn + fp, 1.0),
        precision=_ratio(tp, tp + fp, both_empty),
        accuracy=_ratio(tp + tn, truth.size, 1.0),
        volume_difference=(fp - fn) * float(np.prod(spacing)),
        counts=number,
    )


def surface_distances(
    prediction: np.ndarray, truth: np.ndarray, spacing: Sequence[float]
) -> tuple[np.ndarray, np.ndarray]:
    """Distance of every surface voxel to the nearest one of the other surface.

    Parameters
    ----------
    prediction, truth : ndarray
        Masks ``(*S)``, bool, neither empty.
    spacing : sequence of float
        mm per voxel along each axis.

    Returns
    -------
    tuple of ndarray
        From the prediction's surface to the truth's and back, mm, each 1D.
    """
    box = _box(prediction | truth)
    surfaces = _surface(prediction[box]), _surface(truth[box])
    points = sum(np.count_nonzero(surface) for surface in surfaces)
    way = _by_transform if points > EDT_POINTS_PER_VOXEL * surfaces[0].size else _by_tree
    return way(*surfaces, tuple(spacing))


def _distances(
    prediction: np.ndarray,
    truth: np.ndarray,
    number: Counts,
    spacing: tuple[float, ...],
    tolerance: float,
) -> tuple[float, float, float]:
    """HD95, ASSD and NSD of two masks."""
    if number.empty == "both":
        return 0.0, 0.0, 1.0
    if number.empty:
        diagonal = float(np.linalg.norm(np.multiply(truth.shape, spacing)))
        return diagonal, diagonal, 0.0
    there, back = surface_distances(prediction, truth, spacing)
    pooled = np.concatenate([there, back])
    return (
        float(max(np.percentile(there, 95), np.percentile(back, 95))),
        float(pooled.mean(dtype=np.float64)),
        np.count_nonzero(pooled <= tolerance) / pooled.size,
    )


def _same_shape(prediction: np.ndarray, truth: np.ndarray) -> None:
    if prediction.shape != truth.shape:
        raise ValueError(
            f"the prediction has {prediction.shape} voxels, the truth {truth.shape}; "
            "they must lie on the same grid"
        )


def _count(prediction: np.ndarray, truth: np.ndarray) -> Counts:
    tp = int(np.count_nonzero(prediction & truth))
    fp = int(np.count_nonzero(prediction)) - tp
    fn = int(np.count_nonzero(truth)) - tp
    return Counts(tp, fp, fn, truth.size - tp - fp - fn)


def _ratio(part: int, whole: int, if_none: float) -> float:
    return part / whole if whole else if_none


def _box(mask: np.ndarray) -> tuple[slice, ...]:
    """Find the smallest box around a mask, axis after axis so that the rest shrinks."""
    box: tuple[slice, ...] = ()
    for axis in range(mask.ndim):
        inside = mask[box]
        rest = tuple(a for a in range(mask.ndim) if a != axis)
        hit = np.flatnonzero(inside.any(rest))
        box += (slice(int(hit[0]), int(hit[-1]) + 1),)
    return box


def _surface(mask: np.ndarray) -> np.ndarray:
    """Voxels of the mask with a face neighbour outside it; outside the array counts as outside."""
    inner = mask.copy()
    for axis in range(mask.ndim):
        first: tuple[slice, ...] = (slice(None),) * axis
        inner[(*first, slice(1, None))] &= mask[(*first, slice(None, -1))]
        inner[(*first, slice(None, -1))] &= mask[(*first, slice(1, None))]
        inner[(*first, [0, -1])] = False
    return mask & ~inner


def _by_tree(
    prediction: np.ndarray, truth: np.ndarray, spacing: tuple[float, ...]
) -> tuple[np.ndarray, np.ndarray]:
    from scipy.spatial import cKDTree

    points = [np.argwhere(surface) * np.asarray(spacing) for surface in (prediction, truth)]
    trees = [cKDTree(p, balanced_tree=False, compact_nodes=False) for p in points]
    return trees[1].query(points[0])[0], trees[0].query(points[1])[0]


def _by_transform(
    prediction: np.ndarray, truth: np.ndarray, spacing: tuple[float, ...]
) -> tuple[np.ndarray, np.ndarray]:
    import edt

    to_truth = edt.edt(~truth, anisotropy=spacing)
    to_prediction = edt.edt(~prediction, anisotropy=spacing)
    return to_truth[prediction], to_prediction[truth]
