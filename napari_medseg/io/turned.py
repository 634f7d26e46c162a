"""An array in pieces whose axes are seen in another order or direction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class TurnedArray:
    """A view of `stored` with transposed and reversed axes, that slices lazily.

    Parameters
    ----------
    stored : array
        With ``shape``, ``dtype``, and basic slicing.
    order : tuple of int
        Stored axis of each axis.
    flips : tuple of bool
        Whether that axis runs backwards in `stored`.
    pieces : tuple of int
        Entries of a piece along the stored axes, for an array that has no ``chunks``.
    """

    stored: Any
    order: tuple[int, ...]
    flips: tuple[bool, ...]
    pieces: tuple[int, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """Entries along each axis."""
        return tuple(int(self.stored.shape[axis]) for axis in self.order)

    @property
    def chunks(self) -> tuple[int, ...]:
        """Entries of a piece along each axis."""
        pieces = self.pieces or self.stored.chunks
        return tuple(int(pieces[axis]) for axis in self.order)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the values."""
        return np.dtype(self.stored.dtype)

    @property
    def ndim(self) -> int:
        """How many axes there are."""
        return len(self.order)

    @property
    def size(self) -> int:
        """How many entries there are."""
        return int(np.prod(self.shape))

    @property
    def nbytes(self) -> int:
        """Bytes of all entries."""
        return self.size * self.dtype.itemsize

    @property
    def attrs(self) -> Any:
        """What is noted at the stored array."""
        return self.stored.attrs

    def __getitem__(self, index: Any) -> np.ndarray:
        picks, dropped = self._picks(index)
        values = np.asarray(self.stored[self._in_file(picks)]).transpose(self.order)
        values = values[tuple(slice(None, None, -1 if flip else None) for flip in self.flips)]
        steps = tuple(slice(None, None, pick.step) for pick in picks)
        return values[tuple(0 if i in dropped else step for i, step in enumerate(steps))]

    def __setitem__(self, index: Any, values: Any) -> None:
        picks, dropped = self._picks(index)
        if any(pick.step != 1 for pick in picks):
            raise IndexError("a turned array is written without steps")
        shape = tuple(pick.stop - pick.start for pick in picks)
        kept = tuple(size for i, size in enumerate(shape) if i not in dropped)
        turned = np.broadcast_to(values, kept).reshape(shape)
        turned = turned[tuple(slice(None, None, -1 if flip else None) for flip in self.flips)]
        self.stored[self._in_file(picks)] = turned.transpose(np.argsort(self.order))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[...], dtype=dtype)

    def _picks(self, index: Any) -> tuple[list[slice], set[int]]:
        """Return a slice for each axis, and the axes that a number stands for."""
        given = list(index) if isinstance(index, tuple) else [index]
        if any(one is Ellipsis for one in given):
            at = next(i for i, one in enumerate(given) if one is Ellipsis)
            given[at : at + 1] = [slice(None)] * (self.ndim - len(given) + 1)
        given += [slice(None)] * (self.ndim - len(given))
        picks, dropped = [], set()
        for axis, (one, size) in enumerate(zip(given, self.shape, strict=True)):
            if isinstance(one, slice):
                start, stop, step = one.indices(size)
                if step < 1:
                    raise IndexError("a turned array has no negative steps")
                picks.append(slice(start, max(start, stop), step))
            else:
                at = int(one) + size if int(one) < 0 else int(one)
                if not 0 <= at < size:
                    raise IndexError(f"index {int(one)} is out of bounds for {size} entries")
                picks.append(slice(at, at + 1, 1))
                dropped.add(axis)
        return picks, dropped

    def _in_file(self, picks: list[slice]) -> tuple[slice, ...]:
        """Return the stored region that holds what is picked, forwards and without steps."""
        region: list[slice] = [slice(None)] * self.ndim
        for pick, axis, flip, size in zip(picks, self.order, self.flips, self.shape, strict=True):
            start, stop = pick.start, pick.stop
            region[axis] = slice(size - stop, size - start) if flip else slice(start, stop)
        return tuple(region)
