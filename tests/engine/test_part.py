"""A part of an image gets the labels it would get in a run over the whole."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medseg.engine.grid import Grid
from napari_medseg.engine.inference_config import InferenceConfig
from napari_medseg.engine.part import checked_box, network_box, placed, touching
from napari_medseg.engine.plan import Plan
from napari_medseg.progress import Cancelled
from napari_medseg.volume import Volume

CASES = {
    "3D whole": (3, {}, (10, 13, 9)),
    "3D windows": (3, {"window": (8, 8, 8)}, (10, 37, 25)),
    "3D spacing": (3, {"spacing": (1.5, 0.7, 1.0)}, (10, 13, 9)),
    "3D spacing, windows": (3, {"spacing": (0.8, 1.2, 1.0), "window": (8, 8, 8)}, (12, 30, 9)),
    "2D whole": (2, {}, (19, 30)),
    "2D size": (2, {"size": (16, 16)}, (19, 30)),
    "2D windows": (2, {"window": (16, 16)}, (19, 90)),
    "2D through a volume": (2, {}, (25, 19, 30)),
    "2D size through a volume": (2, {"size": (16, 16)}, (5, 19, 30)),
    "2D windows through a volume": (2, {"window": (16, 16)}, (9, 19, 60)),
}
BOXES = [(0.0, 0.3), (0.4, 0.6), (0.9, 1.0)]  # from and to, as fractions of every side


@pytest.fixture(params=CASES, ids=lambda name: name)
def pair(request, tiny_segmenter):
    """Return a segmenter and a volume it can take."""
    dims, preprocessing, shape = CASES[request.param]
    array = np.random.default_rng(1).normal(3, 2, (1, *shape)).astype(np.float32)
    return tiny_segmenter(dims, **preprocessing), Volume(array, (1.0,) * len(shape), name="case 7")


def part_of(shape, low, high):
    return tuple(slice(int(low * s), max(int(low * s) + 1, int(high * s))) for s in shape)


@pytest.mark.parametrize("where", BOXES)
def test_a_part_equals_the_whole_run_cut_to_it(pair, where):
    segmenter, volume = pair
    box = part_of(volume.shape, *where)
    config = InferenceConfig(probabilities=True, uncertainty=True)
    whole = segmenter.segment(volume, config)
    part = segmenter.segment(volume, config, box=box)
    np.testing.assert_array_equal(part.labels, whole.labels[box])
    np.testing.assert_allclose(part.probabilities, whole.probabilities[:, *box], atol=1e-6)
    np.testing.assert_allclose(part.uncertainty, whole.uncertainty[box], atol=1e-5)


@pytest.mark.parametrize("overlap", [0.0, 0.5, 0.75])
def test_one_voxel_equals_the_whole_run_wherever_it_is(tiny_segmenter, overlap):
    segmenter = tiny_segmenter(3, window=(8, 8, 8), spacing=(1.2, 0.9, 1.0))
    volume = Volume(np.random.default_rng(2).normal(size=(1, 14, 20, 11)), (1.0, 1.0, 1.0))
    config = InferenceConfig(overlap=overlap)
    whole = segmenter.segment(volume, config).labels
    for corner in [(0, 0, 0), (13, 19, 10), (6, 11, 4), (3, 7, 8)]:
        box = tuple(slice(c, c + 1) for c in corner)
        assert segmenter.segment(volume, config, box=box).labels.item() == whole[corner]


def test_a_part_of_a_body_in_the_air_equals_the_whole_run(tiny_segmenter):
    segmenter = tiny_segmenter(3, window=(16, 16, 16), spacing=(0.9, 1.1, 1.0))
    grid = np.meshgrid(*[np.arange(s) for s in (24, 40, 40)], indexing="ij")
    inside = sum((g - 0.6 * s) ** 2 for g, s in zip(grid, (24, 40, 40), strict=True)) < 36
    values = np.random.default_rng(0).normal(size=inside.shape) * 0.1 + 5 * inside
    volume = Volume(values[None].astype(np.float32), (1.0,) * 3)
    whole = segmenter.segment(volume).labels
    for box in [(slice(10, 18), slice(0, 40), slice(20, 22)), (slice(0, 3),) * 3]:
        seen = len(segmenter.network.seen)
        np.testing.assert_array_equal(segmenter.segment(volume, box=box).labels, whole[box])
    assert len(segmenter.network.seen) == seen  # the last box is air: nothing to compute


def test_only_windows_that_touch_the_part_are_computed(tiny_segmenter):
    segmenter = tiny_segmenter(3, window=(8, 8, 8))
    volume = Volume(np.random.default_rng(1).normal(size=(1, 32, 32, 32)), (1.0,) * 3)
    segmenter.segment(volume, InferenceConfig(overlap=0.0), box=(slice(8, 16),) * 3)
    assert len(segmenter.network.seen) == 1
    segmenter.segment(volume, InferenceConfig(overlap=0.5), box=(slice(8, 16),) * 3)
    assert len(segmenter.network.seen) == 1 + 27


def test_one_slice_of_a_volume_is_one_slice_computed(tiny_segmenter):
    segmenter = tiny_segmenter(2)
    volume = Volume(np.random.default_rng(1).normal(size=(1, 40, 19, 30)), (1.0,) * 3)
    steps = []
    box = (slice(17, 18), slice(None), slice(None))
    result = segmenter.segment(volume, box=box, report=steps.append)
    assert result.labels.shape == (1, 19, 30)
    assert segmenter.network.seen == [(1, 1, 20, 32)]
    assert (steps[-1].done, steps[-1].total) == (1, 1)


def test_values_are_normalised_by_the_whole_volume(tiny_segmenter):
    segmenter = tiny_segmenter(2)
    array = np.random.default_rng(1).normal(size=(1, 6, 16, 16))
    array[:, 2] = 40.0  # alone it would have nothing to normalise by
    box = (slice(2, 3), slice(0, 16), slice(0, 16))
    volume = Volume(array, (1.0,) * 3)
    whole = segmenter.segment(volume).labels
    np.testing.assert_array_equal(segmenter.segment(volume, box=box).labels, whole[box])


def test_provenance_names_the_part(tiny_segmenter):
    volume = Volume(np.random.default_rng(1).normal(size=(1, 16, 16)), (1.0, 1.0))
    segmenter = tiny_segmenter(2)
    provenance = segmenter.segment(volume, box=(slice(2, 5), slice(None, 4))).provenance
    assert provenance["box"] == [[2, 5], [0, 4]]
    assert json.loads(json.dumps(provenance)) == provenance
    assert segmenter.segment(volume).provenance["box"] is None


def test_cancel_stops_within_a_part(tiny_segmenter):
    segmenter = tiny_segmenter(3, window=(8, 8, 8))

    def stop(step):
        if step.done == 2:
            raise Cancelled

    volume = Volume(np.random.default_rng(1).normal(size=(1, 32, 32, 32)), (1.0,) * 3)
    with pytest.raises(Cancelled):
        segmenter.segment(volume, report=stop, box=(slice(8, 24),) * 3)
    assert len(segmenter.network.seen) == 2


@pytest.mark.parametrize("calls", [1, 3, 5, 7])
def test_cancel_stops_while_the_image_is_prepared(tiny_segmenter, calls):
    segmenter = tiny_segmenter(3, clip_percentiles=(1.0, 99.0), spacing=(2.0, 2.0, 2.0))
    count = 0

    def stop(step):
        nonlocal count
        count += 1
        assert not segmenter.network.seen
        if count == calls:
            raise Cancelled

    with pytest.raises(Cancelled):
        segmenter.segment(
            Volume(np.random.default_rng(1).normal(size=(1, 8, 8, 8)), (1.0,) * 3), report=stop
        )


@pytest.mark.parametrize(
    ("box", "sentence"),
    [
        ((slice(0, 4),), "the box has 1 axes, the image has 2"),
        ((slice(0, 4), slice(30, 40)), "holds no voxel of the image of 16x16"),
        ((slice(0, 4), slice(4, 4)), "holds no voxel"),
        ((slice(0, 8, 2), slice(0, 8)), "takes every voxel"),
    ],
)
def test_a_box_that_is_none_is_refused(tiny_segmenter, box, sentence):
    with pytest.raises(ValueError, match=sentence):
        tiny_segmenter(2).segment(Volume(np.ones((1, 16, 16)), (1.0, 1.0)), box=box)


def test_a_box_is_read_as_numpy_reads_slices():
    assert checked_box((slice(None), slice(-3, 99)), (5, 6)) == (slice(0, 5), slice(3, 6))


@given(st.integers(1, 40), st.integers(1, 40), st.data())
def test_the_network_s_box_holds_both_neighbours_of_every_voxel(n, m, data):
    start = data.draw(st.integers(0, n - 1))
    stop = data.draw(st.integers(start + 1, n))
    (needed,) = network_box(Grid((n,), (m,)), (slice(start, stop),))
    assert 0 <= needed.start < needed.stop <= m
    for voxel in range(start, stop):
        at = min(max((voxel + 0.5) * m / n - 0.5, 0), m - 1)
        assert needed.start <= at <= needed.stop - 1 or n == m


@settings(max_examples=60, deadline=None)
@given(
    size=st.tuples(*[st.integers(1, 30)] * 3),
    window=st.tuples(*[st.integers(1, 9)] * 3),
    overlap=st.sampled_from([0.0, 0.3, 0.5, 0.8]),
    data=st.data(),
)
def test_the_windows_of_a_part_are_those_of_the_whole(size, window, overlap, data):
    plan = Plan(
        size=size, window=window, overlap=overlap, slice_axis=None, divisor=1, resized=False,
        device=torch.device("cpu"),
    )  # fmt: skip
    starts = [data.draw(st.integers(0, s - 1)) for s in size]
    stops = [data.draw(st.integers(a + 1, s)) for a, s in zip(starts, size, strict=True)]
    needed = tuple(map(slice, starts, stops))
    run, part = touching(plan, tuple(slice(0, s) for s in size), needed)
    assert run.tiling.order == plan.tiling.order
    for axis in range(3):
        of_whole = [s - plan.tiling.before[axis] for s in plan.tiling.starts[axis]]
        of_part = [s - run.tiling.before[axis] + part[axis].start for s in run.tiling.starts[axis]]
        wanted = needed[axis]
        assert of_part == [
            s for s in of_whole if s < wanted.stop and s + window[axis] > wanted.start
        ]


def test_blocks_are_cut_to_the_box_and_counted_from_its_corner():
    taken = []
    consume = placed(
        lambda block, corner: taken.append((block.clone(), corner)),
        (slice(3, 6), slice(0, 4), slice(2, 3)),
        start=(1, 0, 0),
    )
    block = torch.arange(2 * 4 * 5 * 4.0).view(2, 4, 5, 4)
    consume(block, (0, 0, 1))
    consume(block, (9, 0, 0))
    ((cut, corner),) = taken
    assert corner == (0, 0, 0)
    torch.testing.assert_close(cut, block[:, 2:4, 0:4, 1:2])
