"""Classes and the range of grey values they may lie in."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from napari_medseg.config import Config
from napari_medseg.editing.checks import check_image, check_label
from napari_medseg.editing.slabs import slabs
from napari_medseg.editing.tool import Scene, Tool
from napari_medseg.progress import Step

_BINS = 1024  # of the histogram that Otsu's threshold is taken from
_SAMPLE = 1 << 22  # values; more of them do not move a threshold that anybody could tell


def in_range(image: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return where ``low <= image <= high``, as booleans ``(*S)``.

    Raises
    ------
    ValueError
        If `low` is above `high` or one of them is no number.
    """
    _check_range(low, high)
    found = np.asarray(image >= low)
    found &= image <= high
    return found


def fill_range(
    labels: np.ndarray,
    image: np.ndarray,
    label: int,
    low: float,
    high: float,
    *,
    mask: np.ndarray | None = None,
    overwrite: bool = False,
) -> np.ndarray:
    """Add to a class the voxels with a grey value in ``[low, high]``.

    Parameters
    ----------
    labels : ndarray
        ``(*S)`` integers.
    image : ndarray
        ``(*S)``.
    label : int
        The class.
    low, high : float
        In the units of the image; infinite for an open end.
    mask : ndarray of bool or None
        ``(*S)``: where alone (a box, a brush).
    overwrite : bool
        Whether voxels of other classes are taken, too.

    Returns
    -------
    ndarray
        ``(*S)``, the type of `labels`; a new array.

    Raises
    ------
    ValueError
        If the shapes differ, the range is empty or `label` does not fit.
    """
    check_image(labels, image)
    check_label(labels, label)
    _check_range(low, high)
    result = np.array(labels)
    for at in slabs(labels.shape):
        found = in_range(image[at], low, high)
        if not overwrite:
            found &= labels[at] == 0
        if mask is not None:
            found &= mask[at]
        np.copyto(result[at], label, where=found, casting="unsafe")
    return result


def keep_range(
    labels: np.ndarray,
    image: np.ndarray,
    label: int,
    low: float,
    high: float,
    *,
    mask: np.ndarray | None = None,
) -> np.ndarray:
    """Take away from a class the voxels with a grey value outside of ``[low, high]``.

    Parameters and errors are those of `fill_range`.

    Returns
    -------
    ndarray
        ``(*S)``, the type of `labels`; a new array.
    """
    check_image(labels, image)
    check_label(labels, label)
    _check_range(low, high)
    result = np.array(labels)
    for at in slabs(labels.shape):
        wrong = ~in_range(image[at], low, high)
        wrong &= labels[at] == label
        if mask is not None:
            wrong &= mask[at]
        np.copyto(result[at], 0, where=wrong, casting="unsafe")
    return result


def otsu_threshold(image: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Return the grey value that best parts the image in dark and bright.

    Parameters
    ----------
    image : ndarray
        ``(*S)``; values that are no finite numbers are left out.
    mask : ndarray of bool or None
        ``(*S)``: the part of it to look at.

    Returns
    -------
    float
        Bright is what lies above it.

    Raises
    ------
    ValueError
        If all grey values are the same.

    Source: Otsu 1979, IEEE Trans. Syst. Man Cybern. 9(1):62-66, on a histogram of 1024 bins of at
    most four million values.
    """
    from skimage.filters import threshold_otsu

    values = image.ravel() if mask is None else image[mask]
    if values.size > _SAMPLE:
        values = values[:: -(-values.size // _SAMPLE)]
    if values.dtype.kind == "f":
        values = values[np.isfinite(values)]
    if not values.size or values.min() == values.max():
        raise ValueError(
            "all grey values here are the same, so nothing parts dark from bright; choose another "
            "place or another image"
        )
    if values.dtype.kind in "iu" and int(values.max()) - int(values.min()) < _BINS:
        return float(threshold_otsu(values))  # skimage takes a bin for every whole number
    return float(threshold_otsu(values.astype(np.float64), nbins=_BINS))


def painted_range(image: np.ndarray, labels: np.ndarray, label: int) -> tuple[float, float]:
    """Return the range of grey values a class has so far, without its outermost 2 % on each side.

    Raises
    ------
    ValueError
        If the class has no voxel with a grey value.
    """
    check_image(labels, image)
    values = image[labels == label]
    values = values[np.isfinite(values)]
    if not values.size:
        raise ValueError(f"class {label} has no voxels here; paint some of it first")
    low, high = np.percentile(values, [2, 98])
    return float(low), float(high)


@dataclass(frozen=True, kw_only=True)
class RangeOptions(Config):
    """Options of working by grey value."""

    low: float = field(
        default=0.0, metadata={"word": "From", "tip": "The smallest grey value (HU in a CT)"}
    )
    high: float = field(
        default=1000.0, metadata={"word": "To", "tip": "The largest grey value (HU in a CT)"}
    )
    what: str = field(
        default="add",
        metadata={
            "word": "Do",
            "choices": ("add", "keep only"),
            "tip": "add: what lies in the range joins the class. keep only: what lies outside of "
            "the range leaves it",
        },
    )
    overwrite: bool = field(
        default=False,
        metadata={"word": "Over other classes", "tip": "Take voxels of other classes, too"},
    )

    def __post_init__(self) -> None:
        _check_range(self.low, self.high)
        if self.what not in ("add", "keep only"):
            raise ValueError(f"what to do must be 'add' or 'keep only', got {self.what!r}")


def _check_range(low: float, high: float) -> None:
    if math.isnan(low) or math.isnan(high) or low > high:
        raise ValueError(
            f"a range from {low:g} to {high:g} holds no grey value; the first number must be the "
            "smaller one"
        )


def _by_range(scene: Scene, options: RangeOptions) -> np.ndarray:
    assert scene.image is not None  # the tool needs one
    scene.report(Step(0, 1, "threshold"))
    if options.what == "add":
        return fill_range(
            scene.labels,
            scene.image,
            scene.label,
            options.low,
            options.high,
            mask=scene.mask,
            overwrite=options.overwrite,
        )
    return keep_range(
        scene.labels, scene.image, scene.label, options.low, options.high, mask=scene.mask
    )


TOOLS: tuple[Tool, ...] = (
    Tool(
        name="threshold",
        title="Threshold",
        group="intensity",
        tip="Everything with a grey value in the range joins the class; or keep only that of it",
        options=RangeOptions,
        run=_by_range,
        needs=frozenset({"image"}),
        starts_empty=True,
        all_labels=False,
        sees="around",
    ),
)
