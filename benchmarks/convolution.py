"""Convolutions of one volume: a window of the bundled 3D models, with PyTorch's choice and ours.

Beside them one of two windows at once, for which PyTorch takes the same kernels as we do for one.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import nn

from benchmarks.measure import interleaved, ratio, table
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.networks.convolution import Conv3d

MODELS = ("hippocampus-lgmsnet", "hippocampus-msd-kmamba")
ROUNDS = 5
OURS, THEIRS, PAIR = "one window, ours", "one window, torch.nn.Conv3d", "two windows, half of it"


def with_torch(network: nn.Module) -> nn.Module:
    """Return a copy of a network whose convolutions are PyTorch's own."""
    network = copy.deepcopy(network)
    for module in network.modules():
        if isinstance(module, Conv3d):
            object.__setattr__(module, "__class__", nn.Conv3d)
    return network


def variants(network: nn.Module, x: torch.Tensor) -> dict[str, Callable[[], object]]:
    """Return what is timed on an image ``(1, C, D, H, W)``, after a look whether all agree.

    Raises
    ------
    ValueError
        If the answers differ by more than rounding.
    """
    theirs, two = with_torch(network), torch.cat([x, x.flip(2)])
    apart = float((network(x) - theirs(x)).detach().abs().max())
    if apart > 1e-2:
        raise ValueError(f"logits differ by {apart:.2g} with torch's convolution")
    return {THEIRS: lambda: theirs(x), OURS: lambda: network(x), PAIR: lambda: theirs(two)}


def main() -> None:
    """Print seconds of CPU time on one thread; those of two windows are halved."""
    torch.set_num_threads(1)
    for name in MODELS:
        segmenter = Segmenter.load(name, "cpu")
        window = segmenter.card.preprocessing.window or ()
        random = torch.Generator().manual_seed(0)
        x = torch.randn(1, 1, *window, generator=random)
        with torch.inference_mode():
            seconds = interleaved(variants(segmenter.network, x), ROUNDS)
        seconds[PAIR] = [value / 2 for value in seconds[PAIR]]
        print(f"\n{name}, a window of {' x '.join(map(str, window))}")
        table(seconds, THEIRS)
        print(f"  torch's convolutions take {1 / ratio(seconds, OURS, THEIRS):.1f} x the time")
