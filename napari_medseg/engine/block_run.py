"""A model over an image that is larger than memory: what is the same for all blocks, and a column.

Reading and preparing what comes next, the network, and writing what is done go on at once, each in
a thread of its own.
"""

from __future__ import annotations

import dataclasses
import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor

from napari_medseg.engine.block_ahead import ahead
from napari_medseg.engine.block_image import DECODED, RollingImage, Source, few_at_once, slabs
from napari_medseg.engine.block_values import Values, measure_values
from napari_medseg.engine.blocks import Blocks, Footprint, cut, label_chunks, slab, united
from napari_medseg.engine.card import ModelCard
from napari_medseg.engine.channels import can_do_without, fitted
from napari_medseg.engine.grid import Grid
from napari_medseg.engine.inference import check_flips, is_out_of_memory
from napari_medseg.engine.inference_config import InferenceConfig
from napari_medseg.engine.part import Box, network_box, placed, touching
from napari_medseg.engine.plan import Plan, make_plan
from napari_medseg.engine.predictor import predictor
from napari_medseg.engine.preprocess import check_volume, network_grid
from napari_medseg.engine.readout import NotFiniteError, Readout
from napari_medseg.engine.resample import AxisMap, Resampler
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.engine.sliding_window import Consume, sliding_window
from napari_medseg.io import Pyramid
from napari_medseg.progress import Report, silent
from napari_medseg.volume import Volume

Write = Callable[[Box, np.ndarray], None]
"""Takes the labels of a finished block, and where it lies in ``(D, H, W)``."""


@dataclass(frozen=True, eq=False)
class BlockRun:
    """A model, an image on disk, and how the one goes over the other.

    Parameters
    ----------
    segmenter : Segmenter
        The model.
    source : Source
        The image.
    config : InferenceConfig
        What was asked for.
    grid : Grid
        From the image's grid ``(D, H, W)`` to the network's.
    plan : Plan
        The windows of the whole image.
    template : Volume
        The image without its values.
    notes : tuple of str
        What a person should know.
    """

    segmenter: Segmenter
    source: Source
    config: InferenceConfig
    grid: Grid
    plan: Plan
    template: Volume
    notes: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, segmenter: Segmenter, pyramid: Pyramid, config: InferenceConfig, *, time: int = 0
    ) -> BlockRun:
        """Decide how `segmenter` goes over `pyramid`, without reading its values.

        Raises
        ------
        ValueError
            If model, image and config do not go together, in words for a person.
        """
        card = segmenter.card
        _check(card, config)
        volume, said = _template(pyramid, card, time)
        preprocessing = card.preprocessing
        check_volume(
            volume, preprocessing, spatial_dims=card.spatial_dims, in_channels=card.in_channels
        )
        slice_axis = segmenter.slice_axis(volume, config)
        grid, more = network_grid(volume, preprocessing, card.spatial_dims, slice_axis)
        if volume.spatial_dims == 2:  # one plane of a volume
            grid = Grid((1, *grid.input_shape), (1, *grid.shape))
        plan = make_plan(
            card,
            config,
            grid.shape,
            slice_axis=slice_axis,
            divisor=int(getattr(segmenter.network, "divisor", 1)),
            device=segmenter.device,
        )
        source = Source(pyramid, time, len(volume.array))
        return cls(segmenter, source, config, grid, plan, volume, (*said, *more))

    @property
    def label_chunks(self) -> tuple[int, ...]:
        """Voxels ``(D, H, W)`` of the labels that are stored together."""
        return label_chunks(self.source.chunks, self.source.shape)

    def measure(self, report: Report = silent) -> Values:
        """Find what makes the image's values those the model expects, in passes over the image."""
        card = self.segmenter.card
        return measure_values(
            self.source.pieces,
            self.template.array.dtype,
            len(self.template.array),
            card.preprocessing,
            name=self.template.name or "image",
            may_miss=can_do_without(card),
            report=report,
        )

    def cut(self, memory: int, *, columns: int = 1, offset: Sequence[int] = (0, 0, 0)) -> Blocks:
        """Cut the image into blocks, so that a column takes `memory` bytes beside the network's."""
        stream = self.plan.tiling.order[0]
        footprint = Footprint(
            channels=self.source.channels,
            itemsize=self.template.array.dtype.itemsize,
            classes=self.segmenter.card.out_channels,
            piece=self.source.chunks[stream],
            decoded=DECODED * math.prod(self.source.chunks) * self.template.array.dtype.itemsize,
        )
        return cut(
            self.plan,
            self.grid,
            self.label_chunks,
            footprint,
            memory=memory,
            columns=columns,
            offset=offset,
        )

    def column(
        self, boxes: Sequence[Box], values: Values, write: Write, report: Report = silent
    ) -> tuple[str, ...]:
        """Segment neighbouring blocks of one column, first to last, and hand on each when done.

        Returns
        -------
        tuple of str
            What a person should know about it, often nothing.

        Raises
        ------
        ValueError
            If the answer is not a number.
        OSError
            If there is not enough memory, or the image cannot be read.
        """
        left = list(boxes)

        def done(box: Box, labels: np.ndarray) -> None:
            write(box, labels)
            left.remove(box)

        with self.segmenter.running(report) as outer, few_at_once():
            try:
                self._column(self.plan, left, values, done, outer)
            except NotFiniteError as error:
                name = self.segmenter.card.name
                if not self.plan.mixed:
                    raise ValueError(
                        f"the answer of {name!r} is not a number (NaN); its weights may be "
                        "damaged, or this image is far from what it was trained on: choose another"
                    ) from error
                plain = dataclasses.replace(self.plan, mixed=False)
                self._column(plain, left, values, done, outer)
                return ("mixed precision overflowed: used float32 there",)
            except (MemoryError, RuntimeError) as error:
                if isinstance(error, RuntimeError) and not is_out_of_memory(error):
                    raise
                sides = "x".join(str(self.plan.window[axis]) for axis in self.plan.network_axes)
                raise OSError(
                    f"there is not enough memory on {self.plan.device} for windows of {sides} "
                    "voxels; close other programs, give less --memory or a smaller --window"
                ) from error
        return ()

    def windows(self, boxes: Sequence[Box]) -> int:
        """Return how many windows `column` computes for these blocks."""
        return len(self._touched(self.plan, united(boxes))[0].tiling)

    def _touched(self, plan: Plan, wanted: Box) -> tuple[Plan, Box]:
        everything = tuple(slice(0, n) for n in self.grid.shape)
        found = touching(plan, everything, network_box(self.grid, wanted), keep_batches=True)
        assert found is not None  # a block is never empty
        return found

    def _column(
        self, plan: Plan, boxes: Sequence[Box], values: Values, write: Write, report: Report
    ) -> None:
        stream, card = plan.tiling.order[0], self.segmenter.card
        wanted = united(boxes)
        touched, part = self._touched(plan, wanted)
        thick = slab(plan, stream)
        consume: Consume = _Rows(card, tuple(boxes), stream, write)
        if self.grid.is_identity:
            consume = placed(consume, wanted, [p.start for p in part])
        else:
            sides = zip(self.grid.input_shape, self.grid.shape, part, wanted, strict=True)
            axes = [AxisMap.of(*side) for side in sides]
            consume = Resampler(axes, stream, placed(consume, wanted))
        shape = (self.source.channels, *(p.stop - p.start for p in part))
        with (
            _behind(consume) as later,
            ahead(slabs(self.source, values, self.grid, part, stream, thick)) as coming,
        ):
            image = RollingImage(coming, shape, stream, plan.window[stream] + thick)
            sliding_window(
                predictor(self.segmenter.network, card, touched, flips=self.config.flips),
                cast(Tensor, image),  # windows are cut out of it, nothing else
                touched.tiling,
                later,
                normalise=not self.grid.is_identity,
                device=torch.device("cpu") if plan.sums_on_cpu else None,
                report=report,
            )


