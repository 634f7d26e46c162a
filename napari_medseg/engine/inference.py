"""Run a network over a prepared image: windows, whole or slice by slice, and in what memory allows.

One engine does all of it: a 2D network on a volume has windows that are a batch of slices thick and
do not overlap there; a whole image is one window.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import gc
import math
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn

from napari_medseg.engine.body import body_box
from napari_medseg.engine.card import ModelCard
from napari_medseg.engine.device import free_memory
from napari_medseg.engine.inference_config import InferenceConfig
from napari_medseg.engine.part import Box, checked_box, network_box, placed, touching
from napari_medseg.engine.plan import Plan, make_plan
from napari_medseg.engine.predictor import on_cpu, predictor
from napari_medseg.engine.preprocess import Prepared
from napari_medseg.engine.readout import NotFiniteError, Reader, Readout
from napari_medseg.engine.resample import AxisMap, Resampler
from napari_medseg.engine.sliding_window import Consume, sliding_window
from napari_medseg.progress import Report, Step, silent

_MEMORY_FULL = (
    "out of memory",
    "not enough memory",
    "can't allocate memory",
    "alloc_failed",
    "could not create a primitive",  # what oneDNN says of convolutions
)


@dataclasses.dataclass(frozen=True, eq=False)
class Answer:
    """What a run gave: the filled readout, how it was run in the end, and what to say about it."""

    readout: Readout
    plan: Plan
    notes: tuple[str, ...]


def infer(
    network: nn.Module,
    card: ModelCard,
    prepared: Prepared,
    config: InferenceConfig,
    *,
    slice_axis: int | None,
    device: torch.device,
    box: Box | None = None,
    report: Report = silent,
) -> Answer:
    """Run `network`, which is in eval mode and on `device`, over `prepared`.

    Parameters
    ----------
    network : nn.Module
        ``(B, C, *S) -> (B, K, *S)``; sides are multiples of its `divisor` if it has one.
    card : ModelCard
        What its channels mean and how it was trained.
    prepared : Prepared
        Image ``(C, D, H, W)`` and its grid (D = 1 for an image).
    config : InferenceConfig
        What the user asks for.
    slice_axis : int or None
        What a 2D network steps along (0 for an image), None for a 3D network.
    device : torch.device
        Where to run as long as its memory lasts.
    box : tuple of slice or None
        Which voxels ``(D, H, W)`` of the input's grid are wanted; the readout holds only these.
    report : Report
        Called before every window; may raise `Cancelled`.

    Raises
    ------
    ValueError
        If the config asks for what the model cannot do, or the answer is not a number.
    OSError
        If there is not enough memory even for the lightest way.
    """
    check_flips(card, config)
    wanted = checked_box(box, prepared.grid.input_shape)
    shape = tuple(b.stop - b.start for b in wanted)
    if config.probabilities:
        _check_room(4 * card.out_channels * math.prod(shape))
    readout = Readout(
        shape,
        card,
        probabilities=config.probabilities,
        uncertainty=config.uncertainty,
    )
    plan, notes = read_out(
        network,
        card,
        prepared,
        config,
        readout,
        slice_axis=slice_axis,
        device=device,
        wanted=wanted,
        report=report,
    )
    return Answer(readout, plan, notes)


def read_out(
    network: nn.Module,
    card: ModelCard,
    prepared: Prepared,
    config: InferenceConfig,
    readout: Reader,
    *,
    slice_axis: int | None,
    device: torch.device,
    wanted: Box,
    report: Report = silent,
) -> tuple[Plan, tuple[str, ...]]:
    """Run `network` as `infer` does and hand the logits of `wanted` to `readout`.

    Parameters are those of `infer`; `readout` may take more channels than the card has classes,
    if `network` returns them. Returns how it was run in the end, and what to say about it.
    """
    divisor = int(getattr(network, "divisor", 1))
    choose = functools.partial(
        make_plan, card, config, slice_axis=slice_axis, divisor=divisor, device=device
    )
    report(Step(0, 0, "window"))  # the body takes a moment to find
    plan, body = _crop(choose, prepared.image, config)
    needed = network_box(prepared.grid, wanted)
    first, notes = plan, []
    while (touched := touching(plan, body, needed)) is not None:
        outcome = _attempt(network, card, prepared, config, touched, wanted, readout, report)
        if outcome is None:
            break
        if outcome == "not finite":
            plan = _in_full_precision(plan, card)
            notes.append("mixed precision overflowed: used float32")
            continue
        plan = _lighter(plan, prepared.grid.input_shape)
        report(Step(0, len(touched[0].tiling), "window", note=first.difference(plan)))
    if dataclasses.replace(plan, mixed=first.mixed) != first:
        notes.append(first.difference(plan))
    return plan, tuple(notes)


def _in_full_precision(plan: Plan, card: ModelCard) -> Plan:
    """Return the plan to try where the answer is not finite."""
    if not plan.mixed:
        raise ValueError(
            f"the answer of {card.name!r} is not a number (NaN); its weights may be damaged, or "
            "this image is far from what it was trained on: choose another"
        )
    return dataclasses.replace(plan, mixed=False)


def _lighter(plan: Plan, shape: Sequence[int]) -> Plan:
    """Return the plan to try where memory was not enough."""
    lighter = plan.lighter()
    if lighter is None:
        raise OSError(
            f"there is not enough memory on {plan.device} for an image of "
            f"{'x'.join(map(str, shape))} voxels; close other programs or choose a smaller image"
        )
    return lighter


def check_flips(card: ModelCard, config: InferenceConfig) -> None:
    """Raise a `ValueError` if the answer is to be averaged over mirrors the model does not know."""
    if config.flips and not card.mirrored:
        raise ValueError(
            f"{card.name!r} was not trained on mirrored images, so averaging over mirrored copies "
            "would harm its answer; turn that off"
        )


def _attempt(
    network: nn.Module,
    card: ModelCard,
    prepared: Prepared,
    config: InferenceConfig,
    touched: tuple[Plan, Box],
    wanted: Box,
    readout: Reader,
    report: Report,
) -> str | None:
    """Run once; return None if it went through, else why not ("memory", "not finite")."""
    plan, part = touched
    try:
        if plan.device.type == "cpu":
            network = on_cpu(network)
        grid = prepared.grid
        consume: Consume = placed(readout, wanted, [p.start for p in part])
        if not grid.is_identity:
            sides = zip(grid.input_shape, grid.shape, part, wanted, strict=True)
            axes = [AxisMap.of(*side) for side in sides]
            consume = Resampler(axes, plan.tiling.order[0], placed(readout, wanted))
        sliding_window(
            predictor(network, card, plan, flips=config.flips, channels=readout.channels),
            prepared.image[(slice(None), *part)],
            plan.tiling,
            consume,
            normalise=readout.needs_normalised or not grid.is_identity,
            device=torch.device("cpu") if plan.sums_on_cpu else None,
            report=_in_slices(plan, report),
        )
        return None
    except NotFiniteError:
        reason = "not finite"
    except RuntimeError as error:  # torch.OutOfMemoryError is one; the CPU raises it plain
        if not is_out_of_memory(error):
            raise
        reason = "memory"
    gc.collect()  # outside the handler: the error held the frames that hold the tensors
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return reason


def _check_room(needed: int) -> None:
    """Refuse what the host cannot hold; Linux would promise it and kill the program later."""
    free = free_memory(torch.device("cpu"))
    if free is not None and needed > free:
        raise OSError(
            f"the probabilities need {needed / 1e9:.1f} GB and {free / 1e9:.1f} GB are free; "
            "ask for labels only, or for a part of the image"
        )


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether torch says that a device or the host has no memory left."""
    text = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError) or any(t in text for t in _MEMORY_FULL)


