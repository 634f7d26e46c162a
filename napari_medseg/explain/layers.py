"""The layers of a network that give maps: a tree with channels, strides and words."""

from __future__ import annotations

import inspect
import math
import threading
import weakref
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from napari_medseg.engine.inference import evaluating
from napari_medseg.nearest import did_you_mean
from napari_medseg.networks.base import SegmentationNetwork

_WORDS = {
    nn.Conv2d: "convolution of {kernel_size[0]} x {kernel_size[1]}",
    nn.Conv3d: "convolution of {kernel_size[0]} x {kernel_size[1]} x {kernel_size[2]}",
    nn.ConvTranspose2d: "convolution that doubles the size",
    nn.ConvTranspose3d: "convolution that doubles the size",
    nn.Linear: "mixing of channels",
    nn.BatchNorm2d: "normalisation",
    nn.BatchNorm3d: "normalisation",
    nn.GroupNorm: "normalisation",
    nn.LayerNorm: "normalisation",
    nn.ReLU: "activation: negative values become 0",
    nn.LeakyReLU: "activation: negative values become small",
    nn.SiLU: "activation",
    nn.GELU: "activation",
    nn.Upsample: "interpolation to twice the size",
    nn.Identity: "passed on as it is",
    nn.Sequential: "layers one after the other",
    nn.ModuleList: "a group of layers",
}
_SCRAMBLED = (
    "published weights read these maps in another order (raw layout), so that their voxels lie "
    "nowhere in the image"
)


@dataclass(frozen=True)
class Layer:
    """A module of a network.

    Parameters
    ----------
    name : str
        Path, as for ``network.get_submodule``; empty for the network itself.
    words : str
        What it does, for people.
    channels : int
        Of its maps; 0 if it gives none of its own.
    stride : int
        Input voxels per voxel of its maps, along each axis.
    channel_axis : int
        Of its output: 1, or -1 where channels come last.
    stage : bool
        Whether it ends one of the network's stages: what is worth a look first.
    why_not : str
        Why its maps cannot be shown; empty if they can.
    children : tuple of Layer
        In the order of the network.
    """

    name: str
    words: str
    channels: int
    stride: int
    channel_axis: int
    stage: bool
    why_not: str
    children: tuple[Layer, ...] = ()

    @property
    def title(self) -> str:
        """Path, channels and size in a line."""
        if not self.channels:
            return self.name
        size = "full size" if self.stride == 1 else f"1/{self.stride} of the size"
        return f"{self.name}: {self.channels} channels at {size}"

    def walk(self) -> Iterator[Layer]:
        """Yield this layer and all below it."""
        yield self
        for child in self.children:
            yield from child.walk()


_known: weakref.WeakKeyDictionary[nn.Module, Layer] = weakref.WeakKeyDictionary()


def layers_of(network: SegmentationNetwork) -> Layer:
    """Return the tree of a network's layers.

    The first time, noise of a small size is run through the network to see what comes out where;
    layers that never run, or run several times (a shared pooling), are left out.
    """
    if network not in _known:
        seen, calls = _seen(network)
        stages = {feature.name for feature in network.feature_info}
        _known[network] = _layer(network, network, "", seen, calls, stages)
    return _known[network]


def named_layers(network: SegmentationNetwork) -> dict[str, Layer]:
    """Return every layer whose maps can be shown, by its name, in the order of the network."""
    return {
        layer.name: layer
        for layer in layers_of(network).walk()
        if layer.channels and layer.name and not layer.why_not
    }


def find_layer(network: SegmentationNetwork, name: str) -> Layer:
    """Return a layer whose maps can be shown.

    Raises
    ------
    ValueError
        If there is none of that name, or its maps cannot be shown; near names are offered.
    """
    for layer in layers_of(network).walk():
        if layer.name == name and name:
            if layer.why_not:
                raise ValueError(f"layer {name!r} cannot be shown: {layer.why_not}")
            if layer.channels:
                return layer
    known = named_layers(network)
    stages = [layer.name for layer in known.values() if layer.stage]
    raise ValueError(
        f"there is no layer {name!r} that gives maps{did_you_mean(name, known)}; the stages are "
        f"{', '.join(stages)}"
    )


