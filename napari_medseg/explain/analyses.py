"""Numbers per layer, after figures of the papers, which give no formulas: ours are stated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.explain.classes import class_mask, class_share, mostly
from napari_medseg.explain.layers import find_layer, named_layers
from napari_medseg.explain.passing import Pass, run
from napari_medseg.explain.table import Cell, Table
from napari_medseg.explain.view import View
from napari_medseg.progress import Report, silent

_BINS = 16  # of the frequencies
_SMALLEST = 8  # voxels a side whose frequencies can be told apart


def channel_redundancy(
    segmenter: Segmenter,
    view: View,
    layers: Sequence[str] | None = None,
    *,
    report: Report = silent,
) -> Table:
    """Return how much the channels of each layer repeat each other.

    Parameters
    ----------
    segmenter, view
        The model and what it sees.
    layers : sequence of str or None
        None is the network's stages.
    report : Report
        May raise `Cancelled`.

    Raises
    ------
    ValueError
        If there is no such layer.

    Source: after LGMSNet, arXiv:2508.15476, figure 1c; the definition is ours.
    """
    passed, names = _passed(segmenter, view, layers, report)
    rows: list[tuple[Cell, ...]] = []
    for name in names:
        values = passed.placed(name)[0]
        matrix = values.reshape(len(values), -1).astype(np.float64)
        sizes = np.linalg.norm(matrix, axis=1)
        alive = sizes > 0
        unit = matrix[alive] / sizes[alive, None]
        squares = np.linalg.eigvalsh(unit @ unit.T).clip(0) if len(unit) else np.zeros(1)
        mean = float(np.sqrt(squares).mean())
        same = 1 / np.sqrt(max(len(unit), 1))
        rows.append((name, len(values), int(np.count_nonzero(~alive)), mean, float(same)))
    return Table(
        "channel redundancy",
        "how much the channels of each layer repeat each other: 1 is not at all",
        ("layer", "channels", "silent channels", "mean singular value", "if all were the same"),
        tuple(rows),
        definition="mean singular value of the matrix of channels by voxels, each channel scaled "
        "to length 1, channels that are 0 everywhere left out; 1 where all are orthogonal, one "
        "over the root of their number where all are the same (after LGMSNet, Fig. 1c)",
        measure="mean singular value",
    )


def activation_ratio(
    segmenter: Segmenter,
    view: View,
    value: int,
    layers: Sequence[str] | None = None,
    *,
    labels: np.ndarray | None = None,
    report: Report = silent,
) -> Table:
    """Return how much stronger each layer answers inside a class than outside.

    Parameters
    ----------
    segmenter, view, layers
        As for `channel_redundancy`.
    value : int
        Label value of the class.
    labels : ndarray or None
        ``(*S)`` of the image; None is the model's answer.
    report : Report
        May raise `Cancelled`.

    Raises
    ------
    ValueError
        If there is no such layer, or the class is nowhere or everywhere in the view.

    Source: after LGMSNet, arXiv:2508.15476, figure 1d; the definition is ours.
    """
    passed, names = _passed(segmenter, view, layers, report)
    class_share(segmenter, view, passed.logits, labels, value, 1)  # refuses what is not there
    mask = class_mask(segmenter, view, passed.logits, labels, value)
    rows: list[tuple[Cell, ...]] = []
    for name in names:
        values = np.abs(passed.placed(name)[0])
        inside = mostly(view, mask, find_layer(segmenter.network, name).stride)
        if inside.all():
            continue
        within, without = float(values[:, inside].mean()), float(values[:, ~inside].mean())
        rows.append((name, within, without, within / max(without, 1e-12)))
    return Table(
        "activation ratio",
        "how much stronger each layer answers inside the class than outside",
        ("layer", "mean inside", "mean outside", "ratio"),
        tuple(rows),
        definition="mean absolute value over channels and voxels that are mostly of the class, "
        "over that of all others; layers too coarse to tell them apart are left out (after "
        "LGMSNet, Fig. 1d)",
    )


def log_amplitude(
    segmenter: Segmenter,
    view: View,
    layers: Sequence[str] | None = None,
    *,
    report: Report = silent,
) -> Table:
    """Return how much of each layer's maps is fine detail.

    Parameters and errors as for `channel_redundancy`; layers of less than 8 voxels a side are
    left out.

    Source: after MSA²Net, arXiv:2407.21640, supplement A, and Park & Kim 2022, How do vision
    transformers work?, arXiv:2202.06709, section 3; the definition is ours.
    """
    passed, names = _passed(segmenter, view, layers, report)
    columns = {}
    for name in names:
        values = passed.placed(name)[0]
        axes = _network_axes(view, values)
        if min(values.shape[a] for a in axes) >= _SMALLEST:
            columns[name] = _spectrum(values, axes)
    middles = (np.arange(_BINS) + 0.5) / _BINS
    rows = tuple(
        (round(float(f), 4), *(float(c[i]) for c in columns.values()))
        for i, f in enumerate(middles)
    )
    return Table(
        "log amplitude over frequency",
        "how much of each layer's maps is fine detail",
        ("frequency", *columns),
        rows,
        definition="frequency as a share of the finest the layer's grid can hold; natural "
        "logarithm of the mean amplitude of the Fourier transform over channels and directions, "
        "minus that of the lowest frequencies (after MSA2Net, supplement A)",
        kind="lines",
    )


def _passed(
    segmenter: Segmenter, view: View, layers: Sequence[str] | None, report: Report
) -> tuple[Pass, list[str]]:
    known = named_layers(segmenter.network)
    names = [n for n, layer in known.items() if layer.stage] if layers is None else list(layers)
    for name in names:
        find_layer(segmenter.network, name)
    return run(segmenter, view, names, report=report), names


def _network_axes(view: View, values: np.ndarray) -> tuple[int, ...]:
    """Return the axes of placed maps ``(n, *S)`` that the network sees."""
    if values.ndim == 3 or view.slice_axis is None:
        return tuple(range(1, values.ndim))
    return tuple(1 + a for a in range(3) if a != view.slice_axis)


def _spectrum(values: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """Return the log amplitude in `_BINS` bins of frequency, 0 to the largest along an axis."""
    amplitude = np.abs(np.fft.fftn(values, axes=axes))
    squares = np.zeros((1,) * values.ndim)
    for axis in axes:
        frequency = np.fft.fftfreq(values.shape[axis]) * 2  # 1: the finest
        shape = [-1 if a == axis else 1 for a in range(values.ndim)]
        squares = squares + np.square(frequency).reshape(shape)
    radius = np.broadcast_to(np.sqrt(squares), values.shape)
    index = np.minimum((radius * _BINS).astype(int), _BINS)  # corners beyond 1 go into the last
    total = np.bincount(index.ravel(), amplitude.ravel(), minlength=_BINS + 1)[:_BINS]
    count = np.bincount(index.ravel(), minlength=_BINS + 1)[:_BINS]
    mean = np.log(np.maximum(total / np.maximum(count, 1), 1e-12))
    known = count > 0
    mean = np.interp(np.arange(_BINS), np.flatnonzero(known), mean[known])
    return np.asarray(mean - mean[0])
