"""What a training will do, how long it takes and how much memory, said before it begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from napari_medseg.engine.allocator import keep_memory
from napari_medseg.engine.cases import Case
from napari_medseg.engine.device import free_memory, resolve_device
from napari_medseg.engine.held_out import hold_out
from napari_medseg.engine.objective import objective_of
from napari_medseg.engine.patches import Batches, examples_of_all
from napari_medseg.engine.sparse import check_seen, is_sparse
from napari_medseg.engine.training_config import TrainingConfig
from napari_medseg.engine.training_plan import check_sides, fill_in, make_card
from napari_medseg.engine.training_presets import preset_config
from napari_medseg.engine.training_run import memory_format
from napari_medseg.engine.trial import ROOM, Trial, measure_step
from napari_medseg.networks import architectures, find_architecture
from napari_medseg.progress import Report, duration, silent


@dataclass(frozen=True)
class TrainingPlan:
    """What `train` will do with some cases.

    Parameters
    ----------
    config : TrainingConfig
        What to give to `train`; smaller batches or windows than asked for if memory is short.
    network, cases, held_out : str
        What is trained, on what, and what it is scored on, for people.
    steps : int
        All in all.
    minutes : float or None
        About; None if no step was tried.
    memory : int or None
        Bytes, about.
    notes : tuple of str
        What a person should know, often nothing.
    """

    config: TrainingConfig
    network: str
    cases: str
    held_out: str
    steps: int
    minutes: float | None = None
    memory: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """The plan as sentences."""
        text = f"{self.network} learns from {self.cases}, {self.steps} steps; {self.held_out}."
        if self.minutes is not None and self.memory is not None:
            text += (
                f" It takes about {duration(60 * self.minutes)} and "
                f"{self.memory / 1e9:.1f} GB of memory."
            )
        return " ".join([text, *self.notes])


def plan_training(
    cases: Sequence[Case],
    config: TrainingConfig | None = None,
    *,
    measure: bool = True,
    report: Report = silent,
) -> TrainingPlan:
    """Say what training a new model on these cases means, after trying a step.

    Parameters
    ----------
    cases : sequence of Case
        What it is to learn from.
    config : TrainingConfig, optional
        How; the preset "quick" by default.
    measure : bool
        Try a few steps to tell time and memory.
    report : Report
        Called between the parts of the trial; may raise `Cancelled`.

    Raises
    ------
    ValueError
        If the cases cannot be learnt from, in words for a person.
    OSError
        If even one image at a time needs more memory than there is.
    """
    check_seen(cases)
    config = fill_in(config or preset_config("quick", cases), cases)
    split = hold_out(cases, config)
    rehearsal = _Rehearsal(split.learn, config, report)
    trial, notes = None, []
    if measure:
        trial = rehearsal.measured()
        free = free_memory(rehearsal.device)
        while free is not None and trial.memory_bytes > ROOM * free:
            smaller = _smaller(config)
            if smaller is None:
                raise OSError(
                    f"training needs about {trial.memory_bytes / 1e9:.1f} GB of memory, "
                    f"{free / 1e9:.1f} GB are free; close other programs or choose a smaller model"
                )
            config = smaller
            rehearsal = _Rehearsal(split.learn, config, report)
            trial, notes = rehearsal.measured(), [f"Memory is short: {_batch(config)} at a time."]
    steps = len(rehearsal.batches) * config.epochs
    return TrainingPlan(
        config,
        _network_words(config, rehearsal.card.spatial_dims),
        _case_words(cases),
        split.words,
        steps,
        None if trial is None else trial.seconds * steps / 60,
        None if trial is None else trial.memory_bytes,
        tuple(notes),
    )


class _Rehearsal:
    """The batches of a training, and steps of it that are forgotten."""

    def __init__(self, learn: Sequence[Case], config: TrainingConfig, report: Report) -> None:
        self._config, self._report = config, report
        self.device = resolve_device(config.device)
        self.card = make_card(learn, config, name="trial")
        self.batches = Batches(examples_of_all(learn, self.card, report), self.card, config)

    def measured(self) -> Trial:
        """Take some steps."""
        config, card, device = self._config, self.card, self.device
        batch = next(self.batches.epoch(config.epochs - 1))
        images, targets = (part.to(device) for part in batch[:2])
        weights = None if batch[2] is None else batch[2].to(device)
        with torch.random.fork_rng(devices=[]), keep_memory():
            architecture = architectures()[card.architecture]
            network = architecture.build(architecture.config.from_dict(card.config)).to(device)
            check_sides(network, config)
            network.to(memory_format=memory_format(card.spatial_dims))  # type: ignore[call-overload]
            network.train()
            objective = objective_of(card.architecture, config.loss, card.activation).to(device)
            optimiser = torch.optim.AdamW(network.parameters(), lr=0.0)

            def take_step() -> None:
                optimiser.zero_grad(set_to_none=True)
                objective(network, images, targets, weights).backward()
                optimiser.step()

            return measure_step(network, take_step, device, self._report)


def _network_words(config: TrainingConfig, dims: int) -> str:
    title = find_architecture(config.architecture).title
    return f"{title} ({config.preset}, {dims}D{', slice by slice' if config.slices else ''})"


def _case_words(cases: Sequence[Case]) -> str:
    count = "1 case" if len(cases) == 1 else f"{len(cases)} cases"
    partly = sum(is_sparse(case) for case in cases)
    if not partly:
        return count
    return f"{count} seen in part" if partly == len(cases) else f"{count}, {partly} seen in part"


def _smaller(config: TrainingConfig) -> TrainingConfig | None:
    """Return a config with half the batch, then with smaller sides; None if it cannot shrink."""
    if config.batch_size > 1:
        return config.replace(batch_size=config.batch_size // 2)
    name = "size" if config.size else "window"
    sides: tuple[int, ...] = getattr(config, name)
    longest = max(range(len(sides)), key=lambda axis: sides[axis])
    if sides[longest] <= 64:
        return None
    half = -(-sides[longest] // 64) * 32  # a multiple of what networks divide by
    shrunk = tuple(half if axis == longest else side for axis, side in enumerate(sides))
    return config.replace(**{name: shrunk})


def _batch(config: TrainingConfig) -> str:
    sides = " x ".join(str(side) for side in config.size or config.window or ())
    return f"{config.batch_size} of {sides} voxels"
