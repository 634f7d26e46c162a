"""`Evaluation`: what was measured of every class of every case, and what it comes to."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg import __version__
from napari_medseg.engine.evaluation_statistics import Summary, summarise
from napari_medseg.engine.lesions import LesionRule
from napari_medseg.engine.metric_table import METRICS, Metric
from napari_medseg.engine.metrics import Scores, lesion_number


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
    dims : {2, 3}
        Of the image.
    prediction, truth : Path or None
        The files; None for arrays.
    """

    case: str
    value: int
    name: str
    unit: str
    scores: Scores
    dims: int = 3
    prediction: Path | None = None
    truth: Path | None = None

    def number(self, metric: str) -> float:
        """Return a metric by its name in `METRICS`; NaN if it has no value here."""
        return self.scores.number(metric)


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
    lesions : LesionRule or None
        How lesions were matched; None if they were not.
    missing, unmatched : tuple of str
        Truths without prediction and predictions without truth; neither is scored.
    failed : dict
        Cases that could not be scored and are left out, by name, with the reason in a sentence.
    resampled : tuple of str
        Cases whose prediction lay on another grid and was put onto that of the truth.
    unknown : tuple of int
        Classes that the list of `named_by` does not have.
    named_by : str
        Where names of classes were found: "dataset.json"; empty if nowhere.
    unscored : tuple of int
        Values that occur but were not to be scored.
    notes : tuple of str
        What else a reader must know: "case 7: 12 voxels lie outside of the truth's grid".
    compared : (str, str)
        Names of the prediction and the truth, as people gave them.
    date, version : str
        When it was made, and by which version of the program.
    """

    cases: tuple[CaseScore, ...]
    classes: dict[int, str]
    tolerance: float
    lesions: LesionRule | None = None
    missing: tuple[str, ...] = ()
    unmatched: tuple[str, ...] = ()
    failed: dict[str, str] = field(default_factory=dict)
    resampled: tuple[str, ...] = ()
    unknown: tuple[int, ...] = ()
    named_by: str = ""
    unscored: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    compared: tuple[str, str] = ("prediction", "truth")
    date: str = field(default_factory=lambda: datetime.now().astimezone().isoformat("T", "minutes"))
    version: str = __version__

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What was measured, in the order of columns."""
        return tuple(m for m in METRICS.values() if self.lesions is not None or not m.lesion)

    @property
    def unit(self) -> str:
        """Unit of lengths: "mm", "px", or "mm or px" where cases differ."""
        return " or ".join(sorted({case.unit for case in self.cases}))

    @property
    def dims(self) -> int:
        """2 if all images are 2D, else 3."""
        return max(case.dims for case in self.cases)

    def names(self) -> list[str]:
        """Return the names of the cases, in their order."""
        return list(dict.fromkeys(case.case for case in self.cases))

    def of_class(self, value: int) -> list[CaseScore]:
        """Return one class of all cases, a case after the other."""
        return [case for case in self.cases if case.value == value]

    def numbers(self, metric: str, value: int) -> list[float]:
        """Return a metric of one class, a case after the other; NaN where it has no value."""
        return [case.number(metric) for case in self.of_class(value)]

    def summary(self, metric: str, value: int) -> Summary:
        """Return mean, median, quartiles, extremes and the interval of the mean over cases."""
        return summarise(self.numbers(metric, value))

    def mean(self, metric: str, value: int | None = None) -> float:
        """Return the mean over cases of a class; without `value`, the mean of those means."""
        values = self.classes if value is None else (value,)
        means = [self.summary(metric, each).mean for each in values]
        known = [mean for mean in means if not np.isnan(mean)]
        return float(np.mean(known)) if known else float("nan")

    def median(self, metric: str, value: int) -> float:
        """Return the median over cases."""
        return self.summary(metric, value).median

    def pooled(self, metric: str, value: int) -> float | None:
        """Return a metric of the voxels (lesions) of all cases taken as one image.

        None for the distances of surfaces, for which that means nothing; volumes are summed.
        """
        record, scores = METRICS[metric], [case.scores for case in self.of_class(value)]
        if not record.pools:
            return None
        if record.lesion:
            lesions = [one.lesions for one in scores if one.lesions is not None]
            return lesion_number(reduce(add, lesions), metric) if lesions else None
        if record.kind == "volume":
            return float(sum(one.number(metric) for one in scores))
        return float(getattr(reduce(add, [one.counts for one in scores]), metric))

    def worst(self, metric: str, value: int | None = None) -> list[CaseScore]:
        """Return the cases of a class (of all classes) that have a number, the worst first."""
        badness = METRICS[metric].badness
        cases = self.cases if value is None else self.of_class(value)
        known = [case for case in cases if not np.isnan(case.number(metric))]
        return sorted(known, key=lambda case: -badness(case.number(metric)))

    def empty(self, value: int) -> dict[str, int]:
        """Count the cases in which "both", the "prediction" or the "truth" has no such voxel."""
        sides = [case.scores.counts.empty for case in self.of_class(value)]
        return {side: sides.count(side) for side in ("both", "prediction", "truth")}

    def without_paths(self) -> Evaluation:
        """Return the same with the names of files instead of their paths."""

        def bare(path: Path | None) -> Path | None:
            return None if path is None else Path(path.name)

        cases = tuple(
            replace(case, prediction=bare(case.prediction), truth=bare(case.truth))
            for case in self.cases
        )
        return replace(self, cases=cases)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One flat dict per case and class, as in the CSV file."""
        from napari_medseg.engine.evaluation_files import row

        return [row(case, self.metrics) for case in self.cases]

    def remarks(self) -> list[str]:
        """Say in sentences which cases are special, and what was left out."""
        from napari_medseg.engine.evaluation_remarks import remarks

        return remarks(self)

    def table(self) -> str:
        """Return the means and medians as aligned text, with the definitions."""
        from napari_medseg.engine.evaluation_table import table

        return table(self)

    def write_csv(self, path: str | os.PathLike[str]) -> None:
        """Write every number of every case; the file appears whole or not at all.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        from napari_medseg.engine.evaluation_files import write_csv

        write_csv(self, path)

    def write_json(self, path: str | os.PathLike[str]) -> None:
        """Write all numbers, means and definitions, without paths; `from_json` reads it.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        from napari_medseg.engine.evaluation_files import write_json

        write_json(self, path)

    def write_html(self, path: str | os.PathLike[str]) -> None:
        """Write a page with tables, box plots, the worst cases and all definitions, no paths.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        from napari_medseg.engine.evaluation_html import write_html

        write_html(self, path)

    @classmethod
    def from_json(cls, path: str | os.PathLike[str]) -> Evaluation:
        """Read what `write_json` wrote.

        Raises
        ------
        ValueError
            If it is no such file, or one of a newer version.
        OSError
            If it is not there or cannot be read.
        """
        from napari_medseg.engine.evaluation_files import read_json

        return read_json(path)
