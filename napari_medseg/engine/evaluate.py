"""Predictions against the truth: every case, every class, means that name their definition."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.engine.evaluation_table import table
from napari_medseg.engine.matching import Pairs, match
from napari_medseg.engine.metrics import Scores, empty_scores, score_classes
from napari_medseg.io import atomic_path, dataset_info, image_stem, read_labels
from napari_medseg.progress import Report, Step, silent
from napari_medseg.volume import Volume

METRICS = tuple(field.name for field in fields(Scores) if field.name != "counts")


@dataclass(frozen=True)
class CaseScore:
    """One class of one case.

    Parameters
    ----------
    case : str
        Name of the case.
    value : int
        The class's value in the label images.
    name : str
        Its name where known, else "class 3".
    unit : str
        Unit of lengths: "mm", or "px" where the files do not say how large a pixel is.
    scores : Scores
        The numbers.
    """

    case: str
    value: int
    name: str
    unit: str
    scores: Scores

    def row(self) -> dict[str, Any]:
        """Return it flat, as in the CSV file."""
        counts = self.scores.counts
        return {
            "case": self.case,
            "class": self.value,
            "name": self.name,
            **{metric: getattr(self.scores, metric) for metric in METRICS},
            "unit": self.unit,
            "empty": counts.empty,
            "tp": counts.tp,
            "fp": counts.fp,
            "fn": counts.fn,
            "tn": counts.tn,
        }


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate` found.

    Parameters
    ----------
    cases : tuple of CaseScore
        Every class of every case.
    classes : dict
        Name of every class by its value.
    tolerance : float
        Of NSD, in mm.
    missing, unmatched : tuple of str
        Truths without prediction and predictions without truth; neither is scored.
    """

    cases: tuple[CaseScore, ...]
    classes: dict[int, str]
    tolerance: float
    missing: tuple[str, ...] = ()
    unmatched: tuple[str, ...] = ()

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One flat dict per case and class."""
        return [case.row() for case in self.cases]

    def of_class(self, value: int) -> list[Scores]:
        """Return the scores of one class, a case after the other."""
        return [case.scores for case in self.cases if case.value == value]

    def mean(self, metric: str, value: int | None = None) -> float:
        """Return the mean over cases of a class; without `value`, the mean of those means."""
        if value is None:
            return float(np.mean([self.mean(metric, each) for each in self.classes]))
        return float(np.mean([getattr(scores, metric) for scores in self.of_class(value)]))

    def median(self, metric: str, value: int) -> float:
        """Return the median over cases."""
        return float(np.median([getattr(scores, metric) for scores in self.of_class(value)]))

    def pooled_dice(self, value: int) -> float:
        """Return the Dice of the voxels of all cases taken as one image."""
        first, *others = (scores.counts for scores in self.of_class(value))
        return sum(others, start=first).dice

    def empty(self, value: int) -> dict[str, int]:
        """Count the cases in which "both", the "prediction" or the "truth" has no such voxel."""
        sides = [scores.counts.empty for scores in self.of_class(value)]
        return {side: sides.count(side) for side in ("both", "prediction", "truth")}

    def table(self) -> str:
        """Return the means and medians as aligned text, with the definitions."""
        return table(self)

    def write_csv(self, path: str | os.PathLike[str]) -> None:
        """Write every number of every case; the file appears whole or not at all.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        with (
            atomic_path(path) as temporary,
            temporary.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.DictWriter(file, fieldnames=list(self.rows[0]))
            writer.writeheader()
            writer.writerows(self.rows)


def evaluate(
    prediction: str | os.PathLike[str],
    truth: str | os.PathLike[str],
    *,
    classes: Mapping[int, str] | Iterable[int] | None = None,
    tolerance: float = 1.0,
    report: Report = silent,
) -> Evaluation:
    """Score label files against the truth.

    Parameters
    ----------
    prediction, truth : path
        Two label files, or two folders whose files are matched by name or case folder (`match`).
        Values {0, 255} are read as {0, 1}.
    classes : mapping or iterable of int, optional
        The values to score, with names if it is a mapping; without, every value that occurs
        but 0. Names are else taken from the JSON beside a prediction or from ``dataset.json``.
    tolerance : float
        Of NSD, in mm (pixels where the files do not say their spacing).
    report : Report
        Called before every case; may raise `Cancelled`.

    Raises
    ------
    ValueError
        If nothing matches, or a prediction does not lie on the grid of its truth.
    OSError
        If a file is not there or cannot be read.
    """
    prediction, truth = Path(prediction), Path(truth)
    pairs = match(prediction, truth)
    wanted = None if classes is None else sorted(classes)
    scored: list[tuple[str, str, int, dict[int, Scores]]] = []
    for done, (name, predicted, true) in enumerate(pairs.matched):
        report(Step(done, len(pairs.matched), "case", name))
        scored.append((name, *_score_case(predicted, true, wanted, tolerance)))
    report(Step(len(scored), len(scored), "case"))

    values = sorted({v for *_, scores in scored for v in scores}) if wanted is None else wanted
    if not values:
        raise ValueError(
            f"neither {prediction} nor {truth} has anything but background (0), so there is "
            "nothing to score; name the classes to score them as empty"
        )
    known = _known_names(pairs, truth) | dict(classes if isinstance(classes, Mapping) else {})
    names = {value: known.get(value, f"class {value}") for value in values}
    cases = tuple(
        CaseScore(name, value, names[value], unit, scores.get(value) or empty_scores(voxels))
        for name, unit, voxels, scores in scored
        for value in values
    )
    return Evaluation(cases, names, tolerance, pairs.missing, pairs.unmatched)


def _score_case(
    prediction: Path, truth: Path, wanted: list[int] | None, tolerance: float
) -> tuple[str, int, dict[int, Scores]]:
    """Return the unit of length, the number of voxels and the scores by class."""
    predicted, true = read_labels(prediction), read_labels(truth)
    _same_grid(predicted, true, prediction, truth)
    arrays = predicted.array[0], true.array[0]
    values = sorted(_values(arrays[0]) | _values(arrays[1])) if wanted is None else wanted
    scores = score_classes(*arrays, values, spacing=true.spacing, tolerance=tolerance)
    return "mm" if true.spacing_known else "px", arrays[1].size, scores


def _same_grid(prediction: Volume, truth: Volume, file: Path, truth_file: Path) -> None:
    if prediction.shape != truth.shape:
        sizes = [" x ".join(map(str, volume.shape)) for volume in (prediction, truth)]
        raise ValueError(
            f"the prediction {file} has {sizes[0]} voxels but its truth {truth_file} has "
            f"{sizes[1]}; resample the prediction onto the truth's grid"
        )
    if not (prediction.spacing_known and truth.spacing_known):
        return
    ends = [(0, n - 1) for n in ((1,) * 3 + truth.shape)[-3:]]
    corners = np.array([(*corner, 1) for corner in product(*ends)], dtype=float)
    apart = np.abs((prediction.affine - truth.affine) @ corners.T)[:3].max()
    if apart > 0.5 * min(truth.spacing):
        raise ValueError(
            f"the prediction {file} lies {apart:.3g} mm away from its truth {truth_file}, more "
            "than half a voxel; resample the prediction onto the truth's grid"
        )


def _values(labels: np.ndarray) -> set[int]:
    """Find the values that occur, but 0; plane by plane, as bincount widens what it counts."""
    if labels.dtype.itemsize > 2:
        return {int(value) for value in np.unique(labels)} - {0}
    found = np.zeros(np.iinfo(labels.dtype).max + 1, bool)
    for plane in labels:
        found[: int(plane.max()) + 1] |= np.bincount(plane.ravel()) > 0
    return {int(value) for value in np.flatnonzero(found)} - {0}


def _known_names(pairs: Pairs, truth: Path) -> dict[int, str]:
    """Read the names of classes from the data set's description, else from a provenance file."""
    for folder in (truth, truth.parent):
        if (folder / "dataset.json").is_file():
            try:
                return dataset_info(folder).labels
            except ValueError:
                break  # some other program's description: names are a courtesy
    _, prediction, _ = pairs.matched[0]
    beside = prediction.with_name(f"{image_stem(prediction)}.json")
    try:
        classes = json.loads(beside.read_text(encoding="utf-8"))["classes"]
        return {int(value): str(name) for value, name in classes.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
