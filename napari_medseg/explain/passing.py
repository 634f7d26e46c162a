"""One pass of a view through a model, with the maps of some layers."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from napari_medseg.engine.inference import is_out_of_memory
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.explain.capture import record
from napari_medseg.explain.view import View
from napari_medseg.progress import Report, Step, silent

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, eq=False)
class Pass:
    """What a pass gave, on the CPU.

    Parameters
    ----------
    logits : Tensor
        ``(B, K, *S')``.
    maps : dict of str to Tensor
        ``(B, channels, *S'')`` by layer.
    """

    logits: Tensor
    maps: dict[str, Tensor]


def run(
    segmenter: Segmenter,
    view: View,
    names: Sequence[str] = (),
    *,
    crop: Sequence[slice] | None = None,
    half: bool = False,
    limit: int | None = None,
    report: Report = silent,
) -> Pass:
    """Run a view, slice by slice where it has several; see `record` for the maps."""
    logits, maps = [], []
    with looking(segmenter, report) as outer:
        for index, image in enumerate(view.image):
            outer(Step(index, len(view.image), "slice" if len(view.image) > 1 else "window"))
            share = None if limit is None else limit // len(view.image)
            with record(segmenter.network, names, crop=crop, half=half, limit=share) as found:
                answer = segmenter.network(image[None].to(segmenter.device))
            logits.append(answer.float().cpu())
            maps.append(found)
    return Pass(torch.cat(logits), {name: torch.cat([m[name] for m in maps]) for name in maps[0]})


def probabilities_of(logits: Tensor, activation: str) -> Tensor:
    """Return probabilities of ``(B, K, *S)`` by the card's activation."""
    return logits.softmax(1) if activation == "softmax" else logits.sigmoid()


def classes_of(probabilities: Tensor, activation: str) -> Tensor:
    """Return which voxels are of each class: ``(B, K, *S)`` bool."""
    if activation == "sigmoid":
        return probabilities > 0.5
    best = probabilities.argmax(1, keepdim=True)
    return torch.zeros_like(probabilities, dtype=torch.bool).scatter(1, best, True)


@contextmanager
def looking(segmenter: Segmenter, report: Report = silent) -> Iterator[Report]:
    """Have the network to oneself as `Segmenter.running` does.

    Raises
    ------
    OSError
        If the memory does not suffice for what is done with it.
    """
    try:
        with segmenter.running(report) as outer:
            yield outer
    except (RuntimeError, MemoryError) as error:  # the CPU's allocator raises a plain RuntimeError
        if isinstance(error, RuntimeError) and not is_out_of_memory(error):
            raise
        raise OSError(
            "there is not enough memory to look at so much at once; look at a window instead of "
            "the whole image, at fewer slices, or at a coarser layer"
        ) from error


@contextmanager
def differentiating(segmenter: Segmenter, report: Report = silent) -> Iterator[Report]:
    """Have the network to oneself as `looking` does, with gradients."""
    with (
        looking(segmenter, report) as outer,
        torch.inference_mode(False),
        torch.enable_grad(),
    ):
        yield outer
