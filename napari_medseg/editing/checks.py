"""What labels, a class and a voxel size must be, said in sentences for a person."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from napari_medseg.editing.slabs import slabs
from napari_medseg.packed import Box


def check_labels(labels: np.ndarray) -> None:
    """Raise a ValueError if `labels` are not integers of an image or a volume."""
    if labels.dtype.kind not in "iub":
        raise ValueError(
            f"labels hold whole numbers, these are {labels.dtype}; convert them to labels first"
        )
    if labels.ndim not in (2, 3):
        raise ValueError(
            f"the tools work on 2D and 3D labels, these have {labels.ndim} axes; "
            "choose one time point or channel"
        )
    if not labels.size:
        raise ValueError(f"labels of {sides(labels.shape)} voxels are empty; nothing to edit")


def check_label(labels: np.ndarray, label: int) -> None:
    """Raise a ValueError if `label` is the background or does not fit into `labels`."""
    if label == 0:
        raise ValueError("class 0 is the background; choose the class to work on")
    low, high = (
        (0, 1)
        if labels.dtype.kind == "b"
        else (np.iinfo(labels.dtype).min, np.iinfo(labels.dtype).max)
    )
    if not low <= label <= high:
        raise ValueError(
            f"class {label} does not fit into labels of type {labels.dtype} ({low} to {high}); "
            "choose another class"
        )


def check_image(labels: np.ndarray, image: np.ndarray) -> None:
    """Raise a ValueError if `labels` are none, or lie on another grid than `image`."""
    check_labels(labels)
    if image.shape != labels.shape:
        raise ValueError(
            f"the image has {sides(image.shape)} voxels, the labels have {sides(labels.shape)}; "
            "choose the image these labels belong to"
        )


def check_points(labels: np.ndarray, points: Sequence[Sequence[int]]) -> None:
    """Raise a ValueError if a voxel does not lie in `labels`."""
    whole = tuple(slice(0, n) for n in labels.shape)
    for point in points:
        if len(point) != labels.ndim or not holds(whole, point):
            raise ValueError(
                f"the click at {tuple(point)} lies outside of the labels; click inside"
            )


def spacing_of(labels: np.ndarray, spacing: Sequence[float] = ()) -> tuple[float, ...]:
    """Return mm along each axis of `labels`, 1 for each if `spacing` is empty.

    Raises
    ------
    ValueError
        If there is not one positive length for each axis.
    """
    lengths = tuple(float(s) for s in spacing) or (1.0,) * labels.ndim
    if len(lengths) != labels.ndim or not all(math.isfinite(s) and s > 0 for s in lengths):
        raise ValueError(
            f"the voxel size {lengths} does not fit labels with {labels.ndim} axes; "
            "give one positive length in mm for each"
        )
    return lengths


def has_label(labels: np.ndarray, label: int) -> bool:
    """Whether a voxel is of class `label`; looks no further than the first ones."""
    return any((labels[slab] == label).any() for slab in slabs(labels.shape))


def classes_in(labels: np.ndarray) -> list[int]:
    """Return the classes that have a voxel in `labels`, in order, without the background."""
    import fastremap

    native = labels.astype(labels.dtype.newbyteorder("="), copy=False)  # files may be big-endian
    return [int(v) for v in fastremap.unique(native) if v]


def holds(box: Box, point: Sequence[int]) -> bool:
    """Whether a voxel lies in `box`."""
    return all(s.start <= p < s.stop for p, s in zip(point, box, strict=True))


def sides(shape: Sequence[int]) -> str:
    """Return a shape in words: "4 x 5 x 6"."""
    return " x ".join(map(str, shape))
