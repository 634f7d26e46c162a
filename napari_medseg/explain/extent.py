"""Which voxels of an image a part of the network's grid covers, and where maps over it lie."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from napari_medseg.engine.grid import Grid
from napari_medseg.engine.part import Box
from napari_medseg.explain.where import on_grid


@dataclass(frozen=True, eq=False)
class Extent:
    """A block of the network's grid over an image; all axes are ``(D, H, W)``.

    Parameters
    ----------
    grid : Grid
        The network's grid over the image's.
    start : tuple of int
        Where it begins on the network's grid; negative in padding.
    sides : tuple of int
        How many voxels of that grid it has.
    box : tuple of slice or None
        The only voxels of the image that count; None is all.
    """

    grid: Grid
    start: tuple[int, ...]
    sides: tuple[int, ...]
    box: Box | None = None

    @property
    def part(self) -> Box:
        """The voxels of the block that show the image, or its `box`."""
        part = []
        for a, side in enumerate(self.sides):
            n, m = self.grid.input_shape[a], self.grid.shape[a]
            low, high = 0, m
            if self.box is not None:
                low, high = self.box[a].start * m // n, -(-self.box[a].stop * m // n)
            part.append(slice(max(low - self.start[a], 0), min(high - self.start[a], side)))
        return tuple(part)

    @property
    def shown(self) -> Box:
        """The voxels of the image that these show."""
        shown = []
        for a, part in enumerate(self.part):
            n, m = self.grid.input_shape[a], self.grid.shape[a]
            low, high = self.start[a] + part.start, self.start[a] + part.stop
            shown.append(slice(low * n // m, -(-high * n // m)))
        return tuple(shown)

    def inside(self, at: Sequence[int]) -> tuple[int, ...]:
        """Return the voxel of the block that shows a voxel of the image, perhaps beyond its end."""
        return tuple(v - s for v, s in zip(on_grid(at, self.grid), self.start, strict=True))

    def holds(self, at: Sequence[int]) -> bool:
        """Whether a voxel of the image is in it."""
        return all(0 <= v < n for v, n in zip(self.inside(at), self.sides, strict=True))

    def lie(
        self, steps: Sequence[float], begins: Sequence[bool]
    ) -> tuple[Box, tuple[float, ...], tuple[float, ...]]:
        """Return what of maps over the block covers `part`, and where that lies over the image.

        Parameters
        ----------
        steps : sequence of float
            Voxels of the block per voxel of the maps, along each axis.
        begins : sequence of bool
            Along which axes the maps begin with what touches `part`, not with the block.

        Returns
        -------
        cut : tuple of slice
            Of the maps.
        scale, translate : tuple of float
            As of a `Place`.
        """
        cut, scale, translate = [], [], []
        for a, (part, step, begun) in enumerate(zip(self.part, steps, begins, strict=True)):
            n, m = self.grid.input_shape[a], self.grid.shape[a]
            first, last = math.floor(part.start / step), math.ceil(part.stop / step)
            cut.append(slice(0, last - first) if begun else slice(first, last))
            scale.append(step * n / m)
            translate.append((self.start[a] + (first + 0.5) * step) * n / m - 0.5)
        return tuple(cut), tuple(scale), tuple(translate)
