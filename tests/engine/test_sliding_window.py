"""The streaming engine gives what adding up every window would."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from napari_medseg.engine.sliding_window import sliding_window
from napari_medseg.engine.windows import Tiling, gaussian, window_starts
from napari_medseg.progress import Cancelled


def collect(predict, image, tiling, classes=None, **options):
    """Return the blended logits as one array; every voxel must come exactly once."""
    result = torch.full((classes or image.shape[0], *image.shape[1:]), float("nan"))

    def consume(block, corner):
        at = (slice(None), *(slice(c, c + n) for c, n in zip(corner, block.shape[1:], strict=True)))
        assert result[at].isnan().all()
        result[at] = block

    sliding_window(predict, image, tiling, consume, **options)
    assert not result.isnan().any()
    return result


def plain(predict, image, tiling, classes):
    """Add every window into an array of classes x volume, divide by the weights."""
    padded = torch.zeros((image.shape[0], *tiling.padded))
    inside = (
        slice(None),
        *(slice(b, b + s) for b, s in zip(tiling.before, tiling.size, strict=True)),
    )
    padded[inside] = image
    total = torch.zeros((classes, *tiling.padded))
    weights = torch.zeros(tiling.padded)
    weight = gaussian(tiling.window)
    for d in tiling.starts[0]:
        for h in tiling.starts[1]:
            for w in tiling.starts[2]:
                at = tuple(slice(c, c + n) for c, n in zip((d, h, w), tiling.window, strict=True))
                total[(slice(None), *at)] += predict(padded[(slice(None), *at)]) * weight
                weights[at] += weight
    return (total / weights)[inside]


SIZES = [(30, 40, 17), (9, 33, 20), (1, 40, 17), (5, 6, 7), (16, 16, 16), (8, 50, 9)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("overlap", [0, 0.25, 0.5, 0.8])
def test_identity_survives_tiling_and_blending(size, overlap):
    image = torch.randn(2, *size)
    tiling = Tiling(size, (1 if size[0] == 1 else 8, 12, 8), (overlap,) * 3)
    result = collect(lambda tile: tile, image, tiling, normalise=True)
    torch.testing.assert_close(result, image, atol=1e-5, rtol=1e-5)


@settings(max_examples=25, deadline=None)
@given(
    size=st.tuples(*[st.integers(1, 12)] * 3),
    window=st.tuples(*[st.integers(1, 8)] * 3),
    overlap=st.tuples(*[st.sampled_from([0, 0.3, 0.5, 0.75])] * 3),
)
def test_streaming_equals_adding_up_everything(size, window, overlap):
    network = nn.Conv3d(1, 3, 3, padding=1)  # its answer depends on where the window's border is
    image = torch.randn(1, *size)
    tiling = Tiling(size, window, overlap)
    with torch.inference_mode():

        def predict(tile):
            return network(tile[None])[0]

        streamed = collect(predict, image, tiling, classes=3, normalise=True)
        torch.testing.assert_close(streamed, plain(predict, image, tiling, 3), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("overlap", [0.25, 0.5])
def test_labels_and_logits_equal_monai(overlap):
    from monai.inferers import sliding_window_inference

    network = nn.Conv3d(1, 4, 5, padding=2).eval()
    image = torch.randn(1, 40, 35, 28)
    tiling = Tiling((40, 35, 28), (16, 16, 16), (overlap,) * 3)
    with torch.inference_mode():
        theirs = sliding_window_inference(
            image[None], (16, 16, 16), 1, network, overlap=overlap, mode="gaussian"
        )[0]
        ours = collect(lambda t: network(t[None])[0], image, tiling, classes=4, normalise=True)
        unscaled = collect(lambda t: network(t[None])[0], image, tiling, classes=4)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)
    assert (unscaled.argmax(0) == theirs.argmax(0)).float().mean() >= 0.9999


def test_a_small_image_is_padded_with_zeros_on_both_ends():
    tiles = []

    def predict(tile):
        tiles.append(tile.clone())
        return tile

    tiling = Tiling((1, 5, 8), (1, 8, 8), (0.0, 0.5, 0.5))
    collect(predict, torch.ones(1, 1, 5, 8), tiling)
    assert tiles[0][0, 0, :, 0].tolist() == [0, 1, 1, 1, 1, 1, 0, 0]


def test_cancel_stops_before_the_next_window():
    windows_run = []

    def predict(tile):
        windows_run.append(tile.shape)
        return tile

    def stop_at_third(step):
        if step.done == 2:
            raise Cancelled

    tiling = Tiling((1, 64, 64), (1, 16, 16), (0.0, 0.5, 0.5))
    with pytest.raises(Cancelled):
        sliding_window(
            predict, torch.zeros(1, 1, 64, 64), tiling, lambda *_: None, report=stop_at_third
        )
    assert len(windows_run) == 2


def test_steps_count_the_windows_up_to_all_of_them():
    steps = []
    tiling = Tiling((8, 20, 20), (8, 8, 8), (0.5,) * 3)
    sliding_window(
        lambda t: t, torch.zeros(1, 8, 20, 20), tiling, lambda *_: None, report=steps.append
    )
    assert [s.done for s in steps] == list(range(len(tiling) + 1))
    assert {s.total for s in steps} == {len(tiling)}


def test_half_precision_logits_are_summed_in_float32():
    image = torch.randn(1, 12, 12, 12)
    tiling = Tiling((12, 12, 12), (8, 8, 8), (0.5,) * 3)
    blocks = []
    sliding_window(lambda t: t.half(), image, tiling, lambda block, _: blocks.append(block.dtype))
    assert set(blocks) == {torch.float32}


@given(st.integers(1, 300), st.integers(1, 100), st.sampled_from([0, 0.1, 0.5, 0.9]))
def test_windows_cover_an_axis_and_stay_inside(size, window, overlap):
    starts = window_starts(size, window, overlap)
    covered = {v for s in starts for v in range(s, s + window)}
    assert starts == sorted(set(starts))
    assert covered >= set(range(size))
    assert starts[-1] + window <= max(size, window)


def test_windows_are_those_of_monai():
    from monai.data.utils import dense_patch_slices

    for size, interval in ((150, 48), (96, 48), (97, 48), (512, 48)):
        theirs = [s[0].start for s in dense_patch_slices((size,), (96,), (interval,))]
        assert window_starts(size, 96, 0.5) == theirs


def test_the_weight_is_that_of_monai():
    from monai.data.utils import compute_importance_map

    theirs = compute_importance_map((8, 16, 12), mode="gaussian", sigma_scale=0.125)
    torch.testing.assert_close(gaussian((8, 16, 12)), theirs)


def test_a_large_volume_streams_along_its_long_axes():
    tiling = Tiling((150, 512, 512), (96, 96, 96), (0.5,) * 3)
    everything = 150 * 512 * 512
    assert tiling.floats(tiling.order) < 0.17 * everything
    assert tiling.order[2] == 0


def test_slices_of_a_batch_weigh_the_same():
    weight = Tiling((9, 32, 32), (4, 16, 16), (0.0, 0.5, 0.5), batch_axis=0).weight
    torch.testing.assert_close(weight, gaussian((16, 16)).expand(4, 16, 16))
