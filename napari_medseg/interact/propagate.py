"""A corrected slice carries on to its neighbours, as far as the picture bears it out.

What the slice's labels look like is learnt once: by the image's values, and with a model also by a
head on its features (lane 1). Then slice by slice, away from it on both sides: the last slice's
outline, blurred by how far an outline may move from one slice to the next, and what was learnt
decide together. It ends where the object does, where the next slice no longer looks like the
corrected one, or where the outline jumps; where and why is said.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from napari_medseg.editing.checks import check_labels
from napari_medseg.editing.connected import connected
from napari_medseg.interact.evidence import Knows, SliceEvidence
from napari_medseg.packed import Box
from napari_medseg.progress import Report, Step, silent
from napari_medseg.volume import Volume

DIRECTIONS = ("both", "up", "down")
_MOST = 64  # slices to each side
_PRIOR = 1.5  # log-odds: how much the last outline counts at most
_BLUR = 2.0  # voxels at least that an outline moves from slice to slice
_DOUBT = 0.55  # mean probability inside an outline by the evidence alone: below, it is chance
_DROP = 0.4  # of how much better than chance it was on the corrected slice: below, it ends
_OVERLAP = 0.5  # Dice of two neighbouring outlines: below, it is a jump


@dataclass(frozen=True, eq=False)
class Propagated:
    """What a corrected slice became on its neighbours.

    Parameters
    ----------
    box : tuple of slice
        On ``*S``; nothing outside of it is different.
    labels : ndarray
        Of the box, the type of the labels that were given.
    first, last : int
        The slices it was carried to, the corrected one among them.
    reasons : tuple of str
        Why it ended below and above, in words for a person; "" on a side not asked for.
    """

    box: Box
    labels: np.ndarray
    first: int
    last: int
    reasons: tuple[str, str]


def propagate(
    labels: np.ndarray,
    volume: Volume,
    index: int,
    axis: int,
    *,
    value: int,
    interaction: Knows | None = None,
    direction: str = "both",
    may_change: np.ndarray | None = None,
    locked: Collection[int] = (),
    most: int = _MOST,
    report: Report = silent,
) -> Propagated:
    """Carry one class of a corrected slice to its neighbours.

    Parameters
    ----------
    labels : ndarray
        ``(D, H, W)`` integers; not changed.
    volume : Volume
        The image, 3D.
    index, axis : int
        The corrected slice.
    value : int
        The class.
    interaction : Interaction or None
        Knows what the model says; None, or one without a model, goes by the image alone.
    direction : {"both", "up", "down"}
        Towards larger or smaller numbers of slices.
    may_change : ndarray of bool or None
        ``(D, H, W)``: False where a person painted; None is everywhere.
    locked : collection of int
        Classes that neither gain nor lose a voxel.
    most : int
        Slices at most, to each side.
    report : Report
        Called before every slice; may raise `Cancelled`.

    Raises
    ------
    ValueError
        If there is nothing to carry, in words for a person.
    """
    _check(labels, volume, index, axis, value, direction, locked)
    evidence = SliceEvidence(labels, volume, index, axis, value, interaction, report)
    found: dict[int, np.ndarray] = {}
    reasons = ["", ""]
    for side, step in enumerate((-1, 1)):
        if direction != ("up", "down")[side]:
            more, reasons[side] = _walk(evidence, step, most, report)
            found |= more
    box = evidence.box_of(min([index, *found]), max([index, *found]))
    written = _written(labels, found, box, axis, value, may_change, locked)
    return Propagated(box, written, box[axis].start, box[axis].stop - 1, (reasons[0], reasons[1]))


def _written(
    labels: np.ndarray,
    found: dict[int, np.ndarray],
    box: Box,
    axis: int,
    value: int,
    may_change: np.ndarray | None,
    locked: Collection[int],
) -> np.ndarray:
    """Return the labels of a box with the outlines that were found, where they may change."""
    free = np.ones(labels[box].shape, bool) if may_change is None else may_change[box]
    if locked:
        free = free & ~np.isin(labels[box], list(locked))
    written = labels[box].copy()
    for at, outline in found.items():
        place = at - box[axis].start
        _write(
            np.moveaxis(written, axis, 0)[place], outline, value, np.moveaxis(free, axis, 0)[place]
        )
    return written


def _walk(
    evidence: SliceEvidence, step: int, most: int, report: Report
) -> tuple[dict[int, np.ndarray], str]:
    """Go from slice to slice; return the outlines found and why it ended."""
    found: dict[int, np.ndarray] = {}
    last = evidence.outline
    believed = _belief(evidence.of(evidence.index), last)
    if believed < _DOUBT:
        return found, "nothing tells this class from what is around it on the corrected slice"
    for number in range(1, most + 1):
        at = evidence.index + step * number
        if not 0 <= at < evidence.slices:
            return found, "the image ends there"
        report(Step(number - 1, most, "slice"))
        score = evidence.of(at)
        new = _outlined(score, last, evidence.spacing, evidence.thickness)
        why = _end(new, last, score, believed)
        if why:
            return found, f"slice {at}: {why}"
        found[at] = last = new
    return found, f"slice {evidence.index + step * most}: as far as was asked"


def _outlined(
    score: np.ndarray, last: np.ndarray, spacing: Sequence[float], thickness: float
) -> np.ndarray:
    """Return the next outline: evidence and the last outline together, connected to the last."""
    import edt

    anisotropy = tuple(spacing)
    inside = edt.edt(np.ascontiguousarray(last), anisotropy=anisotropy)
    outside = edt.edt(np.ascontiguousarray(~last), anisotropy=anisotropy)
    blur = max(thickness, _BLUR * min(spacing))
    prior = np.clip((inside - outside) / blur, -1, 1) * _PRIOR
    prior = np.where(outside > 2 * blur, -np.inf, prior)  # an outline moves no farther
    new = score + prior > 0
    parts, _ = connected(new, "faces")
    return np.asarray(np.isin(parts, np.unique(parts[last & new])) & new)


def _end(new: np.ndarray, last: np.ndarray, score: np.ndarray, believed: float) -> str:
    """Return why an outline is not to be believed, "" if it is."""
    size, before = int(np.count_nonzero(new)), int(np.count_nonzero(last))
    shared = 2 * int(np.count_nonzero(new & last)) / max(size + before, 1)
    if not size or (shared < _OVERLAP and size < before):
        return "the object ends there"
    if shared < _OVERLAP:
        return "the outline jumps"
    if _belief(score, new) < 0.5 + _DROP * (believed - 0.5):
        return "it no longer looks like the corrected slice"
    return ""


def _belief(score: np.ndarray, outline: np.ndarray) -> float:
    """Return the mean probability inside an outline."""
    return float((1 / (1 + np.exp(-score[outline]))).mean())


def _write(plane: np.ndarray, outline: np.ndarray, value: int, may: np.ndarray) -> None:
    """Write an outline into a slice; what hung together with it and is not in it is taken away."""
    parts, _ = connected((plane == value) | outline, "faces")
    mine = np.isin(parts, np.unique(parts[outline])) & (plane == value)
    plane[mine & ~outline & may] = 0
    plane[outline & may] = value


def _check(
    labels: np.ndarray,
    volume: Volume,
    index: int,
    axis: int,
    value: int,
    direction: str,
    locked: Collection[int],
) -> None:
    check_labels(labels)
    if volume.spatial_dims != 3 or labels.shape != volume.shape:
        raise ValueError("only the slices of a volume have neighbours; choose a 3-D image")
    if axis not in (0, 1, 2) or not 0 <= index < volume.shape[axis]:
        raise ValueError(f"there is no slice {index} along axis {axis}; choose one of the image")
    if direction not in DIRECTIONS:
        raise ValueError(f"the direction is one of {', '.join(DIRECTIONS)}; got {direction!r}")
    if value in locked:
        raise ValueError(f"class {value} is locked; unlock it, or choose another class")
    if not (labels.take(index, axis) == value).any():
        raise ValueError(f"slice {index} holds nothing of class {value}; draw it there first")
