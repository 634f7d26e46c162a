"""Recording what layers give during a forward pass, and nothing else of it."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from napari_medseg.explain.layers import Layer, find_layer, named_layers
from napari_medseg.explain.room import TooLarge, room
from napari_medseg.networks.base import SegmentationNetwork

Box = tuple[slice, ...]
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
        Keep the tensors themselves, on their device and with channels where the layer has them
        (`Layer.channel_axis`), to take gradients by them: from the first of them on the network
        is differentiated, what comes before is not and needs no memory for it.
    limit : int or None
        Bytes the maps may take; None is a quarter of the free memory.

    Yields
    ------
    dict of str to Tensor
        Filled by the forward pass: ``(B, channels, *S')`` on the CPU.

    Raises
    ------
    ValueError
        If there is no such layer.
    TooLarge
        Before anything is computed, if the maps would not fit.
    """
    recorder = _Recorder([find_layer(network, name) for name in dict.fromkeys(names)], crop, half)
    hooks, with_gradients = [], torch.is_grad_enabled()
    try:
        if not live:
            hooks.append(network.register_forward_pre_hook(partial(recorder.check, limit)))
        for layer in recorder.layers:
            take = partial(recorder.keep if live else recorder.copy, layer)
            hooks.append(network.get_submodule(layer.name).register_forward_hook(take))
        yield recorder.found
    finally:
        torch.set_grad_enabled(with_gradients)
        for hook in hooks:
            hook.remove()


class _Recorder:
    """Takes what layers give in the thread it was made in."""

    def __init__(self, layers: Sequence[Layer], crop: Sequence[slice] | None, half: bool) -> None:
        self.layers, self.found = layers, dict[str, Tensor]()
        self._crop, self._half = crop, half
        self._size: Sequence[int] = ()
        self._thread = threading.get_ident()

    def check(self, limit: int | None, network: SegmentationNetwork, inputs: Any) -> None:
        """Refuse maps that are too large, before anything is computed."""
        if threading.get_ident() == self._thread:
            shape, item = inputs[0].shape, 2 if self._half else 4
            self._size = shape[2:]
            check_maps(network, self.layers, shape, self._crop, limit=limit, item=item)

    def keep(self, layer: Layer, module: nn.Module, inputs: Any, output: Tensor) -> Tensor | None:
        """Keep the tensor itself; what follows works on a copy, some of it in place."""
        if threading.get_ident() != self._thread:
            return None
        if not output.requires_grad:
            output = output.detach().requires_grad_()
            torch.set_grad_enabled(True)
        self.found[layer.name] = output
        return output.clone()

    def copy(self, layer: Layer, module: nn.Module, inputs: Any, output: Tensor) -> None:
        """Keep a copy: layers behind this one may work in the tensor's memory."""
        if threading.get_ident() != self._thread:
            return
        part = cropped(self._crop, layer.stride, self._size)
        maps = output.detach().movedim(layer.channel_axis, 1)[(slice(None), slice(None), *part)]
        if self._half:
            maps = maps.clamp(-_LARGEST_HALF, _LARGEST_HALF).half()
        copied = self._half or maps.device.type != "cpu"
        self.found[layer.name] = maps.cpu() if copied else maps.clone()


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


def recorded_bytes(
    layers: Sequence[Layer], shape: Sequence[int], crop: Sequence[slice] | None, *, item: int = 4
) -> int:
    """Return what is kept of the maps of some layers for an input ``(B, C, *S)``."""
    total = 0
    for layer in layers:
        part = cropped(crop, layer.stride, shape[2:])
        total += shape[0] * layer.channels * math.prod(p.stop - p.start for p in part) * item
    return total


def check_maps(
    network: SegmentationNetwork,
    layers: Sequence[Layer],
    shape: Sequence[int],
    crop: Sequence[slice] | None,
    *,
    limit: int | None = None,
    item: int = 4,
    beside: int = 0,
) -> None:
    """Raise `TooLarge` if the maps of an input ``(B, C, *S)`` take more than they may.

    `beside` is how many bytes the answer takes that is kept with them.
    """
    batch, size = shape[0], shape[2:]
    needed = beside + recorded_bytes(layers, shape, crop, item=item)
    allowed = room(limit)
    if needed <= allowed:
        return
    fits = [
        layer
        for layer in named_layers(network).values()
        if layer.stage and map_bytes(layer, size, batch=batch, item=item) + beside <= allowed
    ]
    fitting = tuple(layer.name for layer in sorted(fits, key=lambda layer: layer.stride))
    instead = [f"a coarser layer ({', '.join(fitting[:4])})"] if layers and fitting else []
    instead += ["half precision"] if layers and item > 2 else []
    instead += ["fewer slices"] if batch > 1 else []
    raise TooLarge(
        f"the maps of {', '.join(layer.name for layer in layers) or 'the answer'}",
        needed,
        allowed,
        [*instead, "a part of the image" if crop is None else "a smaller part of the image"],
        layers=fitting if layers else (),
    )
