"""What a run of Segment needs and gives: requests made in the GUI thread, run in another."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_medseg.engine.inference_config import InferenceConfig
from napari_medseg.io import Pyramid
from napari_medseg.progress import Report, Step, silent
from napari_medseg.session import LoadedModel, written_at
from napari_medseg.volume import Volume
from napari_medseg.widgets.notices import sentence
from napari_medseg.widgets.volumes import realised, stacked

if TYPE_CHECKING:
    from napari_medseg.engine.segmenter import Segmentation, Segmenter

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Request:
    """Everything a run needs: no widget, no layer, no session.

    Parameters
    ----------
    model : Path
        A checkpoint, or the name of a model that must be fetched first.
    device : str
        "auto", "cpu", "cuda:N" or "mps".
    parts : tuple of Part
        What is segmented, one after the other.
    config : InferenceConfig
        How the model is run.
    segmenter : Segmenter or None
        The model, if it is in memory already.
    """

    model: Path
    device: str
    parts: tuple[Part, ...]
    config: InferenceConfig
    segmenter: Segmenter | None = None


@dataclass(frozen=True, eq=False)
class Part:
    """One thing to segment.

    Parameters
    ----------
    name : str
        For people.
    volumes : tuple of Volume or None
        One per input channel, or one with all channels; None for a channel that is not there.
    box : tuple of slice or None
        Which voxels; None is all.
    pyramid : Pyramid or None
        The image itself, where it is larger than memory: only what is near the box is read.
    """

    name: str
    volumes: tuple[Volume | None, ...]
    box: tuple[slice, ...] | None = None
    pyramid: Pyramid | None = None


@dataclass(frozen=True, eq=False)
class Answer:
    """What came of one part: its place in the request, the answer, the model to keep."""

    index: int
    loaded: LoadedModel
    segmentation: Segmentation


@dataclass(frozen=True, eq=False)
class Outcome:
    """How a whole run went: how many parts are done, what went wrong with the others.

    The answer of the last part comes with it, when the thread is done: Python's warning filters
    belong to all threads, and napari's worker sets them back at that moment, which must not fall
    into the making of a layer.
    """

    done: int
    failures: dict[str, str] = field(default_factory=dict)
    last: Answer | None = None


def run(request: Request, deliver: Callable[[Answer], None], report: Report = silent) -> Outcome:
    """Load the model if need be and segment every part; hand each answer on when it is there.

    The last answer is part of the outcome instead.

    One part that fails does not stop the others, unless it is the only one.

    Raises
    ------
    ValueError, OSError
        In words for people: the model cannot be used, or the only image.
    """
    loaded = loaded_model(request.model, request.device, request.segmenter, report)
    segmenter = loaded.segmenter
    failures: dict[str, str] = {}
    last: Answer | None = None
    for index, part in enumerate(request.parts):
        counted = _counted(report, index, len(request.parts), part.name)
        counted(Step(0, 0, "image", "reading the image …"))
        try:
            found = _segment(segmenter, part, request.config, counted)
        except (ValueError, OSError, RuntimeError, MemoryError) as error:
            if len(request.parts) == 1:
                raise
            _log.debug("%s failed", part.name, exc_info=True)
            failures[part.name] = sentence(error)
            continue
        last = Answer(index, loaded, found)
        if index + 1 < len(request.parts):
            _deliver(deliver, last)
            last = None
    return Outcome(len(request.parts) - len(failures), failures, last)


def loaded_model(
    path: Path, device: str, ready: Segmenter | None = None, report: Report = silent
) -> LoadedModel:
    """Return a model in memory: read now, unless it is `ready` already.

    Raises
    ------
    ValueError, OSError
        If it cannot be read, or there is no such device.
    """
    written = written_at(path)  # before it is read: it may be replaced meanwhile
    if ready is None:
        report(Step(0, 0, "model", f"loading {path.stem} …"))
        from napari_medseg.engine.segmenter import Segmenter

        ready = Segmenter.load(path, device=device)
    return LoadedModel(path, device, ready, written)


def _segment(
    segmenter: Segmenter, part: Part, config: InferenceConfig, report: Report
) -> Segmentation:
    if part.pyramid is None or part.box is None:
        return segmenter.segment(whole_volume(part.volumes), config, report, box=part.box)
    from napari_medseg.engine.block_part import segment_part

    return segment_part(segmenter, part.pyramid, part.box, config, report)


def _deliver(deliver: Callable[[Answer], None], answer: Answer) -> None:
    try:
        deliver(answer)
    except RuntimeError:  # Qt's half of the panel is gone: nobody waits for it any more
        _log.debug("an answer came after its panel", exc_info=True)


def _counted(report: Report, index: int, count: int, name: str) -> Report:
    """Count images instead of windows where there are several."""
    if count == 1:
        return report

    def counted(step: Step) -> None:
        report(Step(index, count, "image", f"{name}: {step.note}" if step.note else ""))

    return counted


def whole_volume(channels: Sequence[Volume | None]) -> Volume:
    """Return the channels as one volume in memory; one that is not there is NaN everywhere."""
    there = [volume for volume in channels if volume is not None]
    if len(there) == len(channels):
        return stacked(there)
    filled = iter(stacked(there).array)
    nothing = np.full((1, *there[0].shape), np.nan, np.float32)
    arrays = [nothing if volume is None else next(filled)[None] for volume in channels]
    return realised(there[0]).with_array(np.concatenate(arrays))
