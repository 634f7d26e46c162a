"""Every metric once: its name, unit, which way is better, and what it says, in words and exactly.

Tables, reports, the window and the documentation are made from this.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

_UNITS = {"length": "mm", "area": "mm²", "volume": "mm³"}


@dataclass(frozen=True)
class Metric:
    """What one number of an evaluation is.

    Parameters
    ----------
    name : str
        In code and files: "hd95".
    title : str
        For people: "HD95".
    kind : str
        "share" (from 0 to 1), "length", "volume" or "count" (of lesions).
    higher_is_better : bool or None
        None: nearest to 0 is best.
    words : str
        What it says, in one plain sentence without its end.
    definition : str
        The formula, and what holds where one side has no voxel of the class.
    lesion : bool
        Whether connected lesions are counted and not voxels.
    pools : bool
        Whether it can be computed of the voxels (or lesions) of all cases taken together.
    """

    name: str
    title: str
    kind: str
    higher_is_better: bool | None
    words: str
    definition: str
    lesion: bool = False
    pools: bool = True

    def unit(self, length: str = "mm", dims: int = 3) -> str:
        """Return the unit of its numbers where lengths are in `length` ("mm" or "px")."""
        if self.kind not in ("length", "volume"):
            return ""
        if length != "mm":
            return length
        return _UNITS["area" if self.kind == "volume" and dims == 2 else self.kind]

    def heading(self, length: str = "mm", dims: int = 3) -> str:
        """Return the title with its unit: "HD95 mm"."""
        return f"{self.title} {self.unit(length, dims)}".rstrip()

    def shown(self, number: float | None) -> str:
        """Return a number with as many digits as it means; "–" for none."""
        if number is None or math.isnan(number):
            return "–"
        if self.kind == "volume":
            return _signed(number)
        if self.kind == "count":
            return f"{number:g}" if float(number).is_integer() else f"{number:.1f}"
        return f"{number:.2f}" if self.kind == "length" else f"{number:.4f}"

    def span(self, low: float, high: float) -> str:
        """Return a range of numbers, short: "0.87…0.91"."""
        if self.kind == "volume":
            return f"{_signed(low)}…{_signed(high)}"
        form = {"share": ".2f", "length": ".1f", "count": ".3g"}[self.kind]
        return f"{low:{form}}…{high:{form}}"

    @property
    def wish(self) -> str:
        """What to add to `words` where not a higher number is better, as one would think."""
        return "; smaller is better" if self.higher_is_better is False else ""

    def badness(self, number: float) -> float:
        """Return a number that is larger for a worse case, for sorting."""
        if self.higher_is_better is None:
            return abs(number)
        return -number if self.higher_is_better else number


def _signed(number: float) -> str:
    if not number:
        return "0"
    return f"{number:+.0f}" if abs(number) >= 100 else f"{number:+.3g}"


_TABLE = (
    Metric(
        "dice",
        "Dice",
        "share",
        True,
        "overlap of the two masks, from 0 (none) to 1 (the same); twice the common part divided by "
        "the sum of both",
        "2 TP / (2 TP + FP + FN); both empty: 1, one empty: 0",
    ),
    Metric(
        "iou",
        "IoU",
        "share",
        True,
        "overlap of the two masks, from 0 (none) to 1 (the same); the common part divided by "
        "the union (Jaccard)",
        "TP / (TP + FP + FN); both empty: 1, one empty: 0",
    ),
    Metric(
        "hd95",
        "HD95",
        "length",
        False,
        "how far the two outlines are apart at the worst places, the outermost 5 % left out",
        "the larger of the two directed 95th percentiles of the surface distances; both empty: 0, "
        "one empty: the image's diagonal",
        pools=False,
    ),
    Metric(
        "assd",
        "ASSD",
        "length",
        False,
        "how far the two outlines are apart on average",
        "mean of the surface distances of both directions pooled; both empty: 0, one empty: the "
        "image's diagonal",
        pools=False,
    ),
    Metric(
        "nsd",
        "NSD",
        "share",
        True,
        "part of the two outlines that lies within the tolerance of the other one, from 0 to 1",
        "part of both surfaces (in voxels) no further than the tolerance from the other; "
        "both empty: 1, one empty: 0",
        pools=False,
    ),
    Metric(
        "sensitivity",
        "sensitivity",
        "share",
        True,
        "part of the true voxels that was found, from 0 to 1 (recall)",
        "TP / (TP + FN); truth empty: 1 if both are, else 0",
    ),
    Metric(
        "specificity",
        "specificity",
        "share",
        True,
        "part of the background that was left out, from 0 to 1; high for small things in any case",
        "TN / (TN + FP); 1 if the truth leaves no background",
    ),
    Metric(
        "precision",
        "precision",
        "share",
        True,
        "part of what was marked that is true, from 0 to 1",
        "TP / (TP + FP); prediction empty: 1 if both are, else 0",
    ),
    Metric(
        "accuracy",
        "accuracy",
        "share",
        True,
        "part of all voxels that is right, from 0 to 1; high for small things in any case",
        "(TP + TN) / all voxels",
    ),
    Metric(
        "volume_difference",
        "volume difference",
        "volume",
        None,
        "how much larger (+) or smaller (-) than the true one the mask is",
        "volume of the prediction - volume of the truth; pooled: the sum over cases",
    ),
    Metric(
        "lesion_f1",
        "lesion F1",
        "share",
        True,
        "how well the single lesions were found, from 0 to 1: missed and extra ones both count",
        "2 found / (2 found + missed + extra); no lesion on both sides: 1, on one: 0",
        lesion=True,
    ),
    Metric(
        "lesion_sensitivity",
        "lesion sens.",
        "share",
        True,
        "part of the true lesions that was found, from 0 to 1",
        "found / (found + missed); no true lesion: 1 if none was marked either, else 0",
        lesion=True,
    ),
    Metric(
        "lesion_precision",
        "lesion prec.",
        "share",
        True,
        "part of the marked lesions that are true ones, from 0 to 1",
        "found / (found + extra); no lesion marked: 1 if there is no true one either, else 0",
        lesion=True,
    ),
    Metric(
        "lesion_dice",
        "lesion Dice",
        "share",
        True,
        "overlap of the lesions that were found with the true ones, from 0 to 1",
        "mean Dice over the found lesions; without one it has no value and is left out of means",
        lesion=True,
    ),
    Metric(
        "lesions_found",
        "found",
        "count",
        True,
        "how many true lesions were found",
        "lesions of the truth that have a partner in the prediction; pooled: the sum over cases",
        lesion=True,
    ),
    Metric(
        "lesions_missed",
        "missed",
        "count",
        False,
        "how many true lesions were not found",
        "lesions of the truth without a partner; pooled: the sum over cases",
        lesion=True,
    ),
    Metric(
        "lesions_extra",
        "extra",
        "count",
        False,
        "how many lesions were marked where there is none",
        "lesions of the prediction without a partner; pooled: the sum over cases",
        lesion=True,
    ),
)
METRICS: dict[str, Metric] = {metric.name: metric for metric in _TABLE}
"""By name, in the order of columns."""
