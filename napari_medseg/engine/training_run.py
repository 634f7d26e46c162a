"""The state of one training run: weights, optimiser, best score, log; saved and resumed."""

from __future__ import annotations

import csv
import io
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from napari_medseg.engine.card import ModelCard
from napari_medseg.engine.checkpoint import save_checkpoint
from napari_medseg.engine.objective import Objective
from napari_medseg.engine.training_config import TrainingConfig
from napari_medseg.engine.watch import whole_step
from napari_medseg.io.atomic import atomic_path
from napari_medseg.networks.base import SegmentationNetwork
from napari_medseg.progress import Step, duration


def learning_rate(config: TrainingConfig, step: int, steps: int) -> float:
    """Return the learning rate of a step, in [0, `steps`).

    poly: lr (1 - step/steps)^0.9. cosine and onecycle rise over the first `warm_up` share,
    linearly from 0 and along a cosine from lr/25, and fall along a cosine to `lowest_rate`.
    """
    highest = config.learning_rate
    if config.schedule == "poly":
        return float(highest * (1 - step / steps) ** 0.9)
    rise = max(int(steps * config.warm_up), 1)
    if step < rise:
        if config.schedule == "cosine":
            return highest * (step + 1) / rise
        share = (1 - math.cos(math.pi * step / rise)) / 2
        return highest * (1 / 25 + (1 - 1 / 25) * share)
    share = (step - rise) / max(steps - rise, 1)
    lowest = config.lowest_rate
    return lowest + (highest - lowest) * (1 + math.cos(math.pi * share)) / 2


def trains_mixed(precision: str, device: torch.device, spatial_dims: int) -> bool:
    """Return whether a run computes in half precision: on CUDA, or where it is asked for.

    Volumes on a CPU are trained in float32 all the same: torch 2.13's gradients of 3D convolutions
    in bfloat16 are wrong there when channels are last in memory, and can end the program.
    """
    if device.type == "cpu" and spatial_dims == 3:
        return False
    return precision == "mixed" or (precision == "auto" and device.type == "cuda")


