"""Resampling finished slabs equals interpolating the whole volume."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medseg.engine.resample import AxisMap, Resampler
from napari_medseg.engine.sliding_window import sliding_window
from napari_medseg.engine.windows import Tiling


def resample(logits, size, *, stream=0, step=3, cut=None):
    """Feed `logits` in blocks along `stream`, cut in two along `cut`; return what comes out."""
    out = torch.full((logits.shape[0], *size), float("nan"))

    def consume(block, corner):
        at = (slice(None), *(slice(c, c + n) for c, n in zip(corner, block.shape[1:], strict=True)))
        assert out[at].isnan().all()
        out[at] = block

    axes = [AxisMap.of(n, m, slice(0, m)) for n, m in zip(size, logits.shape[1:], strict=True)]
    resampler = Resampler(axes, stream, consume)
    for start in range(0, logits.shape[1 + stream], step):
        length = min(step, logits.shape[1 + stream] - start)
        slab = logits.narrow(1 + stream, start, length)
        corner = [0, 0, 0]
        corner[stream] = start
        if cut is None:
            resampler(slab, tuple(corner))
            continue
        half = slab.shape[1 + cut] // 2
        resampler(slab.narrow(1 + cut, 0, half), tuple(corner))
        corner[cut] = half
        resampler(slab.narrow(1 + cut, half, slab.shape[1 + cut] - half), tuple(corner))
    assert not out.isnan().any()
    return out


def whole(logits, size):
    return F.interpolate(logits[None], size, mode="trilinear", align_corners=False)[0]


@settings(max_examples=40, deadline=None)
@given(
    size=st.tuples(*[st.integers(1, 20)] * 3),
    network=st.tuples(*[st.integers(2, 12)] * 3),
    stream=st.integers(0, 2),
    step=st.integers(1, 5),
    turn=st.sampled_from([None, 1, 2]),
)
def test_slab_by_slab_equals_the_whole_volume(size, network, stream, step, turn):
    logits = torch.randn(2, *network)
    cut = None if turn is None else (stream + turn) % 3
    result = resample(logits, size, stream=stream, step=step, cut=cut)
    torch.testing.assert_close(result, whole(logits, size), atol=1e-5, rtol=1e-5)


def test_windows_and_resampling_together_equal_the_whole_way():
    image = torch.randn(3, 20, 22, 18)
    size = (31, 15, 40)
    out = torch.zeros(3, *size)

    def consume(block, corner):
        at = tuple(slice(c, c + n) for c, n in zip(corner, block.shape[1:], strict=True))
        out[(slice(None), *at)] = block

    tiling = Tiling((20, 22, 18), (8, 8, 8), (0.5,) * 3)
    axes = [AxisMap.of(n, m, slice(0, m)) for n, m in zip(size, tiling.size, strict=True)]
    resampler = Resampler(axes, tiling.order[0], consume)
    sliding_window(lambda tile: tile, image, tiling, resampler, normalise=True)
    torch.testing.assert_close(out, whole(image, size), atol=1e-5, rtol=1e-5)
    assert torch.equal(out.argmax(0), whole(image, size).argmax(0))


@pytest.mark.parametrize(("n", "m"), [(10, 10), (7, 20), (20, 7), (1, 5), (5, 1)])
def test_a_ramp_stays_where_it_is(n, m):
    # voxel centres of both grids in units of the axis: linear data is reproduced inside
    grid = AxisMap.of(n, m, slice(0, m))
    ramp = (torch.arange(m) + 0.5) / m
    wanted = ((torch.arange(n) + 0.5) / n).clamp(0.5 / m, 1 - 0.5 / m)
    torch.testing.assert_close(grid.interpolate(ramp, 0), wanted)


def test_a_box_gives_the_voxels_whose_centres_it_holds():
    box = AxisMap.of(20, 10, slice(3, 7))
    assert (box.first, len(box.low)) == (6, 8)
    full = AxisMap.of(20, 10, slice(0, 10))
    values = torch.randn(10)
    inner = slice(7, 13)  # beyond the box's outermost voxel centres it repeats them
    torch.testing.assert_close(
        box.interpolate(values[3:7], 0)[1:-1], full.interpolate(values, 0)[inner]
    )
