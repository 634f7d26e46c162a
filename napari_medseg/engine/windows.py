"""Where windows lie, what each weighs, and in which order their sums need the least memory."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


def window_starts(size: int, window: int, overlap: float) -> list[int]:
    """Return where the windows of one axis start; the last one ends with the axis.

    A window that would stick out is moved back, as in MONAI's `sliding_window_inference`, so that
    both run the same tiles.
    """
    if size <= window:
        return [0]
    interval = max(1, int(window * (1 - overlap)))
    count = -(-(size - window) // interval) + 1
    return [min(i * interval, size - window) for i in range(count)]


def gaussian(window: Sequence[int]) -> Tensor:
    """Return the weight of every voxel of a window, ``(*window)``, 1 at its centre.

    Gaussian with sigma = window / 8 along each axis, at least 1e-3, so that a corner that only one
    window sees keeps its digits.

    Source: nnU-Net (Isensee et al. 2021), ``compute_gaussian`` in ``sliding_window_prediction.py``;
    the floor is that of MONAI's ``compute_importance_map``.
    """
    weight = torch.ones(())
    for size in window:
        at = torch.arange(size, dtype=torch.float32) - (size - 1) / 2
        weight = weight[..., None] * torch.exp(-(at**2) / (2 * (size / 8) ** 2))
    return weight.clamp_(min=max(float(weight.min()), 1e-3))


def cut_window(image: Tensor, start: Sequence[int], sides: Sequence[int]) -> Tensor:
    """Cut ``(C, *S)`` at `start`, zeros where the window sticks out."""
    cut: list[slice] = [slice(None)]
    missing: list[int] = []
    for first, side, size in zip(start, sides, image.shape[1:], strict=True):
        cut.append(slice(max(first, 0), min(first + side, size)))
        # F.pad counts from the last axis
        missing = [max(-first, 0), max(first + side - size, 0), *missing]
    window = image[tuple(cut)]
    return F.pad(window, missing) if any(missing) else window


@dataclass(frozen=True)
class Tiling:
    """The windows of an image ``(C, *S)`` with three spatial axes (an image has one plane).

    Parameters
    ----------
    size : tuple of int
        ``*S``.
    window : tuple of int
        Three sides; an axis shorter than its side is padded on both ends.
    overlap : tuple of float
        Fraction of a side that the next window repeats, per axis.
    batch_axis : int or None
        Axis of independent slices, along which all weigh the same.
    asked : tuple of int
        The `order` to use; empty is the one that needs the fewest sums.
    """

    size: tuple[int, int, int]
    window: tuple[int, int, int]
    overlap: tuple[float, float, float]
    batch_axis: int | None = None
    asked: tuple[int, ...] = ()

    @property
    def padded(self) -> tuple[int, ...]:
        """Voxels that the windows cover, at least `size`."""
        return tuple(max(s, w) for s, w in zip(self.size, self.window, strict=True))

    @property
    def before(self) -> tuple[int, ...]:
        """Voxels of padding before the image; what remains goes behind it."""
        return tuple((p - s) // 2 for p, s in zip(self.padded, self.size, strict=True))

    @property
    def starts(self) -> tuple[list[int], ...]:
        """Where windows start along each axis of the padded image."""
        return tuple(map(window_starts, self.padded, self.window, self.overlap))

    def __len__(self) -> int:
        """Return the number of windows."""
        depth, height, width = self.starts
        return len(depth) * len(height) * len(width)

    @property
    def weight(self) -> Tensor:
        """What every voxel of a window counts, ``(*window)``."""
        sides = [1 if axis == self.batch_axis else w for axis, w in enumerate(self.window)]
        return gaussian(sides).expand(self.window)

    def carried(self, axis: int) -> int:
        """Return how many planes at most a row of windows shares with the next along `axis`."""
        steps = [after - start for start, after in itertools.pairwise(self.starts[axis])]
        return self.window[axis] - min(steps, default=self.window[axis])

    def floats(self, order: Sequence[int]) -> int:
        """Return how many sums per class are held when streaming in `order`; see `order`."""
        stream, strip, full = order
        rows = self.carried(stream) * self.padded[strip] + self.window[stream] * self.window[strip]
        return rows * self.padded[full]

    @property
    def order(self) -> tuple[int, ...]:
        """Axes as (stream, strip, full) that need the fewest sums.

        Windows go plane by plane along *stream*, and within that strip by strip along *strip*;
        the sums of a strip span the whole *full* axis.
        """
        return self.asked or min(itertools.permutations(range(3)), key=self.floats)
