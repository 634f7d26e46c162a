"""Where the slices of a series lie: sorted by position, one step apart, or refused.

Neither file names nor slice numbers nor SliceThickness say where a slice is; only the positions
do. What cannot be put on a regular grid without moving a slice is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_medseg.io.dicom.headers import Frame
from napari_medseg.io.errors import UnusableFile

SAME_MM = 0.01  # two slices nearer than that are one slice
JITTER = 0.1  # of the step; what rounding in the header and a breathing table make
_TILTED = 0.5  # degrees; below is rounding
_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True, eq=False)
class Place:
    """Slices in order, and their place.

    Parameters
    ----------
    frames : tuple of Frame
        One for each slice, the next always one step further along the normal.
    affine : ndarray
        (4, 4); (slice, row, column, 1) to RAS+ mm.
    known : bool
        Whether the file says how large its voxels are.
    notes : tuple of str
        What a person should know.
    """

    frames: tuple[Frame, ...]
    affine: np.ndarray
    known: bool
    notes: tuple[str, ...] = ()


def place(frames: Sequence[Frame], name: str) -> Place:
    """Put the frames of a series in order.

    Parameters
    ----------
    frames : sequence of Frame
        Of one orientation and size.
    name : str
        Of the series, for messages.

    Raises
    ------
    UnusableFile
        If slices are missing, lie irregularly, or several different ones lie in one place.
    """
    first = frames[0]
    if not first.placed:
        return unplaced(frames)
    assert first.rows is not None
    assert first.columns is not None
    refuse_mixed(frames, name)
    if len(frames) == 1:
        step = np.cross(first.rows, first.columns) * thickness_of(first)
        return Place(tuple(frames), affine_of(first, step), True)
    normal = np.cross(first.rows, first.columns)
    along = np.array([float(position_of(frame) @ normal) for frame in frames])
    order = np.argsort(along, kind="stable")
    ordered, along = [frames[i] for i in order], along[order]
    ordered, along, notes = _without_repeats(ordered, along, name)
    if len(ordered) == 1:
        step = normal * thickness_of(ordered[0])
        return Place(tuple(ordered), affine_of(ordered[0], step), True, notes)
    _refuse_gaps(along, name)
    step = (position_of(ordered[-1]) - position_of(ordered[0])) / (len(ordered) - 1)
    refuse_bent(ordered, step, name)
    notes += tilt_note(step, normal)
    return Place(tuple(ordered), affine_of(ordered[0], step), True, notes)


def tilt_note(step: np.ndarray, normal: np.ndarray) -> tuple[str, ...]:
    """Say that slices do not lie upright on each other, if they do not."""
    tilt = float(np.degrees(np.arccos(np.clip(step @ normal / np.linalg.norm(step), -1, 1))))
    if tilt <= _TILTED:
        return ()
    return (
        f"the gantry was tilted by {tilt:.1f}°: each slice is shifted against the one below; "
        "places and volumes in mm take this into account, the picture is not sheared back",
    )


def unplaced(frames: Sequence[Frame]) -> Place:
    """Return frames that lie nowhere known, in the order of their file."""
    spacing = frames[0].spacing
    rows, columns = spacing or (1.0, 1.0)
    affine = np.zeros((4, 4))
    affine[2, 0], affine[1, 1], affine[0, 2], affine[3, 3] = 1.0, -rows, -columns, 1.0
    notes: tuple[str, ...] = ()
    if len(frames) > 1:
        notes = (
            "the file does not say where its pictures lie, perhaps they are a film: the distance "
            "between them is unknown",
        )
    return Place(tuple(frames), affine, spacing is not None and len(frames) == 1, notes)


def refuse_mixed(frames: Sequence[Frame], name: str) -> None:
    """Refuse frames of different pixel sizes, or of which some have no place."""
    if not all(frame.placed for frame in frames):
        raise UnusableFile(
            f"some slices of '{name}' do not say where they lie; export the series again"
        )
    found = sorted({tuple(round(s, 4) for s in frame.spacing or ()) for frame in frames})
    low, high = np.array(found[0]), np.array(found[-1])
    if np.abs(high - low).max() > 0.001 * low.min():
        raise UnusableFile(
            f"the slices of '{name}' have different pixel sizes ({_size(found[0])} and "
            f"{_size(found[-1])} mm); they are no single volume, open them one by one"
        )


def _without_repeats(
    frames: list[Frame], along: np.ndarray, name: str
) -> tuple[list[Frame], np.ndarray, tuple[str, ...]]:
    """Drop slices that are there twice; two different ones in one place are refused."""
    from napari_medseg.io.dicom.pixels import same_pixels

    again = np.flatnonzero(np.diff(along) < SAME_MM) + 1
    for i in again:
        if not same_pixels(frames[i - 1], frames[i]):
            raise UnusableFile(
                f"'{name}' has different slices in one place ({frames[i - 1].header.path.name} "
                f"and {frames[i].header.path.name}); keep the files of one volume in the folder"
            )
    if not again.size:
        return frames, along, ()
    drop = set(again.tolist())
    kept = [frame for i, frame in enumerate(frames) if i not in drop]
    count = f"{again.size} slice{'s' * (again.size > 1)}"
    note = f"{count} of '{name}' {'were' if again.size > 1 else 'was'} there twice; one is used"
    return kept, np.delete(along, again), (note,)


def are_even(along: np.ndarray, number: np.ndarray) -> bool:
    """Whether slices lie at even steps but for what headers round; `number` counts them."""
    step = (along[-1] - along[0]) / number[-1]
    return bool(np.abs(along - along[0] - number * step).max() <= JITTER * step)


def _refuse_gaps(along: np.ndarray, name: str) -> None:
    if are_even(along, np.arange(len(along))):
        return
    steps = np.diff(along)
    usual = float(np.median(steps[steps < (1 + JITTER) * steps.min()]))
    times = steps / usual
    odd = np.flatnonzero(np.abs(times - 1) > JITTER)
    if not odd.size:
        return
    if np.abs(times - np.round(times)).max() < JITTER:
        missing = int(np.round(times - 1).sum())
        raise UnusableFile(
            f"'{name}' lacks {missing} slice{'s' * (missing > 1)}: after slice {odd[0] + 1} the "
            f"next one follows at {steps[odd[0]]:.4g} mm instead of {usual:.4g} mm; "
            "copy the whole series again"
        )
    raise UnusableFile(
        f"the slices of '{name}' do not lie regularly, from {steps.min():.4g} to "
        f"{steps.max():.4g} mm apart; resample them to one distance first, or open a part of them"
    )


def refuse_bent(
    frames: Sequence[Frame], step: np.ndarray, name: str, number: np.ndarray | None = None
) -> None:
    """Refuse slices that do not lie on one line; `number` counts them where some are left out."""
    start = position_of(frames[0])
    number = np.arange(len(frames)) if number is None else number
    ideal = start + number[:, None] * step
    off = np.linalg.norm(np.array([position_of(f) for f in frames]) - ideal, axis=1).max()
    if off > max(JITTER * float(np.linalg.norm(step)), min(frames[0].spacing or (1.0,))):
        raise UnusableFile(
            f"the slices of '{name}' lie up to {off:.3g} mm beside a straight line; "
            "they are no single volume, open them one by one"
        )


def affine_of(frame: Frame, step: np.ndarray) -> np.ndarray:
    """Return (slice, row, column, 1) to RAS+ mm of slices that begin with `frame`."""
    assert frame.rows is not None
    assert frame.columns is not None
    assert frame.spacing is not None
    affine = np.eye(4)
    affine[:3, 0] = step
    affine[:3, 1] = frame.columns * frame.spacing[0]  # the row index grows along a column
    affine[:3, 2] = frame.rows * frame.spacing[1]
    affine[:3, 3] = position_of(frame)
    moved: np.ndarray = _LPS_TO_RAS @ affine
    return moved


def thickness_of(frame: Frame) -> float:
    """Return the thickness of a slice that has no neighbours, mm."""
    return frame.thickness or frame.apart or 1.0


def position_of(frame: Frame) -> np.ndarray:
    """Return where the first pixel of a placed frame lies (LPS, mm)."""
    assert frame.position is not None
    return frame.position


def _size(spacing: tuple[float, ...]) -> str:
    return " x ".join(f"{s:g}" for s in spacing)