class Run:
    """One training run, from its first step to its last, over interruptions.

    Parameters
    ----------
    network : SegmentationNetwork
        Trained in place.
    objective : Objective
        What is minimised.
    card : ModelCard
        Written into the checkpoint, with the validation scores.
    config : TrainingConfig
        The recipe.
    out : Path
        The checkpoint.
    device : torch.device
        Where `network` is.
    steps : int
        All steps of the run.
    """

    def __init__(
        self,
        network: SegmentationNetwork,
        objective: Objective,
        card: ModelCard,
        config: TrainingConfig,
        out: Path,
        device: torch.device,
        *,
        steps: int,
    ) -> None:
        self.network, self.config, self.steps = network, config, steps
        self.objective = objective.to(device)
        self.best_card = card
        self.epoch = 0
        self.batch = 0  # of the epoch
        self.best = -1.0
        self._done = 0
        self._losses: list[float] = []
        self._rows: list[dict[str, Any]] = []
        self._out, self._device = out, device
        self._mixed = trains_mixed(config.precision, device, card.spatial_dims)
        self._average: AveragedModel | None = None
        if config.average:
            mean = get_ema_multi_avg_fn(config.average)
            self._average = AveragedModel(network, multi_avg_fn=mean, use_buffers=True)
        self._optimiser = _optimiser(network, config)
        self._scaler = torch.amp.GradScaler(device.type, enabled=self._mixed)
        self._started, self._done_before = time.monotonic(), 0

    @property
    def answering(self) -> SegmentationNetwork:
        """What is scored and kept: the network, or the mean of its weights over the last steps."""
        if self._average is None:
            return self.network
        return cast(SegmentationNetwork, self._average.module)

    @property
    def log_path(self) -> Path:
        """The CSV log beside the checkpoint."""
        return self._out.with_suffix(".log.csv")

    @property
    def state_path(self) -> Path:
        """What `load` goes on from."""
        return self._out.with_suffix(".resume.pt")

    def step(self) -> Step:
        """Describe where the run is, with loss, best Dice and time left."""
        note = f"round {self.epoch + 1} of {self.config.epochs}"
        if self._losses:
            note += f" · loss {np.mean(self._losses[-50:]):.3f}"
        if self._rows and self._rows[-1].get("dice", "") != "":
            note += f" · Dice {self._rows[-1]['dice']:.3f} (best {self.best:.3f})"
        since = self._done - self._done_before
        if since >= 5:
            left = (time.monotonic() - self._started) / since * (self.steps - self._done)
            note += f" · {duration(left)} left"
        return Step(self._done, self.steps, "step", note)

    def update(
        self,
        images: Tensor,
        targets: Tensor,
        valid: Tensor | None = None,
        *,
        tell: Callable[[], object] = lambda: None,
    ) -> None:
        """Take one optimiser step.

        Parameters
        ----------
        images, targets, valid : Tensor
            See `Batches`; `valid` says where the targets are known.
        tell : callable
            Called several times a second; may raise `Cancelled`: the step was not taken then.
        """
        config = self.config
        for group in self._optimiser.param_groups:
            group["lr"] = learning_rate(config, self._done, self.steps)
        torch.manual_seed((config.seed * 1_000_003 + self._done) % 2**63)  # dropout and the like
        self.network.train()
        images = images.to(self._device, non_blocking=True)
        images = images.contiguous(memory_format=memory_format(self.network.config.spatial_dims))
        targets = targets.to(self._device, non_blocking=True)
        valid = None if valid is None else valid.to(self._device, non_blocking=True)
        self._optimiser.zero_grad(set_to_none=True)
        with whole_step(nn.ModuleList([self.network, self.objective]), tell):
            loss = self._gradients(images, targets, valid)
        if config.gradient_clip:
            self._scaler.unscale_(self._optimiser)
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), config.gradient_clip)
        self._scaler.step(self._optimiser)
        self._scaler.update()
        if self._average is not None:
            self._average.update_parameters(self.network)
        self._losses.append(loss)
        self._done += 1
        self.batch += 1

    def _gradients(self, images: Tensor, targets: Tensor, valid: Tensor | None) -> float:
        """Compute the gradients of a step and return its loss."""
        with torch.autocast(self._device.type, enabled=self._mixed):
            value = self.objective(
                self.network, images, targets, valid, progress=self._done / self.steps
            )
        if not torch.isfinite(value.detach()).item() and not self._mixed:
            raise ValueError(
                f"the loss became {value.item()} in round {self.epoch + 1}; lower the learning "
                f"rate ({self.config.learning_rate:g}) or check the images for extreme values"
            )
        self._scaler.scale(value).backward()
        return float(value.item())

    def finish_epoch(self, dice: dict[str, float] | None, seconds: float) -> None:
        """Log the epoch, keep the checkpoint as the config says, and save the state."""
        row: dict[str, Any] = {
            "epoch": self.epoch + 1,
            "step": self._done,
            "learning_rate": learning_rate(self.config, max(self._done - 1, 0), self.steps),
            "loss": float(np.mean(self._losses)) if self._losses else float("nan"),
            "dice": "",
            **{f"dice {c.name}": "" for c in self.best_card.classes},
            "seconds": round(seconds, 1),
        }
        if dice is not None:
            row["dice"] = float(np.mean(list(dice.values())))
            row.update({f"dice {name}": value for name, value in dice.items()})
            if row["dice"] > self.best or self.config.keep == "last":
                self.best = row["dice"]
                self._save_checkpoint(dice)
        self._rows.append(row)
        self.epoch, self.batch, self._losses = self.epoch + 1, 0, []
        self._write_log()
        self.save()

    def save(self, *, interrupted: bool = False) -> None:
        """Write the state to resume from; an interrupted run leaves a checkpoint in any case."""
        state = {
            "config": self.config.to_dict(),
            "network": self.network.state_dict(),
            "average": None if self._average is None else self._average.state_dict(),
            "objective": self.objective.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "scaler": self._scaler.state_dict(),
            "epoch": self.epoch,
            "batch": self.batch,
            "done": self._done,
            "steps": self.steps,
            "best": self.best,
            "best_card": self.best_card.to_json(),
            "losses": self._losses,
            "rows": self._rows,
        }
        content = io.BytesIO()  # torch.save to a file calls a full disk a RuntimeError
        torch.save(state, content)
        with atomic_path(self.state_path) as temporary:
            temporary.write_bytes(content.getbuffer())
        if interrupted and self.best < 0:
            self._save_checkpoint({})

    def load(self) -> None:
        """Go on from `state_path`.

        Raises
        ------
        ValueError
            If there is nothing to resume or it belongs to another run.
        """
        if not self.state_path.is_file():
            raise ValueError(
                f"nothing to resume: there is no {self.state_path.name} beside {self._out.name}; "
                "start the training without --resume"
            )
        state = torch.load(self.state_path, map_location=self._device, weights_only=True)
        begun = TrainingConfig.from_dict(state["config"])  # an older file lacks newer fields
        if begun.to_dict() != self.config.to_dict() or state["steps"] != self.steps:
            raise ValueError(
                f"{self.state_path.name} is of a run with other data or settings; give the same "
                "settings to resume it, or another --out to start anew"
            )
        self.network.load_state_dict(state["network"])
        if self._average is not None:
            self._average.load_state_dict(state["average"])
        self.objective.load_state_dict(state["objective"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._scaler.load_state_dict(state["scaler"])
        self.epoch, self.batch, self._done = state["epoch"], state["batch"], state["done"]
        self.best, self._losses, self._rows = state["best"], state["losses"], state["rows"]
        self.best_card = ModelCard.from_json(state["best_card"])
        self._done_before, self._started = self._done, time.monotonic()

    def _save_checkpoint(self, dice: dict[str, float]) -> None:
        scores: dict[str, Any] = {"validation epoch": self.epoch + 1}
        scores |= {f"validation Dice, {name}": round(value, 4) for name, value in dice.items()}
        self.best_card = self.best_card.replace(scores=scores)
        save_checkpoint(self._out, self.answering, self.best_card, half=self.config.half)

    def _write_log(self) -> None:
        with atomic_path(self.log_path) as temporary, temporary.open("w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(self._rows[0]))
            writer.writeheader()
            writer.writerows(self._rows)


def memory_format(spatial_dims: int) -> torch.memory_format:
    """Return the layout training is fastest in: LGMSNet on a CPU, 1.6x in 2D and 1.9x in 3D."""
    return torch.channels_last if spatial_dims == 2 else torch.channels_last_3d


def _optimiser(network: SegmentationNetwork, config: TrainingConfig) -> torch.optim.Optimizer:
    if config.optimiser == "sgd":
        return torch.optim.SGD(
            network.parameters(),
            config.learning_rate,
            momentum=config.momentum,
            weight_decay=config.weight_decay,
        )
    return torch.optim.AdamW(
        network.parameters(), config.learning_rate, weight_decay=config.weight_decay
    )
