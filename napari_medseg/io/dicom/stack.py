"""Where the frames of a segmentation lie: several in one place, places without any.

A segmentation has a frame for each class and slice, and may leave out those that hold nothing.
Only positions count, as for images (see place.py): the frames are put on the coarsest regular row
of slices that meets them all, or on the one the file names if it does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_medseg.io.dicom.headers import Frame
from napari_medseg.io.dicom.place import (
    JITTER,
    SAME_MM,
    affine_of,
    are_even,
    position_of,
    refuse_bent,
    refuse_mixed,
    tilt_note,
    unplaced,
)
from napari_medseg.io.errors import UnusableFile


@dataclass(frozen=True, eq=False)
class Stack:
    """Frames in a row of slices.

    Parameters
    ----------
    slices : ndarray
        ``(frames,)``: which slice each frame lies on, from 0.
    count : int
        Of slices, empty ones among them.
    affine : ndarray
        (4, 4); (slice, row, column, 1) to RAS+ mm.
    notes : tuple of str
        What a person should know.
    picture : bool
        Whether it is no slice but a picture with no place in the patient, as an X-ray is.
    known : bool
        Whether the file says how large its voxels are.
    """

    slices: np.ndarray
    count: int
    affine: np.ndarray
    notes: tuple[str, ...] = ()
    picture: bool = False
    known: bool = True


def picture_of(frames: Sequence[Frame]) -> Stack:
    """Put frames that lie nowhere known upon each other."""
    there = unplaced(frames[:1])
    at = np.zeros(len(frames), int)
    return Stack(at, 1, there.affine, picture=True, known=there.known)


def stacked(frames: Sequence[Frame], name: str) -> Stack:
    """Put frames on slices.

    Parameters
    ----------
    frames : sequence of Frame
        All placed.
    name : str
        Of the file, for messages.

    Raises
    ------
    UnusableFile
        If they lie in different directions or on no regular row of slices.
    """
    first = frames[0]
    assert first.rows is not None
    assert first.columns is not None
    refuse_mixed(frames, name)
    turned = [_turn(frame, first) for frame in frames]
    if max(turned) > JITTER / 10:
        raise UnusableFile(
            f"the frames of '{name}' lie in different directions; export them apart, or as .nii.gz"
        )
    normal = np.cross(first.rows, first.columns)
    along = np.array([float(position_of(frame) @ normal) for frame in frames])
    order = np.argsort(along, kind="stable")
    starts = np.diff(along[order], prepend=-np.inf) > SAME_MM
    place = np.empty(len(frames), int)  # which of the places where frames lie
    place[order] = np.cumsum(starts) - 1
    firsts = [frames[i] for i in order[starts]]
    if len(firsts) == 1:
        step = normal * (first.apart or first.thickness or 1.0)
        return Stack(place, 1, affine_of(first, step))
    places = along[order][starts]
    number = _numbers(places - places[0], first.apart, name)
    step = (position_of(firsts[-1]) - position_of(firsts[0])) / number[-1]
    refuse_bent(firsts, step, name, number)
    return Stack(
        number[place], int(number[-1]) + 1, affine_of(firsts[0], step), tilt_note(step, normal)
    )


def _numbers(along: np.ndarray, stated: float | None, name: str) -> np.ndarray:
    """Return the number of the slice that each place lies on; the first is 0."""
    distances = np.diff(along)
    for step in (stated, float(distances.min())):
        if step is None:
            continue
        further = np.rint(distances / step)
        number = np.concatenate([[0], np.cumsum(further)])
        if further.min() >= 1 and are_even(along, number):
            return number.astype(int)
    raise UnusableFile(
        f"the slices of '{name}' do not lie regularly, from {distances.min():.4g} to "
        f"{distances.max():.4g} mm apart; export the labels as .nii.gz"
    )


def _turn(frame: Frame, first: Frame) -> float:
    """Return how far the directions of two frames are apart."""
    apart = [np.zeros(3) if a is None or b is None else a - b for a, b in (
        (frame.rows, first.rows), (frame.columns, first.columns)
    )]  # fmt: skip
    return float(np.abs(apart).max())
