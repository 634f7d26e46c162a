"""How one image is run through one network: decided before the first window, lighter on demand."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import torch

from napari_medseg.engine.card import ModelCard
from napari_medseg.engine.device import free_memory
from napari_medseg.engine.inference_config import InferenceConfig
from napari_medseg.engine.windows import Tiling

_DEFAULT_WINDOW = {2: 256, 3: 96}  # for windows the card does not name
_SMALLEST_WINDOW = 32
_PIXELS_AT_ONCE = {"cpu": 1 << 18, "cuda": 1 << 21, "mps": 1 << 20}  # in a batch of slices


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How an image ``(C, D, H, W)`` is run.

    Parameters
    ----------
    size : tuple of int
        ``(D, H, W)`` on the network's grid, without what the crop leaves out.
    window : tuple of int
        What the network sees at once; along `slice_axis` the slices of a batch.
    overlap : float
        Of the windows, along the network's axes.
    slice_axis : int or None
        What a 2D network steps along; None for a 3D network.
    divisor : int
        Sides of a window are multiples of it.
    resized : bool
        The network wants the whole image at this very size.
    device : torch.device
        Where the network runs.
    sums_on_cpu : bool
        Logits are added up in the host's memory.
    mixed : bool
        Automatic mixed precision.
    order : tuple of int
        Axes in the order windows are added up; empty is the one that needs the least memory.
    """

    size: tuple[int, ...]
    window: tuple[int, ...]
    overlap: float
    slice_axis: int | None
    divisor: int
    resized: bool
    device: torch.device
    sums_on_cpu: bool = False
    mixed: bool = False
    order: tuple[int, ...] = ()

    @property
    def tiling(self) -> Tiling:
        """Where the windows lie."""
        overlap = [0.0 if axis == self.slice_axis else self.overlap for axis in range(3)]
        size, window = (_three(values) for values in (self.size, self.window))
        shared = (overlap[0], overlap[1], overlap[2])
        return Tiling(size, window, shared, self.slice_axis, self.order)

    @property
    def network_axes(self) -> tuple[int, ...]:
        """Axes of the volume the network sees."""
        return tuple(axis for axis in range(3) if axis != self.slice_axis)

    @property
    def is_whole(self) -> bool:
        """Whether one window covers the image (or a slice)."""
        return all(self.window[axis] >= self.size[axis] for axis in self.network_axes)

    @property
    def work(self) -> int:
        """Voxels the network computes."""
        return len(self.tiling) * math.prod(self.window)

    def lighter(self) -> Plan | None:
        """Return the next plan that needs less memory, None if there is none.

        Fewer slices at once, smaller windows, sums on the CPU, then everything on the CPU.
        """
        slices = 1 if self.slice_axis is None else self.window[self.slice_axis]
        if slices > 1:
            return self._with_window({self.slice_axis: slices // 2})
        halved = {axis: self._half(self.window[axis]) for axis in self.network_axes}
        if not self.resized and any(halved[a] < self.window[a] for a in halved):
            return self._with_window(halved)
        if not self.sums_on_cpu and self.device.type != "cpu":
            return dataclasses.replace(self, sums_on_cpu=True)
        if self.device.type != "cpu":
            return dataclasses.replace(self, device=torch.device("cpu"), mixed=False)
        return None

    def difference(self, other: Plan) -> str:
        """Say in a sentence how `other` saves memory."""
        done = []
        sides = [[plan.window[axis] for axis in self.network_axes] for plan in (self, other)]
        if sides[0] != sides[1]:
            done.append(f"smaller windows {'x'.join(map(str, sides[1]))}")
        elif other.window != self.window:
            done.append("fewer slices at once")
        if other.device != self.device:
            done.append("the CPU instead, which is slower")
        elif other.sums_on_cpu != self.sums_on_cpu:
            done.append("sums on the CPU")
        return f"the memory of {self.device} was full: used {' and '.join(done)}"

    def _half(self, side: int) -> int:
        if side <= max(_SMALLEST_WINDOW, self.divisor):
            return side
        return max(_up(side // 2, self.divisor), min(_SMALLEST_WINDOW, side))

    def _with_window(self, sides: dict[int | None, int] | dict[int, int]) -> Plan:
        changed = dict(sides)
        window = tuple(changed.get(axis, self.window[axis]) for axis in range(3))
        return dataclasses.replace(self, window=window)


def make_plan(
    card: ModelCard,
    config: InferenceConfig,
    size: tuple[int, ...],
    *,
    slice_axis: int | None,
    divisor: int,
    device: torch.device,
) -> Plan:
    """Choose windows, batch and precision for an image of `size` ``(D, H, W)``.

    Parameters
    ----------
    card : ModelCard
        Of the model.
    config : InferenceConfig
        What the user asks for.
    size : tuple of int
        On the network's grid; D = 1 for an image.
    slice_axis : int or None
        What a 2D network steps along (0 for an image); None for a 3D network.
    divisor : int
        Of the network.
    device : torch.device
        Where it is to run.

    Raises
    ------
    ValueError
        If the config asks for what this model cannot do.
    """
    asked, resized = _asked_window(card, config)
    axes = [axis for axis in range(3) if axis != slice_axis]
    window = [1, 1, 1]
    for index, axis in enumerate(axes):
        window[axis] = _up(size[axis] if asked is None else asked[index], divisor)
    if slice_axis is not None:
        pixels = window[axes[0]] * window[axes[1]]
        window[slice_axis] = _batch(size[slice_axis], pixels, device)
    automatic = config.precision == "auto" and device.type == "cuda"
    plan = Plan(
        size=size,
        window=tuple(window),
        overlap=config.overlap,
        slice_axis=slice_axis,
        divisor=divisor,
        resized=resized,
        device=device,
        mixed=automatic or config.precision == "mixed",
    )
    return dataclasses.replace(plan, sums_on_cpu=_sums_do_not_fit(plan, card.out_channels))


def _asked_window(card: ModelCard, config: InferenceConfig) -> tuple[tuple[int, ...] | None, bool]:
    """Return the sides of the windows, None for all in one, and whether it is the card's size."""
    dims = card.spatial_dims
    if config.strategy == "slices" and dims == 3:
        raise ValueError(
            f"{card.name!r} is a 3-D model and cannot go slice by slice; "
            "choose the strategy auto or windows"
        )
    resized = card.preprocessing.size is not None and config.window is None
    asked = config.window or card.preprocessing.window
    if config.strategy == "windows" and asked is None:
        asked = (_DEFAULT_WINDOW[dims],) * dims
        resized = False
    if asked is not None and len(asked) != dims:
        raise ValueError(
            f"window {tuple(asked)} has {len(asked)} sides, {card.name!r} needs {dims} "
            f"({'H, W' if dims == 2 else 'D, H, W'})"
        )
    return (None if resized or config.strategy == "whole" else asked), resized


def _sums_do_not_fit(plan: Plan, classes: int) -> bool:
    """Whether sums would take more than half of what the accelerator has left."""
    if plan.device.type == "cpu":
        return False
    free = free_memory(plan.device)
    tiling = plan.tiling
    return free is not None and 4 * (classes + 1) * tiling.floats(tiling.order) > free / 2


def _batch(slices: int, pixels: int, device: torch.device) -> int:
    """Return how many slices go together: as many as are quick, in batches of about one size."""
    most = max(1, min(16, _PIXELS_AT_ONCE.get(device.type, 1 << 18) // pixels))
    batches = -(-slices // most)
    return -(-slices // batches)


def _up(side: int, divisor: int) -> int:
    return -(-side // divisor) * divisor


def _three(values: tuple[int, ...]) -> tuple[int, int, int]:
    depth, height, width = values
    return depth, height, width
