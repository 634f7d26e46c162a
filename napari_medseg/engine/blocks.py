"""How an image is cut into blocks, each written once, and in columns along which sums are carried.

Windows lie where they lie for the whole image, so that a block's labels do not depend on how the
image is cut. A window that touches two columns is computed in both; within a column none is: there
the sums of `sliding_window` go on from block to block. The wider a column, the less is computed
twice and the more memory it takes.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from napari_medseg.engine.grid import Grid
from napari_medseg.engine.part import Box, network_box, touching
from napari_medseg.engine.plan import Plan

_USUAL = (64, 256, 256)  # voxels of a chunk of labels where the image has no sensible ones
_SLAB = 8  # planes
_FEWEST, _MOST = 1 << 12, 1 << 25  # voxels of a sensible chunk


@dataclass(frozen=True)
class Blocks:
    """The blocks of an image ``(D, H, W)``, a column after the other.

    Parameters
    ----------
    shape : tuple of int
        ``(D, H, W)`` of the image.
    sides : tuple of int
        Of a block; whole chunks of the labels.
    stream : int
        The axis columns run along.
    offset : tuple of int
        How many voxels the first block of each axis is short of: chunks of labels that lie
        backwards in their file begin at the other end.
    """

    shape: tuple[int, ...]
    sides: tuple[int, ...]
    stream: int
    offset: tuple[int, ...] = (0, 0, 0)

    @property
    def counts(self) -> tuple[int, ...]:
        """How many blocks there are along each axis."""
        lengths = zip(self.shape, self.sides, self.offset, strict=True)
        return tuple(-(-(n + before) // side) for n, side, before in lengths)

    def __len__(self) -> int:
        """Return the number of blocks."""
        return math.prod(self.counts)

    @property
    def columns(self) -> int:
        """How many columns there are."""
        return len(self) // self.counts[self.stream]

    def column(self, index: int) -> list[Box]:
        """Return the blocks of a column, in the order they are computed."""
        counts = [range(n) for n in self.counts]
        rows, counts[self.stream] = counts[self.stream], range(1)
        corner = next(itertools.islice(itertools.product(*counts), index, None))
        places = ((*corner[: self.stream], row, *corner[self.stream + 1 :]) for row in rows)
        return [self._box(place) for place in places]

    def __iter__(self) -> Iterator[Box]:
        """Go through all blocks, column after column."""
        return itertools.chain.from_iterable(map(self.column, range(self.columns)))

    def _box(self, place: Sequence[int]) -> Box:
        return tuple(self._side(axis, at) for axis, at in enumerate(place))

    def ends(self, axis: int) -> list[slice]:
        """Return where the blocks of an axis lie."""
        return [self._side(axis, at) for at in range(self.counts[axis])]

    def _side(self, axis: int, at: int) -> slice:
        start = at * self.sides[axis] - self.offset[axis]
        return slice(max(start, 0), min(start + self.sides[axis], self.shape[axis]))


@dataclass(frozen=True)
class Footprint:
    """What memory a column takes, apart from the network's own.

    Parameters
    ----------
    channels, itemsize : int
        Of the image as stored.
    classes : int
        Channels of logits.
    piece : int
        Planes of the image that are read at once along the stream.
    decoded : int
        Bytes of the chunks that are decoded at a time.
    """

    channels: int
    itemsize: int
    classes: int
    piece: int
    decoded: int = 0

    def bytes(self, plan: Plan, grid: Grid, blocks: Blocks) -> int:
        """Return the bytes held at once: image as read and as prepared, sums, labels."""
        column = united(blocks.column(blocks.columns // 2))
        found = touching(plan, _whole(plan.size), network_box(grid, column), keep_batches=True)
        assert found is not None  # no column is empty
        touched, part = found
        stream = blocks.stream
        sides = [p.stop - p.start for p in part]
        across = math.prod(sides) // sides[stream]
        factor = math.prod(
            n / m
            for a, (n, m) in enumerate(zip(grid.input_shape, grid.shape, strict=True))
            if a != stream
        )
        stored = self.channels * self.itemsize * factor
        read = (2 * self.piece + slab(plan, stream)) * across * stored + self.decoded
        planes = min(sides[stream], plan.window[stream] + 4 * slab(plan, stream))
        prepared = 4 * planes * across * self.channels
        tiling = touched.tiling
        sums = 4 * (self.classes + 1) * tiling.floats(tiling.order)
        _, strip, full = tiling.order
        finished = 12 * self.classes * step(plan, stream) * step(plan, strip) * tiling.padded[full]
        if not grid.is_identity:
            finished += 4 * self.classes * step(plan, stream) * across * (1 + factor)
        labels = 3 * math.prod(side.stop - side.start for side in blocks.column(0)[0])
        return int(read + prepared + sums + finished + labels)


def cut(
    plan: Plan,
    grid: Grid,
    chunks: Sequence[int],
    footprint: Footprint,
    *,
    memory: int,
    columns: int = 1,
    offset: Sequence[int] = (0, 0, 0),
) -> Blocks:
    """Choose the blocks that compute least twice within `memory`.

    Parameters
    ----------
    plan : Plan
        For the whole image.
    grid : Grid
        From the image's grid to the network's.
    chunks : sequence of int
        Of the labels ``(D, H, W)``; blocks are whole chunks.
    footprint : Footprint
        What a column holds.
    memory : int
        Bytes; one chunk across is taken even if it needs more.
    columns : int
        At least so many columns, where there are so many chunks: one for each worker.
    offset : sequence of int
        Of the blocks.
    """
    stream = plan.tiling.order[0]
    across = [axis for axis in range(3) if axis != stream]
    best, least = None, math.inf
    for wide in itertools.product(
        *(_multiples(-(-grid.input_shape[a] // chunks[a])) for a in across)
    ):
        sides = list(chunks)
        for axis, times in zip(across, wide, strict=True):
            sides[axis] *= times
        blocks = Blocks(tuple(grid.input_shape), tuple(sides), stream, tuple(offset))
        smallest = max(wide) == 1
        if not smallest and (
            blocks.columns < columns or footprint.bytes(plan, grid, blocks) > memory
        ):
            continue
        work = windows(plan, grid, blocks)
        if work < least:
            best, least = blocks, work
    assert best is not None  # one chunk across is always among them
    return best


def windows(plan: Plan, grid: Grid, blocks: Blocks) -> int:
    """Return how many windows all columns compute together."""
    total = 1
    for axis in range(3):
        starts = plan.tiling.starts[axis]
        if axis == blocks.stream:
            total *= len(starts)
            continue
        before, side = plan.tiling.before[axis], plan.window[axis]
        lone = Grid((grid.input_shape[axis],), (grid.shape[axis],))
        seen = 0
        for ends in blocks.ends(axis):
            (one,) = network_box(lone, (ends,))
            seen += sum(s - before < one.stop and s - before + side > one.start for s in starts)
        total *= seen
    return total


def step(plan: Plan, axis: int) -> int:
    """Return how far windows are apart along an axis."""
    return max(1, plan.window[axis] - plan.tiling.carried(axis))


def slab(plan: Plan, axis: int) -> int:
    """Return how many planes are prepared at a time along an axis."""
    return min(step(plan, axis), _SLAB)


def label_chunks(chunks: Sequence[int], shape: Sequence[int]) -> tuple[int, ...]:
    """Return the chunks of the labels: those of the image where they are of a sensible size."""
    inside = tuple(min(int(c), n) for c, n in zip(chunks, shape, strict=True))
    if _FEWEST <= math.prod(inside) <= _MOST:
        return inside
    return tuple(min(u, n) for u, n in zip(_USUAL, shape, strict=True))


def _multiples(most: int) -> list[int]:
    """Return numbers from 1 to `most`, all small ones and ever fewer of the large."""
    found = {most, *range(1, min(most, 16) + 1)}
    number = 16.0
    while number < most:
        found.add(int(number))
        number *= 1.25
    return sorted(found)


def united(boxes: Sequence[Box]) -> Box:
    """Return the box from the first of `boxes` to the last."""
    return tuple(
        slice(first.start, last.stop) for first, last in zip(boxes[0], boxes[-1], strict=True)
    )


def _whole(size: Sequence[int]) -> Box:
    return tuple(slice(0, n) for n in size)
