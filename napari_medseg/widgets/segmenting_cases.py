"""Segmenting the cases of a worklist one after the other, in another thread, from file to file."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medseg.case_labels import write_case_labels
from napari_medseg.engine.card import ModelCard
from napari_medseg.engine.inference_config import InferenceConfig
from napari_medseg.io import CaseFiles, read_volume
from napari_medseg.io.atomic import UnwritableFile
from napari_medseg.progress import Report, Step, duration, silent
from napari_medseg.session import LoadedModel, written_at
from napari_medseg.volume import Volume
from napari_medseg.widgets.channel_names import shows
from napari_medseg.widgets.notices import sentence
from napari_medseg.worklist_file import CaseRecord, State, WorklistFile

if TYPE_CHECKING:
    from napari_medseg.engine.segmenter import Segmenter

_log = logging.getLogger(__name__)
_PARTS = 1000  # of a case, for the bar


@dataclass(frozen=True)
class CaseJob:
    """One case to segment.

    Parameters
    ----------
    case : CaseFiles
        Its images.
    path : Path
        Where its labels go.
    record : CaseRecord
        How far the case was when the person asked; if it is further now, it is left alone.
    replace : bool
        Whether labels that are there may be replaced; the earlier file is kept then.
    """

    case: CaseFiles
    path: Path
    record: CaseRecord
    replace: bool = False


@dataclass(frozen=True, eq=False)
class CasesRequest:
    """Everything the run needs: no widget, no layer, no session.

    Parameters
    ----------
    model : Path
        The checkpoint.
    device : str
        "auto", "cpu", "cuda:N" or "mps".
    jobs : tuple of CaseJob
        In the order of the work.
    labels_folder : Path
        Where the states are kept.
    config : InferenceConfig
        How the model is run.
    segmenter : Segmenter or None
        The model, if it is in memory already.
    """

    model: Path
    device: str
    jobs: tuple[CaseJob, ...]
    labels_folder: Path
    config: InferenceConfig = field(default_factory=InferenceConfig)
    segmenter: Segmenter | None = None


@dataclass(frozen=True, eq=False)
class CaseAnswer:
    """What became of one case: its labels, which are in their file, or why there are none.

    Parameters
    ----------
    name : str
        The case.
    loaded : LoadedModel
        The model, to keep.
    labels : ndarray or None
        ``(*S)``.
    written : str
        Fingerprint of the file.
    provenance : dict
        As written beside it.
    failure : str
        Why there are no labels, in a sentence.
    """

    name: str
    loaded: LoadedModel
    labels: np.ndarray | None = None
    written: str = ""
    provenance: dict[str, Any] = field(default_factory=dict)
    failure: str = ""


@dataclass(frozen=True)
class CasesOutcome:
    """How the whole run went: how many cases were segmented, failed, and were left alone."""

    done: int = 0
    failed: int = 0
    left_alone: int = 0


def segment_cases(
    request: CasesRequest, deliver: Callable[[CaseAnswer], None], report: Report = silent
) -> CasesOutcome:
    """Segment one case after the other; write and deliver each answer when it is there.

    A case that fails does not stop the others. A case that somebody worked on meanwhile is left
    alone. Whatever ends the run, the files and states of the finished cases are on disk.

    Raises
    ------
    ValueError, OSError
        In words for people: the model cannot be used, or labels cannot be written at all.
    """
    written = written_at(request.model)  # before it is read: it may be replaced meanwhile
    segmenter = request.segmenter
    if segmenter is None:
        report(Step(0, 0, "model", f"loading {request.model.stem} …"))
        from napari_medseg.engine.segmenter import Segmenter

        segmenter = Segmenter.load(request.model, device=request.device)
    loaded = LoadedModel(request.model, request.device, segmenter, written)
    states, outcome, clock = WorklistFile(request.labels_folder), CasesOutcome(), time.monotonic()
    for index, job in enumerate(request.jobs):
        name, counted = job.case.name, _counted(report, index, len(request.jobs), clock)
        counted(Step(0, 0, "image", f"reading {name}"))
        try:
            answer = _segment(request, job, loaded, states, counted)
        except UnwritableFile:  # the next one could not be written either
            raise
        except (ValueError, OSError, RuntimeError, MemoryError) as error:
            _log.debug("%s failed", name, exc_info=True)
            outcome = replace(outcome, failed=outcome.failed + 1)
            answer = CaseAnswer(name, loaded, failure=sentence(error))
        else:
            outcome = (
                replace(outcome, left_alone=outcome.left_alone + 1)
                if answer is None
                else replace(outcome, done=outcome.done + 1)
            )
        if answer is not None:
            try:
                deliver(answer)
            except RuntimeError:  # Qt's half of the panel is gone; the files are there all the same
                _log.debug("an answer came after its panel", exc_info=True)
    return outcome


def _segment(
    request: CasesRequest, job: CaseJob, loaded: LoadedModel, states: WorklistFile, report: Report
) -> CaseAnswer | None:
    """Segment a case and write its labels; None if somebody worked on it meanwhile."""
    if not _is_free(job, states):
        return None
    volume = in_order(read_volume(list(job.case.images)), loaded.segmenter.card)
    found = loaded.segmenter.segment(volume, request.config, report)
    if not _is_free(job, states):
        return None
    written = write_case_labels(
        job.path,
        found.labels,
        like=volume,
        provenance=found.provenance,
        known="",
        replace=job.replace,
    )
    note = job.record.note
    states.update({job.case.name: CaseRecord(State.SEGMENTED, note, written)})
    return CaseAnswer(job.case.name, loaded, found.labels, written, found.provenance)


def _is_free(job: CaseJob, states: WorklistFile) -> bool:
    """Whether nobody took the case, or wrote labels for it, since the person asked."""
    records, _ = states.read()
    now = records.get(job.case.name, CaseRecord())
    begun = now.state not in (job.record.state, State.NEW)
    return not begun and (job.replace or not job.path.exists())


def in_order(volume: Volume, card: ModelCard) -> Volume:
    """Return the channels of a case in the order the model wants them, where their names say it."""
    names = card.preprocessing.channels
    if len(names) != card.in_channels or len(names) < 2:
        return volume
    there = range(len(volume.channels))
    found = [[p for p in there if shows(volume.channels[p], names, i)] for i in range(len(names))]
    if any(len(places) != 1 for places in found):
        return volume
    places = [place for (place,) in found]
    chosen = tuple(volume.channels[place] for place in places)
    return replace(volume, array=volume.array[places], channels=chosen)


def _counted(report: Report, index: int, count: int, start: float) -> Report:
    """Count cases, with the step within the case and the time left for all of them as a note."""

    def counted(step: Step) -> None:
        inside = step.done / step.total if step.total else 0.0
        done = index + min(inside, 1.0)
        words = [f"case {index + 1} of {count}"]
        if step.total:
            words.append(f"{step.unit} {min(step.done + 1, step.total)} of {step.total}")
        elif step.note:
            words.append(step.note)
        if index:
            words.append(f"{duration((time.monotonic() - start) / done * (count - done))} left")
        report(Step(round(done * _PARTS), count * _PARTS, "case", " · ".join(words)))

    return counted
