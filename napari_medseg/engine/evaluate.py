"""Predictions against the truth: files, folders or arrays in, an `Evaluation` out."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from napari_medseg.engine.evaluation import Evaluation
from napari_medseg.engine.evaluation_question import Answer, Classes, OtherGrid, Question
from napari_medseg.engine.lesions import LesionRule
from napari_medseg.engine.matching import Pairs, match
from napari_medseg.io import dataset_info, image_stem
from napari_medseg.progress import Report, Step, silent
from napari_medseg.volume import Volume


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
        Called before every case and between its classes; may raise `Cancelled`.

    Returns
    -------
    Evaluation
        Of all cases that can be scored; its `failed` says which could not, and why.

    Raises
    ------
    OtherGrid
        If no prediction lies on the grid of its truth, and `resample` was not asked for.
    ValueError
        If nothing matches, or no case can be scored.
    OSError
        If one of the paths is not there, or the only file cannot be read.
    """
    prediction, truth = Path(prediction), Path(truth)
    pairs = match(prediction, truth)
    question = Question(classes, tolerance, lesions, resample)
    answers, errors = _asked(question, pairs, report)
    if not answers:
        raise _none_scored(errors)
    names, named_by = _known_names(pairs, truth)
    evaluation = question.gathered(answers, names, named_by, (_name(prediction), _name(truth)))
    return replace(
        evaluation,
        missing=pairs.missing,
        unmatched=pairs.unmatched,
        failed={
            name: _reason(errors[name], *files) for name, *files in pairs.matched if name in errors
        },
    )


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
    report: Report = silent,
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
    report : Report
        Called between classes; may raise `Cancelled`.

    Raises
    ------
    OtherGrid
        If the two do not lie on one grid, and `resample` was not asked for.
    ValueError
        If they have nothing to score.
    """
    predicted, true = _volume(prediction, spacing), _volume(truth, spacing)
    words = predicted.name or "prediction", true.name or "truth"
    question = Question(classes, tolerance, lesions, resample)
    answer = question.ask(name or words[0], predicted, true, words, report)
    return question.gathered([answer], {}, "", words)


def _asked(
    question: Question, pairs: Pairs, report: Report
) -> tuple[list[Answer], dict[str, Exception]]:
    """Ask of every case; what went wrong stands by the names of cases."""
    answers: list[Answer] = []
    errors: dict[str, Exception] = {}
    for done, (name, prediction, truth) in enumerate(pairs.matched):
        step = Step(done, len(pairs.matched), "case", name)
        report(step)
        try:
            answer = question.ask_files(name, prediction, truth, partial(_repeat, report, step))
        except (ValueError, OSError, MemoryError) as error:
            errors[name] = error
        else:
            answers.append(answer)
    report(Step(len(pairs.matched), len(pairs.matched), "case"))
    return answers, errors


def _repeat(report: Report, step: Step, _class: Step) -> None:
    """Say of every class which case it is of: one bar counts one thing."""
    report(step)


def _none_scored(errors: dict[str, Exception]) -> Exception:
    """Return what to raise where no case could be scored."""
    name, first = next(iter(errors.items()))
    if len(errors) == 1:
        return first
    head = f"none of the {len(errors)} cases can be scored; {name}: "
    if isinstance(first, OtherGrid) and {OtherGrid} == {*map(type, errors.values())}:
        return OtherGrid(f"{head}{first.words}")
    return ValueError(f"{head}{_reason(first)}")


def _reason(error: Exception, *files: Path) -> str:
    """Return why a case is left out, with the names of its `files` instead of their paths."""
    if isinstance(error, MemoryError):
        return "there is not enough memory to score it"
    words = str(error)
    if isinstance(error, OtherGrid):
        words = f"{error.words}; resample it to score it all the same"
    for file in files:
        words = words.replace(str(file), file.name)
    return words


def _volume(labels: Volume | np.ndarray, spacing: tuple[float, ...] | None) -> Volume:
    if isinstance(labels, Volume):
        return labels
    known = spacing is not None
    return Volume(labels[None], spacing or (1.0,) * labels.ndim, spacing_known=known)


def _name(path: Path) -> str:
    return path.name or path.resolve().name


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
