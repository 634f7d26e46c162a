"""One pass of a view through a model, with the maps of some layers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from napari_medseg.engine.inference import is_out_of_memory
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.explain.blend import Blend
from napari_medseg.explain.capture import check_maps, cropped, record, recorded_bytes
from napari_medseg.explain.layers import Layer, find_layer
from napari_medseg.explain.memory import By, check_pass
from napari_medseg.explain.place import Place
from napari_medseg.explain.room import room
from napari_medseg.explain.view import View
from napari_medseg.progress import Report, Step, silent


@dataclass(frozen=True, eq=False)
class Pass:
    """What a pass gave, on the CPU.

    Parameters
    ----------
    view : View
        What was passed.
    logits : Tensor
        ``(B, K, *S')``.
    maps : dict of str to Tensor
        ``(B, channels, *S'')`` by layer; of a view with a box what touches it.
    layers : dict of str to Layer
        The same layers.
    """

    view: View
    logits: Tensor
    maps: dict[str, Tensor]
    layers: dict[str, Layer]

    def placed(self, name: str) -> tuple[np.ndarray, Place]:
        """Return the maps of a layer over the image, see `View.placed`."""
        return self.view.placed(self.maps[name], self.layers[name].stride)

    def laid(self, name: str) -> tuple[Tensor, Place]:
        """Return the maps of a layer over the image, see `View.laid`."""
        return self.view.laid(self.maps[name], self.layers[name].stride)


def run(
    segmenter: Segmenter,
    view: View,
    names: Sequence[str] = (),
    *,
    half: bool | None = None,
    limit: int | None = None,
    report: Report = silent,
) -> Pass:
    """Run a view, slice by slice where it has several, and in its windows; see `record`.

    Where `half` is None, maps are recorded in half precision if there is no room for them else.

    Raises
    ------
    TooLarge
        Before anything is computed, if maps and logits take more than `limit`, or than they may.
    """
    network, layers = segmenter.network, {n: find_layer(segmenter.network, n) for n in names}
    beside = 4 * math.prod((len(view.image), segmenter.card.out_channels, *view.size))
    what = list(layers.values()), view.image.shape, view.crop
    if half is None:
        half = beside + recorded_bytes(*what) > room(limit)
    check_maps(network, *what, limit=limit, item=2 if half else 4, beside=beside)
    found: list[dict[str, Tensor]] = []
    with looking(segmenter, view, report) as outer:
        for index, image in enumerate(view.image):
            if view.windows is not None:
                found.append(_blended(segmenter, view, image, layers, half, limit, outer))
                continue
            outer(Step(index, len(view.image), "slice" if len(view.image) > 1 else "window"))
            with record(network, names, crop=view.crop, half=half, limit=limit) as maps:
                answer = network(image[None].to(segmenter.device))
            found.append({**maps, "": answer.float().cpu()})
    together = {name: torch.cat([one[name] for one in found]) for name in found[0]}
    return Pass(view, together.pop(""), together, layers)


def in_windows(
    view: View, image: Tensor, report: Report
) -> Iterator[tuple[tuple[int, ...], Tensor]]:
    """Yield the corner and the part ``(1, C, *window)`` of every window of ``(C, *S')``."""
    assert view.windows is not None
    for done, corner in enumerate(view.windows.corners()):
        report(Step(done, len(view.windows), "window"))
        yield corner, image[(slice(None), *view.windows.part(corner))][None]


def _blended(
    segmenter: Segmenter,
    view: View,
    image: Tensor,
    layers: dict[str, Layer],
    half: bool,
    limit: int | None,
    report: Report,
) -> dict[str, Tensor]:
    """Return the blended maps ``(1, n, *S'')`` of one slice or volume, and as "" its logits."""
    assert view.windows is not None
    sums = {
        name: Blend(view.windows, layer.stride, cropped(view.crop, layer.stride, view.size))
        for name, layer in layers.items()
    }
    answer = Blend(view.windows, 1, tuple(slice(0, side) for side in view.size))
    for corner, part in in_windows(view, image, report):
        with record(segmenter.network, list(layers), half=half, limit=limit) as maps:
            logits = segmenter.network(part.to(segmenter.device))
        answer.add(logits[0].cpu(), corner)
        for name, blend in sums.items():
            blend.add(maps[name][0], corner)
    found = {name: blend.blended()[None] for name, blend in sums.items()}
    if half:
        found = {name: maps.half() for name, maps in found.items()}
    return {**found, "": answer.blended()[None]}


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
def looking(
    segmenter: Segmenter, view: View, report: Report = silent, *, batch: int = 1, by: By = None
) -> Iterator[Report]:
    """Have the network to oneself as `Segmenter.running` does, if there is memory for the passes.

    Parameters
    ----------
    segmenter, view
        The model and what it is given.
    report : Report
        May raise `Cancelled`.
    batch : int
        How many images like the view's are given at once.
    by : sequence of str or None
        See `memory.By`.

    Raises
    ------
    TooLarge
        Before anything is computed, if a pass takes more memory than there is.
    OSError
        If the memory does not suffice after all.
    """
    try:
        with segmenter.running(report) as outer:
            check_pass(segmenter, view.at_once, batch=batch, by=by)
            yield outer
    except (RuntimeError, MemoryError) as error:  # the CPU's allocator raises a plain RuntimeError
        if isinstance(error, RuntimeError) and not is_out_of_memory(error):
            raise
        raise OSError(
            "there is not enough memory to look at so much at once; look at a window instead of "
            "the whole image, at fewer slices, or at a coarser layer"
        ) from error


@contextmanager
def differentiating(
    segmenter: Segmenter, view: View, by: Sequence[str] = (), report: Report = silent
) -> Iterator[Report]:
    """Have the network to oneself as `looking` does, to take gradients.

    Parameters
    ----------
    by : sequence of str
        Layers that are recorded live, see `record`; without any, the image.
    """
    with (
        looking(segmenter, view, report, by=tuple(by)) as outer,
        torch.inference_mode(False),
        torch.set_grad_enabled(not by),
    ):
        yield outer
