"""Region growing: from a click to all that hangs together and looks alike."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from napari_medseg.config import Config
from napari_medseg.editing.checks import check_image, check_label, check_points, spacing_of
from napari_medseg.editing.connected import connected
from napari_medseg.editing.intensity import in_range
from napari_medseg.editing.tool import Scene, Tool
from napari_medseg.packed import Box
from napari_medseg.progress import Report, Step, silent

_DEVIATIONS = 2.5  # the multiplier of ITK's ConfidenceConnectedImageFilter
_HALF = 0.6745  # standard deviations around the mean that half of all values lie within
_NEAR = 2  # voxels to each side of a click whose grey values say what looks alike


def grow_region(
    labels: np.ndarray,
    image: np.ndarray,
    label: int,
    points: Sequence[Sequence[int]],
    *,
    tolerance: float | None = None,
    spacing: Sequence[float] = (),
    max_distance: float = math.inf,
    mask: np.ndarray | None = None,
    overwrite: bool = False,
    report: Report = silent,
) -> np.ndarray:
    """Add to a class what hangs together with a click and has similar grey values.

    Voxels hang together through their faces. Other classes stop the growth unless `overwrite`; the
    class itself does not.

    Parameters
    ----------
    labels, image : ndarray
        ``(*S)``.
    label : int
        The class.
    points : sequence of tuple of int
        Clicked voxels; each grows with its own range of grey values.
    tolerance : float or None
        How far a grey value may differ from that under the click, in the units of the image. None
        takes it from around the click: `similar_range`.
    spacing : sequence of float
        mm along each axis, for `max_distance`; 1 by default.
    max_distance : float
        How far from the click it may grow, in mm, as the crow flies.
    mask : ndarray of bool or None
        ``(*S)``: where alone (a slice, a box, a brush).
    overwrite : bool
        Whether voxels of other classes are taken, too.
    report : Report
        Called before each click; may raise `Cancelled`.

    Returns
    -------
    ndarray
        ``(*S)``, the type of `labels`; a new array.

    Raises
    ------
    ValueError
        If there is no click, a click lies outside of the labels or where the class may not grow,
        or image and labels do not go together.
    """
    check_image(labels, image)
    check_label(labels, label)
    check_points(labels, points)
    if not len(points):
        raise ValueError("a region grows from a click; click a voxel first")
    spacing = spacing_of(labels, spacing)
    result = np.array(labels)
    for done, point in enumerate(points):
        report(Step(done, len(points), "click"))
        box = _reach(point, spacing, max_distance, labels.shape)
        seed = tuple(p - s.start for p, s in zip(point, box, strict=True))
        near = image[box]
        open_ = _alike(near, seed, tolerance)
        if not overwrite:
            open_ &= (labels[box] == 0) | (labels[box] == label)
        if mask is not None:
            open_ &= mask[box]
        if math.isfinite(max_distance):
            open_ &= _ball(near.shape, seed, spacing, max_distance)
        if not open_[seed]:
            raise ValueError(_why_not(labels, label, point, near[seed]))
        result[box][_connected(open_, seed)] = label
    return result


def similar_range(image: np.ndarray, point: Sequence[int]) -> tuple[float, float]:
    """Return the range of grey values that look like those around a click.

    Of the 5 x 5 (x 5) voxels around the click the half that is most like it counts, so that an edge
    nearby does no harm: the mean of that half ± 2.5 standard deviations, which are estimated from
    how far the half reaches, widened so far that the click itself lies in the range.

    Source: the range that ITK's ConfidenceConnectedImageFilter starts with, with its multiplier;
    half of the voxels instead of all, as in the median absolute deviation.
    """
    window = tuple(slice(max(p - _NEAR, 0), p + _NEAR + 1) for p in point)
    values = np.asarray(image[window], np.float64)
    values = values[np.isfinite(values)]
    at = float(image[tuple(point)])
    if not values.size or not math.isfinite(at):
        return math.inf, -math.inf
    differences = np.abs(values - at)
    reach = float(np.median(differences))
    middle = float(values[differences <= reach].mean())
    spread = _DEVIATIONS * reach / _HALF
    return min(middle - spread, at), max(middle + spread, at)


@dataclass(frozen=True, kw_only=True)
class RegionOptions(Config):
    """Options of region growing."""

    automatic: bool = field(
        default=True,
        metadata={
            "word": "Tolerance from the surroundings",
            "tip": "Take the range of grey values from around the click",
        },
    )
    tolerance: float = field(
        default=50.0,
        metadata={
            "word": "Tolerance",
            "min": 0.0,
            "max": 1e6,
            "tip": "How far grey values may differ from the one clicked (HU in a CT); not used "
            "when it comes from the surroundings",
        },
    )
    distance: float = field(
        default=50.0,
        metadata={
            "word": "At most",
            "unit": "mm",
            "min": 0.0,
            "max": 5000.0,
            "tip": "How far from the click it may grow; 0 sets no limit",
        },
    )
    one_slice: bool = field(
        default=False,
        metadata={"word": "This slice only", "tip": "Do not grow into the neighbouring slices"},
    )
    overwrite: bool = field(
        default=False,
        metadata={"word": "Over other classes", "tip": "Other classes do not stop the growth"},
    )

    def __post_init__(self) -> None:
        if self.tolerance < 0:
            raise ValueError(f"the tolerance must be 0 or more, got {self.tolerance:g}")
        if self.distance < 0:
            raise ValueError(f"the distance must be 0 mm or more, got {self.distance:g}")


def _alike(image: np.ndarray, at: tuple[int, ...], tolerance: float | None) -> np.ndarray:
    """Return where grey values are like that of a voxel, as booleans ``(*S)``."""
    if tolerance is None:
        low, high = similar_range(image, at)
    else:
        low, high = float(image[at]) - tolerance, float(image[at]) + tolerance
    return in_range(image, low, high) if low <= high else np.zeros(image.shape, bool)


def _reach(
    point: Sequence[int], spacing: Sequence[float], distance: float, shape: Sequence[int]
) -> Box:
    """Return the box that holds everything within `distance` of a voxel."""
    if not math.isfinite(distance):
        return tuple(slice(0, n) for n in shape)
    steps = [math.floor(distance / s + 1e-9) for s in spacing]
    return tuple(
        slice(max(p - step, 0), min(p + step + 1, n))
        for p, step, n in zip(point, steps, shape, strict=True)
    )


def _ball(
    shape: Sequence[int], centre: Sequence[int], spacing: Sequence[float], radius: float
) -> np.ndarray:
    axes = np.ogrid[tuple(slice(0, n) for n in shape)]
    squares = sum(
        (((a - c) * s) ** 2 for a, c, s in zip(axes, centre, spacing, strict=True)), np.zeros(())
    )
    return np.asarray(squares <= radius**2 * (1 + 1e-9))


def _connected(mask: np.ndarray, seed: tuple[int, ...]) -> np.ndarray:
    """Return the part of a mask that hangs together with a voxel of it through faces."""
    parts, _ = connected(mask, touching="faces")
    return np.asarray(parts == parts[seed])


def _why_not(labels: np.ndarray, label: int, point: Sequence[int], grey: float) -> str:
    here = int(labels[tuple(point)])
    if not np.isfinite(grey):
        return "the voxel clicked has no grey value; click beside it"
    if here not in (0, label):
        return (
            f"the click lies on class {here}, which stops the growth; click beside it or let the "
            "tool work over other classes"
        )
    return "the click lies outside of the part to work in; click inside of it"


def _grow(scene: Scene, options: RegionOptions) -> np.ndarray:
    assert scene.image is not None  # the tool needs one
    labels, mask = scene.labels, scene.mask
    limit = options.distance or math.inf
    tolerance = None if options.automatic else options.tolerance
    if labels.ndim == 2 or not options.one_slice:
        return grow_region(
            labels,
            scene.image,
            scene.label,
            scene.points,
            tolerance=tolerance,
            spacing=scene.spacing,
            max_distance=limit,
            mask=mask,
            overwrite=options.overwrite,
            report=scene.report,
        )
    result = np.array(labels)
    rest = [a for a in range(labels.ndim) if a != scene.axis]
    for point in scene.points:
        at = (slice(None),) * scene.axis + (point[scene.axis],)
        result[at] = grow_region(
            result[at],
            scene.image[at],
            scene.label,
            [tuple(point[a] for a in rest)],
            tolerance=tolerance,
            spacing=[scene.spacing[a] for a in rest],
            max_distance=limit,
            mask=None if mask is None else mask[at],
            overwrite=options.overwrite,
            report=scene.report,
        )
    return result


TOOLS: tuple[Tool, ...] = (
    Tool(
        name="grow_region",
        title="Grow from a click",
        group="intensity",
        tip="Click into a structure: all that hangs together with it and looks alike joins the "
        "class; other classes stop it",
        options=RegionOptions,
        run=_grow,
        needs=frozenset({"image", "points"}),
        starts_empty=True,
        all_labels=False,
    ),
)
