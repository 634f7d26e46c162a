"""A trial step: how long a step of learning takes, and how much memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from napari_medseg.engine.watch import report_from_modules
from napari_medseg.progress import Report, Step, silent

ROOM = 0.8
"""Share of the free memory that learning may fill."""

_COPIES = 6  # of the weights: themselves, gradients, two of the optimiser, running mean, teacher
_STEPS = 3  # one to warm up, the faster of the others counts
_TEMPORARY = 1.3  # of what is kept for the way back, for what is not


@dataclass(frozen=True)
class Trial:
    """What a step costs.

    Parameters
    ----------
    seconds : float
        The faster of two steps, after one to warm up.
    memory_bytes : int
        On a GPU the largest amount in use, elsewhere weights and what is kept for the way back.
    weight_bytes : int
        How much of it does not shrink with the number of patches.
    """

    seconds: float
    memory_bytes: int
    weight_bytes: int = 0

    def in_parts(self, parts: int) -> int:
        """Return the memory it takes to learn from the patches in parts, one after the other."""
        return self.weight_bytes + (self.memory_bytes - self.weight_bytes) // parts


def measure_step(
    network: nn.Module,
    take_step: Callable[[], None],
    device: torch.device,
    report: Report = silent,
) -> Trial:
    """Take three steps and measure them.

    Parameters
    ----------
    network : nn.Module
        What learns; its weights count as memory.
    take_step : callable
        Takes one step, forth and back.
    device : torch.device
        Where.
    report : Report
        Called before each step and within long ones; may raise `Cancelled`.
    """
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    on_gpu = device.type == "cuda"
    if on_gpu:
        torch.cuda.reset_peak_memory_stats(device)
    times = []
    with report_from_modules(network, report) as told:
        told(Step(0, _STEPS, "step", "trying a step"))
        with torch.autograd.graph.saved_tensors_hooks(note, _as_is):
            take_step()
        for done in range(1, _STEPS):
            told(Step(done, _STEPS, "step", "trying a step"))
            times.append(_timed(take_step, device))
    weights = [*network.parameters(), *network.buffers()]
    owned = {w.untyped_storage().data_ptr(): w.untyped_storage().nbytes() for w in weights}
    fixed = _COPIES * sum(owned.values())
    if on_gpu:
        whole = torch.cuda.max_memory_allocated(device)
        return Trial(min(times), whole, min(fixed, whole))
    activations = sum(size for at, size in kept.items() if at not in owned)
    return Trial(min(times), int(fixed + _TEMPORARY * activations), fixed)


def _as_is(kept: Any) -> Any:
    return kept


def _timed(take_step: Callable[[], None], device: torch.device) -> float:
    started = time.perf_counter()
    take_step()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started
