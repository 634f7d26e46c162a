"""What a fine-tuning will do, in words, minutes and bytes, before it begins."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from napari_medseg.engine.cases import Case
from napari_medseg.engine.device import free_memory
from napari_medseg.engine.finetune_config import FineTuneConfig
from napari_medseg.engine.finetune_lesson import Lesson, objective_for
from napari_medseg.engine.finetune_parts import parameter_groups, trained_for
from napari_medseg.engine.finetune_patches import Patches, examples_of, patch_size
from napari_medseg.engine.finetune_run import FineTuneRun
from napari_medseg.engine.finetune_stages import Stage, stages_of
from napari_medseg.engine.inference_config import InferenceConfig
from napari_medseg.engine.new_classes import classes_to_add, copy_of, with_classes
from napari_medseg.engine.patches import Example
from napari_medseg.engine.replay import Replay
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.engine.training_run import duration
from napari_medseg.engine.trial import measure_step
from napari_medseg.progress import Report, Step, silent

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
        share = f"{self.learning:,} of {self.parameters:,} weights".replace(",", " ")
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
        Called between the parts of the trial.

    Raises
    ------
    ValueError
        If there is no case, or the model cannot take one.
    """
    config = config or FineTuneConfig()
    if not cases:
        raise ValueError("there is no corrected case to learn from; add at least one")
    card = segmenter.card
    network, card = with_classes(segmenter.network, card, classes_to_add(config.new_classes, card))
    trained, stages = trained_for(config, len(cases)), tuple(stages_of(cases, config))
    groups = parameter_groups(network, trained, config)
    learning = sum(p.numel() for group in groups for p in group["params"])
    total = sum(p.numel() for p in network.parameters())
    steps, notes = config.steps * len(stages), []
    if replay is None:
        notes.append("Nothing is known of earlier images, so forgetting cannot be measured.")
    seconds, memory = None, None
    if measure:
        examples = []
        for done, case in enumerate(cases):
            report(Step(done, len(cases), "case", "preparing"))
            examples.append(examples_of(case, card))
        lesson = Lesson(
            network,
            copy_of(segmenter.network, segmenter.card),
            objective_for(card).to(segmenter.device),
            config,
        )
        size = patch_size(card, network, examples[0])
        patches = Patches(list(itertools.chain(*examples)), card, config, size, replay)
        report(Step(0, 0, "step", "measuring a step"))
        run = FineTuneRun(lesson, trained, config, max(config.steps, 1))
        batches = patches.of(0)

        def take_step() -> None:
            run.update(*batches)

        trial = measure_step(network, take_step, segmenter.device)
        a_pass = trial.seconds / (_PASSES * config.batch_size)
        scoring = a_pass * _passes(examples, size, stages, replay, config)
        seconds, memory = trial.seconds * steps + scoring, trial.memory_bytes
        notes += _short_of_memory(memory, segmenter.device)
    return FineTunePlan(
        trained, learning, total, len(cases), stages, steps, seconds, memory, tuple(notes)
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
    if len(stages) == 1 and not stages[0].held:
        total += sum(of_case) * mixes
    return total


def _windows(shape: Sequence[int], size: Sequence[int]) -> int:
    stride = 1 - InferenceConfig().overlap
    sides = zip(shape, size, strict=True)
    return math.prod(max(math.ceil((n - w) / (w * stride)), 0) + 1 for n, w in sides)


def _short_of_memory(needed: int | None, device: torch.device) -> list[str]:
    free = free_memory(device)
    if needed is None or free is None or needed < free:
        return []
    return [
        f"That is more than the {free / 1e9:.1f} GB that are free: patches will be learnt from in "
        "parts, one after the other, which takes no longer in all."
    ]
