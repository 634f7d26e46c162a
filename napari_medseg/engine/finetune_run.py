"""One run of fine-tuning, step by step: student, optimiser, running mean; saved and resumed."""

from __future__ import annotations

import copy
import gc
import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from napari_medseg.engine.finetune_config import FineTuneConfig
from napari_medseg.engine.finetune_lesson import Lesson, Losses
from napari_medseg.engine.finetune_parts import (
    parameter_groups,
    recalibrate,
    set_mode,
    spare_group_norms,
)
from napari_medseg.engine.finetune_patches import Rehearsed, to_device
from napari_medseg.engine.inference import is_out_of_memory
from napari_medseg.engine.patches import Batch
from napari_medseg.engine.training_run import memory_format, trains_mixed
from napari_medseg.engine.watch import whole_step
from napari_medseg.networks.base import SegmentationNetwork

if TYPE_CHECKING:
    from lightning_fabric import Fabric

_OVERFLOWS = 8  # steps in a row that half precision may skip
_LEAST = 1e-6  # gradients below are rounding, no direction: the optimiser takes no step of them


class NotFiniteLoss(ValueError):
    """The loss is no number any more; nothing was learnt from that step."""


class FineTuneRun:
    """A student that learns step by step.

    Parameters
    ----------
    lesson : Lesson
        Its student is changed in place.
    trained : str
        What learns, see `parameter_groups`.
    config : FineTuneConfig
        The recipe.
    steps : int
        How many steps there will be.
    fabric : Fabric, optional
        Of several processes that learn together, each from its own patches.

    Attributes
    ----------
    done : int
        Steps taken.
    parts : int
        Into how many parts a batch is cut, one after the other, because memory is short.
    """

    def __init__(
        self,
        lesson: Lesson,
        trained: str,
        config: FineTuneConfig,
        steps: int,
        fabric: Fabric | None = None,
    ) -> None:
        self._lesson, self._config, self.steps = lesson, config, steps
        self._device = lesson.student.device
        self._layout = memory_format(lesson.student.config.spatial_dims)
        lesson.use_layout(self._layout)
        groups = parameter_groups(lesson.student, trained, config)
        set_mode(lesson.student, freeze_statistics=config.freeze_statistics)
        spare_group_norms(lesson.student)
        self._rates = [group["lr"] for group in groups]
        self._learning = [p for group in groups for p in group["params"]]
        self._optimiser = torch.optim.AdamW(groups, weight_decay=0.0, eps=_LEAST)
        self._old = [p.detach().clone() for p in self._learning] if self._pulls(trained) else []
        self._mixed = trains_mixed(
            config.precision, self._device, lesson.student.config.spatial_dims
        )
        self._scaler = torch.amp.GradScaler(self._device.type, enabled=self._mixed)
        self._average: AveragedModel | None = None
        if config.ema:
            self._average = AveragedModel(
                lesson.student, avg_fn=_running_mean(config.ema), use_buffers=True
            )
        self._fabric = fabric
        self._ask: Callable[..., Losses] = lesson if fabric is None else fabric.setup_module(lesson)
        self.done, self.parts, self._overflows = 0, config.parts, 0

    def _pulls(self, trained: str) -> bool:
        return trained == "all" and self._config.pull > 0

    @property
    def candidate(self) -> SegmentationNetwork:
        """What is scored and kept: the running mean of the student, or the student."""
        if self._average is None or not self.done:
            return self._lesson.student
        return cast(SegmentationNetwork, self._average.module)

    def weights(self) -> dict[str, Tensor]:
        """Return a copy of the candidate's weights."""
        return {key: value.detach().clone() for key, value in self.candidate.state_dict().items()}

    def recalibrate(self, batches: Iterable[Tensor]) -> None:
        """Take the statistics of the student's batch norms anew, from all of some images."""
        moved = (to_device([images], self._device, self._layout)[0] for images in batches)
        recalibrate(self._lesson.student, moved)
        set_mode(self._lesson.student, freeze_statistics=self._config.freeze_statistics)

    def update(
        self,
        now: Batch,
        rehearsed: Rehearsed | None,
        tell: Callable[[], object] = lambda: None,
    ) -> tuple[float, float]:
        """Take a step.

        Parameters
        ----------
        now : Batch
            Of the corrected cases.
        rehearsed : Rehearsed or None
            What the model knew.
        tell : callable
            Called several times a second; may raise `Cancelled`: the step was not taken then.

        Returns
        -------
        tuple of float
            The supervised loss and the distance to the old model.

        Raises
        ------
        NotFiniteLoss
            If the loss is no number; the weights are those before the step.
        OSError
            If there is not enough memory even for one patch at a time.
        """
        for group, rate in zip(self._optimiser.param_groups, self._rates, strict=True):
            group["lr"] = rate * _schedule(self.done, self.steps, self._config.warm_up)
        torch.manual_seed((self._config.seed * 1_000_003 + self.done) % 2**63)
        images, targets, marks = to_device(now, self._device, self._layout)
        now = images, targets, marks
        if rehearsed is not None:
            rehearsed = Rehearsed(*to_device(rehearsed, self._device, self._layout))
        with whole_step(self._lesson, tell):
            while (losses := self._gradients(now, rehearsed)) is None:
                self._take_less(len(now[0]))
        self._step()
        return losses

    def _gradients(self, now: Batch, rehearsed: Rehearsed | None) -> tuple[float, float] | None:
        """Sum the gradients of a step; None if memory was too short."""
        self._optimiser.zero_grad(set_to_none=True)
        try:
            totals = torch.zeros(3, dtype=torch.float64)
            for share, part, more in _cut(now, rehearsed, self.parts):
                with torch.autocast(self._device.type, enabled=self._mixed):
                    losses = self._ask(part, more, self.done / max(self.steps, 1))
                self._check(losses.total)
                self._backward(losses.total * share)
                totals += share * torch.stack([x.detach().double().cpu() for x in losses])
            return float(totals[1]), float(totals[2])
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
        self._optimiser.zero_grad(set_to_none=True)
        gc.collect()  # outside the handler: the error held the frames that hold the tensors
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return None

    def _backward(self, loss: Tensor) -> None:
        if not loss.requires_grad:
            return
        scaled = self._scaler.scale(loss)
        if self._fabric is None:
            scaled.backward()
        else:
            self._fabric.backward(scaled)

    def _take_less(self, patches: int) -> None:
        if self.parts >= patches or self._fabric is not None:  # the others would wait for ever
            raise OSError(
                f"there is not enough memory on {self._device} to learn from so few patches at a "
                "time; close other programs, choose a smaller batch or a smaller model"
            )
        self.parts = min(2 * self.parts, patches)

    def _check(self, loss: Tensor) -> None:
        if torch.isfinite(loss.detach()).item():
            self._overflows = 0
            return
        self._overflows += 1
        if not self._mixed or self._overflows > _OVERFLOWS:
            self._optimiser.zero_grad(set_to_none=True)
            raise NotFiniteLoss(
                f"the loss became {loss.item()} at step {self.done + 1}: nothing was learnt from "
                f"it. Lower the learning rate (now {self._config.learning_rate:g}), or look for "
                "images with extreme values among the cases"
            )

    def _step(self) -> None:
        clip = self._config.gradient_clip
        if clip:
            self._scaler.unscale_(self._optimiser)
            torch.nn.utils.clip_grad_norm_(self._learning, clip)
        self._scaler.step(self._optimiser)
        self._scaler.update()
        rates = [g["lr"] for g in self._optimiser.param_groups for _ in g["params"]]
        for parameter, old, rate in zip(self._learning, self._old, rates, strict=False):
            parameter.data.lerp_(old, min(rate * self._config.pull, 1.0))
        self.done += 1
        if self._average is not None:
            self._average.update_parameters(self._lesson.student)

    def state(self) -> dict[str, Any]:
        """Return everything `load` goes on from."""
        return {
            "student": self._lesson.student.state_dict(),
            "average": None if self._average is None else self._average.state_dict(),
            "objective": self._lesson.objective.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "scaler": self._scaler.state_dict(),
            "done": self.done,
            "parts": self.parts,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""
        self._lesson.student.load_state_dict(state["student"])
        if self._average is not None:
            self._average.load_state_dict(state["average"])
        self._lesson.objective.load_state_dict(state["objective"])
        self._optimiser.load_state_dict(copy.deepcopy(state["optimiser"]))
        self._scaler.load_state_dict(state["scaler"])
        self.done, self.parts = state["done"], state["parts"]


def _running_mean(share: float) -> Any:
    """Return the running mean of weights; it forgets its beginning sooner than `share` says."""

    def mean(average: Tensor, current: Tensor, count: Any) -> Tensor:
        kept = min(share, (1 + float(count)) / (10 + float(count)))
        return torch.lerp(current, average, kept) if average.is_floating_point() else current

    return mean


def _schedule(step: int, steps: int, warm_up: float) -> float:
    """Return the share of the learning rate: it rises linearly, then falls along a cosine."""
    rise = int(steps * warm_up)
    if step < rise:
        return (step + 1) / (rise + 1)
    return (1 + math.cos(math.pi * (step - rise) / max(steps - rise, 1))) / 2


def _cut(
    now: Batch, rehearsed: Rehearsed | None, parts: int
) -> list[tuple[float, Batch, Rehearsed | None]]:
    """Cut the batches of a step into parts, each with its share."""
    if parts == 1:
        return [(1.0, now, rehearsed)]
    chunks: list[Any] = _chunks(now, parts)
    more: list[Any] = [None] * len(chunks)
    if rehearsed is not None:
        more = [Rehearsed(*part) for part in _chunks(rehearsed, len(chunks))]
        more += [None] * (len(chunks) - len(more))
    size = len(now[0])
    return [(len(n[0]) / size, n, m) for n, m in zip(chunks, more, strict=False)]


def _chunks(batch: Sequence[Tensor | None], parts: int) -> list[tuple[Any, ...]]:
    known = [[None] * parts if t is None else t.tensor_split(parts) for t in batch]
    return [part for part in zip(*known, strict=True) if len(part[0])]
