"""Every network and preset beside MONAI's: parameters, work, time and memory.

An image of 256 x 256 RGB pixels with one class and a volume of 64 x 64 x 64 voxels with one
modality and two classes, one at a time in float32. A training step is forward, loss, backward and
AdamW; our networks are trained by their own objective, self-distillation included, MONAI's by BCE
and Dice. Times are CPU time on one thread, medians of interleaved rounds, with the ratio to MONAI's
U-Net. Memory is the most a process of its own holds, weights included, libraries not.

Multiplications are counted by `torch.utils.flop_counter`: convolutions and products of matrices,
attention and the products of the scan among them; norms, activations, interpolation, splines and
the scan's recurrence over chunks are left out.

Where there is a GPU the same is measured there by the wall clock. On one core of a machine of 2025
the CPU's table takes about eight minutes.
"""

from __future__ import annotations

import functools
import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import torch
from monai.networks.nets import BasicUNet, SegResNet, SwinUNETR, UNet, swin_unetr
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode, conv_flop_count

from benchmarks.measure import MB, interleaved, peaks, ratio
from napari_medseg.engine.losses import bce_dice
from napari_medseg.engine.objective import objective_of
from napari_medseg.engine.training_config import TrainingConfig
from napari_medseg.engine.training_recipes import paper_recipe
from napari_medseg.networks import architectures, create_network
from napari_medseg.networks.base import SegmentationNetwork
from napari_medseg.networks.msd_kmamba.network import MSDKMamba

SIDE = {2: 256, 3: 64}
CHANNELS, CLASSES = {2: 3, 3: 1}, {2: 1, 3: 2}
ROUNDS = 3
YARDSTICK = "MONAI U-Net"
Run = Callable[[], object]


def _multiplications(x: Sequence[int], weight: Sequence[int], *_: object, **sizes: Any) -> int:
    return conv_flop_count(list(x), list(weight), list(sizes["out_shape"]))


_ALSO = {torch.ops.aten.mkldnn_convolution: _multiplications}  # what the counter does not know


def rearrange(x: Tensor, pattern: str) -> Tensor:
    """Permute axes, e.g. ``"b c h w -> b h w c"``: all that SwinUNETR wants of einops."""
    before, after = (side.split() for side in pattern.split("->"))
    return x.permute([before.index(axis) for axis in after])


swin_unetr.rearrange = rearrange


def peers(dims: int) -> dict[str, Callable[[], nn.Module]]:
    """Return MONAI's networks: the U-Net as in `baseline_unet`, the others as its papers have."""
    shape = {"spatial_dims": dims, "in_channels": CHANNELS[dims], "out_channels": CLASSES[dims]}
    widths = {2: (16, 32, 64, 128, 256), 3: (16, 32, 64, 128)}[dims]
    strides, norm = (2,) * (len(widths) - 1), {2: "batch", 3: "instance"}[dims]
    unet = functools.partial(UNet, channels=widths, strides=strides, num_res_units=2, norm=norm)
    return {
        YARDSTICK: functools.partial(unet, **shape),
        "MONAI BasicUNet": functools.partial(BasicUNet, **shape),
        "MONAI SegResNet 16": functools.partial(SegResNet, init_filters=16, **shape),
        "MONAI SwinUNETR 24": functools.partial(SwinUNETR, feature_size=24, **shape),
        "MONAI SwinUNETR 48": functools.partial(SwinUNETR, feature_size=48, **shape),
    }


def builders(dims: int) -> dict[str, Callable[[], nn.Module]]:
    """Return every network of ours and of MONAI's by what the table calls it."""
    ours = {
        f"{architecture.title} {preset}": functools.partial(
            create_network,
            name,
            preset=preset,
            spatial_dims=dims,
            in_channels=CHANNELS[dims],
            num_classes=CLASSES[dims],
        )
        for name, architecture in architectures().items()
        for preset, its_dims in architecture.presets
        if its_dims == dims
    }
    return ours | peers(dims)


def image(dims: int, side: int, device: str = "cpu") -> Tensor:
    """Return noise ``(1, C, *S)``."""
    return torch.randn(1, CHANNELS[dims], *[side] * dims, device=device)


def gigamacs(network: nn.Module, dims: int, side: int) -> float:
    """Count multiplications with an addition in a forward pass, in 10^9."""
    network = network.eval()

    def count(device: str) -> float:
        x = image(dims, side, device)
        with FlopCounterMode(display=False, custom_mapping=_ALSO) as counter, torch.no_grad():
            network.to(device)(x)
        return counter.get_total_flops() / 2e9

    if isinstance(network, MSDKMamba):
        return count("cpu")  # its scan turns autocast off, which knows no meta device
    return count("meta")  # nothing is computed


