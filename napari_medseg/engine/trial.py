"""A trial step: how long a step of learning takes, and how much memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

_COPIES = 6  # of the weights: themselves, gradients, two of the optimiser, running mean, teacher
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
    """

    seconds: float
    memory_bytes: int


def measure_step(network: nn.Module, take_step: Callable[[], None], device: torch.device) -> Trial:
    """Take three steps and measure them.

    Parameters
    ----------
    network : nn.Module
        What learns; its weights count as memory.
    take_step : callable
        Takes one step, forth and back.
    device : torch.device
        Where.
    """
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    on_gpu = device.type == "cuda"
    if on_gpu:
        torch.cuda.reset_peak_memory_stats(device)
    with torch.autograd.graph.saved_tensors_hooks(note, _as_is):
        take_step()
    seconds = min(_timed(take_step, device) for _ in range(2))
    if on_gpu:
        return Trial(seconds, torch.cuda.max_memory_allocated(device))
    weights = [*network.parameters(), *network.buffers()]
    owned = {w.untyped_storage().data_ptr(): w.untyped_storage().nbytes() for w in weights}
    activations = sum(size for at, size in kept.items() if at not in owned)
    return Trial(seconds, int(_COPIES * sum(owned.values()) + _TEMPORARY * activations))


def _as_is(kept: Any) -> Any:
    return kept


def _timed(take_step: Callable[[], None], device: torch.device) -> float:
    started = time.perf_counter()
    take_step()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started
