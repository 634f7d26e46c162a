"""Recording what layers give during a forward pass, and nothing else of it."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from napari_medseg.engine.device import free_memory
from napari_medseg.explain.layers import Layer, find_layer, named_layers
from napari_medseg.networks.base import SegmentationNetwork

Box = tuple[slice, ...]
_SHARE = 0.25  # of the free memory that maps may take
_LARGEST_HALF = 65504.0  # what float16 holds


@contextmanager
def record(
    network: SegmentationNetwork,
    names: Sequence[str],
    *,
    crop: Sequence[slice] | None = None,
    half: bool = False,
    live: bool = False,
    limit: int | None = None,
) -> Iterator[dict[str, Tensor]]:
    """Record the maps of some layers while the network runs in this thread.

    The network computes what it always does; the maps are copies. However the block is left, the
    network is as it was. A second pass within it replaces the maps.

    Parameters
    ----------
    network : SegmentationNetwork
        The network.
    names : sequence of str
        Layers, see `layers_of`.
    crop : sequence of slice or None
        Part of the network's input ``*S``; of each layer the voxels that touch it are kept.
    half : bool
        Keep float16, half the memory; larger values are cut off.
    live : bool
        Keep the tensors themselves, on their device, with gradients and with channels where the
        layer has them (`Layer.channel_axis`).
    limit : int or None
        Bytes the maps may take; None is a quarter of the free memory.

    Yields
    ------
    dict of str to Tensor
        Filled by the forward pass: ``(B, channels, *S')`` on the CPU.

    Raises
    ------
    ValueError
        If there is no such layer, or, before anything is computed, if its maps would be too large.
    """
    layers = [find_layer(network, name) for name in dict.fromkeys(names)]
    found: dict[str, Tensor] = {}
    size: list[int] = []
    thread = threading.get_ident()

    def check(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        if threading.get_ident() != thread:
            return
        size[:] = inputs[0].shape[2:]
        if not live:
            _check_room(network, layers, inputs[0].shape, crop, limit, 2 if half else 4)

    def keep(layer: Layer) -> Any:
        def note(module: nn.Module, inputs: Any, output: Tensor) -> None:
            if threading.get_ident() != thread:
                return
            if live:
                found[layer.name] = output
                return
            maps = output.movedim(layer.channel_axis, 1)
            maps = maps[(slice(None), slice(None), *cropped(crop, layer.stride, size))].detach()
            if half:
                maps = maps.clamp(-_LARGEST_HALF, _LARGEST_HALF).half()
            # a copy: layers behind this one may work in its memory
            found[layer.name] = maps.cpu() if maps.device.type != "cpu" or half else maps.clone()

        return note

    hooks = [network.register_forward_pre_hook(check)]
    try:
        for layer in layers:
            module = network.get_submodule(layer.name)
            hooks.append(module.register_forward_hook(keep(layer)))
        yield found
    finally:
        for hook in hooks:
            hook.remove()


def cropped(crop: Sequence[slice] | None, stride: int, size: Sequence[int]) -> Box:
    """Return the voxels of a map of some stride that touch `crop` of an input of `size`."""
    if crop is None:
        return tuple(slice(0, side // stride) for side in size)
    return tuple(
        slice(max(part.start, 0) // stride, -(-min(part.stop, side) // stride))
        for part, side in zip(crop, size, strict=True)
    )


def map_bytes(layer: Layer, size: Sequence[int], *, batch: int = 1, item: int = 4) -> int:
    """Return what the maps of a layer take for an input of `size`."""
    return batch * layer.channels * math.prod(side // layer.stride for side in size) * item


def room(limit: int | None = None) -> int:
    """Return how many bytes maps may take: `limit`, or a share of what is free."""
    if limit is not None:
        return limit
    free = free_memory(torch.device("cpu"))
    return int(_SHARE * free) if free is not None else 1 << 31


def _check_room(
    network: SegmentationNetwork,
    layers: Sequence[Layer],
    shape: Sequence[int],
    crop: Sequence[slice] | None,
    limit: int | None,
    item: int,
) -> None:
    batch, size = shape[0], shape[2:]
    needed = 0
    for layer in layers:
        part = cropped(crop, layer.stride, size)
        voxels = math.prod(p.stop - p.start for p in part)
        needed += batch * layer.channels * voxels * item
    allowed = room(limit)
    if needed <= allowed:
        return
    fitting = [
        layer.name
        for layer in named_layers(network).values()
        if layer.stage and map_bytes(layer, size, batch=batch, item=item) <= allowed
    ]
    instead = f"a coarser layer ({', '.join(fitting[:4])}), " if fitting else ""
    raise ValueError(
        f"the maps of {', '.join(layer.name for layer in layers)} take {_amount(needed)}, "
        f"{_amount(allowed)} may be used; choose {instead}half precision, fewer slices or a "
        "part of the image"
    )


def _amount(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{max(count / 1e6, 0.1):.1f} MB"
