"""What a fine-tuning will do, in words, minutes and bytes, before it begins."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from napari_medseg.engine.allocator import keep_memory
from napari_medseg.engine.card import ModelCard
from napari_medseg.engine.cases import Case
from napari_medseg.engine.device import free_memory
from napari_medseg.engine.finetune_config import FineTuneConfig
from napari_medseg.engine.finetune_lesson import Lesson, objective_for
from napari_medseg.engine.finetune_parts import (
    MIXTURES,
    parameter_groups,
    recalibrates,
    rehearses,
    trained_for,
)
from napari_medseg.engine.finetune_patches import Patches, examples_of_each, patch_size
from napari_medseg.engine.finetune_run import FineTuneRun
from napari_medseg.engine.finetune_stages import Stage, stages_of
from napari_medseg.engine.inference_config import InferenceConfig
from napari_medseg.engine.new_classes import classes_to_add, copy_of, with_classes
from napari_medseg.engine.patches import Example
from napari_medseg.engine.replay import Replay
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.engine.trial import ROOM, Trial, measure_step
from napari_medseg.networks.base import SegmentationNetwork
from napari_medseg.progress import Report, duration, silent

_WORDS = {
    "head": "the last layer and the scales of all norms",
    "decoder": "the decoder, the last layer and the scales of all norms",
    "all": "the whole network",
}
_PASSES = 4  # forward passes that a patch of a step costs: student and back, teacher


@dataclass(frozen=True)
class FineTunePlan:
    """What will be done.

    Parameters
    ----------
    config : FineTuneConfig
        What to give to `finetune`; a step is cut into parts if memory is short.
    trained : str
        "head", "decoder" or "all".
    learning, parameters : int
        Weights that learn, and all of them.
    cases : int
        To learn from.
    stages : tuple of Stage
        The runs.
    steps : int
        Of all runs together, at most.
    seconds : float or None
        About how long it takes; None if it was not measured.
    memory : int or None
        About how many bytes of the device it takes; None if it was not measured.
    notes : tuple of str
        What a person should know.
    """

    config: FineTuneConfig
    trained: str
    learning: int
    parameters: int
    cases: int
    stages: tuple[Stage, ...]
    steps: int
    seconds: float | None = None
    memory: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """The plan as sentences."""
        cases = "1 case" if self.cases == 1 else f"{self.cases} cases"
        share = f"{self.learning:,} of {self.parameters:,} weights"
        text = f"From {cases} {_WORDS[self.trained]} will learn ({share}), "
        text += f"{self.steps // len(self.stages)} steps"
        runs = len(self.stages)
        if runs > 1:
            text += f", {runs} times: without each case in turn, then with all of them"
        elif self.stages[0].held:
            text += f"; {len(self.stages[0].held)} cases are held out to tell the gain"
        text += "."
        if self.seconds is not None:
            text += f" It takes about {duration(self.seconds)}"
            gigabytes = f"{self.memory / 1e9:.1f} GB" if self.memory is not None else ""
            text += f" and {gigabytes} of memory." if gigabytes else "."
        return " ".join([text, *self.notes])


def plan(
    segmenter: Segmenter,
    cases: Sequence[Case],
    config: FineTuneConfig | None = None,
    *,
    replay: Replay | None = None,
    measure: bool = True,
    report: Report = silent,
) -> FineTunePlan:
    """Say what `finetune` will do with these cases.

    Parameters
    ----------
    segmenter : Segmenter
        The model; stays as it is.
    cases : sequence of Case
        What it is to learn from.
    config : FineTuneConfig, optional
        How.
    replay : Replay, optional
        What it knew.
    measure : bool
        Take a trial step to tell time and memory.
    report : Report
        Called between the parts of the trial; may raise `Cancelled`.

    Raises
    ------
    ValueError
        If there is no case, or the model cannot take one.
    """
    config = config or FineTuneConfig()
    if not cases:
        raise ValueError("there is no corrected case to learn from; add at least one")
    with torch.random.fork_rng(devices=[]), keep_memory():
        return _planned(segmenter, cases, config, replay, measure, report)


def _planned(
    segmenter: Segmenter,
    cases: Sequence[Case],
    config: FineTuneConfig,
    replay: Replay | None,
    measure: bool,
    report: Report,
) -> FineTunePlan:
    card = segmenter.card
    network, card = with_classes(segmenter.network, card, classes_to_add(config.new_classes, card))
    trained = trained_for(config, len(cases), rehearses=rehearses(config, replay))
    stages = tuple(stages_of(cases, config))
    groups = parameter_groups(network, trained, config)
    known = FineTunePlan(
        config,
        trained,
        learning=sum(p.numel() for group in groups for p in group["params"]),
        parameters=sum(p.numel() for p in network.parameters()),
        cases=len(cases),
        stages=stages,
        steps=config.steps * len(stages),
    )
    return _measured(known, network, card, segmenter, cases, replay, report) if measure else known


def _measured(
    known: FineTunePlan,
    network: SegmentationNetwork,
    card: ModelCard,
    segmenter: Segmenter,
    cases: Sequence[Case],
    replay: Replay | None,
    report: Report,
) -> FineTunePlan:
    """Return a plan with time and memory, from steps that are taken by `network`."""
    config, device = known.config, segmenter.device
    examples = examples_of_each(cases, card, report)
    teacher = copy_of(segmenter.network, segmenter.card)
    lesson = Lesson(network, teacher, objective_for(card).to(device), config)
    every = list(itertools.chain(*examples))
    size = patch_size(card, network, every)
    patches = Patches(every, card, config, size, replay)
    run = FineTuneRun(lesson, known.trained, config.replace(parts=1), max(config.steps, 1))
    batches = patches.of(0)

    def take_step() -> None:
        run.update(*batches)

    trial = measure_step(network, take_step, device, report)
    a_pass = trial.seconds / (_PASSES * config.batch_size)
    passes = _passes(examples, size, known.stages, replay, config)
    if recalibrates(network, config, replay):
        passes += len(known.stages) * MIXTURES * 2 * patches.mixed
    parts, notes = _parts(trial, device, config)
    return replace(
        known,
        config=config.replace(parts=parts),
        seconds=trial.seconds * known.steps + a_pass * passes,
        memory=trial.in_parts(parts),
        notes=(*known.notes, *notes),
    )


def _passes(
    examples: Sequence[Sequence[Example]],
    size: tuple[int, ...],
    stages: Sequence[Stage],
    replay: Replay | None,
    config: FineTuneConfig,
) -> int:
    """Return how many patches the network answers while candidates and mixes are scored."""
    mixes = len({0.0, *config.alphas})
    checks = math.ceil(config.steps / config.validate_every)
    of_case = [sum(_windows(e.labels.shape, size) for e in case) for case in examples]
    guards = [] if replay is None else [_windows(g.shape, size) for _, g in replay.guards]
    total = 0
    for stage in stages:
        held = sum(of_case[i] for i in stage.held)
        total += held * (checks + mixes)
        total += sum(guards) * (checks + mixes) if stage.final else 0
    last = stages[-1]
    if len(stages) == 1:  # the others are scored as well: all mixes, or old and chosen ones
        total += sum(of_case[i] for i in last.learn) * (2 if last.held else mixes)
    return total


def _windows(shape: Sequence[int], size: Sequence[int]) -> int:
    stride = 1 - InferenceConfig().overlap
    sides = zip(shape, size, strict=True)
    return math.prod(max(math.ceil((n - w) / (w * stride)), 0) + 1 for n, w in sides)


def _parts(
    trial: Trial, device: torch.device, config: FineTuneConfig
) -> tuple[int, tuple[str, ...]]:
    """Return into how many parts a step is cut so that it fits, and what is to be said of it."""
    free, parts = free_memory(device), config.parts
    if free is None or trial.in_parts(parts) <= ROOM * free:
        return parts, ()
    needed = f"{trial.in_parts(parts) / 1e9:.1f} GB of memory are needed and {free / 1e9:.1f} free"
    while parts < config.batch_size and trial.in_parts(parts) > ROOM * free:
        parts = min(2 * parts, config.batch_size)
    text = f"{needed}: patches are learnt from in {parts} parts, one after the other."
    if trial.in_parts(parts) > ROOM * free:
        text += " Even that may be too much: close other programs, or take a smaller model."
    return parts, (text,)
