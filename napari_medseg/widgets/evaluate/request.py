"""What a thread needs to compare labels with the truth: arrays and paths, no layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels

from napari_medseg.engine.evaluate import evaluate, evaluate_volumes
from napari_medseg.engine.evaluation import Evaluation
from napari_medseg.engine.evaluation_question import OtherGrid
from napari_medseg.engine.lesions import LesionRule
from napari_medseg.io import read_labels
from napari_medseg.io.class_tables import classes_beside
from napari_medseg.progress import Report, silent
from napari_medseg.tally import tally
from napari_medseg.volume import Volume
from napari_medseg.widgets.classes.class_list import classes_of
from napari_medseg.widgets.classes.palette import next_colour
from napari_medseg.widgets.evaluate.definitions import definitions_page
from napari_medseg.widgets.evaluate.rows import SummaryRow, summary_of
from napari_medseg.widgets.settings import load_settings
from napari_medseg.widgets.volumes import place_of, realised, shown_step, to_volume

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_medseg.widgets.evaluate.source_field import Source


@dataclass(frozen=True, eq=False)
class EvaluationRequest:
    """Labels and truth as they were when it was made.

    Parameters
    ----------
    judged, truth : Volume or Path
        Volumes are copies, or arrays that are read when they are needed.
    names, colours : mapping of int to str
        Of the classes that layers have; files say theirs themselves.
    tolerance : float
        mm.
    lesions : LesionRule or None
        None without counting lesions.
    resample : bool
        Whether labels on another grid may be put onto that of the truth.
    step : tuple of int
        Where along the axes of the true layer before the spatial ones (time).
    """

    judged: Volume | Path
    truth: Volume | Path
    names: Mapping[int, str]
    colours: Mapping[int, str]
    tolerance: float = 1.0
    lesions: LesionRule | None = None
    resample: bool = False
    step: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class Answer:
    """What came of a request.

    Parameters
    ----------
    asked : EvaluationRequest
        The request itself.
    request : EvaluationRequest
        The same with volumes that are in memory now.
    evaluation : Evaluation
        The numbers.
    colours : mapping of int to str
        Of every class.
    summary : list of SummaryRow
        The numbers over cases, whose intervals take a while.
    page : str
        What the numbers mean, as rich text.
    """

    asked: EvaluationRequest
    request: EvaluationRequest
    evaluation: Evaluation
    colours: Mapping[int, str]
    summary: list[SummaryRow]
    page: str


def request_of(viewer: Viewer, judged: Source, truth: Source) -> EvaluationRequest:
    """Return what would be compared now; labels of layers are copied, and may be painted on.

    Raises
    ------
    ValueError
        If one of the two is not chosen.
    """
    if judged is None or truth is None:
        raise ValueError("choose the true labels and the labels to judge first")
    point = tuple(viewer.dims.point)
    layers = [source for source in (judged, truth) if isinstance(source, Labels)]
    classes = {c.value: c for layer in layers for c in classes_of(layer)}
    return EvaluationRequest(
        judged=_copied(judged, point),
        truth=_copied(truth, point),
        names={value: c.name for value, c in classes.items()},
        colours={value: c.colour for value, c in classes.items()},
        step=shown_step(truth, point) if isinstance(truth, Labels) else (),
    )


def places(judged: Labels | Path, truth: Labels | Path) -> tuple[Volume | Path, Volume | Path]:
    """Return both without the values of layers, to look at where they lie."""
    first, second = (
        source if isinstance(source, Path) else replace(place_of(source).volume(), name=source.name)
        for source in (judged, truth)
    )
    return first, second


def evaluated(request: EvaluationRequest, report: Report = silent) -> Answer:
    """Compare what is asked for; runs in a thread.

    Raises
    ------
    ValueError, OSError
        As `engine.evaluate`, in words for the window.
    """
    load_settings()  # slow; what was compared is kept there afterwards
    asked, judged, truth = request, request.judged, request.truth
    try:
        if isinstance(judged, Path) and isinstance(truth, Path):
            evaluation = evaluate(judged, truth, **_options(request), report=report)
        else:
            judged, truth = _in_memory(judged), _in_memory(truth)
            request = replace(request, judged=judged, truth=truth)
            evaluation = _evaluated_volumes(asked, judged, truth, report)
    except OtherGrid as error:
        raise ValueError(f"{error.words}; tick 'Resample' to compare them all the same") from error
    colours = _colours(evaluation, request.colours)
    rows, page = summary_of(evaluation), definitions_page(evaluation)
    return Answer(asked, request, evaluation, colours, rows, page)


def _evaluated_volumes(
    asked: EvaluationRequest, judged: Volume, truth: Volume, report: Report
) -> Evaluation:
    names = dict(asked.names)
    for source in (asked.judged, asked.truth):
        if isinstance(source, Path):
            names = {c.value: c.name for c in classes_beside(source)} | names
    values = sorted({*tally(judged.array[0]), *tally(truth.array[0])})
    classes = {value: names.get(value, f"class {value}") for value in values} or None
    return evaluate_volumes(judged, truth, classes=classes, **_options(asked), report=report)


def _options(request: EvaluationRequest) -> dict[str, Any]:
    return {
        "tolerance": request.tolerance,
        "lesions": request.lesions,
        "resample": request.resample,
    }


def _copied(source: Labels | Path, point: tuple[float, ...]) -> Volume | Path:
    if isinstance(source, Path):
        return source
    volume = to_volume(source, point)
    plain = isinstance(volume.array, np.ndarray)
    return volume.with_array(np.array(volume.array)) if plain else volume


def _in_memory(labels: Volume | Path) -> Volume:
    return realised(labels) if isinstance(labels, Volume) else read_labels(labels)


def _colours(evaluation: Evaluation, known: Mapping[int, str]) -> dict[int, str]:
    """Return a colour for every class: that of its layer, of a file, or one that is told apart."""
    colours = {value: known[value] for value in evaluation.classes if value in known}
    for file in {file for case in evaluation.cases[:1] for file in (case.truth, case.prediction)}:
        for one in classes_beside(file) if file is not None else ():
            if one.colour and one.value in evaluation.classes:
                colours.setdefault(one.value, one.colour)
    for value in evaluation.classes:
        colours.setdefault(value, next_colour(colours.values()))
    return colours