@contextlib.contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Put a network into eval mode; afterwards every module is in the mode it was in."""
    training = [module for module in network.modules() if module.training]
    network.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


def _crop(
    choose: Callable[[tuple[int, ...]], Plan], image: Tensor, config: InferenceConfig
) -> tuple[Plan, Box]:
    """Leave out the air around the body where that saves work and changes no window's view."""
    size = tuple(image.shape[1:])
    plan, everything = choose(size), tuple(slice(0, s) for s in size)
    if config.exact or not config.crop_to_body or plan.resized or size[0] == 1:
        return plan, everything
    croppable = set(range(3)) if not plan.is_whole else {plan.slice_axis}
    if croppable == {None}:
        return plan, everything
    found = body_box(image)
    box = tuple(
        _widened(found[axis], plan.window[axis], size[axis]) if axis in croppable else whole
        for axis, whole in enumerate(everything)
    )
    cropped = choose(tuple(b.stop - b.start for b in box))
    return (cropped, box) if cropped.work < plan.work else (plan, everything)


def _widened(box: slice, window: int, size: int) -> slice:
    """Let a window that is larger than the box see what is there instead of padding."""
    length = min(max(box.stop - box.start, window), size)
    start = (box.start + box.stop - length) // 2
    start = min(max(start, 0), size - length)
    return slice(start, start + length)


def _in_slices(plan: Plan, report: Report) -> Report:
    """Count slices instead of windows where a window is a batch of whole slices."""
    if plan.slice_axis is None or not plan.is_whole or plan.size[plan.slice_axis] == 1:
        return report
    batch, slices = plan.window[plan.slice_axis], plan.size[plan.slice_axis]

    def counted(step: Step) -> None:
        report(Step(min(step.done * batch, slices), slices, "slice", step.note))

    return counted
