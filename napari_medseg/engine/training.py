"""Train a network from scratch, on a folder of labelled images or on cases in memory."""

from __future__ import annotations

import fnmatch
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from napari_medseg.engine.allocator import keep_memory
from napari_medseg.engine.card import ModelCard
from napari_medseg.engine.cases import Case, load_case
from napari_medseg.engine.checkpoint import SUFFIX
from napari_medseg.engine.device import resolve_device
from napari_medseg.engine.encoder_weights import load_encoder_weights
from napari_medseg.engine.held_out import hold_out
from napari_medseg.engine.objective import objective_of
from napari_medseg.engine.patches import Batches, examples_of_all
from napari_medseg.engine.replay import save_replay
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.engine.sparse import check_seen
from napari_medseg.engine.starting_weights import made_from, start_from
from napari_medseg.engine.training_config import TrainingConfig
from napari_medseg.engine.training_plan import check_sides, fill_in, make_card
from napari_medseg.engine.training_run import Run, memory_format
from napari_medseg.engine.validation import validate
from napari_medseg.io import dataset_info, find_cases
from napari_medseg.networks import architectures
from napari_medseg.networks.base import SegmentationNetwork
from napari_medseg.progress import Cancelled, Report, Step, silent

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Training:
    """What a training run leaves behind.

    Parameters
    ----------
    checkpoint : Path
        The weights with the best validation Dice.
    card : ModelCard
        The card in it.
    best : float
        Its mean validation Dice, in [0, 1].
    epochs : int
        How many were finished.
    log : Path
        CSV, one row per epoch.
    """

    checkpoint: Path
    card: ModelCard
    best: float
    epochs: int
    log: Path


def train(
    data: str | Path | Sequence[Case],
    config: TrainingConfig | None = None,
    *,
    out: str | Path,
    resume: bool = False,
    overwrite: bool = False,
    report: Report = silent,
) -> Training:
    """Train a network from scratch and keep the weights with the best validation Dice.

    Of cases that a human saw in part, only those voxels are learnt from and scored on.

    Parameters
    ----------
    data : str, Path or sequence of Case
        A folder in a layout that `find_cases` knows; or cases in memory, with what was reviewed.
    config : TrainingConfig, optional
        The recipe; the default suits a small GPU or a patient CPU.
    out : str or Path
        The checkpoint, ``NAME.safetensors``. Beside it ``NAME.log.csv``, ``NAME.resume.pt`` and,
        if asked for, ``NAME.replay.safetensors``.
    resume : bool
        Go on where a run with the same data and config stopped; on the CPU the result is the
        same to the bit as without the interruption.
    overwrite : bool
        Replace a checkpoint that is there already, at the first score of this run.
    report : Report
        Called before every batch and within long ones; when it raises `Cancelled` the run is saved
        first.

    Returns
    -------
    Training
        Where the checkpoint is and how good it was on the held-out cases.

    Raises
    ------
    ValueError
        If the data or the config cannot be used, or `out` exists and is to be kept.
    Cancelled
        If `report` stopped the run; checkpoint and state to resume from are written.
    """
    config, out = config or TrainingConfig(), _checked(Path(out), resume or overwrite)
    device = resolve_device(config.device)
    cases, names = _cases(data, config, report)
    split = hold_out(cases, config)
    config = fill_in(config, cases, names)
    card = make_card(cases, config, name=config.name or out.stem)
    _LOG.info("%d cases to learn from; %s", len(split.learn), split.words)
    with torch.random.fork_rng(devices=[]), keep_memory():
        network = _untrained(card, config, device, resume)
        if config.start and not resume:
            card = made_from(card, config.start)
        examples = examples_of_all(split.learn, card, report)
        batches = Batches(examples, card, config, workers=8 if device.type == "cuda" else 0)
        objective = objective_of(card.architecture, config.loss, card.activation)
        steps = len(batches) * config.epochs
        run = Run(network, objective, card, config, out, device, steps=steps)
        if resume:
            run.load()
        try:
            _learn(run, batches, Segmenter(run.answering, card, device), split.held_out, report)
        except Cancelled:
            run.save(interrupted=True)
            raise
    if config.replay:
        save_replay(out, card, examples, examples_of_all(split.held_out, card), config)
    return Training(out, run.best_card, run.best, run.epoch, run.log_path)


def _checked(out: Path, may_exist: bool) -> Path:
    """Return where the checkpoint goes, or raise a `ValueError` if it may not go there."""
    if out.suffix != SUFFIX:
        raise ValueError(f"the model must be written to a {SUFFIX} file, got {out.name}")
    if out.exists() and not may_exist:
        raise ValueError(
            f"{out} exists already and is kept; add --resume to go on with it, --overwrite to "
            "replace it, or choose another name"
        )
    return out


def _untrained(
    card: ModelCard, config: TrainingConfig, device: torch.device, resume: bool
) -> SegmentationNetwork:
    """Return the network as it is before the first step; where it resumes, as it was built."""
    torch.manual_seed(config.seed)
    architecture = architectures()[card.architecture]
    network = architecture.build(architecture.config.from_dict(card.config)).to(device)
    check_sides(network, config)
    if config.encoder_weights and not resume:
        load_encoder_weights(network, config.encoder_weights)
    if config.start and not resume:
        start_from(network, card.architecture, config.start)
    network.to(memory_format=memory_format(card.spatial_dims))  # type: ignore[call-overload]
    return network


def _learn(
    run: Run, batches: Batches, segmenter: Segmenter, held_out: list[Case], report: Report
) -> None:
    """Take the run from where it is to its end."""
    config = run.config
    while run.epoch < config.epochs:
        started = time.monotonic()
        for batch in batches.epoch(run.epoch, run.batch):
            report(step := run.step())
            run.update(*batch, tell=partial(report, step))
        dice = None
        if (run.epoch + 1) % config.validate_every == 0 or run.epoch + 1 == config.epochs:
            dice = _scored(run, segmenter, held_out, report)
        run.finish_epoch(dice, time.monotonic() - started)


def _scored(
    run: Run, segmenter: Segmenter, held_out: list[Case], report: Report
) -> dict[str, float]:
    try:
        return validate(segmenter, held_out, partial(_forward, run, report))
    except ValueError as error:  # most likely an answer that is no number
        raise ValueError(
            f"the model could not be scored after round {run.epoch + 1}: {error}; a learning rate "
            f"below {run.config.learning_rate:g} may help"
        ) from error


def _cases(
    data: str | Path | Sequence[Case], config: TrainingConfig, report: Report
) -> tuple[list[Case], Mapping[int, str]]:
    """Return the cases to train with, and what the data set calls the label values."""
    if not isinstance(data, str | Path):
        cases = [case for case in data if fnmatch.fnmatch(case.name, config.cases)]
        check_seen(cases)
        return cases, {}
    files = [f for f in find_cases(data, need_labels=True) if fnmatch.fnmatch(f.name, config.cases)]
    if len(files) < 2:
        raise ValueError(
            f"training needs at least 2 labelled cases (one is held out), found {len(files)}; add "
            "another one"
        )
    cases = []
    for done, found in enumerate(files):
        report(Step(done, len(files), "case", "reading"))
        cases.append(load_case(found))
    return cases, dataset_info(data).labels


def _forward(run: Run, report: Report, step: Step) -> None:
    """Report a validation step at the run's own place, so that the bar does not jump back."""
    whole = run.step()
    report(Step(whole.done, whole.total, whole.unit, f"checking {step.unit} {step.done + 1}"))
