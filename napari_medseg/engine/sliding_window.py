"""Overlapping windows, blended on the fly: finished voxels leave as soon as no window touches them.

Peers add every window into an array of classes x volume and divide by a count map at the end. Here
only what later windows still change is held: the *strip* the windows are in, and the *carry*, those
planes behind the strip that the next row of windows will add to. A block that is finished is handed
to a consumer (labels, or resampling and labels), and its memory is used again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from napari_medseg.engine.windows import Tiling, cut_window
from napari_medseg.progress import Report, Step, silent

Predict = Callable[[Tensor], Tensor]
"""``(C, *window) -> (K, *window)``: a network on one window, logits out."""

Consume = Callable[[Tensor, tuple[int, ...]], None]
"""Takes finished logits ``(K, *block)`` and where in the image the block starts.

The block is overwritten after the call. Blocks do not overlap and cover the image.
"""


def sliding_window(
    predict: Predict,
    image: Tensor,
    tiling: Tiling,
    consume: Consume,
    *,
    normalise: bool = False,
    device: torch.device | None = None,
    report: Report = silent,
) -> None:
    """Run `predict` on overlapping windows of `image` and hand on the blended logits.

    Parameters
    ----------
    predict : callable
        ``(C, *window) -> (K, *window)``.
    image : Tensor
        ``(C, D, H, W)``, D = 1 for an image. Windows that stick out are padded with zeros, which
        is the mean of a normalised image.
    tiling : Tiling
        Where the windows lie.
    consume : callable
        Takes blocks of finished logits; along ``tiling.order[0]`` they come in order.
    normalise : bool
        Divide by the summed weights. An arg-max and a sign do not need it: the weights are
        positive and the same for all classes.
    device : torch.device or None
        Where sums are held; None is where `predict` leaves its logits.
    report : Report
        Called before every window; may raise `Cancelled`.

    Source: Gaussian blending as in nnU-Net (Isensee et al. 2021); see `windows.gaussian`.
    """
    total = len(tiling)
    if total == 1:
        report(Step(0, 1, "window"))
        logits = predict(_tile(image, tiling, (0, 0, 0)))
        _emit(logits.to(device or logits.device).float(), (0, 0, 0), tiling, consume)
        report(Step(1, 1, "window"))
        return
    sums = _Sums(tiling, normalise, device)
    stream, strip, full = tiling.order
    done = 0
    for row, a in enumerate(tiling.starts[stream]):
        for column, b in enumerate(tiling.starts[strip]):
            for c in tiling.starts[full]:
                report(Step(done, total, "window"))
                corner = _place(tiling.order, (a, b, c))
                sums.add(predict(_tile(image, tiling, corner)), row, column, c)
                done += 1
            block, corner = sums.finish(row, column)
            _emit(block, corner, tiling, consume)
    report(Step(total, total, "window"))


class _Sums:
    """Weighted sums of logits for the current strip and the planes carried to the next row.

    Arrays are seen as ``(K, stream, strip, full)`` but lie in memory in the image's own axis
    order, so that adding a window walks both along memory.
    """

    def __init__(self, tiling: Tiling, normalise: bool, device: torch.device | None) -> None:
        self.tiling = tiling
        self.normalise = normalise
        self.device = device
        self.order = tiling.order
        self.window = [tiling.window[axis] for axis in self.order]
        self.padded = [tiling.padded[axis] for axis in self.order]
        self.edges = [[*tiling.starts[axis], tiling.padded[axis]] for axis in self.order]
        self.strip: Tensor | None = None
        self.carry: Tensor | None = None
        self.weight: Tensor | None = None

    def add(self, logits: Tensor, row: int, column: int, start: int) -> None:
        """Add one window's logits ``(K, *window)``, `start` voxels along the full axis."""
        if self.strip is None:
            self._allocate(logits)
        assert self.strip is not None
        assert self.weight is not None
        if start == 0:
            self._open(row, column)
        at = self.strip[..., start : start + self.window[2]]
        classes = logits.shape[0]
        moved = logits.permute(0, *(axis + 1 for axis in self.order)).to(self.strip.device)
        at[:classes].addcmul_(moved.float(), self.weight)
        if self.normalise:
            at[classes] += self.weight

    def finish(self, row: int, column: int) -> tuple[Tensor, tuple[int, ...]]:
        """Return the logits no later window changes, in the image's axes, and their corner.

        They are a view that the next `add` overwrites.
        """
        assert self.strip is not None
        (a, next_a), (b, next_b) = self._span(0, row), self._span(1, column)
        if self.carry is not None:
            kept = self.window[0] - (next_a - a)
            self.carry[:, :kept, b:next_b] = self.strip[:, next_a - a :, : next_b - b]
        block = self.strip[:, : next_a - a, : next_b - b]
        if self.normalise:
            block = block[:-1].div_(block[-1])
        back = [1 + self.order.index(axis) for axis in range(3)]
        return block.permute(0, *back), _place(self.order, (a, b, 0))

    def _allocate(self, logits: Tensor) -> None:
        device = self.device or logits.device
        channels = logits.shape[0] + self.normalise
        stream, strip, full = self.window[0], self.window[1], self.padded[2]
        self.strip = self._zeros(channels, (stream, strip, full), device)
        carried = self.tiling.carried(self.order[0])
        if carried:
            self.carry = self._zeros(channels, (carried, self.padded[1], full), device)
        self.weight = self.tiling.weight.to(device).permute(self.order)

    def _zeros(self, channels: int, size: Sequence[int], device: torch.device) -> Tensor:
        lying = [size[self.order.index(axis)] for axis in range(3)]
        zeros = torch.zeros((channels, *lying), dtype=torch.float32, device=device)
        return zeros.permute(0, *(axis + 1 for axis in self.order))

    def _open(self, row: int, column: int) -> None:
        """Bring the strip to `column`: keep what it shares with the last one, load the rest."""
        assert self.strip is not None
        b, height = self.edges[1][column], self.window[1]
        shared = 0
        if column:
            shift = b - self.edges[1][column - 1]
            shared = height - shift
            for start in range(0, shared, shift):  # in parts that do not overlap, without a copy
                stop = min(start + shift, shared)
                self.strip[:, :, start:stop] = self.strip[:, :, start + shift : stop + shift]
        fresh = self.strip[:, :, shared:]
        carried = 0
        if row and self.carry is not None:
            last, this = self._span(0, row - 1)
            carried = self.window[0] - (this - last)
            fresh[:, :carried] = self.carry[:, :carried, b + shared : b + height]
        fresh[:, carried:] = 0

    def _span(self, axis: int, index: int) -> tuple[int, int]:
        """Return from where to where window `index` is the last to touch."""
        return self.edges[axis][index], self.edges[axis][index + 1]


def _place(order: Sequence[int], values: Sequence[int]) -> tuple[int, ...]:
    """Turn values per (stream, strip, full) into values per axis of the image."""
    return tuple(values[order.index(axis)] for axis in range(3))


def _tile(image: Tensor, tiling: Tiling, corner: Sequence[int]) -> Tensor:
    """Cut the window at `corner` of the padded image, zeros where it sticks out."""
    start = [c - before for c, before in zip(corner, tiling.before, strict=True)]
    return cut_window(image, start, tiling.window)


def _emit(block: Tensor, corner: Sequence[int], tiling: Tiling, consume: Consume) -> None:
    """Hand on the part of a block of the padded image that lies in the image."""
    cut: list[slice] = [slice(None)]
    at: list[int] = []
    for start, before, extent, size in zip(
        corner, tiling.before, block.shape[1:], tiling.size, strict=True
    ):
        low = max(before - start, 0)
        high = min(before + size - start, extent)
        if low >= high:
            return
        cut.append(slice(low, high))
        at.append(start + low - before)
    consume(block[tuple(cut)], tuple(at))
