"""Predictions against the truth: files, folders or arrays in, an `Evaluation` out."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from napari_medseg.engine.evaluation import CaseScore, Evaluation
from napari_medseg.engine.lesions import LesionRule
from napari_medseg.engine.matching import Pairs, match
from napari_medseg.engine.metrics import Scores, empty_scores, score_classes
from napari_medseg.io import dataset_info, image_stem, read_labels
from napari_medseg.io.placing import grid_relation, place_on
from napari_medseg.progress import Report, Step, silent
from napari_medseg.tally import tally
from napari_medseg.volume import Volume

Classes = Mapping[int, str] | Iterable[int] | None


def evaluate(
    prediction: str | os.PathLike[str],
    truth: str | os.PathLike[str],
    *,
    classes: Classes = None,
    tolerance: float = 1.0,
    lesions: LesionRule | None = None,
    resample: bool = False,
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
    lesions : LesionRule, optional
        Also match connected lesions, by this rule.
    resample : bool
        Put predictions on another grid onto that of their truth (nearest label), and say so;
        without, they are refused.
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
    question = _Question(classes, tolerance, lesions, resample)
    answers = []
    for done, (name, predicted, true) in enumerate(pairs.matched):
        report(Step(done, len(pairs.matched), "case", name))
        answers.append(question.ask_files(name, predicted, true))
    report(Step(len(answers), len(answers), "case"))
    names, named_by = _known_names(pairs, truth)
    evaluation = question.gathered(answers, names, named_by, (_name(prediction), _name(truth)))
    return replace(evaluation, missing=pairs.missing, unmatched=pairs.unmatched)


def evaluate_volumes(
    prediction: Volume | np.ndarray,
    truth: Volume | np.ndarray,
    *,
    spacing: tuple[float, ...] | None = None,
    classes: Classes = None,
    tolerance: float = 1.0,
    lesions: LesionRule | None = None,
    resample: bool = False,
    name: str = "",
) -> Evaluation:
    """Score one label image in memory against the truth.

    Parameters
    ----------
    prediction, truth : Volume or ndarray
        Labels: volumes ``(1, *S)`` on one grid, or arrays ``(*S)`` of whole numbers.
    spacing : tuple of float, optional
        mm per voxel of arrays; without, lengths are in pixels.
    classes, tolerance, lesions, resample
        As for `evaluate`.
    name : str
        Of the case; default the name of the prediction.

    Raises
    ------
    ValueError
        If the two do not lie on one grid, or have nothing to score.
    """
    predicted, true = _volume(prediction, spacing), _volume(truth, spacing)
    words = predicted.name or "prediction", true.name or "truth"
    question = _Question(classes, tolerance, lesions, resample)
    answer = question.ask(name or words[0], predicted, true, *words)
    return question.gathered([answer], {}, "", words)


@dataclass(frozen=True)
class _Answer:
    """What was measured of one case."""

    name: str
    unit: str
    dims: int
    voxels: int
    scores: dict[int, Scores]
    values: frozenset[int]
    resampled: bool
    notes: tuple[str, ...]
    classes: dict[int, str]
    files: tuple[Path | None, Path | None] = (None, None)


class _Question:
    """What is asked of every case."""

    def __init__(
        self, classes: Classes, tolerance: float, lesions: LesionRule | None, resample: bool
    ) -> None:
        self.names = dict(classes) if isinstance(classes, Mapping) else {}
        self.wanted = None if classes is None else sorted(classes)
        self.tolerance, self.lesions, self.resample = tolerance, lesions, resample

    def ask_files(self, name: str, prediction: Path, truth: Path) -> _Answer:
        volumes = read_labels(prediction), read_labels(truth)
        answer = self.ask(name, *volumes, str(prediction), str(truth))
        return replace(answer, files=(prediction, truth))

    def ask(
        self, name: str, prediction: Volume, truth: Volume, file: str, truth_file: str
    ) -> _Answer:
        given = prediction
        relation = grid_relation(prediction, truth)
        apart = relation.kind != "same"
        if apart and not self.resample:
            raise ValueError(
                f"the prediction {file} does not lie on the grid of its truth {truth_file}: as "
                f"labels on an image, {relation.words}; put it onto that grid (--resample, or "
                "resample=True)"
            )
        notes: tuple[str, ...] = ()
        if apart:
            before = prediction.notes
            prediction = place_on(prediction, truth, resample=True)
            notes = tuple(note for note in prediction.notes if note not in before)
        arrays = prediction.array[0], truth.array[0]
        scores = score_classes(
            *arrays,
            self.wanted,
            spacing=truth.spacing,
            tolerance=self.tolerance,
            lesions=self.lesions,
        )
        found = set(scores) if self.wanted is None else {*tally(arrays[0]), *tally(arrays[1])}
        unit = "mm" if truth.spacing_known else "px"
        return _Answer(
            name,
            unit,
            truth.spatial_dims,
            arrays[1].size,
            scores,
            frozenset(found),
            apart,
            notes,
            _file_names(given, truth),
        )

    def gathered(
        self,
        answers: list[_Answer],
        known: dict[int, str],
        named_by: str,
        compared: tuple[str, str],
    ) -> Evaluation:
        """Return every class of every case; a class that a case does not have is empty there."""
        found = set().union(*(answer.values for answer in answers))
        values = sorted(found) if self.wanted is None else self.wanted
        if not values:
            raise ValueError(
                f"neither {compared[0]} nor {compared[1]} has anything but background (0), so "
                "there is nothing to score; name the classes to score them as empty"
            )
        if not known:
            known = {v: name for answer in answers for v, name in answer.classes.items()}
            named_by = "the files"
        names = {v: (known | self.names).get(v, f"class {v}") for v in values}
        cases = tuple(
            CaseScore(
                answer.name,
                value,
                names[value],
                answer.unit,
                answer.scores.get(value) or empty_scores(answer.voxels, self.lesions),
                answer.dims,
                *answer.files,
            )
            for answer in answers
            for value in values
        )
        return Evaluation(
            cases,
            names,
            self.tolerance,
            self.lesions,
            resampled=tuple(answer.name for answer in answers if answer.resampled),
            unknown=tuple(v for v in values if v not in known | self.names) if known else (),
            named_by=named_by if known else "",
            notes=tuple(f"{answer.name}: {note}" for answer in answers for note in answer.notes),
            unscored=tuple(sorted(found - set(values))),
            compared=compared,
        )


def _volume(labels: Volume | np.ndarray, spacing: tuple[float, ...] | None) -> Volume:
    if isinstance(labels, Volume):
        return labels
    known = spacing is not None
    return Volume(labels[None], spacing or (1.0,) * labels.ndim, spacing_known=known)


def _name(path: Path) -> str:
    return path.name or path.resolve().name


def _file_names(prediction: Volume, truth: Volume) -> dict[int, str]:
    """Return the names of classes that label files hold themselves, rather the truth's."""
    storages = [volume.storage for volume in (prediction, truth) if volume.storage is not None]
    return {c.value: c.name for each in storages for c in each.header.get("classes", ())}


def _known_names(pairs: Pairs, truth: Path) -> tuple[dict[int, str], str]:
    """Read the names of classes, and where they stand: a data set's or a prediction's JSON."""
    for folder in (truth, truth.parent):
        if (folder / "dataset.json").is_file():
            try:
                return dataset_info(folder).labels, "dataset.json"
            except ValueError:
                break  # some other program's description: names are a courtesy
    _, prediction, _ = pairs.matched[0]
    beside = prediction.with_name(f"{image_stem(prediction)}.json")
    try:
        classes = json.loads(beside.read_text(encoding="utf-8"))["classes"]
        return {int(value): str(name) for value, name in classes.items()}, beside.name
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}, ""
