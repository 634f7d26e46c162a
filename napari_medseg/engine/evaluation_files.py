"""An evaluation as CSV and JSON, and back."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
import os
from pathlib import Path
from typing import Any

from napari_medseg.engine.evaluation import CaseScore, Evaluation
from napari_medseg.engine.evaluation_statistics import INTERVAL_WORDS
from napari_medseg.engine.lesions import LesionRule, LesionScores
from napari_medseg.engine.metric_table import Metric
from napari_medseg.engine.metrics import Counts, Scores
from napari_medseg.io import atomic_path

FORMAT, VERSION = "napari-medseg evaluation", 1
_PLAIN = ("tolerance", "failed", "named_by", "date", "version")
_TUPLES = ("missing", "unmatched", "resampled", "unknown", "unscored", "notes", "compared")


def row(case: CaseScore, metrics: tuple[Metric, ...]) -> dict[str, Any]:
    """Return one class of one case flat; what has no value is empty."""
    counts = case.scores.counts
    numbers = {metric.name: _filled(case, metric) for metric in metrics}
    return {
        "case": case.case,
        "class": case.value,
        "name": case.name,
        **numbers,
        "unit": case.unit,
        "empty": counts.empty,
        **dataclasses.asdict(counts),
    }


def write_csv(evaluation: Evaluation, path: str | os.PathLike[str]) -> None:
    """Write a row per case and class."""
    rows = evaluation.rows
    with (
        atomic_path(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def write_json(evaluation: Evaluation, path: str | os.PathLike[str]) -> None:
    """Write everything, with the summaries and definitions for other programs."""
    text = json.dumps(_content(evaluation), indent=1, ensure_ascii=False, allow_nan=False)
    with atomic_path(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def read_json(path: str | os.PathLike[str]) -> Evaluation:
    """Read what `write_json` wrote.

    Raises
    ------
    ValueError
        If it is something else, or a newer version of this program wrote it.
    OSError
        If it cannot be read.
    """
    text = Path(path).read_bytes()
    try:
        content = json.loads(text)
        if content["format"] != FORMAT:
            raise KeyError("format")
        if content["schema"] > VERSION:
            raise ValueError(
                f"{path} was written by a newer napari-medseg (version {content['version']}); "
                "update this one to read it"
            )
        return _evaluation(content)
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError, UnicodeError) as error:
        raise ValueError(
            f"{path} is no evaluation that napari-medseg wrote; choose the JSON file of one"
        ) from error


def _content(evaluation: Evaluation) -> dict[str, Any]:
    lesions = evaluation.lesions
    return {
        "format": FORMAT,
        "schema": VERSION,
        **{name: getattr(evaluation, name) for name in _PLAIN},
        **{name: list(getattr(evaluation, name)) for name in _TUPLES},
        "classes": {str(value): name for value, name in evaluation.classes.items()},
        "lesions": None if lesions is None else lesions.to_dict(),
        "metrics": {metric.name: dataclasses.asdict(metric) for metric in evaluation.metrics},
        "interval": INTERVAL_WORDS,
        "remarks": evaluation.remarks(),
        "summaries": {
            str(value): {
                metric.name: _summary(evaluation, metric.name, value)
                for metric in evaluation.metrics
            }
            for value in evaluation.classes
        },
        "cases": [_case(case, evaluation.metrics) for case in evaluation.cases],
    }


def _summary(evaluation: Evaluation, metric: str, value: int) -> dict[str, Any]:
    summary = dataclasses.asdict(evaluation.summary(metric, value))
    numbers = {name: _finite(number) for name, number in summary.items()}
    return {**numbers, "pooled": _finite(evaluation.pooled(metric, value))}


def _case(case: CaseScore, metrics: tuple[Metric, ...]) -> dict[str, Any]:
    lesions = case.scores.lesions
    return {
        "case": case.case,
        "class": case.value,
        "name": case.name,
        "unit": case.unit,
        "dims": case.dims,
        "prediction": case.prediction and case.prediction.name,
        "truth": case.truth and case.truth.name,
        "numbers": {metric.name: _filled(case, metric) for metric in metrics},
        "counts": dataclasses.asdict(case.scores.counts),
        "lesions": None if lesions is None else dataclasses.asdict(lesions),
    }


def _evaluation(content: dict[str, Any]) -> Evaluation:
    lesions = content["lesions"]
    fields: dict[str, Any] = {name: content[name] for name in _PLAIN}
    fields |= {name: tuple(content[name]) for name in _TUPLES}
    return Evaluation(
        cases=tuple(_read_case(case) for case in content["cases"]),
        classes={int(value): name for value, name in content["classes"].items()},
        lesions=None if lesions is None else LesionRule.from_dict(lesions),
        **fields,
    )


def _read_case(content: dict[str, Any]) -> CaseScore:
    lesions, numbers = content["lesions"], content["numbers"]
    own = {f.name for f in dataclasses.fields(Scores)} - {"counts", "lesions"}
    scores = Scores(
        **{name: numbers[name] for name in own},
        counts=Counts(**content["counts"]),
        lesions=None if lesions is None else LesionScores(**lesions),
    )
    files = {
        side: None if content[side] is None else Path(content[side])
        for side in ("prediction", "truth")
    }
    return CaseScore(
        content["case"],
        content["class"],
        content["name"],
        content["unit"],
        scores,
        content["dims"],
        **files,
    )


def _filled(case: CaseScore, metric: Metric) -> float | int | None:
    number = case.number(metric.name)
    return int(number) if metric.kind == "count" and number == number else _finite(number)


def _finite(number: Any) -> Any:
    """Return None for NaN, which JSON does not have."""
    return None if isinstance(number, float) and math.isnan(number) else number
