"""Copy a class to the other side of the body, or exchange left and right."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from napari_medseg.config import Config
from napari_medseg.editing.checks import check_label, check_labels
from napari_medseg.editing.slabs import slabs
from napari_medseg.editing.tool import OVERWRITE, Scene, Tool, unlocked
from napari_medseg.progress import Report, Step, silent

WAYS = ("left and right", "top and bottom", "through the slices")
PLANES = ("found by symmetry", "centre of the image", "through the click")

_STRIDE = 3  # every third line is enough to find the plane


def mirror_label(
    labels: np.ndarray,
    label: int = 1,
    *,
    axis: int = -1,
    middle: float | None = None,
    into: int | None = None,
    exchange: bool = False,
    overwrite: bool = False,
    report: Report = silent,
) -> np.ndarray:
    """Mirror `label` at a plane across `axis`.

    Parameters
    ----------
    labels : ndarray
        ``(*S)`` integers, 2D or 3D.
    label : int
        The class.
    axis : int
        The axis the plane lies across; the last one is right to left in volumes as they are read.
    middle : float or None
        Where the plane lies along `axis`, in voxels, rounded to halves; None is the middle of
        the volume. See `midline`.
    into : int or None
        The class of the mirrored voxels (the left kidney for the right one); None is `label`.
    exchange : bool
        Mirror both classes and let each take the other's place, instead of adding a copy.
    overwrite : bool
        Whether voxels of other classes than these two may be taken.
    report : Report
        Called before the work; may raise `Cancelled`.

    Raises
    ------
    ValueError
        If the labels are no integers in 2D or 3D, or the plane lies outside of them.
    """
    check_labels(labels)
    check_label(labels, label)
    target = label if into is None else into
    check_label(labels, target)
    size = labels.shape[axis]
    twice = size - 1 if middle is None else round(2 * middle)
    if not 0 <= twice <= 2 * (size - 1):
        raise ValueError(
            f"the plane at voxel {twice / 2} lies outside of the labels (0 to {size - 1}); "
            "choose one inside"
        )
    report(Step(0, 0, "class"))
    edited = labels.copy()
    sides = slice(max(0, twice - size + 1), min(size - 1, twice) + 1)
    before, after = (np.moveaxis(a, axis, 0)[sides] for a in (labels, edited))
    before, there, after = (np.moveaxis(a, 0, axis) for a in (before, before[::-1], after))
    pairs = {label: target, target: label} if exchange else {label: target}
    for slab in slabs(before.shape):
        here, opposite, to = before[slab], there[slab], after[slab]
        for old in pairs if exchange else ():
            np.copyto(to, 0, where=here == old, casting="unsafe")
        for old, new in pairs.items():
            mirrored = opposite == old
            if not mirrored.any():
                continue
            if not overwrite:
                mirrored &= to == 0
            np.copyto(to, new, where=mirrored, casting="unsafe")
    return edited


def midline(array: np.ndarray, axis: int = -1) -> float:
    """Return where an image or a mask is most symmetric along `axis`, in voxels, in halves.

    The plane is looked for in the middle half; it is where the mean squared difference between
    the image and its mirror image, as far as they overlap, is least.

    Parameters
    ----------
    array : ndarray
        ``(*S)`` numbers.
    """
    from scipy import fft

    lines = np.moveaxis(array, axis, -1)
    lines = lines[(slice(None, None, _STRIDE),) * (lines.ndim - 1)]
    size = lines.shape[-1]
    values = np.nan_to_num(lines.reshape(-1, size).astype(np.float32), posinf=0.0, neginf=0.0)
    if size < 4:
        return (size - 1) / 2
    length = fft.next_fast_len(2 * size)
    products = fft.irfft((fft.rfft(values, length, axis=-1) ** 2).sum(axis=0), length)
    squares = np.append(0.0, (values.astype(float) ** 2).sum(axis=0).cumsum())
    twice = np.arange(size // 2, 2 * size - 1 - size // 2)  # sum of the indices of a mirrored pair
    low, high = np.maximum(0, twice - size + 1), np.minimum(size - 1, twice) + 1
    difference = 2 * (squares[high] - squares[low] - products[twice]) / (high - low)
    best = twice[difference <= difference.min() + 1e-6 * max(squares[-1] / size, 1e-30)]
    return float(best[np.abs(best - (size - 1)).argmin()]) / 2  # of equal ones the most central


@dataclass(frozen=True, kw_only=True)
class Mirror(Config):
    """Across what, and what becomes of it."""

    way: str = field(
        default="left and right",
        metadata={"word": "Mirror", "choices": WAYS, "tip": "as the slice is shown"},
    )
    plane: str = field(
        default="found by symmetry",
        metadata={
            "word": "Plane",
            "choices": PLANES,
            "tip": "where the mirror stands; found in the image, or in the labels without one",
        },
    )
    into: int = field(
        default=0,
        metadata={
            "word": "Becomes class",
            "min": 0,
            "max": 65535,
            "tip": "the class on the other side, such as the left kidney; 0: the same class",
        },
    )
    exchange: bool = field(
        default=False,
        metadata={"word": "Exchange", "tip": "mirror both classes to each other's place"},
    )
    overwrite: bool = field(default=False, metadata=OVERWRITE)


def _run_mirror(scene: Scene, options: Mirror) -> np.ndarray:
    axis = _axis(scene, options.way)
    middle: float | None = None
    if options.plane == "through the click":
        if not scene.points:
            raise ValueError("the plane goes through a click: click a voxel first")
        middle = scene.points[-1][axis]
    elif options.plane == "found by symmetry":
        middle = midline(scene.labels != 0 if scene.image is None else scene.image, axis)
    return mirror_label(
        scene.labels,
        scene.label,
        axis=axis,
        middle=middle,
        into=unlocked(scene, options.into) or None,
        exchange=options.exchange,
        overwrite=options.overwrite,
        report=scene.report,
    )


def _axis(scene: Scene, way: str) -> int:
    axes = list(range(scene.labels.ndim))
    if len(axes) == 3:
        axes.insert(0, axes.pop(scene.axis))  # the one stepped through comes first
    back = 1 + WAYS.index(way)
    if back > len(axes):
        raise ValueError("a single slice has no other slices to mirror to; choose another way")
    return axes[-back]


TOOLS = (
    Tool(
        name="mirror",
        title="Mirror",
        group="split",
        tip="Copy the class to the other side of the body, or exchange left and right",
        options=Mirror,
        run=_run_mirror,
        margin_mm=lambda options: math.inf,
        all_labels=False,
        others=True,
    ),
)
