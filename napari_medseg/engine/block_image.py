"""An image that is read as windows move along it: read ahead, prepared in slabs, dropped behind."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from napari_medseg.engine.block_resample import input_box, resample_part
from napari_medseg.engine.block_values import Values
from napari_medseg.engine.grid import Grid
from napari_medseg.engine.part import Box
from napari_medseg.io import Pyramid

DECODED = 2
"""Chunks that are decoded at a time: more would be faster only where nothing else is done."""

_PIECE = 1 << 22  # voxels read at once by a pass over the whole image


@contextlib.contextmanager
def few_at_once() -> Iterator[None]:
    """Let Zarr hold `DECODED` chunks at a time instead of ten and more."""
    import zarr

    with zarr.config.set({"async.concurrency": DECODED}):
        yield


@dataclass(frozen=True, eq=False)
class Source:
    """The finest level of an image on disk, as ``(C, D, H, W)`` (D = 1 for an image).

    Parameters
    ----------
    pyramid : Pyramid
        The image.
    time : int
        Which time point.
    channels : int
        How many channels the model takes: a grey image is repeated, transparency left out.
    """

    pyramid: Pyramid
    time: int
    channels: int

    @property
    def shape(self) -> tuple[int, ...]:
        """``(D, H, W)``."""
        return (1, *self.pyramid.shape())[-3:]

    @property
    def chunks(self) -> tuple[int, ...]:
        """Voxels ``(D, H, W)`` that are stored together."""
        sizes = dict(zip(self.pyramid.axes, self.pyramid.levels[0].chunks, strict=True))
        return tuple(int(sizes.get(axis, 1)) for axis in "zyx")

    def read(self, box: Sequence[slice]) -> np.ndarray:
        """Return the voxels of a box as stored, ``(C, *box)``."""
        flat = self.pyramid.spatial_dims == 2
        array = self.pyramid.read(box[1:] if flat else box, time=self.time).array
        array = array[:, None] if flat else array
        if len(array) == 1 < self.channels:
            return np.broadcast_to(array, (self.channels, *array.shape[1:]))
        return array[: self.channels]

    def pieces(self) -> Iterator[np.ndarray]:
        """Go through the image in pieces of whole chunks, each ``(C, *piece)``, read ahead."""
        sides = list(self.chunks)
        for axis in (2, 1, 0):  # neighbours in the file first
            while np.prod(sides) * 2 <= _PIECE and sides[axis] < self.shape[axis]:
                sides[axis] *= 2
        counts = [range(0, n, side) for n, side in zip(self.shape, sides, strict=True)]
        corners = np.stack(np.meshgrid(*counts, indexing="ij"), -1).reshape(-1, 3)
        with ThreadPoolExecutor(1) as reader:
            coming: deque[Future[np.ndarray]] = deque()
            for corner in corners:
                box = tuple(slice(int(c), int(c) + s) for c, s in zip(corner, sides, strict=True))
                coming.append(reader.submit(self.read, box))
                if len(coming) > 1:
                    yield coming.popleft().result()
            while coming:
                yield coming.popleft().result()


def slabs(
    source: Source, values: Values, grid: Grid, part: Box, stream: int, planes: int
) -> Iterator[Tensor]:
    """Go through `part` of the network's grid, `planes` at a time along `stream`.

    Yields ``(C, *slab)`` float32 as the network expects it. Chunks of the image are read once for
    all slabs they are in, the next ones while these are prepared.
    """
    with _Planes(source, input_box(grid, part), stream) as read:
        for start in range(part[stream].start, part[stream].stop, planes):
            here = list(part)
            here[stream] = slice(start, min(start + planes, part[stream].stop))
            needed = input_box(grid, here)
            prepared = torch.from_numpy(values.apply(read(needed[stream])))
            yield resample_part(grid, prepared, here)


class _Planes:
    """Reads a box of an image along one axis, in pieces as thick as its chunks, one ahead."""

    def __init__(self, source: Source, box: Box, stream: int) -> None:
        chunk, ends = source.chunks[stream], box[stream]
        cuts = range(ends.start - ends.start % chunk, ends.stop, chunk)
        self._source, self._box, self._stream = source, box, stream
        self._left = deque(slice(max(cut, ends.start), min(cut + chunk, ends.stop)) for cut in cuts)
        self._held: deque[tuple[slice, np.ndarray]] = deque()
        self._coming: Future[np.ndarray] | None = None
        self._reader = ThreadPoolExecutor(1)

    def __enter__(self) -> _Planes:
        self._ask()
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.shutdown(cancel_futures=True)

    def __call__(self, planes: slice) -> np.ndarray:
        """Return ``(C, ...)`` of some planes; they never go back."""
        while self._held and self._held[0][0].stop <= planes.start:
            self._held.popleft()
        while not self._held or self._held[-1][0].stop < planes.stop:
            assert self._coming is not None  # nobody asks for more than the box
            self._held.append((self._left.popleft(), self._coming.result()))
            self._ask()
        found = []
        for at, piece in self._held:
            low, high = max(at.start, planes.start), min(at.stop, planes.stop)
            if low < high:
                cut: list[Any] = [slice(None)] * 4
                cut[1 + self._stream] = slice(low - at.start, high - at.start)
                found.append(piece[tuple(cut)])
        return found[0] if len(found) == 1 else np.concatenate(found, 1 + self._stream)

    def _ask(self) -> None:
        if self._left:
            box = list(self._box)
            box[self._stream] = self._left[0]
            self._coming = self._reader.submit(self._source.read, box)


class RollingImage:
    """Stands for an image ``(C, *S)`` of which only the planes under the windows are held.

    Parameters
    ----------
    slabs : iterator of Tensor
        The image in order along `stream`.
    shape : tuple of int
        ``(C, *S)``.
    stream : int
        The axis along which windows move on and never back.
    planes : int
        How many are held at most: a window and the slab that completes it.
    """

    def __init__(
        self, slabs: Iterator[Tensor], shape: tuple[int, ...], stream: int, planes: int
    ) -> None:
        self.shape = shape
        self._slabs = slabs
        self._dim = 1 + stream
        held = list(shape)
        held[self._dim] = min(planes, shape[self._dim])
        self._held = torch.empty(held)
        self._start = 0  # the plane of the image that is the first of those held
        self._count = 0

    def __getitem__(self, index: tuple[slice, ...]) -> Tensor:
        start, stop, _ = index[self._dim].indices(self.shape[self._dim])
        while self._start + self._count < stop:
            self._take(next(self._slabs), start)
        cut = list(index)
        cut[self._dim] = slice(start - self._start, stop - self._start)
        return self._held[tuple(cut)]

    def _take(self, slab: Tensor, start: int) -> None:
        """Put a slab behind what is held; what lies before `start` may go."""
        planes, room = slab.shape[self._dim], self._held.shape[self._dim]
        if self._count + planes > room:
            drop = min(start - self._start, self._count)
            kept = self._count - drop
            for at in range(0, kept, max(drop, 1)):  # in parts that do not overlap, without a copy
                part = min(drop, kept - at)
                here = self._held.narrow(self._dim, at, part)
                here.copy_(self._held.narrow(self._dim, at + drop, part))
            self._start, self._count = self._start + drop, kept
        self._held.narrow(self._dim, self._count, planes).copy_(slab)
        self._count += planes
