"""What a fine-tuning gives: a new model beside the old one, and what speaks for it."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from napari_medseg.engine.card import ModelCard
from napari_medseg.engine.cases import Case
from napari_medseg.engine.checkpoint import SUFFIX, save_checkpoint
from napari_medseg.engine.evaluation_statistics import Summary, summarise
from napari_medseg.engine.finetune_choice import SweepRow, choose, sweep_rows
from napari_medseg.engine.finetune_config import FineTuneConfig
from napari_medseg.engine.finetune_scores import Scored, mean_dice
from napari_medseg.engine.finetune_stages import case_hash
from napari_medseg.engine.interpolation import between
from napari_medseg.engine.patches import Example
from napari_medseg.engine.replay import Replay, extended, replay_path, write_replay
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.networks import architectures

if TYPE_CHECKING:
    from napari_medseg.engine.finetune_course import Course


@dataclass(frozen=True)
class CaseResult:
    """A case before and after.

    Parameters
    ----------
    name : str
        For people.
    held_out : bool
        Whether `by_alpha` is of a model that did not learn from it.
    by_alpha : dict
        Scores of each mix of old and new weights; 0.0 is the old model.
    edited, reviewed : int
        Voxels a person changed, and saw.
    sha256 : str
        Of image and labels; a case's name never goes into a model.
    unit : {"mm", "px"}
        Of distances; pixels where the size of a voxel is not known.
    """

    name: str
    held_out: bool
    by_alpha: dict[float, Scored]
    edited: int = 0
    reviewed: int = 0
    sha256: str = ""
    unit: str = "mm"

    @property
    def before(self) -> Scored:
        """Scores of the old model."""
        return self.by_alpha[0.0]

    def gain(self, alpha: float) -> float:
        """Return how much Dice a mix has more than the old model, averaged over classes."""
        return mean_dice([self.by_alpha[alpha]]) - mean_dice([self.before])


@dataclass(frozen=True, eq=False)
class FineTuned:
    """A model that learnt, beside the one it was.

    Parameters
    ----------
    card : ModelCard
        Of the new model, without scores; `card_at` has them.
    old, new : dict of Tensor
        Weights on the CPU; of the old model with outputs for added classes.
    teacher : Segmenter
        The old model, as it was given.
    alpha : float
        The mix of old and new weights that was chosen; 0 means that nothing was better.
    sweep : tuple of SweepRow
        What each mix gains and forgets.
    cases : tuple of CaseResult
        The corrected cases.
    guards : tuple of CaseResult
        Cases of what the model knew; empty if there were none.
    trained : str
        "head", "decoder" or "all".
    steps : int
        That the new weights took.
    seconds : float
        All of it, over all sittings.
    curves : tuple of (str, list of dict)
        Name and rows (step, supervised, distilled, validation, guard) of each run.
    notes : tuple of str
        What a person should know.
    config : FineTuneConfig
        The recipe.
    """

    card: ModelCard
    old: dict[str, Tensor]
    new: dict[str, Tensor]
    teacher: Segmenter
    alpha: float
    sweep: tuple[SweepRow, ...]
    cases: tuple[CaseResult, ...]
    guards: tuple[CaseResult, ...]
    trained: str
    steps: int
    seconds: float
    curves: tuple[tuple[str, list[dict[str, Any]]], ...]
    notes: tuple[str, ...]
    config: FineTuneConfig
    _examples: tuple[Example, ...] = field(default=(), repr=False)
    _replay: Replay | None = field(default=None, repr=False)
    _size: tuple[int, ...] = field(default=(), repr=False)

    @property
    def segmenter(self) -> Segmenter:
        """The new model at the chosen mix; a new one each time, see `segmenter_at`."""
        return self.segmenter_at(self.alpha)

    @property
    def minutes(self) -> float:
        """How long it took, over all sittings."""
        return self.seconds / 60

    @property
    def edited_voxels(self) -> int:
        """Voxels a person changed, over all cases."""
        return sum(case.edited for case in self.cases)

    def row(self, alpha: float | None = None) -> SweepRow:
        """Return the row of the sweep of a mix, the chosen one by default."""
        alpha = self.alpha if alpha is None else alpha
        return min(self.sweep, key=lambda row: abs(row.alpha - alpha))

    def gain(self, alpha: float | None = None) -> Summary:
        """Summarise the gain in Dice over cases, with an interval from 6 cases on."""
        alpha = self.row(alpha).alpha
        return summarise([case.gain(alpha) for case in self.cases if alpha in case.by_alpha])

    def segmenter_at(self, alpha: float) -> Segmenter:
        """Return a model of any mix of old (0) and new (1) weights, on the teacher's device."""
        architecture = architectures()[self.card.architecture]
        network = architecture.build(architecture.config.from_dict(self.card.config))
        network.load_state_dict(between(self.old, self.new, alpha))
        return Segmenter(network.eval(), self.card_at(alpha), self.teacher.device)

    def card_at(self, alpha: float) -> ModelCard:
        """Return the card of a mix: parent, recipe, data hashes, scores; no name of a case."""
        row = self.row(alpha)
        measured = abs(row.alpha - alpha) < 1e-9
        held_out = [c for c in self.cases if c.held_out and row.alpha in c.by_alpha]
        scores: dict[str, Any] = {}
        for i, label_class in enumerate(self.card.classes if measured and held_out else ()):
            dice = float(np.mean([c.by_alpha[row.alpha][i].dice for c in held_out]))
            scores[f"held-out Dice, {label_class.name}"] = round(dice, 4)
        entry = {
            "what": "fine-tuned on corrected cases",
            "from": self.teacher.card.name,
            "config": self.config.to_dict(),
            "trained": self.trained,
            "steps": self.steps,
            "alpha": alpha,
            "minutes": round(self.minutes, 2),
            "cases": [
                {"sha256": c.sha256, "edited": c.edited, "reviewed": c.reviewed} for c in self.cases
            ],
            "sweep": [vars(r) for r in self.sweep],
            "notes": list(self.notes),
        }
        split = f"{len(held_out)} of {len(self.cases)} corrected cases, each held out"
        return self.card.replace(
            parent=self.teacher.sha256,
            created=datetime.date.today().isoformat(),
            history=(*self.teacher.card.history, entry),
            scores=scores,
            split=split if scores else "not scored on cases it had not seen",
            data="corrected cases of one's own",
            reproduce="",
        )

    def save(
        self, path: str | Path, *, alpha: float | None = None, keep_replay: bool = False
    ) -> Path:
        """Write the new model to a new file.

        Parameters
        ----------
        path : str or Path
            ``NAME.safetensors``; the model is called as the file is.
        alpha : float, optional
            The mix of old and new weights; the chosen one by default.
        keep_replay : bool
            Also write ``NAME.replay.safetensors``: patches of the old one's and of these images.

        Raises
        ------
        ValueError
            If there is such a file already: a model is never replaced.
        OSError
            If it cannot be written.
        """
        path, alpha = Path(path), self.alpha if alpha is None else alpha
        check_new(path, keep_replay=keep_replay)
        segmenter = self.segmenter_at(alpha)
        card = segmenter.card
        card = card.replace(name=path.stem, title=_title(card, path.stem))
        save_checkpoint(path, segmenter.network, card)
        if keep_replay:
            replay = extended(self._replay, self._examples, self._size, seed=self.config.seed)
            write_replay(path, replay, name=path.stem)
        return path


