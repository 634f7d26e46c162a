"""Smooth the surface of one class, or of all classes together so that none eats another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from napari_medseg.config import Config
from napari_medseg.editing.checks import check_label, check_labels, classes_in, spacing_of
from napari_medseg.editing.islands import grown, reshaped, tiles
from napari_medseg.editing.tool import OVERWRITE, Scene, Tool
from napari_medseg.packed import bounding_box, within
from napari_medseg.progress import Report, Step, silent

METHODS = ("median", "Gaussian")
_CHUNK = 32  # rows of a band matrix that are multiplied at once
_EQUAL = 1e-5  # a difference that rounding can make
_FAR = 3.0  # standard deviations after which a Gaussian counts as nothing


def smooth(
    labels: np.ndarray,
    label: int = 1,
    radius: float = 2.0,
    spacing: Sequence[float] = (),
    *,
    method: str = "median",
    overwrite: bool = False,
    report: Report = silent,
) -> np.ndarray:
    """Smooth the surface of `label`.

    Parameters
    ----------
    labels : ndarray
        ``(*S)`` integers, 2D or 3D.
    label : int
        The class.
    radius : float
        mm. "median": each voxel takes what most of the box of this half width around it has.
        "Gaussian": the standard deviation; a voxel is kept where the blurred class is above 0.5.
    spacing : sequence of float
        mm along each axis; 1 by default.
    method : str
        "median" or "Gaussian".
    overwrite : bool
        Whether voxels of other classes may be taken.
    report : Report
        Called before each part; may raise `Cancelled`.

    Raises
    ------
    ValueError
        If the labels are no integers in 2D or 3D, or the radius is not positive.
    """
    check_labels(labels)
    check_label(labels, label)
    sides = _in_voxels(radius, spacing_of(labels, spacing))
    if method == "median":
        half = [int(s + 1e-9) for s in sides]
        return reshaped(
            labels, label, lambda m: _majority(m, half), half, overwrite=overwrite, report=report
        )
    if method == "Gaussian":
        reach = [math.ceil(_FAR * s) for s in sides]
        return reshaped(
            labels,
            label,
            lambda m: blurred(m, sides) > 0.5,
            reach,
            overwrite=overwrite,
            report=report,
        )
    raise ValueError(f"surfaces are smoothed by {' or '.join(METHODS)}; got {method!r}")


def smooth_all(
    labels: np.ndarray,
    radius: float = 2.0,
    spacing: Sequence[float] = (),
    *,
    report: Report = silent,
) -> np.ndarray:
    """Smooth all classes together: each voxel goes to the class that is strongest around it.

    Each class and the background are blurred by a Gaussian; borders between classes are smoothed
    as well and no gap opens between them.

    Parameters
    ----------
    labels : ndarray
        ``(*S)`` integers, 2D or 3D.
    radius : float
        mm, the standard deviation.
    spacing : sequence of float
        mm along each axis; 1 by default.
    report : Report
        Called before each part; may raise `Cancelled`.
    """
    check_labels(labels)
    sides = _in_voxels(radius, spacing_of(labels, spacing))
    reach = [math.ceil(_FAR * s) for s in sides]
    edited = labels.copy()
    parts = list(tiles(labels.shape, reach))
    for done, (tile, halo) in enumerate(parts):
        report(Step(done, len(parts), "part"))
        part = labels[halo]
        if (part == part.flat[0]).all():
            continue
        edited[tile] = _strongest(part, sides, reach)[within(tile, halo)]
    return edited


def blurred(mask: np.ndarray, sigma: Sequence[float]) -> np.ndarray:
    """Return `mask` blurred by a Gaussian, in [0, 1]; what lies outside does not count.

    Each axis is one product with a band matrix, which for the sizes here takes a third of the time
    of a convolution; a row of the matrix sums to 1, also at the border.

    Parameters
    ----------
    sigma : sequence of float
        Standard deviation along each axis, in voxels.
    """
    found = mask.astype(np.float32, order="C")
    for axis, side in enumerate(sigma):
        found = _blurred_along(found, side, axis)
    return found


def _blurred_along(values: np.ndarray, sigma: float, axis: int) -> np.ndarray:
    """Multiply by the band matrix along one axis, in chunks that leave out most of its zeros."""
    size, reach = values.shape[axis], math.ceil(_FAR * sigma)
    found = np.empty(values.shape, np.float32)
    step = max(_CHUNK, reach)
    for start in range(0, size, step):
        rows = slice(start, min(start + step, size))
        columns = slice(max(start - reach, 0), min(start + step + reach, size))
        kernel = _band(rows, columns, sigma)
        if axis == values.ndim - 1:
            np.matmul(values[..., columns], kernel.T, out=found[..., rows])
        elif axis == values.ndim - 2:
            np.matmul(kernel, values[..., columns, :], out=found[..., rows, :])
        else:
            flat = values[columns].reshape(columns.stop - columns.start, -1)
            np.matmul(kernel, flat, out=found[rows].reshape(rows.stop - rows.start, -1))
    return found


def _strongest(part: np.ndarray, sigma: Sequence[float], reach: Sequence[int]) -> np.ndarray:
    """Return the class with the largest blurred mask at each voxel; of equal ones the lower."""
    best = np.ones(part.shape, np.float32)  # the background has what the classes leave
    strongest = np.zeros_like(part)
    found = []
    for value in classes_in(part):
        mask = part == value
        inner = bounding_box(mask)
        assert inner is not None  # it is one of the values
        box = grown(inner, reach, part.shape)
        share = blurred(mask[box], sigma)
        best[box] -= share
        found.append((value, box, share))
    for value, box, share in found:
        share -= _EQUAL
        np.copyto(strongest[box], value, where=share > best[box], casting="unsafe")
        share += _EQUAL  # the next one must be stronger than all of it
        np.maximum(best[box], share, out=best[box])
    return strongest


def _band(rows: slice, columns: slice, sigma: float) -> np.ndarray:
    """Return the part of a band matrix with Gaussian rows that sum to 1."""
    apart = np.arange(rows.start, rows.stop)[:, None] - np.arange(columns.start, columns.stop)
    kernel = np.exp(-0.5 * (apart / max(sigma, 1e-6)) ** 2)
    kernel[np.abs(apart) > math.ceil(_FAR * sigma)] = 0
    return (kernel / kernel.sum(axis=1, keepdims=True)).astype(np.float32)


def _majority(mask: np.ndarray, half: Sequence[int]) -> np.ndarray:
    """Return what more than half of the voxels around a voxel have; those outside do not count."""
    widths = [2 * h + 1 for h in half]
    counts = mask.astype(np.uint16 if math.prod(widths) < 1 << 15 else np.uint32)
    there = np.ones((1,) * mask.ndim, counts.dtype)
    for axis, (h, size) in enumerate(zip(half, mask.shape, strict=True)):
        if not h:
            continue
        counts = _windowed(counts, h, axis)
        index = np.arange(size)
        length = np.minimum(index + h, size - 1) - np.maximum(index - h, 0) + 1
        there = there * length.astype(counts.dtype).reshape(
            [size if a == axis else 1 for a in range(mask.ndim)]
        )
    return 2 * counts > there


def _windowed(counts: np.ndarray, half: int, axis: int) -> np.ndarray:
    """Return the sum over a window of ``2 half + 1`` along one axis, by doubling its length."""
    pad = [(half, half) if a == axis else (0, 0) for a in range(counts.ndim)]
    run, length = np.pad(counts, pad), 1  # run[i] is the sum of `length` values from i on
    width, size = 2 * half + 1, counts.shape[axis]
    total, at = np.zeros_like(counts), 0
    while True:
        if width & length:
            total += _along(run, axis, at, at + size)
            at += length
        if 2 * length > width:
            return total
        rest = run.shape[axis] - length
        run = _along(run, axis, 0, rest) + _along(run, axis, length, length + rest)
        length *= 2


def _along(array: np.ndarray, axis: int, start: int, stop: int) -> np.ndarray:
    return array[(*[slice(None)] * axis, slice(start, stop))]


def _in_voxels(radius: float, spacing: Sequence[float]) -> list[float]:
    if not 0 < radius < math.inf:
        raise ValueError(f"the smoothing radius is more than 0 mm, got {radius}; choose another")
    return [radius / s for s in spacing]


@dataclass(frozen=True, kw_only=True)
class SmoothAll(Config):
    """How smooth."""

    radius: float = field(
        default=2.0,
        metadata={
            "word": "Smoothness",
            "unit": "mm",
            "min": 0.1,
            "max": 30.0,
            "tip": "details smaller than this go",
        },
    )


@dataclass(frozen=True, kw_only=True)
class Smooth(SmoothAll):
    """How smooth, and by what."""

    method: str = field(
        default="median",
        metadata={
            "word": "Method",
            "choices": METHODS,
            "tip": "median keeps the size better, Gaussian gives rounder shapes",
        },
    )
    overwrite: bool = field(default=False, metadata=OVERWRITE)


def _run_smooth(scene: Scene, options: Smooth) -> np.ndarray:
    return smooth(
        scene.labels,
        scene.label,
        options.radius,
        scene.spacing,
        method=options.method,
        overwrite=options.overwrite,
        report=scene.report,
    )


def _run_smooth_all(scene: Scene, options: SmoothAll) -> np.ndarray:
    return smooth_all(scene.labels, options.radius, scene.spacing, report=scene.report)


TOOLS = (
    Tool(
        name="smooth",
        title="Smooth",
        group="grow",
        tip="Smooth the surface of the class; other classes stay as they are",
        options=Smooth,
        run=_run_smooth,
        margin_mm=lambda options: _FAR * options.radius,
        sees="around",
    ),
    Tool(
        name="smooth_all",
        title="Smooth all",
        group="grow",
        tip="Smooth all classes together, without gaps between neighbours",
        options=SmoothAll,
        run=_run_smooth_all,
        margin_mm=lambda options: _FAR * options.radius,
        all_labels=False,
        any_label=True,
        sees="around",
    ),
)
