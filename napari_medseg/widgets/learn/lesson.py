"""A run of learning on disk and in a thread: begun, interrupted, gone on with, ended."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_medseg.casebook import Casebook, casebook_folder
from napari_medseg.engine.cases import Case
from napari_medseg.engine.finetune_config import FineTuneConfig
from napari_medseg.engine.training_config import TrainingConfig
from napari_medseg.io import atomic_path
from napari_medseg.progress import Report, Step, silent
from napari_medseg.project import SUFFIX
from napari_medseg.widgets.learn.forecast import known_before, load_cases, load_model
from napari_medseg.widgets.learn.points import Feed

if TYPE_CHECKING:
    from napari_medseg.engine.finetune_progress import FineTuneProgress
    from napari_medseg.engine.finetune_result import FineTuned
    from napari_medseg.engine.segmenter import Segmenter

_FOLDER = "learning"  # in that of the cases
_ABOUT = "learning.json"
_MODEL = "new.safetensors"


@dataclass(frozen=True)
class Lesson:
    """What is learnt, as it is written down when it begins.

    Parameters
    ----------
    model : str
        Path of the model that goes on learning; empty for a new one.
    title : str
        What people call the model.
    device : str
        Where.
    config : FineTuneConfig or TrainingConfig
        How; the second for a new model.
    save_as : str
        Where a new model is saved.
    cases : int
        How many.
    """

    model: str
    title: str
    device: str
    config: FineTuneConfig | TrainingConfig
    save_as: str = ""
    cases: int = 0

    def at_rate(self, rate: float) -> Lesson:
        """Return the lesson with another learning rate, which may change on the way."""
        if not isinstance(self.config, FineTuneConfig):
            return self
        return replace(self, config=self.config.replace(learning_rate=rate))

    def write(self, folder: Path) -> None:
        """Keep it in the folder of the run."""
        plain = {**vars(self), "config": self.config.to_dict()}
        with atomic_path(folder / _ABOUT) as target:
            target.write_text(json.dumps(plain, indent=1), "utf-8")


@dataclass(frozen=True, eq=False)
class Request:
    """All a thread needs to learn.

    Parameters
    ----------
    project : Path
        Of the casebook.
    lesson : Lesson
        What.
    resume : bool
        Go on with what was interrupted.
    segmenter : Segmenter or None
        The model, if it is in memory.
    feed : Feed
        Where those who watch hear of it.
    """

    project: Path
    lesson: Lesson
    resume: bool
    feed: Feed
    segmenter: Segmenter | None = None


def run_folder(project: Path) -> Path:
    """Return where a run on the cases of a project is kept."""
    return casebook_folder(project) / _FOLDER


def interrupted(project: Path) -> Lesson | None:
    """Return the run that was begun on the cases of a project and not ended, if there is one."""
    folder = run_folder(project)
    if not any(folder.glob("*.resume.pt")):
        return None
    try:
        told = json.loads((folder / _ABOUT).read_text("utf-8"))
        kind = FineTuneConfig if told["model"] else TrainingConfig
        return Lesson(**{**told, "config": kind.from_dict(told["config"])})
    except (OSError, ValueError, KeyError, TypeError):
        return None  # what is left is of no use


def files_learnt_from(project: Path) -> frozenset[str] | None:
    """Return the files of the cases that the run on a project learns from; None without a run."""
    kept = _copy_of(project)
    if not casebook_folder(kept).is_dir():
        return None
    try:
        return frozenset(entry.file for entry in Casebook.open(kept).used)
    except (OSError, ValueError):
        return None  # it is being written, or of no use


def forget(project: Path) -> None:
    """Delete what is kept of a run; the cases stay."""
    shutil.rmtree(run_folder(project), ignore_errors=True)


def learn(request: Request, report: Report = silent) -> FineTuned | Path:
    """Learn; return a model beside the one it was, or the file of a new one.

    The cases are copied at the beginning: they may change while it runs, and it can be gone on
    with all the same.

    Raises
    ------
    ValueError, OSError
        In words for people; what was learnt is kept, to go on with.
    Cancelled
        If `report` stopped it; likewise.
    """
    folder, lesson = run_folder(request.project), request.lesson
    kept = _copy_of(request.project)
    if not request.resume:
        report(Step(0, 0, "case", "copying the cases …"))
        _copy_cases(request.project, folder, kept)
    lesson.write(folder)
    cases, _, said = load_cases(kept, report)
    for text in said:
        report(Step(0, 0, "case", text))
    if isinstance(lesson.config, TrainingConfig):
        return _train(cases, lesson, folder, request.resume, _charted(report, request.feed))
    return _finetune(cases, request, folder, report)


def _finetune(cases: list[Case], request: Request, folder: Path, report: Report) -> FineTuned:
    from napari_medseg.engine.finetune import finetune
    from napari_medseg.engine.finetune_state import OtherRun

    lesson, model = request.lesson, Path(request.lesson.model)
    assert isinstance(lesson.config, FineTuneConfig)
    loaded = load_model(model, lesson.device, request.segmenter, report)
    try:
        return finetune(
            loaded.segmenter,
            cases,
            lesson.config,
            replay=known_before(model),
            out=folder,
            resume=request.resume,
            report=report,
            on_progress=_told(report, request.feed),
        )
    except OtherRun as error:
        raise ValueError(
            f"This run was begun with {error.begun_with} and cannot go on. Press Stop, then begin "
            "anew: the cases are kept, what this run had learnt is not."
        ) from error


def _copy_of(project: Path) -> Path:
    return run_folder(project) / f"cases{SUFFIX}"


def _copy_cases(project: Path, folder: Path, kept: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    source, target = casebook_folder(project), casebook_folder(kept)
    target.mkdir(parents=True)
    book = Casebook.open(project)
    for name in ("cases.json", *(entry.file for entry in book.used)):
        shutil.copy2(source / name, target / name)


def _told(report: Report, feed: Feed) -> Callable[[FineTuneProgress], None]:
    """Return what tells curves and preview of every step of a fine-tuning."""

    def tell(progress: FineTuneProgress) -> None:
        feed.note(progress)
        # the bar stays where it is while a slice is looked at
        feed.preview(progress.snapshot, lambda _step: report(progress.line))

    return tell


def _charted(report: Report, feed: Feed) -> Report:
    """Tell the curves of a training, too, what its bar is told."""

    def tell(step: Step) -> None:
        report(step)
        feed.note_line(step)

    return tell


def _train(cases: list[Case], lesson: Lesson, folder: Path, resume: bool, report: Report) -> Path:
    from napari_medseg.engine.training import train

    made, target = folder / _MODEL, Path(lesson.save_as)
    config = lesson.config
    assert isinstance(config, TrainingConfig)
    done = train(cases, config, out=made, resume=resume, overwrite=not resume, report=report)
    if target.exists():
        target = _free_name(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(target) as temporary:
        shutil.copyfile(done.checkpoint, temporary)
    return target


def _free_name(path: Path) -> Path:
    """Return a name beside one that was taken meanwhile: no model is ever replaced."""
    return path.with_stem(f"{path.stem}-{time.strftime('%H%M%S')}")
