"""Seeds: what all prompts together say each voxel of a region must be, and must not be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_medseg.editing.scope import intersection
from napari_medseg.interact.prompts import Prompt
from napari_medseg.packed import Box, shape_of, within
from napari_medseg.volume import Volume

FREE = -1
"""In `Seeds.required`: no prompt says what this voxel is."""

_SLACK = 0.05  # of a box's side: hands draw boxes that much too small
_BAND = 0.2  # of how far it is from a lasso's line to its middle: where the image may move it
_WIDEST = 3  # voxels: and no further than that


@dataclass(frozen=True, eq=False)
class Seeds:
    """What prompts say of the voxels of a region.

    Parameters
    ----------
    box : tuple of slice
        The region, on the grid of the image.
    required : ndarray of int32
        ``(*S)`` of the region: the class a voxel must be, `FREE` where none is asked for.
    forbidden : dict of int to ndarray of bool
        For a class, where it must not be.
    notes : tuple of str
        Where the newest prompt contradicts earlier ones, in words for a person; it holds.
    erased : ndarray of bool or None
        ``(*S)``: what is forbidden there was erased, and not only ends there as at a box's sides.
    """

    box: Box
    required: np.ndarray
    forbidden: dict[int, np.ndarray]
    notes: tuple[str, ...] = ()
    erased: np.ndarray | None = None

    def allowed(self, values: Sequence[int], at: Any = ...) -> np.ndarray:
        """Return ``(K, *S)`` booleans: which of the classes `values` each voxel may be.

        Parameters
        ----------
        at : index of numpy
            Of which voxels; all by default.
        """
        required = self.required[at]
        free, rows = required == FREE, []
        for value in values:
            row = free | (required == value)
            if value in self.forbidden:
                row &= ~self.forbidden[value][at]
            rows.append(row)
        return np.stack(rows)

    def against(self, value: int, positive: bool) -> np.ndarray:
        """Return where prompts say the contrary of one for a class, or against it."""
        asked = self.required != FREE
        if not positive:
            return np.asarray(self.required == value)
        denied = self.forbidden.get(value)
        elsewise = asked & (self.required != value)
        return np.asarray(elsewise if denied is None else elsewise | denied)

    def broken(self, labels: np.ndarray) -> np.ndarray:
        """Return where `labels` ``(*S)`` of the region are not what the prompts say."""
        wrong = (self.required != FREE) & (labels != self.required)
        for value, where in self.forbidden.items():
            wrong |= where & (labels == value)
        return np.asarray(wrong)


def seeds_of(prompts: Sequence[Prompt], volume: Volume, box: Box, values: Sequence[int]) -> Seeds:
    """Gather what prompts say of a region; where two contradict each other, the later one wins.

    What each says: points and scribbles, of the voxels they cover, that they are of the class
    (positive) or are not (negative). A negative box or lasso: that nothing in it is of the class.
    A positive lasso: that what is inside is of the class, but for a narrow band along the line,
    where the image decides. A positive box: that the object ends at its sides (a little slack is
    left to the hand), until a later prompt asks for the class outside of it.

    Parameters
    ----------
    prompts : sequence of Prompt
        Oldest first; what lies outside of the region says nothing.
    volume : Volume
        The image; its values are not looked at.
    box : tuple of slice
        The region.
    values : sequence of int
        All classes a voxel of the region may become, the background 0 among them.
    """
    shape = shape_of(box)
    required = np.full(shape, FREE, np.int32)
    forbidden: dict[int, np.ndarray] = {}
    known = {*values, *(p.value for p in prompts)}
    erased = np.zeros(shape, bool)
    notes: list[str] = []
    for number, prompt in enumerate(prompts):
        frame = prompt.kind == "box" and prompt.positive
        if frame and any(_reaches_out(p, prompt, volume) for p in prompts[number + 1 :]):
            continue
        said = _said(prompt, volume, box)
        if said is None:
            continue
        at, where = said
        denied = forbidden.setdefault(prompt.value, np.zeros(shape, bool))
        if frame:
            denied[at] |= where & (required[at] != prompt.value)
            continue
        erased[at][where] = not prompt.positive
        here = {value: mask[at] for value, mask in forbidden.items()}  # views
        clash = _give(prompt, where, required[at], here, known)
        if clash and number == len(prompts) - 1:  # it was said of earlier ones when they were new
            notes.append(
                f"the {prompt.words} contradicts an earlier one on {clash} "
                f"voxel{'s' if clash > 1 else ''}; the later one holds"
            )
    return Seeds(
        box, required, {v: m for v, m in forbidden.items() if m.any()}, tuple(notes), erased
    )


def box_sides(prompt: Prompt, volume: Volume) -> tuple[Box, Box]:
    """Return the voxels inside a box prompt, and those its object may reach with the slack left."""
    inside, _ = prompt.voxels(volume)
    flat = prompt.plane(volume)
    loose = []
    for axis, (side, n) in enumerate(zip(inside, volume.shape, strict=True)):
        slack = 0 if axis == flat else max(1, round(_SLACK * (side.stop - side.start)))
        loose.append(slice(max(side.start - slack, 0), min(side.stop + slack, n)))
    return inside, tuple(loose)


def core_and_band(prompt: Prompt, volume: Volume) -> tuple[Box, np.ndarray, np.ndarray]:
    """Return what a lasso surely holds, and the band along its line where the image decides.

    Returns
    -------
    tuple of (tuple of slice, ndarray of bool, ndarray of bool)
        The box both lie in, the core and the band, each of the shape of the box.
    """
    from scipy import ndimage

    tight, mask = prompt.voxels(volume)
    flat = prompt.plane(volume)
    pads = [
        (0, 0) if axis == flat else (min(_WIDEST, side.start), min(_WIDEST, n - side.stop))
        for axis, (side, n) in enumerate(zip(tight, volume.shape, strict=True))
    ]
    box = tuple(slice(s.start - a, s.stop + b) for s, (a, b) in zip(tight, pads, strict=True))
    padded = np.pad(mask, pads)
    smallest = min(s for axis, s in enumerate(volume.spacing) if axis != flat)
    # beyond the image's border the lasso goes on as it is there
    inside = ndimage.distance_transform_edt(padded, sampling=volume.spacing)
    outside = ndimage.distance_transform_edt(~padded, sampling=volume.spacing)
    width = min(_BAND * float(inside.max()), _WIDEST * smallest)
    core = inside > width
    return box, core, ~core & (outside <= width)


def _said(prompt: Prompt, volume: Volume, box: Box) -> tuple[Box, np.ndarray] | None:
    """Return a box of the region, and which of it a prompt speaks of; None if nothing."""
    try:
        place, mask = prompt.voxels(volume)
    except ValueError:  # said when it was made; on another image it may lie outside
        return None
    if prompt.kind == "lasso" and prompt.positive:
        place, mask, _ = core_and_band(prompt, volume)
    elif prompt.kind == "box" and prompt.positive:
        place, mask = _frame(prompt, volume)
    shared = intersection(place, box)
    if shared is None:
        return None
    where = mask[within(shared, place)]
    return (within(shared, box), where) if where.any() else None


def _frame(prompt: Prompt, volume: Volume) -> tuple[Box, np.ndarray]:
    """Return the voxels just beyond a box, one thick, that its object does not reach."""
    _, loose = box_sides(prompt, volume)
    flat = prompt.plane(volume)
    outer = tuple(
        s if axis == flat else slice(max(s.start - 1, 0), min(s.stop + 1, n))
        for axis, (s, n) in enumerate(zip(loose, volume.shape, strict=True))
    )
    frame = np.ones(shape_of(outer), bool)
    frame[within(loose, outer)] = False
    return outer, frame


def _reaches_out(later: Prompt, prompt: Prompt, volume: Volume) -> bool:
    """Whether a later prompt asks for the class of a box outside of it."""
    if not later.positive or later.value != prompt.value:
        return False
    try:
        place, _ = later.voxels(volume)
        _, loose = box_sides(prompt, volume)
    except ValueError:
        return False
    return any(a.start < b.start or a.stop > b.stop for a, b in zip(place, loose, strict=True))


def _give(
    prompt: Prompt,
    where: np.ndarray,
    required: np.ndarray,
    forbidden: dict[int, np.ndarray],
    known: set[int],
) -> int:
    """Write what a prompt says into the seeds; return how many voxels had another say before."""
    denied = forbidden[prompt.value]
    if prompt.positive:
        clash = where & (denied | ((required != FREE) & (required != prompt.value)))
        required[where] = prompt.value
        denied &= ~where
        return int(clash.sum())
    clash = where & (required == prompt.value)
    required[clash] = FREE
    denied |= where
    left = np.zeros_like(where)
    for value in known - {prompt.value}:
        left |= ~forbidden[value] if value in forbidden else True
    shut = where & ~left  # every class was forbidden by one prompt or another
    for value in known - {prompt.value}:
        if value in forbidden:
            forbidden[value] &= ~shut
    return int((clash | shut).sum())
