"""A model asked about a part of an image: inside a drawn box, or the object under a click."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_medseg.editing.connected import connected
from napari_medseg.editing.islands import grown
from napari_medseg.engine.inference_config import InferenceConfig
from napari_medseg.engine.part import checked_box
from napari_medseg.engine.preprocess import Prepared
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.packed import Box, bounding_box, moved, shape_of
from napari_medseg.progress import Report, Step, silent
from napari_medseg.volume import Volume

_FIRST = {2: 8, 3: 48}  # slices for a 2D model, voxels for a 3D one: seen first of a volume
_NEAR = 5.0  # mm: an object so near to the click is meant
_AROUND = 4  # voxels around the object that are looked at finely


@dataclass(frozen=True, eq=False)
class RegionAnswer:
    """A model's labels of a box; nothing outside of it is meant.

    Parameters
    ----------
    box : tuple of slice
        On ``*S``.
    labels : ndarray
        Of the box.
    notes : tuple of str
        What a person should know.
    """

    box: Box
    labels: np.ndarray
    notes: tuple[str, ...] = ()


def segment_box(
    segmenter: Segmenter,
    volume: Volume,
    box: Sequence[slice],
    config: InferenceConfig | None = None,
    report: Report = silent,
) -> RegionAnswer:
    """Segment what is inside a box, and nothing else.

    The model sees what lies around the box as far as its windows reach, so the labels are those of
    a run over the whole image; only the windows that touch the box are computed.

    Raises
    ------
    ValueError
        If the box holds no voxel, or model and image do not go together.
    OSError
        If there is not enough memory.
    """
    asked = checked_box(box, volume.shape)
    found = segmenter.segment(volume, config, report, box=asked)
    notes = found.notes
    if not found.labels.any():
        notes = (*notes, "the model finds nothing in this box")
    return RegionAnswer(asked, found.labels, notes)


def segment_at(
    segmenter: Segmenter,
    volume: Volume,
    index: Sequence[int],
    config: InferenceConfig | None = None,
    report: Report = silent,
) -> RegionAnswer:
    """Segment the object under a click, first coarsely, then finely.

    Coarsely: windows that do not overlap, starting around the click and going on where the object
    does. Finely: as asked, in a box around what was found. Of the answer only the object stays
    that hangs together with what is under the click, or is nearest to it within 5 mm.

    Parameters
    ----------
    segmenter : Segmenter
        A 2D model follows the object from slice to slice.
    volume : Volume
        ``(C, *S)``.
    index : sequence of int
        The voxel clicked on.
    config : InferenceConfig or None
        How to run the model at the end.
    report : Report
        Called before every window; may raise `Cancelled`.

    Raises
    ------
    ValueError
        If the voxel is outside, or model and image do not go together.
    OSError
        If there is not enough memory.
    """
    if len(index) != len(volume.shape) or any(
        not 0 <= i < n for i, n in zip(index, volume.shape, strict=True)
    ):
        raise ValueError(
            f"voxel {tuple(index)} is not in the image of {'x'.join(map(str, volume.shape))} "
            "voxels; click on the image"
        )
    at = tuple(int(i) for i in index)
    config = config or InferenceConfig()
    with segmenter.running(report) as outer:
        prepared = segmenter.prepare(volume, config, outer)
    coarse = config.replace(overlap=0.0, flips=False, probabilities=False, uncertainty=False)
    box, labels = _grown_around(segmenter, volume, prepared, at, coarse, report)
    found = _object(labels, [i - b.start for i, b in zip(at, box, strict=True)], volume.spacing)
    inside = bounding_box(found)
    if inside is None:
        tiny = tuple(slice(i, i + 1) for i in at)
        nothing = np.zeros(shape_of(tiny), labels.dtype)
        return RegionAnswer(tiny, nothing, ("the model finds nothing near this place",))
    fine = grown(moved(inside, box), [_AROUND] * len(box), volume.shape)
    report(Step(0, 0, "window", note="now finely"))
    answer = segmenter.segment(volume, config, report, box=fine, prepared=prepared)
    kept = _object(
        answer.labels, [i - b.start for i, b in zip(at, fine, strict=True)], volume.spacing
    )
    return RegionAnswer(fine, np.where(kept, answer.labels, 0), answer.notes)


def _grown_around(
    segmenter: Segmenter,
    volume: Volume,
    prepared: Prepared,
    at: tuple[int, ...],
    config: InferenceConfig,
    report: Report,
) -> tuple[Box, np.ndarray]:
    """Return a box that holds the object around `at` and its labels, coarsely.

    Each round adds to the sides the object touches as much as was seen at first, and computes only
    what was added.
    """
    shape = volume.shape
    step = _steps(segmenter, volume, config)
    half = [n if s is None else -(-s // 2) for s, n in zip(step, shape, strict=True)]
    box = grown(tuple(slice(i, i + 1) for i in at), half, shape)
    labels = segmenter.segment(volume, config, report, box=box, prepared=prepared).labels
    while True:
        found = _object(labels, [i - b.start for i, b in zip(at, box, strict=True)], volume.spacing)
        side = _touched(found, box, shape)
        if side is None:
            return box, labels
        axis, before = side
        report(Step(0, 0, "window", note="the object goes on: looking further"))
        more = int(step[axis] or shape[axis])
        start, stop = box[axis].start, box[axis].stop
        added = (
            slice(max(start - more, 0), start)
            if before
            else slice(stop, min(stop + more, shape[axis]))
        )
        slab = (*box[:axis], added, *box[axis + 1 :])
        new = segmenter.segment(volume, config, report, box=slab, prepared=prepared).labels
        labels = np.concatenate([new, labels] if before else [labels, new], axis=axis)
        box = (
            *box[:axis],
            slice(min(start, added.start), max(stop, added.stop)),
            *box[axis + 1 :],
        )


def _steps(segmenter: Segmenter, volume: Volume, config: InferenceConfig) -> tuple[int | None, ...]:
    """Return how much of each axis is seen at once; None is all of it."""
    dims, flat = segmenter.card.spatial_dims, volume.spatial_dims == 2
    axes = range(volume.spatial_dims)
    if dims == 2:
        along = None if flat else segmenter.slice_axis(volume, config)
        return tuple(_FIRST[2] if axis == along else None for axis in axes)
    window = segmenter.card.preprocessing.window or (_FIRST[3],) * 3
    return tuple(int(w) for w in window)


def _touched(found: np.ndarray, box: Box, shape: Sequence[int]) -> tuple[int, bool] | None:
    """Return an axis and end of the box where an object goes on beyond it, None if it does not."""
    for axis, (side, n) in enumerate(zip(box, shape, strict=True)):
        if side.start > 0 and found.take(0, axis).any():
            return axis, True
        if side.stop < n and found.take(-1, axis).any():
            return axis, False
    return None


def _object(labels: np.ndarray, at: Sequence[int], spacing: Sequence[float]) -> np.ndarray:
    """Return the connected object under a voxel, or nearest to it within `_NEAR` mm, as a mask."""
    parts, _ = connected(labels != 0, "faces")
    here = int(parts[tuple(at)])
    if not here:
        places = np.argwhere(_around(parts, at, spacing))
        if not len(places):
            return np.zeros(labels.shape, bool)
        corner = _corner(at, spacing)
        apart = np.square((places + corner - at) * np.asarray(spacing)).sum(axis=1)
        nearest = int(apart.argmin())
        if apart[nearest] > _NEAR**2:
            return np.zeros(labels.shape, bool)
        here = int(parts[tuple(places[nearest] + corner)])
    return np.asarray(parts == here)


def _corner(at: Sequence[int], spacing: Sequence[float]) -> np.ndarray:
    return np.array([max(i - int(_NEAR / s), 0) for i, s in zip(at, spacing, strict=True)])


def _around(parts: np.ndarray, at: Sequence[int], spacing: Sequence[float]) -> np.ndarray:
    low = _corner(at, spacing)
    high = [i + int(_NEAR / s) + 1 for i, s in zip(at, spacing, strict=True)]
    return np.asarray(parts[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] != 0)
