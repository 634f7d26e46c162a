"""Arrays kept small: values compressed, masks with a bit for each voxel."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

Box = tuple[slice, ...]  # one slice with start and stop for each axis

_SMALL = 1 << 20  # bytes; compressing less than this saves nothing anybody notices
_ONES = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).sum(axis=1, dtype=np.uint8)


class PackedArray:
    """An array that lies compressed in memory and unfolds when numpy reads it.

    Parameters
    ----------
    values : ndarray
        What it holds.
    small : int
        An array of at most so many bytes is not compressed.
    """

    def __init__(self, values: np.ndarray, small: int = _SMALL) -> None:
        self._shape, self._dtype = values.shape, values.dtype
        self._zipped = values.nbytes > small
        content = np.ascontiguousarray(values)
        self._content = zlib.compress(content.data, 1) if self._zipped else content.tobytes()

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return len(self._content)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        content = zlib.decompress(self._content) if self._zipped else self._content
        values = np.frombuffer(content, self._dtype).reshape(self._shape)
        return values.astype(dtype or self._dtype, copy=bool(copy))


class Bits:
    """A part of a mask, a bit for each voxel, in the bytes of the `PackedMask` it belongs to.

    Parameters
    ----------
    where : tuple of slice
        The bytes: like a box, but along the last axis a step is eight voxels.
    values : ndarray or PackedArray
        uint8.
    """

    def __init__(self, where: Box, values: np.ndarray | PackedArray) -> None:
        self.where, self.values = where, values

    @classmethod
    def of(cls, box: Box, mask: np.ndarray | None = None) -> Bits:
        """Pack the `mask` of a box; without it, all of the box."""
        where, skip = _bytes(box)
        if mask is None:
            mask = np.ones((1,) * (len(box) - 1) + (box[-1].stop - box[-1].start,), bool)
        if skip:
            mask = np.pad(mask, [(0, 0)] * (mask.ndim - 1) + [(skip, 0)])
        return cls(where, np.packbits(mask, axis=-1))

    def stored(self) -> Bits:
        """Return the same, compressed."""
        return Bits(self.where, PackedArray(np.asarray(self.values)))

    @classmethod
    def none(cls, box: Box) -> Bits:
        """Return bits for a box of which none is set."""
        return cls(_bytes(box)[0], np.zeros((1,) * len(box), np.uint8))

    def mask(self, box: Box) -> np.ndarray:
        """Return the mask of the box that was packed, as booleans of its shape."""
        width, skip = box[-1].stop - box[-1].start, box[-1].start % 8
        packed = np.broadcast_to(np.asarray(self.values), shape_of(self.where))
        return np.unpackbits(packed, axis=-1)[..., skip : skip + width].view(bool)

    def any(self) -> bool:
        """Whether one voxel is set."""
        return bool(np.any(self.values))

    def __and__(self, other: Bits) -> Bits:
        return Bits(self.where, np.asarray(self.values) & np.asarray(other.values))

    def __sub__(self, other: Bits) -> Bits:
        return Bits(self.where, np.asarray(self.values) & ~np.asarray(other.values))


class PackedMask:
    """A mask with a bit for each voxel, of which memory is taken only where it was written.

    Parameters
    ----------
    shape : tuple of int
        ``(*S)``; eight voxels along the last axis share a byte.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = tuple(shape)
        self._bits: np.ndarray | None = None

    @property
    def nbytes(self) -> int:
        """Bytes at most; the system gives memory page by page, as they are written."""
        return 0 if self._bits is None else self._bits.nbytes

    def get(self, box: Box) -> np.ndarray:
        """Return the mask in `box`, as booleans of the box's shape."""
        if self._bits is None:
            return np.zeros(shape_of(box), bool)
        return self.bits(box).mask(box)

    def bits(self, box: Box) -> Bits:
        """Return the bytes with `box`, in which voxels beside it may be set as well."""
        if self._bits is None:
            return Bits.none(box)
        where, _ = _bytes(box)
        return Bits(where, self._bits[where])

    def add(self, bits: Bits) -> None:
        """Set the voxels that are set in `bits`."""
        if self._bits is None:
            self._bits = np.zeros((*self.shape[:-1], -(-self.shape[-1] // 8)), np.uint8)
        self._bits[bits.where] |= np.asarray(bits.values)

    def remove(self, bits: Bits) -> None:
        """Clear the voxels that are set in `bits`."""
        if self._bits is not None:
            self._bits[bits.where] &= ~np.asarray(bits.values)

    def read(self, box: Box) -> np.ndarray:
        """Return a copy of the bytes with `box` for `write`, beside it as well; small if empty."""
        return np.array(self.bits(box).values)

    def write(self, box: Box, values: np.ndarray) -> None:
        """Set the bytes with `box` to what `read` returned."""
        if self._bits is None and not values.any():
            return
        self.add(Bits(_bytes(box)[0], np.zeros((1,) * len(box), np.uint8)))
        assert self._bits is not None
        self._bits[_bytes(box)[0]] = values

    def count_with(self, other: PackedMask) -> int:
        """Return how many voxels are set here or in `other`."""
        bits = [mask._bits for mask in (self, other) if mask._bits is not None]
        return sum(
            int(_ONES[np.bitwise_or.reduce(parts)].sum(dtype=np.int64))
            for parts in zip(*bits, strict=True)
        )


def box_around(masks: Sequence[PackedMask], box: Box) -> Box | None:
    """Return a box within `box` with all that is set in there in any of the masks.

    Along the last axis it may be up to seven voxels larger than need be; None if nothing is set.
    """
    inside = Bits.of(box)
    found = np.zeros(shape_of(inside.where), bool)
    for mask in masks:
        found |= np.asarray((inside & mask.bits(box)).values) != 0
    tight = bounding_box(found)
    if tight is None:
        return None
    corner = [b.start for b in box[:-1]]
    start, stop = (8 * (inside.where[-1].start + n) for n in (tight[-1].start, tight[-1].stop))
    return (
        *(slice(c + t.start, c + t.stop) for c, t in zip(corner, tight[:-1], strict=True)),
        slice(max(start, box[-1].start), min(stop, box[-1].stop)),
    )


def bounding_box(mask: np.ndarray) -> Box | None:
    """Return the smallest box with all that is set in `mask`, None if nothing is."""
    box: list[slice] = []
    if not mask.any():
        return None
    for axis in range(mask.ndim):
        inside = mask[tuple(box)]
        where = np.flatnonzero(inside.any(axis=tuple(a for a in range(mask.ndim) if a != axis)))
        if not where.size:
            return None
        box.append(slice(int(where[0]), int(where[-1]) + 1))
    return tuple(box)


def blocks_of(mask: np.ndarray, side: int) -> list[Box]:
    """Return boxes of at most `side` along each axis that hold all that is set in `mask`.

    They do not overlap, and each is the smallest around what it holds.
    """
    boxes = []
    for corner in product(*(range(0, n, side) for n in mask.shape)):
        block = tuple(slice(c, min(c + side, n)) for c, n in zip(corner, mask.shape, strict=True))
        tight = bounding_box(mask[block])
        if tight is not None:
            boxes.append(moved(tight, block))
    return boxes


def moved(inner: Box, outer: Box) -> Box:
    """Return where a box lies that is counted from the corner of another one."""
    return tuple(
        slice(o.start + i.start, o.start + i.stop) for o, i in zip(outer, inner, strict=True)
    )


def shape_of(box: Box) -> tuple[int, ...]:
    """Return how many voxels a box has along each axis."""
    return tuple(s.stop - s.start for s in box)


def within(inner: Box, outer: Box) -> Box:
    """Return where a box lies in the array of another one that holds it."""
    return tuple(
        slice(i.start - o.start, i.stop - o.start) for i, o in zip(inner, outer, strict=True)
    )


def _bytes(box: Box) -> tuple[Box, int]:
    """Return where the bytes of a box lie, and how many voxels of the first one are outside."""
    last = box[-1]
    return (*box[:-1], slice(last.start // 8, -(-last.stop // 8))), last.start % 8
