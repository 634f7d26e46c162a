"""Looking for doubtful places off the GUI thread: the request, and what was found."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

import numpy as np

from napari_medseg.engine.doubt import doubtful_places
from napari_medseg.engine.doubt_place import Place
from napari_medseg.progress import Report, Step, silent
from napari_medseg.session import LoadedModel
from napari_medseg.volume import Volume
from napari_medseg.widgets import segmenting


@dataclass(frozen=True, eq=False)
class Search:
    """Everything a search needs: no widget, no layer, no session.

    Parameters
    ----------
    labels : ndarray
        ``(*S)``, a copy: a person may go on painting.
    spacing : tuple of float or None
        mm per voxel; None if not known.
    axis : int
        Along which the slices lie.
    image : ndarray or None
        ``(*S)``, grey values, maybe lazy.
    probabilities, uncertainty : ndarray or None
        ``(K, *S)`` and ``(*S)``, of a run that was made before.
    others : tuple of ndarray
        ``(*S)`` labels other models found.
    reviewed : ndarray or None
        ``(*S)``, bool: what a person has seen.
    model : segmenting.Request or None
        A run of the model, where its maps are not there yet.
    mirrors : tuple of int
        Axes along which the model also looks at the image mirrored.
    words : str
        What is looked at, for people.
    """

    labels: np.ndarray
    spacing: tuple[float, ...] | None
    axis: int = 0
    image: object = None
    probabilities: np.ndarray | None = None
    uncertainty: np.ndarray | None = None
    others: tuple[np.ndarray, ...] = ()
    reviewed: np.ndarray | None = None
    model: segmenting.Request | None = None
    mirrors: tuple[int, ...] = ()
    words: str = ""


@dataclass(frozen=True, eq=False)
class Found:
    """The places, what was looked at, and the model to keep in memory."""

    places: list[Place]
    words: str
    loaded: LoadedModel | None = field(default=None)


def search(request: Search, report: Report = silent) -> Found:
    """Run the model where need be, and rank the places.

    Raises
    ------
    ValueError, OSError
        In words for people: the model cannot be used, or the labels cannot be searched.
    """
    probabilities, uncertainty = request.probabilities, request.uncertainty
    others, loaded = request.others, None
    if request.model is not None:
        answer = _answer(request.model, _titled(report, request.mirrors, 0))
        loaded = answer.loaded
        probabilities = answer.segmentation.probabilities
        uncertainty = answer.segmentation.uncertainty
        others = (*others, *_mirrored(request, loaded, report))
    report(Step(0, 0, "step", "looking at the shapes"))
    places = doubtful_places(
        probabilities,
        request.labels,
        spacing=request.spacing,
        uncertainty=uncertainty,
        flipped=others,
        image=None if request.image is None else np.asarray(request.image),
        reviewed=request.reviewed,
        axis=request.axis,
        report=report,
    )
    return Found(places, request.words, loaded)


def _answer(model: segmenting.Request, report: Report) -> segmenting.Answer:
    outcome = segmenting.run(model, _keep_nothing, report)
    assert outcome.last is not None  # a request of one part has one answer or raises
    return outcome.last


def _mirrored(request: Search, loaded: LoadedModel, report: Report) -> list[np.ndarray]:
    """Return what the model finds in mirrored copies of the image, turned back."""
    found: list[np.ndarray] = []
    if request.model is None:
        return found
    for count, axis in enumerate(request.mirrors, 1):
        part = request.model.parts[0]
        turned = tuple(None if v is None else _flip(v, axis) for v in part.volumes)
        config = dataclasses.replace(request.model.config, probabilities=False, uncertainty=False)
        model = dataclasses.replace(
            request.model,
            parts=(dataclasses.replace(part, volumes=turned),),
            config=config,
            segmenter=loaded.segmenter,
        )
        answer = _answer(model, _titled(report, request.mirrors, count))
        found.append(np.flip(answer.segmentation.labels, axis))
    return found


def _flip(volume: Volume, axis: int) -> Volume:
    return volume.with_array(np.flip(volume.array, axis + 1))


def _titled(report: Report, mirrors: tuple[int, ...], count: int) -> Report:
    """Say which copy of the image is looked at, where there are several."""
    if not mirrors:
        return report

    def titled(step: Step) -> None:
        note = step.note or (f"mirrored copy {count} of {len(mirrors)}" if count else "")
        report(dataclasses.replace(step, note=note))

    return titled


def _keep_nothing(_answer: segmenting.Answer) -> None:
    """Take an answer that comes before the last: a request of one part has none."""
