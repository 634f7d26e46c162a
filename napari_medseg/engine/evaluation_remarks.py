"""What a reader of an evaluation must know beside the numbers, in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_medseg.engine.evaluation import Evaluation

_FAILURES = 20  # left out cases that are each given a sentence
_EMPTY = {
    "both": "neither side has any (Dice 1, distances 0)",
    "prediction": "the prediction has none (Dice 0, distances = diagonal)",
    "truth": "the truth has none (Dice 0, distances = diagonal)",
}


def remarks(evaluation: Evaluation) -> list[str]:
    """Return one sentence for each thing that is special, or was left out."""
    return [
        *_failed(evaluation),
        *_sides(evaluation),
        *_values(evaluation),
        *_files(evaluation),
    ]


def listed(names: Sequence[object], at_most: int = 5) -> str:
    """Return how many there are, and the first of them."""
    shown = ", ".join(str(name) for name in names[:at_most])
    more = f" and {len(names) - at_most} more" if len(names) > at_most else ""
    return f"{len(names)} ({shown}{more})"


def _failed(evaluation: Evaluation) -> list[str]:
    names = list(evaluation.failed)
    lines = [f"{name} is left out: {evaluation.failed[name]}." for name in names[:_FAILURES]]
    rest = names[_FAILURES:]
    return [*lines, f"Left out for reasons like these: {listed(rest)}."] if rest else lines


def _sides(evaluation: Evaluation) -> list[str]:
    lines = []
    for value, name in evaluation.classes.items():
        empty = evaluation.empty(value)
        count = len(evaluation.of_class(value))
        if empty["truth"] and empty["truth"] + empty["both"] == count:
            lines.append(
                f"{name}: only predictions have the value {value}; no truth has any. If the two "
                "number their classes differently, the scores mean nothing."
            )
        if empty["prediction"] and empty["prediction"] + empty["both"] == count:
            lines.append(f"{name}: only truths have the value {value}; no prediction has any.")
        for side, number in empty.items():
            if number:
                cases = "case" if number == 1 else "cases"
                lines.append(f"{name}: in {number} {cases} {_EMPTY[side]}.")
    return lines


def _values(evaluation: Evaluation) -> list[str]:
    lines = []
    if evaluation.unknown:
        values = listed(evaluation.unknown)
        lines.append(f"Values that {evaluation.named_by} does not name: {values}.")
    if evaluation.unscored:
        lines.append(
            f"Values that occur but were not asked for, not scored: {listed(evaluation.unscored)}."
        )
    return lines


def _files(evaluation: Evaluation) -> list[str]:
    lines = []
    if evaluation.resampled:
        lines.append(
            "Predictions on another grid, put onto that of their truth (nearest label): "
            f"{listed(evaluation.resampled)}."
        )
    if evaluation.missing:
        lines.append(f"Truth without a prediction, not scored: {listed(evaluation.missing)}.")
    if evaluation.unmatched:
        lines.append(f"Predictions without a truth, not scored: {listed(evaluation.unmatched)}.")
    lines += evaluation.notes
    if "px" in evaluation.unit:
        lines.append("px: the files do not say how large a pixel is, so lengths are in pixels.")
    return lines
