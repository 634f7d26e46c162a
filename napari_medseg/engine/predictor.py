"""A network as the windows of a plan ask for it: on its device, in its precision, mirrored."""

from __future__ import annotations

import copy
import itertools

import torch
from torch import Tensor, nn

from napari_medseg.engine.card import ModelCard
from napari_medseg.engine.plan import Plan
from napari_medseg.engine.sliding_window import Predict


def predictor(
    network: nn.Module, card: ModelCard, plan: Plan, *, flips: bool, channels: int | None = None
) -> Predict:
    """Wrap a network: ``(C, *window) -> (K, *window)`` float32, on its device.

    Parameters
    ----------
    network : nn.Module
        ``(B, C, *S) -> (B, K, *S)``, on the device of `plan`.
    card : ModelCard
        Says K.
    plan : Plan
        Device, precision, and the axis of the slices that are a batch.
    flips : bool
        Average over all mirrored copies.
    channels : int or None
        What the network returns where that is not the card's K.

    Raises
    ------
    ValueError
        What is returned, if the network's answer has another shape.
    """
    stack = 1 + (plan.slice_axis or 0)
    layout = torch.channels_last if plan.slice_axis is not None else torch.contiguous_format
    kind = torch.float16 if plan.device.type == "cuda" else torch.bfloat16

    def forward(batch: Tensor) -> Tensor:
        with torch.autocast(plan.device.type, dtype=kind, enabled=plan.mixed):
            logits: Tensor = network(batch)
        expected = (batch.shape[0], channels or card.out_channels, *batch.shape[2:])
        if tuple(logits.shape) != expected:
            raise ValueError(
                f"the network returned {tuple(logits.shape)} where its card promises {expected}; "
                "card and network do not belong together"
            )
        return logits.float()

    def mirrored(batch: Tensor) -> Tensor:
        axes = range(2, batch.ndim)
        mirrors = [c for n in range(batch.ndim - 1) for c in itertools.combinations(axes, n)]
        total = forward(batch)
        for mirror in mirrors[1:]:
            total = total + forward(batch.flip(mirror)).flip(mirror)
        return total / len(mirrors)

    run = mirrored if flips else forward

    def predict(tile: Tensor) -> Tensor:
        tile = tile.to(plan.device)
        if plan.slice_axis is None:
            return run(tile[None])[0]
        batch = tile.movedim(stack, 0).contiguous(memory_format=layout)
        return run(batch).movedim(0, stack)

    return predict


def on_cpu(network: nn.Module) -> nn.Module:
    """Return the network itself if it is on the CPU, else a copy that is."""
    tensors = [*network.parameters(), *network.buffers()]
    if all(t.device.type == "cpu" for t in tensors):
        return network
    moved: dict[int, object] = {}  # deepcopy takes these instead of copying on the full device
    for tensor in tensors:
        value = tensor.detach().cpu()
        is_weight = isinstance(tensor, nn.Parameter)
        moved[id(tensor)] = nn.Parameter(value, tensor.requires_grad) if is_weight else value
    return copy.deepcopy(network, moved)
