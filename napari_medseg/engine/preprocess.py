"""From a volume as it came to the image a network expects: values, then grid.

Values: not-finite voxels get the smallest finite value, then `unit_range`, `clip`,
`clip_percentiles` and normalising, each per channel over *all* voxels of the volume (no mask: it
is one rule for photographs, scans and cropped organs; a 2D network on a volume takes the
statistics of the whole stack, so that an empty slice stays empty). Then the image is resampled to
the card's spacing or size; `Grid` is the way back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from napari_medseg.engine.card import Preprocessing
from napari_medseg.engine.grid import Grid
from napari_medseg.engine.value_checks import (
    check_contrast,
    check_finite,
    check_statistics,
    filling_notes,
)
from napari_medseg.progress import Report, Step, silent
from napari_medseg.volume import Volume


@dataclass(frozen=True, eq=False)
class Prepared:
    """What a network is given.

    Parameters
    ----------
    image : Tensor
        ``(C, *S')`` float32 on the CPU, normalised, on the network's grid.
    grid : Grid
        How that grid lies over the input's.
    notes : tuple of str
        What a person should know about what was done, often nothing.
    """

    image: Tensor
    grid: Grid
    notes: tuple[str, ...] = ()


def prepare(
    volume: Volume,
    preprocessing: Preprocessing,
    *,
    spatial_dims: int,
    in_channels: int | None = None,
    slice_axis: int | None = None,
    may_miss: bool = False,
    report: Report = silent,
) -> Prepared:
    """Bring `volume` to the values and the grid of a model.

    Parameters
    ----------
    volume : Volume
        2D or 3D. A 2D model takes a 3D volume as a stack of slices along `slice_axis`, which is
        not resampled; the image keeps three axes then.
    preprocessing : Preprocessing
        From the model's card.
    spatial_dims : int
        2 or 3: what the network works on.
    in_channels : int or None
        Channels the network expects; None takes what comes.
    slice_axis : int or None
        Axis a 2D model steps along; None is `default_slice_axis`.
    may_miss : bool
        Whether channels may be missing: one that is NaN everywhere becomes 0 everywhere.
    report : Report
        Called between the passes over the voxels; may raise `Cancelled`.

    Raises
    ------
    ValueError
        If the volume cannot be what the model expects: dimensions, channels, no finite or no
        differing values.
    """
    check_volume(volume, preprocessing, spatial_dims=spatial_dims, in_channels=in_channels)
    values, notes = normalise_values(volume, preprocessing, report, may_miss=may_miss)
    grid, more = network_grid(volume, preprocessing, spatial_dims, slice_axis)
    if preprocessing.bgr:
        values = values[::-1].copy()
    image = grid.resample_image(torch.from_numpy(values), report)
    return Prepared(image, grid, (*notes, *more))


def check_volume(
    volume: Volume,
    preprocessing: Preprocessing,
    *,
    spatial_dims: int,
    in_channels: int | None = None,
) -> None:
    """Raise a `ValueError` that says why a model cannot take `volume`, if it cannot."""
    name = volume.name or "image"
    if spatial_dims == 3 and volume.spatial_dims == 2:
        raise ValueError(
            f"This model expects 3-D volumes; '{name}' is 2-D. Choose a 2-D model or a volume."
        )
    channels = volume.array.shape[0]
    if in_channels is not None and channels != in_channels:
        raise ValueError(
            f"'{name}' has {_channels(channels, volume.channels)}, this model expects "
            f"{_channels(in_channels, preprocessing.channels)}. Choose another model or an image "
            "with these channels."
        )
    if volume.array.size == 0:
        raise ValueError(f"'{name}' has no voxels {volume.shape}; choose another image.")


def _channels(count: int, names: tuple[str, ...]) -> str:
    known = f" ({', '.join(names)})" if len(names) == count else ""
    return f"{count} channel{'s' if count != 1 else ''}{known}"


def default_slice_axis(volume: Volume) -> int:
    """Return the axis of the largest spacing, D if several share it: what slices are cut along."""
    return int(np.argmax(volume.spacing))


def network_grid(
    volume: Volume,
    preprocessing: Preprocessing,
    spatial_dims: int,
    slice_axis: int | None = None,
) -> tuple[Grid, list[str]]:
    """Return the grid the card asks for, and notes where it cannot be had.

    Parameters
    ----------
    volume : Volume
        The image, ``(C, *S)``.
    preprocessing : Preprocessing
        From the card.
    spatial_dims : {2, 3}
        Of the network.
    slice_axis : int or None
        What a 2D network steps along in a volume; None is the axis of the largest spacing.

    Raises
    ------
    ValueError
        If the card asks for another number of axes than the network has.
    """
    size = list(volume.shape)
    axes = list(range(volume.spatial_dims))
    if spatial_dims == 2 and volume.spatial_dims == 3:
        axes.remove(default_slice_axis(volume) if slice_axis is None else slice_axis)
    notes = []
    target = preprocessing.size or preprocessing.spacing
    if target is not None and len(target) != len(axes):
        raise ValueError(
            f"the model's card asks for {'size' if preprocessing.size else 'spacing'} {target}, "
            f"which has {len(target)} entries instead of {len(axes)}; the card is wrong"
        )
    if preprocessing.size is not None:
        for axis, wanted in zip(axes, preprocessing.size, strict=True):
            size[axis] = int(wanted)
    elif preprocessing.spacing is not None and not volume.spacing_known:
        notes.append("the voxel spacing is not known: the image was taken at its own grid")
    elif preprocessing.spacing is not None:
        for axis, mm in zip(axes, preprocessing.spacing, strict=True):
            size[axis] = max(1, round(volume.shape[axis] * volume.spacing[axis] / mm))
    return Grid(volume.shape, tuple(size)), notes


def normalise_values(
    volume: Volume,
    preprocessing: Preprocessing,
    report: Report = silent,
    *,
    may_miss: bool = False,
) -> tuple[np.ndarray, list[str]]:
    """Return the values a network expects, ``(C, *S)`` float32 on the input's grid, and notes.

    Raises
    ------
    ValueError
        If no value is finite, all are the same, or the card is for other channels.
    """
    name = volume.name or "image"
    with np.errstate(over="ignore"):  # beyond float32 is infinite, which is filled below
        values = np.array(volume.array, dtype=np.float32)  # a copy: the input stays as it is
    report(Step(0, 0, "image"))
    missing = _missing(values) if may_miss else []
    if missing:
        values[missing] = np.nanmax(values)  # something that says nothing about the others
    notes = _fill_not_finite(values, name)
    report(Step(0, 0, "image"))
    low, high = float(values.min()), float(values.max())
    check_contrast(low, high, name)
    if preprocessing.unit_range:
        scale, said = unit_scale(volume.array.dtype, high)
        values *= np.float32(1 / scale)
        notes += said
    check_statistics(preprocessing, len(values), name)
    for index, channel in enumerate(values):
        _normalise(channel, index, preprocessing, report)
    values[missing] = 0
    return values, notes


def _missing(values: np.ndarray) -> list[int]:
    """Return the channels that are NaN everywhere, unless all are."""
    empty = [c for c, v in enumerate(values) if np.isnan(v.flat[0]) and np.isnan(v).all()]
    return empty if len(empty) < len(values) else []


def _fill_not_finite(values: np.ndarray, name: str) -> list[str]:
    finite = np.isfinite(values)
    if finite.all():
        return []
    check_finite(bool(finite.any()), name)
    smallest = values[finite].min()
    values[~finite] = smallest
    return filling_notes(int(finite.size - np.count_nonzero(finite)), float(smallest))


def unit_scale(dtype: np.dtype, high: float) -> tuple[float, list[str]]:
    """Return what to divide by so that values reach from 0 to 1.

    uint8 and uint16 say it by their type. Wider and signed types do not (a photograph kept as
    int64 still ends at 255), nor do floats beyond 1: there the values decide.
    """
    if dtype in (np.uint8, np.uint16):
        return float(np.iinfo(dtype).max), []
    if high <= 1:
        return 1.0, []
    scale = next((limit for limit in (255.0, 65535.0) if high <= limit), high)
    return scale, [f"values reach {high:g}; they were taken as 0 to {scale:g}"]


def _normalise(
    channel: np.ndarray, index: int, preprocessing: Preprocessing, report: Report
) -> None:
    """Clip and normalise one channel ``(*S)`` in place."""
    report(Step(0, 0, "image"))
    if preprocessing.clip is not None:
        np.clip(channel, *preprocessing.clip, out=channel)
    if preprocessing.clip_percentiles is not None:
        low, high = np.percentile(channel, preprocessing.clip_percentiles)
        np.clip(channel, low, high, out=channel)
        report(Step(0, 0, "image"))
    if preprocessing.normalise == "zscore":
        mean, std = float(channel.mean(dtype=np.float64)), float(channel.std(dtype=np.float64))
    elif preprocessing.normalise == "fixed":
        at = index if len(preprocessing.mean) > 1 else 0
        mean, std = preprocessing.mean[at], preprocessing.std[at]
    else:
        return
    report(Step(0, 0, "image"))
    channel -= np.float32(mean)
    channel *= np.float32(1 / std if std > 0 else 0)  # a channel without contrast says nothing
