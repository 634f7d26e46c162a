"""The learnt curves of Kolmogorov-Arnold layers, with the inputs they saw."""

from __future__ import annotations

import csv
import io
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.explain.passing import looking
from napari_medseg.explain.view import View
from napari_medseg.io.atomic import atomic_path
from napari_medseg.nearest import did_you_mean
from napari_medseg.networks.blocks.kan import ChannelSpline, KANLinear
from napari_medseg.progress import Report, Step, silent

_BEYOND = 1.25  # times the grid: how far curves are drawn
_BINS = 40
_FEW_INPUTS = 16  # a gate per image sees one
_MOST_INPUTS = 1 << 20  # values that a histogram is made from


@dataclass(frozen=True, eq=False)
class Curves:
    """Learnt functions of one variable and where their inputs lay.

    Parameters
    ----------
    name, words : str
        The layer, and what is shown.
    points : ndarray
        ``(p,)``: abscissae.
    values : ndarray
        ``(n, p)``: the functions there.
    channels : tuple of str
        What each function connects.
    edges : ndarray
        ``(bins + 1,)`` of the histograms.
    counts : ndarray
        ``(n, bins)``: inputs seen in the view.
    bounds : tuple of float
        The grid of the splines.
    notes : tuple of str
        What a person should know.
    """

    name: str
    words: str
    points: np.ndarray
    values: np.ndarray
    channels: tuple[str, ...]
    edges: np.ndarray
    counts: np.ndarray
    bounds: tuple[float, float]
    notes: tuple[str, ...] = ()

    def save(self, path: str | Path) -> None:
        """Write ``.csv``: a row per point with all functions, then a row per bin with the counts.

        Raises
        ------
        ValueError
            If the name does not end in ``.csv``.
        OSError
            If it cannot be written.
        """
        path = Path(path)
        if path.suffix.lower() != ".csv":
            raise ValueError(f"{path.name}: curves are written as .csv; choose such a name")
        lines = io.StringIO()
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(("kind", "x", *self.channels))
        for x, row in zip(self.points.tolist(), self.values.T.tolist(), strict=True):
            writer.writerow(("curve", x, *row))
        middles = (self.edges[:-1] + self.edges[1:]) / 2
        for x, counts in zip(middles.tolist(), self.counts.T.tolist(), strict=True):
            writer.writerow(("inputs", x, *counts))
        with atomic_path(path) as target:
            target.write_text(lines.getvalue(), encoding="utf-8")


def spline_layers(network: nn.Module) -> dict[str, KANLinear | ChannelSpline]:
    """Return the layers with learnt curves, by name."""
    return {
        name: module
        for name, module in network.named_modules()
        if isinstance(module, KANLinear | ChannelSpline)
    }


def spline_curves(
    segmenter: Segmenter,
    view: View,
    layer: str,
    *,
    which: Sequence[int] | None = None,
    most: int = 16,
    points: int = 201,
    report: Report = silent,
) -> Curves:
    """Return curves of a layer with a histogram of the inputs they saw in a view.

    Parameters
    ----------
    segmenter, view
        The model and what it sees.
    layer : str
        A key of `spline_layers`.
    which : sequence of int or None
        Which curves: channels, or edges counted output by output. None is those whose values vary
        most over the inputs seen or, where these are few, over the grid.
    most : int
        How many, where `which` is None.
    points : int
        Abscissae, over the grid and a little beyond.
    report : Report
        May raise `Cancelled`.

    Raises
    ------
    ValueError
        If the model has no such layer, or it no such curve.
    """
    known = spline_layers(segmenter.network)
    if layer not in known:
        raise ValueError(
            f"{segmenter.card.name!r} has no learnt curves at {layer!r}"
            f"{did_you_mean(layer, known)}; it has them at {', '.join(known) or 'no layer'}"
        )
    module, view = known[layer], view.one_window()
    low, high = module.bounds
    middle, reach = (low + high) / 2, (high - low) / 2 * _BEYOND
    at = torch.linspace(middle - reach, middle + reach, points, device=segmenter.device)
    seen = _inputs_of(segmenter, view, module, report)
    with torch.no_grad():
        curves = module.curves(at).cpu()
    inputs = curves.shape[-2]
    curves = curves.reshape(-1, points)
    order = list(which) if which is not None else _most_varied(curves, at.cpu(), seen, most)
    if any(not 0 <= i < len(curves) for i in order):
        raise ValueError(f"{layer} has curves 0 to {len(curves) - 1}; choose among these")
    edges, counts = _histograms(seen[[i % inputs for i in order]], float(at[0]), float(at[-1]))
    outside = float(((seen < low) | (seen > high)).float().mean())
    return Curves(
        name=layer,
        words=f"learnt curves of {layer}, and the inputs they saw",
        points=at.cpu().numpy(),
        values=curves[order].numpy(),
        channels=tuple(_curve_name(module, i, inputs) for i in order),
        edges=edges,
        counts=counts,
        bounds=(low, high),
        notes=(f"{outside:.1%} of the inputs lie beyond the grid from {low:g} to {high:g}",),
    )


def _histograms(seen: Tensor, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Return edges ``(bins + 1,)`` and counts ``(n, bins)`` of inputs ``(n, N)``, ends included."""
    edges = np.linspace(low, high, _BINS + 1)
    return edges, np.stack([np.histogram(one.numpy().clip(low, high), edges)[0] for one in seen])


def _inputs_of(segmenter: Segmenter, view: View, module: nn.Module, report: Report) -> Tensor:
    """Return what a layer was given in a view, ``(I, N)``, at most `_MOST_INPUTS` values."""
    thread, found = threading.get_ident(), []

    def keep(layer: nn.Module, inputs: tuple[Any, ...]) -> None:
        if threading.get_ident() == thread:
            values = inputs[0].detach().float().flatten(0, -2).T  # (I, N)
            step = max(1, values.numel() // _MOST_INPUTS)
            found.append(values[:, ::step].cpu().clone())

    with looking(segmenter, view, report) as outer:
        hook = module.register_forward_pre_hook(keep)
        try:
            for index, image in enumerate(view.image):
                outer(Step(index, len(view.image), "slice"))
                segmenter.network(image[None].to(segmenter.device))
        finally:
            hook.remove()
    return torch.cat(found, dim=1)


def _most_varied(curves: Tensor, at: Tensor, seen: Tensor, most: int) -> list[int]:
    """Return the curves ``(n, p)`` whose values at the inputs seen, or if few at `at`, differ."""
    inputs, count = seen.shape
    if count < _FEW_INPUTS:
        spread = curves.var(dim=1, correction=0)
    else:
        nearest = torch.bucketize(seen.clamp(at[0], at[-1]), at).clamp(max=len(at) - 1)
        each = [curve[nearest[i % inputs]].var(correction=0) for i, curve in enumerate(curves)]
        spread = torch.stack(each)
    best = spread.sort(descending=True, stable=True).indices[:most]
    return [int(i) for i in best]


def _curve_name(module: nn.Module, index: int, inputs: int) -> str:
    if isinstance(module, ChannelSpline):
        return f"channel {index + 1}"
    return f"input {index % inputs + 1} to output {index // inputs + 1}"
