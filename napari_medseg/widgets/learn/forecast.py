"""Before anything is learnt: the cases looked at, a step tried, the plan in words; any thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_medseg.case_picture import picture_of
from napari_medseg.casebook import Casebook
from napari_medseg.casebook_file import CaseEntry
from napari_medseg.engine.cases import Case
from napari_medseg.engine.finetune_config import FineTuneConfig
from napari_medseg.engine.training_config import TrainingConfig
from napari_medseg.progress import Report, Step, duration, silent
from napari_medseg.session import LoadedModel, written_at
from napari_medseg.widgets.notices import sentence
from napari_medseg.widgets.volumes import gigabytes

if TYPE_CHECKING:
    from napari_medseg.engine.finetune_preflight import Finding
    from napari_medseg.engine.replay import Replay
    from napari_medseg.engine.segmenter import Segmenter


@dataclass(frozen=True)
class NewModel:
    """A model that does not exist yet.

    Parameters
    ----------
    architecture : str
        Of its network.
    preset : str
        How it is trained, a key of `PRESETS`.
    classes : tuple of str
        ``"1=anterior"``: what the values of the labels are called.
    device : str
        What it is trained on.
    """

    architecture: str
    preset: str
    classes: tuple[str, ...] = ()
    device: str = "auto"


@dataclass(frozen=True, eq=False)
class Question:
    """What is to be learnt from what.

    Parameters
    ----------
    project : Path
        Of the casebook.
    model : Path or None
        The model that goes on learning; None for a new one.
    device : str
        Where.
    config : FineTuneConfig
        How it goes on learning.
    new : NewModel
        What is trained where there is no model.
    segmenter : Segmenter or None
        The model, if it is in memory.
    unseen : frozenset of str
        Keys of cases whose picture is wanted.
    """

    project: Path
    model: Path | None
    device: str
    config: FineTuneConfig
    new: NewModel
    segmenter: Segmenter | None = None
    unseen: frozenset[str] = frozenset()


@dataclass(frozen=True, eq=False)
class Forecast:
    """What would happen.

    Parameters
    ----------
    words : str
        The plan.
    cost : str
        How long and how much memory it takes.
    findings : tuple of Finding
        What a person should know first, the gravest first.
    loaded : LoadedModel or None
        The model, to be kept.
    pictures : dict
        Key of a case to its picture ``(H, W, 3)``.
    config : FineTuneConfig or TrainingConfig or None
        How the model learns, as the trial step has shown that it can; the second for a new model.
    measuring : bool
        A step is tried still, to tell the cost; one need not wait for it.
    """

    words: str
    cost: str = ""
    findings: tuple[Finding, ...] = ()
    loaded: LoadedModel | None = None
    pictures: dict[str, np.ndarray] = field(default_factory=dict)
    config: FineTuneConfig | TrainingConfig | None = None
    measuring: bool = False

    @property
    def may_start(self) -> bool:
        """Whether nothing speaks against it."""
        return bool(self.words) and not any(f.severity == "stop" for f in self.findings)


def look_ahead(
    question: Question,
    report: Report = silent,
    *,
    tell: Callable[[Forecast], object] = lambda forecast: None,
) -> Forecast:
    """Load model and cases, look at them, and try a step; nothing is kept of it.

    What speaks against it is a finding, not an error. `tell` hears what is known before the step.
    """
    from napari_medseg.engine.finetune_preflight import WARNING, Finding

    pictures: dict[str, np.ndarray] = {}
    findings: list[Finding] = []

    def whole(found: Forecast) -> Forecast:
        return replace(found, findings=(*found.findings, *findings), pictures=pictures)

    try:
        cases, entries, said = load_cases(question.project, report)
        findings += [Finding(WARNING, "", text) for text in said]
        for entry, case in zip(entries, cases, strict=True):
            if entry.key in question.unseen:
                pictures[entry.key] = picture_of(case)
        if question.model is None:
            return whole(_new_model(question, cases, report))
        return whole(_further(question, cases, report, lambda found: tell(whole(found))))
    except (ValueError, OSError, MemoryError, RuntimeError) as error:
        return whole(unanswered(error))


def unanswered(error: BaseException) -> Forecast:
    """Return what is said where no plan can be made."""
    from napari_medseg.engine.finetune_preflight import STOP, Finding

    return Forecast("", findings=(Finding(STOP, "", sentence(error)),))


def load_cases(
    project: Path, report: Report = silent
) -> tuple[list[Case], list[CaseEntry], list[str]]:
    """Return the cases of a casebook that are learnt from; what cannot be read is said."""
    book = Casebook.open(project)
    cases, entries, said = [], [], list(book.notices)
    for done, entry in enumerate(book.used):
        report(Step(done, len(book.used), "case", f"reading {entry.name} …"))
        try:
            cases.append(book.load(entry))
            entries.append(entry)
        except (OSError, ValueError) as error:
            said.append(f"The case '{entry.name}' is skipped: {sentence(error)}")
    return cases, entries, said


def load_model(
    path: Path, device: str, segmenter: Segmenter | None, report: Report = silent
) -> LoadedModel:
    """Return a model, read now if it is not in memory.

    Raises
    ------
    ValueError, OSError
        If it cannot be used.
    """
    written = written_at(path)  # before it is read: it may be replaced meanwhile
    if segmenter is None:
        from napari_medseg.engine.segmenter import Segmenter

        report(Step(0, 0, "model", f"loading {path.stem} …"))
        segmenter = Segmenter.load(path, device=device)
    return LoadedModel(path, device, segmenter, written)


def known_before(model: Path) -> Replay | None:
    """Return the examples of what a model knew, if they lie beside it."""
    from napari_medseg.engine.replay import load_replay, replay_path

    path = replay_path(model)
    return load_replay(path) if path.is_file() else None


def _further(
    question: Question,
    cases: Sequence[Case],
    report: Report,
    tell: Callable[[Forecast], object],
) -> Forecast:
    from napari_medseg.engine.finetune_plan import plan
    from napari_medseg.engine.finetune_preflight import STOP, preflight

    assert question.model is not None
    loaded = load_model(question.model, question.device, question.segmenter, report)
    replay = known_before(question.model)
    findings = tuple(
        preflight(loaded.segmenter, cases, question.config, replay=replay, report=report)
    )
    if any(finding.severity == STOP for finding in findings):
        return Forecast("", findings=findings, loaded=loaded)
    known = plan(loaded.segmenter, cases, question.config, replay=replay, measure=False)
    tell(Forecast(known.words, "", findings, loaded, config=known.config, measuring=True))
    found = plan(loaded.segmenter, cases, question.config, replay=replay, report=report)
    cost = _cost(found.seconds, found.memory)
    words = replace(found, seconds=None).words  # the cost has a line of its own
    return Forecast(words, cost, findings, loaded, config=found.config)


def _new_model(question: Question, cases: Sequence[Case], report: Report) -> Forecast:
    from napari_medseg.engine.training_presets import preset_config
    from napari_medseg.engine.training_trial import plan_training

    new = question.new
    config = preset_config(
        new.preset,
        cases,
        architecture=new.architecture,
        classes=new.classes,
        device=question.device,
    )
    found = plan_training(cases, config, report=report)
    seconds = None if found.minutes is None else 60 * found.minutes
    words = replace(found, minutes=None).words
    return Forecast(words, _cost(seconds, found.memory), config=found.config)


def _cost(seconds: float | None, memory: int | None) -> str:
    if seconds is None or memory is None:
        return ""
    return f"Takes about {duration(seconds)} and {gigabytes(memory)} of memory."
