"""An evaluation as aligned plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_medseg.engine.metrics import DEFINITIONS

if TYPE_CHECKING:
    from napari_medseg.engine.evaluate import Evaluation

_COLUMNS = {
    "dice": "Dice",
    "iou": "IoU",
    "hd95": "HD95",
    "assd": "ASSD",
    "nsd": "NSD",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "precision": "precision",
    "accuracy": "accuracy",
    "volume_difference": "volume diff.",
}
_LENGTHS = ("hd95", "assd")
_EMPTY = {
    "both": "neither has any (Dice 1, distances 0)",
    "prediction": "the prediction has none (Dice 0, distances = diagonal)",
    "truth": "the truth has none (Dice 0, distances = diagonal)",
}


def table(evaluation: Evaluation) -> str:
    """Return means, medians and pooled Dice of every class, and what the numbers mean."""
    units = sorted({case.unit for case in evaluation.cases})
    unit = units[0] if len(units) == 1 else "mm or px"
    rows = [["class", "over cases", *(_heading(metric, unit) for metric in _COLUMNS)]]
    for value, name in evaluation.classes.items():
        label = f"{value} {name}" if name != f"class {value}" else name
        for what, measure in (("mean", evaluation.mean), ("median", evaluation.median)):
            numbers = [_number(metric, measure(metric, value)) for metric in _COLUMNS]
            rows.append([label if what == "mean" else "", what, *numbers])
        pooled = _number("dice", evaluation.pooled_dice(value))
        rows.append(["", "pooled", pooled, *[""] * (len(_COLUMNS) - 1)])
    if len(evaluation.classes) > 1:
        means = [_number(metric, evaluation.mean(metric)) for metric in _COLUMNS]
        rows.append(["mean of classes", "mean", *means])
    count = len(evaluation.cases) // len(evaluation.classes)
    lines = [f"{count} {'case' if count == 1 else 'cases'}", "", *_aligned(rows), ""]
    return "\n".join([*lines, *_remarks(evaluation), *_definitions(evaluation, unit)])


def _heading(metric: str, unit: str) -> str:
    return f"{_COLUMNS[metric]} {unit}" if metric in _LENGTHS else _COLUMNS[metric]


def _number(metric: str, value: float) -> str:
    if metric == "volume_difference":
        return f"{value:+.4g}" if value else "0"
    return f"{value:.2f}" if metric in _LENGTHS else f"{value:.4f}"


def _aligned(rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        texts = [cell.ljust(width) for cell, width in zip(row[:2], widths[:2], strict=True)]
        numbers = [cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True)]
        lines.append("  ".join([*texts, *numbers]).rstrip())
    return [lines[0], "-" * max(map(len, lines)), *lines[1:]]


def _remarks(evaluation: Evaluation) -> list[str]:
    """Say which cases are special or were left out."""
    lines = []
    for value, name in evaluation.classes.items():
        for side, count in evaluation.empty(value).items():
            if count:
                cases = "case" if count == 1 else "cases"
                lines.append(f"{name}: in {count} {cases} {_EMPTY[side]}.")
    if evaluation.missing:
        lines.append(f"Truth without a prediction, not scored: {_listed(evaluation.missing)}.")
    if evaluation.unmatched:
        lines.append(f"Predictions without a truth, not scored: {_listed(evaluation.unmatched)}.")
    return [*lines, ""] if lines else []


def _listed(names: tuple[str, ...], at_most: int = 5) -> str:
    shown = ", ".join(names[:at_most])
    more = f" and {len(names) - at_most} more" if len(names) > at_most else ""
    return f"{len(names)} ({shown}{more})"


def _definitions(evaluation: Evaluation, unit: str) -> list[str]:
    dims = "px" if unit == "px" else "mm³ (mm² for 2D)" if unit == "mm" else "mm³, mm² or px"
    lines = [
        "mean and median: each case is measured by itself, then averaged. "
        "pooled: the voxels of all cases counted as one image.",
        *DEFINITIONS.values(),
        f"Here NSD's tolerance is {evaluation.tolerance:g} {unit}, volumes are in {dims}, "
        "the diagonal is that of the whole image.",
    ]
    if "px" in unit:
        lines.append("px: the files do not say how large a pixel is, so lengths are in pixels.")
    return lines
