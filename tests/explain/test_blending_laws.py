"""Maps of all windows become one stack: of a layer that looks nowhere else, that of the image."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medseg.engine.inference_config import InferenceConfig
from napari_medseg.explain.attention_maps import attention
from napari_medseg.explain.blend import Blend, Windows
from napari_medseg.explain.evidence import probabilities
from napari_medseg.explain.feature_maps import features, summary
from napari_medseg.explain.gradients import grad_cam
from napari_medseg.explain.overlay import Overlay
from napari_medseg.explain.viewing import view_of
from napari_medseg.volume import Volume

# (image, window): sides that windows divide, sides that they do not, one shorter than a window
SIZES = [((40, 56), (16, 16)), ((37, 23), (16, 8)), ((9, 45), (16, 16)), ((13, 21, 18), (8, 16, 8))]


def window_starts(size, window):
    """Where windows that overlap by half start, as the run lays them."""
    if size <= window:
        return (0,)
    step = window // 2
    count = -(-(size - window) // step) + 1
    return tuple(min(i * step, size - window) for i in range(count))


@pytest.mark.parametrize(("shape", "window"), SIZES)
def test_what_is_passed_on_is_the_image_however_it_is_cut(known, image, shape, window):
    segmenter, volume = known(len(shape), window=window), image(shape)
    view = view_of(segmenter, volume, blend=True)
    shown = features(segmenter, view, "fine")
    np.testing.assert_allclose(shown.values, volume.array, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(shown.place.world, volume.affine)
    assert len(view.windows) == len(list(view.windows.corners())) > 1


@pytest.mark.parametrize(("shape", "window"), [*SIZES[:1], ((24, 16, 32), (16, 8, 16))])
def test_a_pooled_map_is_that_of_the_whole_image_where_windows_lie_on_its_grid(
    known, image, shape, window
):
    segmenter, volume = known(len(shape), window=window), image(shape)
    blended = features(segmenter, view_of(segmenter, volume, blend=True), "coarse")
    whole = features(segmenter, view_of(segmenter, volume, whole=True), "coarse")
    np.testing.assert_allclose(blended.values, whole.values, rtol=1e-4, atol=1e-6)
    assert blended.place.translate == whole.place.translate
    assert blended.place.scale == whole.place.scale


def test_between_the_grid_maps_are_interpolated_so_that_a_slope_stays_one(known):
    rows, columns = np.mgrid[:43, :29].astype(np.float32)
    volume = Volume((2 * rows - columns)[None], (1.0, 1.0))
    segmenter = known(2, window=(16, 8))
    shown = features(segmenter, view_of(segmenter, volume, blend=True), "coarse")
    centres = [t + s * np.arange(n) for s, t, n in zip(
        shown.scale, shown.translate, shown.values.shape[1:], strict=True)]  # fmt: skip
    expected = 2 * centres[0][:, None] - centres[1]
    inside = (slice(1, -2), slice(1, -2))  # at the ends a voxel holds padding
    np.testing.assert_allclose(shown.values[0][inside], expected[inside], atol=1e-4)


@pytest.mark.parametrize("layer", ["fine", "coarse"])
@pytest.mark.parametrize(("shape", "at"), [((41, 70), (40, 3)), ((9, 20, 30), (4, 19, 17))])
def test_a_bright_voxel_lights_up_at_its_place(known, delta, shape, at, layer):
    segmenter = known(len(shape), window=(16, 16, 16)[: len(shape)])
    view = view_of(segmenter, delta(shape, at), blend=True)
    shown = summary(segmenter, view, layer)
    brightest = np.unravel_index(shown.values[0].argmax(), shown.values.shape[1:])
    for i, s, t, a in zip(brightest, shown.scale, shown.translate, at, strict=True):
        assert abs(t + i * s - a) <= s / 2 + 1e-6


@pytest.mark.parametrize(("name", "shape"), [("gladnet", (41, 30)), ("msd_kmamba", (40, 32, 32))])
def test_the_blended_answer_is_that_of_the_run(tiny, image, name, shape):
    dims = len(shape)
    segmenter, volume = tiny(name, dims, window=(16, 16) if dims == 2 else (32,) * 3), image(shape)
    config = InferenceConfig(probabilities=True, exact=True)
    answer = segmenter.segment(volume, config)
    shown = probabilities(segmenter, view_of(segmenter, volume, config=config, blend=True))
    np.testing.assert_allclose(shown.values, answer.probabilities, atol=1e-5)


def test_slices_of_a_volume_are_blended_one_by_one(known, image):
    segmenter, volume = known(2, window=(16, 16)), image((6, 20, 31))
    view = view_of(segmenter, volume, at=(3, 0, 0), slices=slice(2, 5), blend=True)
    shown = features(segmenter, view, "fine")
    np.testing.assert_allclose(shown.values[0], volume.array[0, 2:5], rtol=1e-5, atol=1e-6)
    assert shown.translate[0] == 2


def test_where_one_window_is_the_image_there_is_nothing_to_blend(known, image):
    view = view_of(known(2), image((20, 30)), blend=True)
    assert view.windows is None
    assert view.one_window() is view


def test_the_window_around_a_voxel_is_the_one_that_is_shown_alone(known, image):
    segmenter, volume = known(2, window=(16, 16)), image((64, 61))
    for at in [(0, 0), (40, 12), (63, 60)]:
        one = view_of(segmenter, volume, blend=True, at=at).one_window()
        alone = view_of(segmenter, volume, at=at)
        assert torch.equal(one.image, alone.image)
        assert one.start == alone.start
    assert "window around the voxel" in one.notes[-1]


def test_evidence_is_of_the_window_around_the_voxel_and_says_so(known, image):
    segmenter, volume = known(2, window=(16, 16)), image((40, 40))
    at = (30, 5)
    shown = grad_cam(segmenter, view_of(segmenter, volume, at=at, blend=True), 1, layer="fine")
    alone = grad_cam(segmenter, view_of(segmenter, volume, at=at), 1, layer="fine")
    np.testing.assert_array_equal(shown.values, alone.values)
    assert shown.place.translate == alone.place.translate
    assert any("window around the voxel" in note for note in shown.notes)


def test_gates_are_blended_and_rows_and_numbers_are_of_one_window(tiny, image):
    segmenter, volume = tiny("gladnet", window=(16, 16)), image((24, 40))
    at = (20, 3)
    names = ["skip1:channel", "skip1:spatial", "glam.attention:attention"]
    view = view_of(segmenter, volume, at=at, blend=True)
    numbers, gate, row = attention(segmenter, view, names)
    alone = attention(segmenter, view_of(segmenter, volume, at=at), names)
    assert numbers.column("value") == pytest.approx(alone[0].column("value"))
    assert gate.values.shape == (1, 24, 40)
    assert "blended over" in gate.notes[-1]
    np.testing.assert_allclose(row.values, alone[2].values, rtol=1e-5)
    assert isinstance(gate, Overlay)
    # a voxel that one window alone shows has that window's value
    np.testing.assert_allclose(gate.values[0, -1, 0], alone[1].at((23, 0))[0], rtol=1e-5)


@settings(deadline=None, max_examples=30)
@given(
    side=st.sampled_from([4, 8, 16]),
    more=st.integers(0, 30),
    stride=st.sampled_from([1, 2, 4]),
    low=st.integers(0, 8),
)
def test_equal_maps_blend_to_themselves_and_a_part_is_a_part(side, more, stride, low):
    size = side + more
    windows = Windows((side, side), (window_starts(size, side), (0,)))
    counts = (-(-size // stride), side // stride)
    ends = [
        Blend(windows, stride, [slice(start, counts[0]), slice(0, counts[1])])
        for start in (0, min(low, counts[0] - 1))
    ]
    values = torch.arange(3.0)[:, None, None].expand(3, side // stride, side // stride)
    for corner in windows.corners():
        for blend in ends:
            blend.add(values, corner)
    whole, part = (blend.blended() for blend in ends)
    torch.testing.assert_close(whole, values[:, :1].expand(3, counts[0], counts[1]))
    assert torch.equal(part, whole[:, -part.shape[1] :])


def test_only_windows_that_hold_a_part_are_kept_and_counted_from_the_first():
    windows = Windows((8, 8), ((0, 4, 8, 12), (0, 4)))
    kept = windows.touching((slice(9, 11), slice(0, 3)))
    assert kept.starts == ((4, 8), (0,))
    assert kept.span == (slice(4, 16), slice(0, 8))
    assert kept.from_first().starts == ((0, 4), (0,))
    assert len(kept) == 2
    assert windows.around((9, 7)) == (4, 4)
