"""What lies between two painted slices: shape-based interpolation.

Source: Raya & Udupa 1990, IEEE Trans. Med. Imaging 9(1):32-42; Euclidean distances (Herman et al.
1992) instead of their city-block ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from napari_medseg.editing.parts import shifted
from napari_medseg.packed import Box, bounding_box

_TIE = 1e-4  # of a voxel; distances that differ by less are the same, however they were rounded


def fill_gap(
    planes: np.ndarray, values: Sequence[int], spacing: tuple[float, ...], *, overwrite: bool
) -> None:
    """Fill ``planes[1:-1]`` in place from the first and the last plane.

    Parameters
    ----------
    planes : ndarray
        ``(N, H, W)`` integers, a view of the labels.
    values : sequence of int
        The classes that are filled. The one deepest inside wins.
    spacing : tuple of float
        mm along the two axes of a plane.
    overwrite : bool
        Whether other classes give way; if not, only background is filled.
    """
    first, last = planes[0], planes[-1]
    chosen = [v for v in values if (first == v).any() or (last == v).any()]
    box = _box_of(np.isin(first, chosen), np.isin(last, chosen))
    if box is None:
        return
    first, last = first[box], last[box]
    morphs = [_Placed.of(first == v, last == v, spacing) for v in chosen]
    # where classes touch in the painted slices they do so in between, as one body
    body = None
    if _touch(first, chosen) or _touch(last, chosen):
        body = Morph.of(np.isin(first, chosen), np.isin(last, chosen), spacing)
        if not all(m.stays for m in (body, *(placed.morph for placed in morphs))):
            body = None
    numbers, tie = np.array(chosen, planes.dtype), _TIE * min(spacing)
    for i in range(1, len(planes) - 1):
        t = i / (len(planes) - 1)
        winner = np.full(first.shape, -1, np.intp)
        deepest = np.full(first.shape, -np.inf, np.float32)
        for n, placed in enumerate(morphs):
            depth, there = placed.morph.at(t), deepest[placed.box]
            winner[placed.box][depth > there + tie] = n
            np.maximum(there, depth, out=there)
        inside = deepest > tie
        if body is not None:
            inside |= (body.at(t) > tie) & (winner >= 0)
        plane = planes[i][box]
        if not overwrite:
            inside &= plane == 0
        plane[inside] = numbers[winner[inside]]


@dataclass(frozen=True, eq=False)
class Morph:
    """A shape that becomes another one.

    Parameters
    ----------
    first, last : ndarray
        ``(H, W)``: mm to the outline of each, positive inside.
    move : tuple of int
        How many voxels it moves on the way.
    """

    first: np.ndarray
    last: np.ndarray
    move: tuple[int, ...]

    @classmethod
    def of(cls, first: np.ndarray, last: np.ndarray, spacing: tuple[float, ...]) -> Self:
        """Return what becomes of the mask `first` on the way to the mask `last`.

        Masks that overlap are mixed where they are. Those that do not are mixed on their way from
        the one to the other: a vessel that runs aslant. Of an empty one and another the other is
        gone half way.
        """
        a, b = (_signed_distance(m, spacing) if m.any() else None for m in (first, last))
        still = (0,) * first.ndim
        if a is None and b is not None:
            return cls(np.full_like(b, -b.max()), b, still)
        if b is None and a is not None:
            return cls(a, np.full_like(a, -a.max()), still)
        assert a is not None
        assert b is not None  # a class that neither slice has is not asked for
        if (first & last).any():
            return cls(a, b, still)
        middles = [np.argwhere(mask).mean(axis=0) for mask in (first, last)]
        return cls(a, b, tuple(int(n) for n in np.floor(middles[1] - middles[0] + 0.5 + _TIE)))

    @property
    def stays(self) -> bool:
        """Whether it stays in its place."""
        return not any(self.move)

    def at(self, t: float) -> np.ndarray:
        """Return mm to the outline at the part `t` of the way, positive inside."""
        if self.stays:
            return np.asarray((1 - t) * self.first + t * self.last)
        gone = tuple(round(t * n) for n in self.move)
        left = tuple(g - n for g, n in zip(gone, self.move, strict=True))
        return np.asarray((1 - t) * _moved(self.first, gone) + t * _moved(self.last, left))


@dataclass(frozen=True, eq=False)
class _Placed:
    """The morph of one class, in the box outside of which it is nowhere inside."""

    box: Box
    morph: Morph

    @classmethod
    def of(cls, first: np.ndarray, last: np.ndarray, spacing: tuple[float, ...]) -> Self:
        box = _box_of(first, last)
        assert box is not None  # a class that neither slice has is not asked for
        return cls(box, Morph.of(first[box], last[box], spacing))


def _box_of(first: np.ndarray, last: np.ndarray) -> Box | None:
    """Return the box around two masks, a voxel wider: distances need an outside.

    Nothing outside of it can become positive in between.
    """
    found = bounding_box(first | last)
    if found is None:
        return None
    return tuple(
        slice(max(s.start - 1, 0), min(s.stop + 1, n))
        for s, n in zip(found, first.shape, strict=True)
    )


def _touch(plane: np.ndarray, values: Sequence[int]) -> bool:
    """Whether two of the classes share a face or a corner in a plane."""
    if len(values) < 2:
        return False
    own = np.where(np.isin(plane, values), plane, 0)
    for offset in ((0, 1), (1, 0), (1, 1), (1, -1)):
        here, there = shifted(own.shape, offset)
        a, b = own[here], own[there]
        if ((a != b) & (a != 0) & (b != 0)).any():
            return True
    return False


def _signed_distance(mask: np.ndarray, spacing: tuple[float, ...]) -> np.ndarray:
    """Return mm to the outline, positive inside; the border of the picture is no outline."""
    import edt

    if mask.all():
        return np.full(mask.shape, sum(n * s for n, s in zip(mask.shape, spacing, strict=True)))
    sides = np.ascontiguousarray(mask) + np.uint8(1)  # two labels: each voxel's way to the other
    depth = np.asarray(edt.edt(sides, anisotropy=spacing, parallel=1))
    np.negative(depth, out=depth, where=~mask)
    return depth


def _moved(depth: np.ndarray, offset: tuple[int, ...]) -> np.ndarray:
    """Return distances moved by some voxels; what comes in from beyond is far outside."""
    here, there = shifted(depth.shape, offset)
    moved = np.full_like(depth, depth.min())
    moved[there] = depth[here]
    return moved
