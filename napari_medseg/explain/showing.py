"""One door to everything that can be shown, for the panel and the command line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.explain.analyses import activation_ratio, channel_redundancy, log_amplitude
from napari_medseg.explain.attention_maps import attention
from napari_medseg.explain.coarse_answers import levels
from napari_medseg.explain.entries import CLASS, catalogue, first_layer
from napari_medseg.explain.evidence import (
    modality_importance,
    occlusion,
    probabilities,
    uncertainty,
)
from napari_medseg.explain.feature_maps import SUMMARIES, features, summary
from napari_medseg.explain.gradients import grad_cam, input_gradients, receptive_field
from napari_medseg.explain.hidden_attention import class_attention
from napari_medseg.explain.overlay import Overlay
from napari_medseg.explain.splines import Curves, spline_curves
from napari_medseg.explain.table import Table
from napari_medseg.explain.targets import Region
from napari_medseg.explain.view import View
from napari_medseg.nearest import did_you_mean
from napari_medseg.progress import Report, silent

Shown = Overlay | Table | Curves


@dataclass(frozen=True, eq=False)
class Question:
    """What an entry of the catalogue is asked for.

    Parameters
    ----------
    layer : str or None
        Where an entry needs one; None is the last stage, of `grad_cam` the coarsest.
    value : int or None
        Label value of the class; None is the card's first.
    labels : ndarray or None
        ``(*S)`` of the image: what counts as the class; None is the model's answer.
    region : ndarray, "here" or None
        Where evidence is asked about, see `target_of`.
    box : tuple of slice or None
        Which voxels ``*S`` of the image overlays cover, see `View.within`; None is the view's.
    half : bool or None
        Whether maps are recorded in half precision; None where they are large.
    """

    layer: str | None = None
    value: int | None = None
    labels: np.ndarray | None = None
    region: Region = None
    box: tuple[slice, ...] | None = None
    half: bool | None = None


def show(
    segmenter: Segmenter,
    view: View,
    key: str,
    question: Question | None = None,
    *,
    report: Report = silent,
) -> list[Shown]:
    """Compute an entry of the `catalogue`.

    Parameters
    ----------
    segmenter, view
        The model and what it sees.
    key : str
        Of the entry.
    question : Question or None
        Layer, class, region.
    report : Report
        May raise `Cancelled`.

    Raises
    ------
    ValueError
        If there is no such entry, the model lacks it, or the question does not fit.
    """
    entries = {entry.key: entry for entry in catalogue(segmenter)}
    if key not in entries:
        raise ValueError(
            f"there is nothing called {key!r} to show{did_you_mean(key, entries)}; "
            f"there are {', '.join(k for k, e in entries.items() if not e.why_not)}"
        )
    if entries[key].why_not:
        raise ValueError(f"{key!r} cannot be shown: {entries[key].why_not}")
    question = question or Question()
    view = view if question.box is None else view.within(question.box)
    if key in segmenter.network.overlays:
        return list(attention(segmenter, view, [key], report=report))
    if key.endswith(CLASS):
        block, value = key.removesuffix(CLASS), _value(segmenter, question)
        return [class_attention(segmenter, view, block, value, report=report)]
    return _WAYS[key](segmenter, view, question, report)


def _value(segmenter: Segmenter, question: Question) -> int:
    return segmenter.card.classes[0].value if question.value is None else question.value


def _channels(key: str, sort: str) -> Callable[[Segmenter, View, Question, Report], list[Shown]]:
    def way(s: Segmenter, view: View, q: Question, report: Report) -> list[Shown]:
        return [
            features(
                s,
                view,
                q.layer or first_layer(s, key),
                sort=sort,
                labels=q.labels,
                value=_value(s, q),
                half=q.half,
                report=report,
            )
        ]

    return way


def _summed(how: str) -> Callable[[Segmenter, View, Question, Report], list[Shown]]:
    return lambda s, view, q, report: [
        summary(s, view, q.layer or first_layer(s, how), how, half=q.half, report=report)
    ]


def _graded(how: str) -> Callable[[Segmenter, View, Question, Report], list[Shown]]:
    def way(s: Segmenter, view: View, q: Question, report: Report) -> list[Shown]:
        return [
            input_gradients(s, view, _value(s, q), region=_region(q, s), how=how, report=report)
        ]

    return way


def _region(question: Question, segmenter: Segmenter) -> Region:
    if question.region is None and question.labels is not None:
        return np.asarray(question.labels == _value(segmenter, question))
    return question.region


def _cam(s: Segmenter, view: View, q: Question, report: Report) -> list[Shown]:
    return [grad_cam(s, view, _value(s, q), layer=q.layer, region=_region(q, s), report=report)]


def _occluded(s: Segmenter, view: View, q: Question, report: Report) -> list[Shown]:
    return [occlusion(s, view, _value(s, q), region=_region(q, s), report=report)]


def _curves(s: Segmenter, view: View, q: Question, report: Report) -> list[Shown]:
    layer = q.layer or first_layer(s, "splines")
    return [spline_curves(s, view, layer, report=report)]


def _ratio(s: Segmenter, view: View, q: Question, report: Report) -> list[Shown]:
    return [activation_ratio(s, view, _value(s, q), labels=q.labels, report=report)]


_WAYS: dict[str, Callable[[Segmenter, View, Question, Report], list[Shown]]] = {
    "features": _channels("features", "energy"),
    "separation": _channels("separation", "separation"),
    **{how: _summed(how) for how in SUMMARIES},
    "grad_cam": _cam,
    "integrated": _graded("integrated"),
    "smooth": _graded("smooth"),
    "occlusion": _occluded,
    "probabilities": lambda s, view, q, report: [probabilities(s, view, report=report)],
    "uncertainty": lambda s, view, q, report: [uncertainty(s, view, report=report)],
    "receptive_field": lambda s, view, q, report: [receptive_field(s, view, report=report)],
    "levels": lambda s, view, q, report: [levels(s, view, report=report)],
    "channels": lambda s, view, q, report: list(modality_importance(s, view, report=report)),
    "splines": _curves,
    "redundancy": lambda s, view, q, report: [channel_redundancy(s, view, report=report)],
    "activation": _ratio,
    "frequencies": lambda s, view, q, report: [log_amplitude(s, view, report=report)],
}