def _title(card: ModelCard, name: str) -> str:
    """Return what a model is called that was made from another one: "liver-2 (Liver in CT)"."""
    known = card.title.removeprefix(f"{card.name} (")
    known = known if known == card.title else known.removesuffix(")")
    return f"{name} ({known})" if known else ""


def check_new(path: Path, *, keep_replay: bool = False) -> None:
    """Raise a `ValueError` unless a new model, and its examples if asked for, may go to a path."""
    if path.suffix != SUFFIX:
        raise ValueError(
            f"a model is written to a {SUFFIX} file, got {path.name}; choose a name that ends so"
        )
    for file in (path, *([replay_path(path)] if keep_replay else [])):
        if file.exists():
            raise ValueError(
                f"{file.name} exists already and is kept: a model is never replaced; choose "
                "another name"
            )


def result_of(
    course: Course,
    segmenter: Segmenter,
    cases: Sequence[Case],
    config: FineTuneConfig,
    replay: Replay | None,
) -> FineTuned:
    """Gather what the runs of a fine-tuning left, and choose the mix of weights."""
    final = course.results[-1]
    assert final.weights is not None
    by_case: dict[int, dict[float, Scored]] = {}
    for result in course.results:
        for alpha, scored in result.cases.items():
            for index, one in zip(result.scored, scored, strict=True):
                by_case.setdefault(index, {})[alpha] = one
    alphas = sorted(final.cases)
    swept = {a: [by_case[i][a] for i in sorted(by_case)] for a in alphas}
    rows = sweep_rows(swept, final.guards)
    alpha = choose(rows, config.forgetting)
    held_out = {i for stage in course.stages for i in stage.held}
    rest = [i for i in range(len(cases)) if i not in by_case]
    for mix in {0.0, alpha} if rest else ():  # learnt from, marked as such
        scored = course.score(between(course.old, final.weights, mix), rest)
        for index, one in zip(rest, scored, strict=True):
            by_case.setdefault(index, {})[mix] = one
    return FineTuned(
        card=course.card,
        old={k: v.cpu() for k, v in course.old.items()},
        new={k: v.cpu() for k, v in final.weights.items()},
        teacher=segmenter,
        alpha=alpha,
        sweep=rows,
        cases=tuple(_case_result(case, by_case[i], i in held_out) for i, case in enumerate(cases)),
        guards=tuple(
            CaseResult(guard.name, True, {a: final.guards[a][i] for a in alphas}, unit="px")
            for i, guard in enumerate(course.guards)
        ),
        trained=course.trained,
        steps=final.steps,
        seconds=course.clock.spent,
        curves=tuple(
            (stage.name, result.curve)
            for stage, result in zip(course.stages, course.results, strict=True)
        ),
        notes=_notes(course, replay, bool(held_out), alpha, max(r.parts for r in course.results)),
        config=config,
        _examples=tuple(e for examples in course.examples for e in examples),
        _replay=replay,
        _size=course.size,
    )


def _case_result(case: Case, by_alpha: dict[float, Scored], held_out: bool) -> CaseResult:
    seen = case.labels.size if case.reviewed is None else int(np.count_nonzero(case.reviewed))
    edited = 0 if case.changed is None else int(np.count_nonzero(case.changed))
    unit = "mm" if case.volume.spacing_known else "px"
    return CaseResult(case.name, held_out, by_alpha, edited, seen, case_hash(case), unit)


def _notes(
    course: Course, replay: Replay | None, held_out: bool, alpha: float, parts: int
) -> tuple[str, ...]:
    notes = []
    if replay is None:
        notes.append(
            "forgetting could not be measured: there are no examples of what the model knew "
            "beside it (NAME.replay.safetensors)"
        )
    elif not course.guards:
        notes.append("forgetting could not be measured: the model's examples hold no labelled case")
    if not held_out:
        notes.append(
            "the scores are of the cases the model learnt from; how it does on others is not known"
        )
    if alpha == 0:
        notes.append("nothing was better than the old model: its weights are kept")
    if parts > 1:
        notes.append(f"memory was short: patches were learnt from in {parts} parts a step")
    return tuple(notes)