def forward_and_step(
    network: nn.Module, dims: int, side: int, device: str = "cpu"
) -> tuple[Run, Run]:
    """Return a forward pass of inference and a step of training."""
    network = network.to(device)
    x = image(dims, side, device)
    target = (torch.randn(1, CLASSES[dims], *x.shape[2:], device=device) > 1).float()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4)
    objective = _objective(network).to(device) if isinstance(network, SegmentationNetwork) else None

    def forward() -> None:
        network.eval()
        with torch.inference_mode():
            network(x)
        _wait(device)

    def step() -> None:
        network.train()
        loss = bce_dice(network(x), target) if objective is None else objective(network, x, target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        _wait(device)

    return forward, step


def _objective(network: SegmentationNetwork) -> nn.Module:
    [name] = (n for n, a in architectures().items() if isinstance(network.config, a.config))
    recipe = TrainingConfig.recipe(paper_recipe(name, network.config.spatial_dims))
    return objective_of(name, recipe.loss, "sigmoid")


def _wait(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize()


def memory_of(name: str, dims: int, side: int) -> tuple[float, float]:
    """Return the most that a forward pass and a training step hold, in MB; for its own process."""
    torch.set_num_threads(1)
    conv = nn.Conv2d(1, 1, 3)
    conv(torch.randn(1, 1, 8, 8)).sum().backward()  # what a first call loads for good
    runs: list[Run] = []

    def first() -> None:
        runs.extend(forward_and_step(builders(dims)[name](), dims, side))
        runs[0]()

    forward, step = peaks(first, lambda: runs[1]())
    return forward, step


def memory_on_gpu(name: str, dims: int, side: int) -> tuple[float, float]:
    """Return the same of the GPU's memory, in MB."""
    found = []
    for run in forward_and_step(builders(dims)[name](), dims, side, "cuda"):
        torch.cuda.reset_peak_memory_stats()
        run()
        found.append(torch.cuda.max_memory_allocated() / MB)
    return found[0], found[1]


def times(
    networks: Mapping[str, nn.Module], dims: int, side: int, rounds: int, device: str = "cpu"
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Return the seconds of every round of a forward pass, and of a training step."""
    runs = {name: forward_and_step(net, dims, side, device) for name, net in networks.items()}
    clock = time.process_time if device == "cpu" else time.perf_counter
    if device != "cpu":
        for forward, step in runs.values():  # kernels are chosen at first
            forward()
            step()
    forwards = interleaved({name: run[0] for name, run in runs.items()}, rounds, clock)
    return forwards, interleaved({name: run[1] for name, run in runs.items()}, rounds, clock)


def memory(names: Iterable[str], dims: int, side: int) -> dict[str, tuple[float, float]]:
    """Return what each network holds on the CPU, each in a process of its own."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])  # a process need not read the libraries again
    with ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as pool:
        return {name: pool.submit(memory_of, name, dims, side).result() for name in names}


def rows(
    held: Mapping[str, tuple[float, float]],
    dims: int,
    side: int,
    rounds: int = ROUNDS,
    device: str = "cpu",
) -> list[list[str]]:
    """Measure the networks that `held` names; return a row of text for each."""
    networks = {name: builders(dims)[name]() for name in held}
    forwards, steps = times(networks, dims, side, rounds, device)
    table = []
    for name, network in networks.items():
        count = sum(p.numel() for p in network.parameters())
        cells = [name, f"{count / 1e6:.2f}", f"{gigamacs(network, dims, side):.1f}"]
        for seconds, megabytes in zip((forwards, steps), held[name], strict=True):
            cells.append(f"{statistics.median(seconds[name]):.3g}")
            cells += [f"{ratio(seconds, name, YARDSTICK):.3g}", f"{megabytes:.0f}"]
        table.append(cells)
    return table


def show(title: str, table: list[list[str]]) -> None:
    """Print a table that is also Markdown."""
    unit = f"x {YARDSTICK}"
    head = ["network", "M parameters", "GMAC", "forward s", unit, "MB", "step s", unit, "MB"]
    print(f"\n{title}\n")
    for cells in (head, ["---", *["---:"] * (len(head) - 1)], *table):
        print(f"| {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Print a table for images and one for volumes, and the same of the GPU if there is one."""
    torch.set_num_threads(1)
    for device in ("cpu", *(["cuda"] if torch.cuda.is_available() else [])):
        for dims, side in SIDE.items():
            torch.manual_seed(0)
            if device == "cpu":
                held = memory(builders(dims), dims, side)
            else:
                held = {name: memory_on_gpu(name, dims, side) for name in builders(dims)}
            title = f"{dims}D, {' x '.join([str(side)] * dims)}, {device}"
            show(title, rows(held, dims, side, device=device))