def default_layer(network: SegmentationNetwork) -> Layer:
    """Return the last stage: the input of the final layer."""
    return find_layer(network, network.feature_info[-1].name)


def as_maps(output: Any, size: Sequence[int]) -> tuple[int, int] | None:
    """Return channel axis and stride of an output that lies over an input of `size`, else None.

    ``(B, C, *S')`` and ``(B, *S', C)`` are told apart by their sides.
    """
    if not isinstance(output, Tensor) or output.ndim != len(size) + 2:
        return None
    for axis in (1, -1):
        sides = output.movedim(axis, 1).shape[2:]
        strides = {whole / side for whole, side in zip(size, sides, strict=True)}
        if len(strides) == 1 and min(strides) >= 1 and float(min(strides)).is_integer():
            return axis, int(min(strides))
    return None


def _seen(network: SegmentationNetwork) -> tuple[dict[str, tuple[int, int, int]], Counter[str]]:
    """Run noise; return (channels, stride, channel axis) by name, and how often each ran."""
    seen: dict[str, tuple[int, int, int]] = {}
    calls: Counter[str] = Counter()
    thread, size = threading.get_ident(), [0]

    def keep(name: str) -> Any:
        def note(module: nn.Module, inputs: Any, output: Any) -> None:
            if threading.get_ident() != thread:
                return  # the network is also running for somebody else
            calls[name] += 1
            found = as_maps(output, size)
            if found is not None and math.prod(output.shape[1:]) > output.shape[found[0]]:
                seen[name] = (output.shape[found[0]], found[1], found[0])

        return note

    hooks = [m.register_forward_hook(keep(n)) for n, m in network.named_modules() if n]
    try:
        with torch.inference_mode(), evaluating(network):
            size[:] = _small_size(network)
            weight = next(network.parameters())
            shape = (1, network.config.in_channels, *size)
            network(torch.randn(shape, device=weight.device, dtype=weight.dtype))
    finally:
        for hook in hooks:
            hook.remove()
    return seen, calls


def _small_size(network: SegmentationNetwork) -> tuple[int, ...]:
    """Return a small size the network takes, with different sides where it can."""
    d, dims = network.divisor, network.config.spatial_dims
    size = (2 * d, 3 * d) if dims == 2 else (d, d, 2 * d)
    try:
        network.check_input(torch.empty((1, network.config.in_channels, *size), device="meta"))
    except ValueError:  # the raw layout knows one size
        return (d,) * dims
    return size


def _layer(
    network: SegmentationNetwork,
    module: nn.Module,
    name: str,
    seen: dict[str, tuple[int, int, int]],
    calls: Counter[str],
    stages: set[str],
) -> Layer:
    below = [
        _layer(network, child, f"{name}.{part}".lstrip("."), seen, calls, stages)
        for part, child in module.named_children()
    ]
    channels, stride, axis = seen.get(name, (0, 0, 1)) if calls[name] == 1 else (0, 0, 1)
    why_not = _SCRAMBLED if channels and network.lies_nowhere(name) else ""
    return Layer(
        name=name,
        words=_words(module),
        channels=channels,
        stride=stride,
        channel_axis=axis,
        stage=name in stages,
        why_not=why_not,
        children=tuple(layer for layer in below if layer.channels or layer.children),
    )


def _words(module: nn.Module) -> str:
    if type(module).__module__.startswith("torch."):
        return _WORDS.get(type(module), type(module).__name__).format(**vars(module))
    if isinstance(module, nn.Conv3d):
        return _WORDS[nn.Conv3d].format(**vars(module))
    first = (inspect.getdoc(type(module)) or type(module).__name__).splitlines()[0]
    return first.partition(": ``")[0].rstrip(".")
