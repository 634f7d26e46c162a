"""The coarser grid a region is thought over on, and the way back to the image's voxels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class WorkGrid:
    """Blocks of voxels, as near to cubes as whole numbers come, at most `most` of them.

    Parameters
    ----------
    shape : tuple of int
        Voxels ``(*S)`` of the region.
    factors : tuple of int
        Voxels a block has along each axis; the last block of an axis may reach beyond the region.
    spacing : tuple of float
        mm between blocks.
    """

    shape: tuple[int, ...]
    factors: tuple[int, ...]
    spacing: tuple[float, ...]

    @classmethod
    def of(cls, shape: Sequence[int], spacing: Sequence[float], most: int) -> WorkGrid:
        """Return the finest such grid for a region of `shape` voxels with that `spacing` in mm."""
        factors = np.ones(len(shape), int)
        sides = np.asarray(shape)
        while np.prod(-(-sides // factors)) > most:
            lengths = np.where(factors < sides, factors * spacing, np.inf)
            factors[np.isclose(lengths, lengths.min())] += 1
        steps = tuple(int(f) for f in factors)
        lengths_mm = tuple(float(f * s) for f, s in zip(steps, spacing, strict=True))
        return cls(tuple(shape), steps, lengths_mm)

    @property
    def blocks(self) -> tuple[int, ...]:
        """How many blocks lie along each axis."""
        return tuple(-(-n // f) for n, f in zip(self.shape, self.factors, strict=True))

    def means(self, values: np.ndarray) -> np.ndarray:
        """Return the mean of each block, ``(..., *S) -> (..., *blocks)`` float32."""
        total = self._reduced(values.astype(np.float32, copy=False), np.add)
        voxels = int(np.prod(self.factors))
        return total if voxels == 1 else total / np.float32(voxels)

    def any(self, mask: np.ndarray) -> np.ndarray:
        """Return which blocks hold a voxel of a mask ``(*S)``."""
        return self._reduced(mask, np.logical_or)

    def back(self, values: np.ndarray) -> np.ndarray:
        """Return values of blocks on the region's voxels, linear in between: ``(*blocks) -> (*S)``.

        Voxels and blocks cover the same box, so nothing is shifted.
        """
        for axis, (factor, n) in enumerate(zip(self.factors, self.shape, strict=True)):
            if factor > 1:
                at = np.clip((np.arange(n) + 0.5) / factor - 0.5, 0, values.shape[axis] - 1)
                low = np.minimum(at.astype(int), max(values.shape[axis] - 2, 0))
                share = (at - low).astype(np.float32)
                share = share.reshape([-1 if a == axis else 1 for a in range(values.ndim)])
                high = np.minimum(low + 1, values.shape[axis] - 1)
                values = values.take(low, axis) * (1 - share) + values.take(high, axis) * share
        return values

    def _reduced(self, values: np.ndarray, how: np.ufunc) -> np.ndarray:
        """Put the voxels of each block together, first of all blocks, then second of all, ..."""
        if all(f == 1 for f in self.factors):
            return values
        lead = values.ndim - len(self.shape)
        short = [b * f - n for b, f, n in zip(self.blocks, self.factors, self.shape, strict=True)]
        if any(short):
            values = np.pad(values, [(0, 0)] * lead + [(0, s) for s in short], mode="edge")
        for axis, factor in enumerate(self.factors, lead):
            before = (slice(None),) * axis
            total = values[(*before, slice(None, None, factor))]
            for first in range(1, factor):
                total = how(total, values[(*before, slice(first, None, factor))])
            values = total
        return values
