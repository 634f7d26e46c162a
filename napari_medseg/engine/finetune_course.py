"""The runs of a fine-tuning one after another, each saved as it goes and scored at its end."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from napari_medseg.engine.cases import Case
from napari_medseg.engine.finetune_config import FineTuneConfig
from napari_medseg.engine.finetune_lesson import Lesson, objective_for
from napari_medseg.engine.finetune_parts import MIXTURES, recalibrates, rehearses, trained_for
from napari_medseg.engine.finetune_patches import Patches, examples_of_each, patch_size
from napari_medseg.engine.finetune_progress import Clock, FineTuneProgress
from napari_medseg.engine.finetune_run import FineTuneRun
from napari_medseg.engine.finetune_scores import (
    Examiner,
    Scored,
    from_plain,
    guard_cases,
    mean_dice,
    plain,
)
from napari_medseg.engine.finetune_stages import Stage, stages_of
from napari_medseg.engine.finetune_state import StateFile
from napari_medseg.engine.interpolation import between
from napari_medseg.engine.new_classes import classes_to_add, copy_of, with_classes
from napari_medseg.engine.replay import Replay
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.progress import Report, Step

if TYPE_CHECKING:
    from lightning_fabric import Fabric

OnProgress = Callable[[FineTuneProgress], None]
Weights = dict[str, Tensor]


@dataclass
class StageResult:
    """What a run left: scores for each mix of old and new weights, and how it went.

    Parameters
    ----------
    steps : int
        After how many steps its weights were taken.
    cases : dict
        alpha to the scores of `scored`.
    scored : tuple of int
        Which cases were scored: those held out, or all that were learnt from.
    guards : dict
        alpha to the scores of the guards; empty without guards and where nothing is kept.
    curve : list of dict
        step, supervised, distilled, validation, guard of every step.
    parts : int
        Into how many parts a batch had to be cut.
    weights : dict or None
        Of the candidate, where it is kept.
    """

    steps: int
    cases: dict[float, list[Scored]]
    scored: tuple[int, ...]
    guards: dict[float, list[Scored]]
    curve: list[dict[str, Any]]
    parts: int
    weights: Weights | None = None

    def to_plain(self) -> dict[str, Any]:
        """Return plain values and tensors, for files."""
        return {
            **vars(self),
            "cases": {a: plain(s) for a, s in self.cases.items()},
            "guards": {a: plain(s) for a, s in self.guards.items()},
        }

    @classmethod
    def from_plain(cls, values: dict[str, Any]) -> StageResult:
        """Undo `to_plain`."""
        cases = {a: from_plain(s) for a, s in values["cases"].items()}
        guards = {a: from_plain(s) for a, s in values["guards"].items()}
        return cls(**{**values, "cases": cases, "guards": guards})


@dataclass
class _Notes:
    """What is written down during a run: its curve, and the best candidate so far."""

    curve: list[dict[str, Any]] = field(default_factory=list)
    checked: int = -1
    best: float = -math.inf
    best_step: int = 0
    best_weights: Weights | None = None
    worse: int = 0


class Course:
    """A fine-tuning from its first run to its last, over interruptions.

    Parameters
    ----------
    segmenter : Segmenter
        The model as it is; stays as it is.
    cases : sequence of Case
        What to learn from.
    config : FineTuneConfig
        How.
    replay : Replay or None
        What the model knew.
    state : StateFile
        Where it is kept.
    report : Report
        Called before every step; may raise `Cancelled`.
    on_progress : callable or None
        Told of every step.
    fabric : Fabric or None
        Of several processes that learn together.
    """

    def __init__(
        self,
        segmenter: Segmenter,
        cases: Sequence[Case],
        config: FineTuneConfig,
        replay: Replay | None,
        state: StateFile,
        report: Report,
        on_progress: OnProgress | None,
        fabric: Fabric | None,
    ) -> None:
        self._config, self._cases, self._replay = config, list(cases), replay
        self._state, self._report, self._on_progress = state, report, on_progress
        self._segmenter, self._fabric = segmenter, fabric
        added = classes_to_add(config.new_classes, segmenter.card)
        self._grown, self.card = with_classes(segmenter.network, segmenter.card, added)
        self.old: Weights = {k: v.detach().clone() for k, v in self._grown.state_dict().items()}
        self.examples = examples_of_each(self._cases, self.card, report)
        every = [example for examples in self.examples for example in examples]
        self.size = patch_size(self.card, self._grown, every)
        self.trained = trained_for(config, len(self._cases), rehearses=rehearses(config, replay))
        self.stages = stages_of(self._cases, config)
        self.guards = [] if replay is None else guard_cases(replay)
        self._teacher = copy_of(segmenter.network, segmenter.card)
        self._examiner = Examiner(copy.deepcopy(self._grown), self.card, self.guards)
        self.results: list[StageResult] = []
        self.clock = Clock()
        self._saved = time.monotonic()

    def run(self, saved: dict[str, Any] | None) -> list[StageResult]:
        """Take all runs to their end, from where `saved` was if anything was."""
        if saved is not None:
            self.results = [StageResult.from_plain(r) for r in saved["results"]]
            self.clock = Clock(saved["seconds"])
        else:
            self._save(None, None)  # says at once if nothing can be kept there
        for number in range(len(self.results), len(self.stages)):
            current = saved["current"] if saved and number == len(saved["results"]) else None
            self.results.append(self._take(self.stages[number], current))
            self._save(None, None)
        return self.results

    def score(self, weights: Weights, cases: Sequence[int]) -> list[Scored]:
        """Score weights on some of the cases when all runs are done."""
        told = self._scoring(self._total, self.stages[-1].name)
        return self._examiner.cases(weights, [self._cases[i] for i in cases], told)

    def _take(self, stage: Stage, saved: dict[str, Any] | None) -> StageResult:
        """Learn, then score every mix of old and new weights."""
        lesson = Lesson(
            copy.deepcopy(self._grown),
            self._teacher,
            objective_for(self.card).to(self._segmenter.device),
            self._config,
        )
        run = FineTuneRun(lesson, self.trained, self._config, self._config.steps, self._fabric)
        notes = _Notes()
        if saved is not None:
            run.load(saved["run"])
            notes = _Notes(**saved["notes"])
        try:
            self._learn(stage, run, notes)
            new = run.weights() if notes.best_weights is None else notes.best_weights
            cases, guards = self._sweep(stage, new)
        except BaseException:  # cancelled, out of memory or disk, no number: nothing is lost
            self._save(run, notes)
            raise
        return StageResult(
            steps=run.done if notes.best_weights is None else notes.best_step,
            cases=cases,
            scored=self._scored(stage),
            guards=guards,
            curve=notes.curve,
            parts=run.parts,
            weights=new if stage.final else None,
        )

    def _learn(self, stage: Stage, run: FineTuneRun, notes: _Notes) -> None:
        config = self._config
        examples = [e for i in stage.learn for e in self.examples[i]]
        rank = 0 if self._fabric is None else self._fabric.global_rank
        patches = Patches(examples, self.card, config, self.size, self._replay, rank)
        until = self._steps_of(stage)
        if not run.done and until and recalibrates(self._grown, config, self._replay):
            run.recalibrate(self._mixtures(patches, self._done_before(stage)))
        while True:
            due = run.done > 0 and (run.done % config.validate_every == 0 or run.done == until)
            if due and notes.checked < run.done:
                self._check(stage, run, notes)
            over = config.patience and notes.worse >= config.patience
            if run.done >= until or over:
                return
            if run.done and time.monotonic() - self._saved >= config.save_every:
                self._save(run, notes)
            line = self._tell(stage, run, notes)
            supervised, distilled = run.update(*patches.of(run.done), partial(self._report, line))
            notes.curve.append({"step": run.done, "supervised": supervised, "distilled": distilled})

    def _mixtures(self, patches: Patches, done: int) -> Iterator[Tensor]:
        """Yield batches of corrected and rehearsed images, as many of these as of those."""
        for step in range(MIXTURES):
            self._report(Step(done, self._total, "step", "looking at old and new images"))
            now, rehearsed = patches.of(step)
            if rehearsed is not None:
                count = patches.mixed
                yield torch.cat([now[0][:count], rehearsed.plain[:count]])

    def _steps_of(self, stage: Stage) -> int:
        """Return how many steps a run has; the last one as many as were best without a case."""
        if not stage.final or not self.results:
            return self._config.steps
        every = self._config.validate_every
        best = sum(r.steps for r in self.results) / len(self.results)
        return min(max(round(best / every), 1) * every, self._config.steps)

    def _check(self, stage: Stage, run: FineTuneRun, notes: _Notes) -> None:
        """Score the candidate, and keep it if it is the best so far."""
        row = notes.curve[-1]
        weights = run.weights()
        told = self._scoring(self._done_before(stage) + run.done, stage.name)
        if stage.final and self.guards:
            row["guard"] = mean_dice(self._examiner.guards(weights, told))
        if stage.held:
            cases = [self._cases[i] for i in stage.held]
            dice = mean_dice(self._examiner.cases(weights, cases, told))
            if self._fabric is not None:  # all processes must stop at the same step
                dice = self._fabric.broadcast(dice)
            row["validation"] = dice
            notes.worse = 0 if dice > notes.best else notes.worse + 1
            if dice > notes.best:
                notes.best, notes.best_step, notes.best_weights = dice, run.done, weights
        notes.checked = run.done

    def _sweep(
        self, stage: Stage, new: Weights
    ) -> tuple[dict[float, list[Scored]], dict[float, list[Scored]]]:
        alphas = sorted({0.0, *self._config.alphas})
        cases: dict[float, list[Scored]] = {}
        guards: dict[float, list[Scored]] = {}
        for done, alpha in enumerate(alphas):
            mixed = between(self.old, new, alpha)
            note = f"{stage.name} · old and new mixed, {done + 1} of {len(alphas)}"
            told = self._scoring(self._done_before(stage) + self._config.steps, note)
            held = [self._cases[i] for i in self._scored(stage)]
            cases[alpha] = self._examiner.cases(mixed, held, told)
            if stage.final and self.guards:
                guards[alpha] = self._examiner.guards(mixed, told)
        return cases, guards

    def _scored(self, stage: Stage) -> tuple[int, ...]:
        """Return the cases a run is scored on; the last one's after others are scored there."""
        if stage.held:
            return stage.held
        return stage.learn if len(self.stages) == 1 else ()

    @property
    def _total(self) -> int:
        return self._config.steps * len(self.stages)

    def _done_before(self, stage: Stage) -> int:
        return self._config.steps * self.stages.index(stage)

    def _tell(self, stage: Stage, run: FineTuneRun, notes: _Notes) -> Step:
        """Tell those who watch where the run is, and return the line of the bar."""
        row: Mapping[str, Any] = notes.curve[-1] if notes.curve else {}
        done = self._done_before(stage) + run.done
        progress = FineTuneProgress(
            stage=stage.name,
            final=stage.final,
            step=run.done,
            steps=self._config.steps,
            done=done,
            total=self._total,
            supervised=row.get("supervised"),
            distilled=row.get("distilled"),
            validation=row.get("validation"),
            guard=row.get("guard"),
            seconds_left=self.clock.left(done, self._total),
            snapshot=lambda: self._snapshot(run),
        )
        self._report(progress.line)
        if self._on_progress is not None:
            self._on_progress(progress)
        return progress.line

    def _snapshot(self, run: FineTuneRun) -> Segmenter:
        return Segmenter(copy.deepcopy(run.candidate), self.card, self._segmenter.device)

    def _scoring(self, done: int, note: str) -> Report:
        """Report which case is scored, at one place, so that the bar does not jump back."""
        line = note

        def report(step: Step) -> None:
            nonlocal line
            if step.unit == "case":
                line = f"{note} · scoring case {step.done + 1} of {step.total}"
            self._report(Step(done, self._total, "step", line))

        return report

    def _save(self, run: FineTuneRun | None, notes: _Notes | None) -> None:
        if self._fabric is not None and self._fabric.global_rank:
            return
        current = None
        if run is not None and notes is not None:
            current = {"run": run.state(), "notes": vars(notes)}
        self._state.save(
            {
                "results": [result.to_plain() for result in self.results],
                "current": current,
                "seconds": self.clock.spent,
            }
        )
        self._saved = time.monotonic()