class _Rows:
    """Collects finished logits into the labels of one block after the other."""

    def __init__(self, card: ModelCard, boxes: Sequence[Box], stream: int, write: Write) -> None:
        self._card, self._boxes, self._write = card, boxes, write
        self._stream = stream
        self._first = boxes[0][stream].start
        self._open: dict[int, Readout] = {}
        self._missing = [math.prod(b.stop - b.start for b in box) for box in boxes]

    def __call__(self, logits: Tensor, corner: tuple[int, ...]) -> None:
        """Take logits ``(K, *block)`` that start at `corner` of the first block."""
        start = corner[self._stream] + self._first
        stop = start + logits.shape[1 + self._stream]
        for index, box in enumerate(self._boxes):
            ends = box[self._stream]
            low, high = max(start, ends.start), min(stop, ends.stop)
            if low >= high:
                continue
            readout = self._open.get(index)
            if readout is None:
                shape = tuple(side.stop - side.start for side in box)
                readout = self._open[index] = Readout(shape, self._card)
            at = list(corner)
            at[self._stream] = low - ends.start
            part = logits.narrow(1 + self._stream, low - start, high - low)
            readout(part, tuple(at))
            self._missing[index] -= part[0].numel()
            if self._missing[index] == 0:
                self._write(box, self._open.pop(index).labels)


@contextmanager
def _behind(consume: Consume) -> Iterator[Consume]:
    """Give a consumer that works in a thread of its own, one block behind.

    What `consume` raises is raised with the next block, or at the end.
    """

    def take(logits: Tensor, corner: tuple[int, ...]) -> None:
        with torch.inference_mode():  # which belongs to a thread
            consume(logits, corner)

    with ThreadPoolExecutor(1) as worker:
        pending: deque[Future[None]] = deque()

        def later(logits: Tensor, corner: tuple[int, ...]) -> None:
            while pending:
                pending.popleft().result()
            pending.append(worker.submit(take, logits.clone(), corner))

        yield later
        while pending:
            pending.popleft().result()


def _check(card: ModelCard, config: InferenceConfig) -> None:
    check_flips(card, config)
    if config.probabilities or config.uncertainty:
        raise ValueError(
            "probabilities and uncertainty of an image larger than memory would be larger still; "
            "leave them out, or segment a part of the image"
        )


def _template(pyramid: Pyramid, card: ModelCard, time: int) -> tuple[Volume, tuple[str, ...]]:
    """Return the image with zeros for values, which take no memory, and what to say about it."""
    first = pyramid.read(tuple(slice(0, 1) for _ in pyramid.shape()), time=time)
    zeros = np.zeros((), first.array.dtype)
    volume = dataclasses.replace(
        first,
        array=np.broadcast_to(zeros, (len(first.array), *pyramid.shape())),
        affine=pyramid.affine(),
    )
    fits, said = fitted(volume, card) if len(first.array) == 1 else (volume, ())
    return fits, (*first.notes, *said)
