"""Blocks cover an image once, are whole chunks, and columns become wider with memory."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medseg.engine.block_ahead import ahead
from napari_medseg.engine.block_image import RollingImage
from napari_medseg.engine.blocks import Blocks, Footprint, cut, label_chunks, windows
from napari_medseg.engine.grid import Grid
from napari_medseg.engine.plan import Plan

SHAPE = (256, 2048, 2048)


def plan_of(size=SHAPE, window=(64, 128, 128), overlap=0.25):
    return Plan(
        size=size,
        window=window,
        overlap=overlap,
        slice_axis=None,
        divisor=1,
        resized=False,
        device=torch.device("cpu"),
    )


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_blocks_cover_every_voxel_once_and_begin_where_chunks_begin(data):
    sides = data.draw(st.tuples(*[st.integers(1, 6)] * 3))
    shape = data.draw(st.tuples(*[st.integers(1, 20)] * 3))
    flips = data.draw(st.tuples(*[st.booleans()] * 3))
    offset = tuple((-n) % s if f else 0 for n, s, f in zip(shape, sides, flips, strict=True))
    blocks = Blocks(shape, sides, data.draw(st.integers(0, 2)), offset)
    seen = np.zeros(shape, int)
    for box in blocks:
        seen[box] += 1
        for side, n, length, flip in zip(box, shape, sides, flips, strict=True):
            edge = n - side.stop if flip else side.start  # as the chunk lies in the file
            assert edge % length == 0
    assert (seen == 1).all()
    assert sum(len(blocks.column(i)) for i in range(blocks.columns)) == len(blocks)


def test_a_column_runs_along_its_stream_from_first_to_last():
    blocks = Blocks((20, 30, 40), (10, 10, 10), 1)
    for index in range(blocks.columns):
        starts = [box[1].start for box in blocks.column(index)]
        assert starts == [0, 10, 20]


def test_more_memory_computes_fewer_windows_twice():
    plan, grid = plan_of(), Grid(SHAPE, SHAPE)
    footprint = Footprint(channels=1, itemsize=2, classes=2, piece=256)
    found = []
    for memory in (1, 10**8, 3 * 10**8, 10**9, 10**10):
        blocks = cut(plan, grid, (64, 256, 256), footprint, memory=memory)
        assert all(
            side % chunk == 0 for side, chunk in zip(blocks.sides, (64, 256, 256), strict=True)
        )
        if memory > 1:
            assert footprint.bytes(plan, grid, blocks) <= max(memory, 10**8 * 2)
        found.append(windows(plan, grid, blocks))
    assert found == sorted(found, reverse=True)
    assert found[-1] == len(plan.tiling)  # all in one column: none twice


def test_there_is_a_column_for_every_worker():
    plan, grid = plan_of(), Grid(SHAPE, SHAPE)
    footprint = Footprint(channels=1, itemsize=2, classes=2, piece=256)
    blocks = cut(plan, grid, (64, 256, 256), footprint, memory=10**10, columns=8)
    assert blocks.columns >= 8


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ((64, 256, 256), (64, 256, 256)),  # as the image
        ((1, 2048, 2048), (1, 2048, 2048)),
        ((256, 2048, 2048), (64, 256, 256)),  # one chunk for all
        ((2, 2, 2), (64, 256, 256)),
    ],
)
def test_labels_have_the_chunks_of_their_image_where_these_are_sensible(chunks, expected):
    assert label_chunks(chunks, SHAPE) == expected


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_windows_see_the_image_while_it_rolls_by(data):
    length, stream = data.draw(st.integers(1, 30)), data.draw(st.integers(0, 2))
    window, thick = data.draw(st.integers(1, 12)), data.draw(st.integers(1, 6))
    shape = [4, 5, 3]
    shape[stream] = length
    image = torch.arange(2 * np.prod(shape), dtype=torch.float32).view(2, *shape)
    slabs = iter(image.split(thick, 1 + stream))
    rolling = RollingImage(slabs, tuple(image.shape), stream, window + thick)
    starts = sorted(data.draw(st.lists(st.integers(0, max(length - window, 0)), max_size=6)))
    for start in starts:
        at = [slice(None), slice(1, 3), slice(0, 4), slice(0, 3)]
        at[1 + stream] = slice(start, min(start + window, length))
        assert torch.equal(rolling[tuple(at)], image[tuple(at)])


def test_what_is_made_ahead_comes_in_order_and_its_error_where_it_belongs():
    def numbers():
        yield from range(3)
        raise OSError("the disk is gone")

    taken = []
    with pytest.raises(OSError, match="gone"), ahead(numbers()) as coming:
        taken.extend(coming)
    with ahead(numbers()) as coming:
        first = list(itertools.islice(coming, 3))
    assert first == [0, 1, 2]


def test_leaving_early_ends_the_thread_that_reads_ahead():
    closed = []

    def endless():
        try:
            yield from itertools.count()
        finally:
            closed.append(True)

    items = endless()
    with ahead(items) as coming:
        assert next(coming) == 0
    items.close()
    assert closed == [True]
