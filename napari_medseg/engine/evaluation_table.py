"""An evaluation as aligned plain text."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from napari_medseg.engine.evaluation_statistics import INTERVAL_WORDS, Summary
from napari_medseg.engine.metric_table import Metric

if TYPE_CHECKING:
    from napari_medseg.engine.evaluation import Evaluation

_WIDTH = 120
_ROWS = ("mean", "95 % interval", "median", "quartiles", "range", "pooled")


def table(evaluation: Evaluation) -> str:
    """Return what every class comes to over cases, and what the numbers mean."""
    voxel = tuple(metric for metric in evaluation.metrics if not metric.lesion)
    lesion = tuple(metric for metric in evaluation.metrics if metric.lesion)
    count = len(evaluation.names())
    head = f"{count} {'case' if count == 1 else 'cases'}"
    if evaluation.failed:
        head += f"; {len(evaluation.failed)} could not be scored"
    lines = [head, "", *_block(evaluation, voxel)]
    if lesion:
        lines += ["", *_block(evaluation, lesion)]
    remarks = evaluation.remarks()
    formulas = [f"{m.title} = {m.definition}." for m in evaluation.metrics]
    notes = [*remarks, *([""] if remarks else []), *formulas, *conventions(evaluation)]
    wrapped = [textwrap.fill(note, _WIDTH, subsequent_indent="  ") for note in notes]
    return "\n".join([*lines, "", *wrapped])


def conventions(evaluation: Evaluation) -> list[str]:
    """Return in sentences what holds for all metrics: averaging, units, lesions, intervals."""
    unit, dims = evaluation.unit, evaluation.dims
    volume = "px" if unit == "px" else "mm³ (mm² for 2D)" if unit == "mm" else "mm³, mm² or px"
    lines = [
        "TP, FP, FN, TN: voxels of the class in both, only in the prediction, only in the truth, "
        "in neither.",
        "mean, median, quartiles (25 % and 75 %) and range: each case is measured by itself. "
        "pooled: the voxels (lesions) of all cases counted as one image.",
        f"NSD's tolerance is {evaluation.tolerance:g} {unit}, volumes are in {volume}, "
        "the diagonal is that of the whole image.",
    ]
    if evaluation.lesions is not None:
        lines.append(evaluation.lesions.words(unit, dims))
    if _has_interval(evaluation):
        lines.append(INTERVAL_WORDS)
    return lines


def _has_interval(evaluation: Evaluation) -> bool:
    return any(
        evaluation.summary(metric.name, value).interval is not None
        for metric in evaluation.metrics
        for value in evaluation.classes
    )


def _block(evaluation: Evaluation, metrics: tuple[Metric, ...]) -> list[str]:
    headings = [metric.heading(evaluation.unit, evaluation.dims) for metric in metrics]
    rows = [["class", "over cases", *headings]]
    for value in evaluation.classes:
        label = class_label(evaluation, value)
        for what, numbers in class_rows(evaluation, value, metrics).items():
            rows.append([label if what == "mean" else "", what, *numbers])
    if len(evaluation.classes) > 1:
        means = [metric.shown(evaluation.mean(metric.name)) for metric in metrics]
        rows.append(["mean of classes", "mean", *means])
    return _aligned(rows)


def class_label(evaluation: Evaluation, value: int) -> str:
    """Return value and name of a class: "3 spleen"."""
    name = evaluation.classes[value]
    return f"{value} {name}" if name != f"class {value}" else name


def class_rows(
    evaluation: Evaluation, value: int, metrics: tuple[Metric, ...]
) -> dict[str, list[str]]:
    """Return the rows of one class, by what they are: "mean", "median", ..., "pooled"."""
    columns = [
        _shown(
            metric, evaluation.summary(metric.name, value), evaluation.pooled(metric.name, value)
        )
        for metric in metrics
    ]
    rows = {what: [column[what] for column in columns] for what in _ROWS}
    return {what: cells for what, cells in rows.items() if any(cells)}


def _shown(metric: Metric, summary: Summary, pooled: float | None) -> dict[str, str]:
    several = summary.count > 1
    return {
        "mean": metric.shown(summary.mean),
        "95 % interval": metric.span(*summary.interval) if summary.interval else "",
        "median": metric.shown(summary.median) if several else "",
        "quartiles": metric.span(summary.lower, summary.upper) if several else "",
        "range": metric.span(summary.least, summary.most) if several else "",
        "pooled": metric.shown(pooled) if several and pooled is not None else "",
    }


def _aligned(rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        texts = [cell.ljust(width) for cell, width in zip(row[:2], widths[:2], strict=True)]
        numbers = [cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True)]
        lines.append("  ".join([*texts, *numbers]).rstrip())
    return [lines[0], "-" * max(map(len, lines)), *lines[1:]]
