"""Random sizes, windows, spacings and places: an overlay lies where its values come from."""

from __future__ import annotations

import numpy as np
import pytest

from napari_medseg.engine.inference_config import InferenceConfig
from napari_medseg.explain.capture import record
from napari_medseg.explain.gradients import grad_cam, input_gradients
from napari_medseg.explain.passing import run
from napari_medseg.explain.viewing import view_of
from napari_medseg.volume import Volume


def drawn(seed, dims):
    """Draw an image of random size and spacing with a place in the world, and a voxel of it."""
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers(3, 24 if dims == 2 else 14, dims))
    spacing = tuple(float(s) for s in rng.uniform(0.3, 3, dims))
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    affine = np.eye(4)
    affine[:3, :3] = turn * ([1.0, *spacing][-3:])
    affine[:3, 3] = rng.normal(size=3) * 50
    values = rng.normal(size=(1, *shape)).astype(np.float32)
    at = tuple(int(rng.integers(n)) for n in shape)
    return Volume(values, spacing, affine), at, rng


def window_of(rng, dims, stride):
    """A window of random sides, or none."""
    if rng.random() < 0.3:
        return {}
    return {"window": tuple(int(stride * n) for n in rng.integers(1, 4, dims))}


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("seed", range(12))
def test_what_is_passed_on_lies_on_the_image_it_came_from(known, seed, dims):
    volume, at, rng = drawn(seed, dims)
    segmenter = known(dims, **window_of(rng, dims, 4))
    view = view_of(segmenter, volume, at=at)
    values, place = view.placed(run(segmenter, view, ["fine"]).maps["fine"])
    begin = [round(t) for t in place.translate]
    part = tuple(slice(b, b + n) for b, n in zip(begin, values.shape[1:], strict=True))
    np.testing.assert_array_equal(values[0], volume.array[0][part])
    assert all(p.start <= a < p.stop for p, a in zip(part, at, strict=True))


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("seed", range(12, 24))
def test_every_voxel_of_a_pooled_map_is_the_mean_of_what_it_covers(known, seed, dims):
    volume, at, rng = drawn(seed, dims)
    segmenter = known(dims, **window_of(rng, dims, 4))
    view = view_of(segmenter, volume, at=at)
    values, place = view.placed(run(segmenter, view, ["coarse"]).maps["coarse"])
    whole = np.pad(volume.array[0], 8)  # as the view: zeros beyond the image
    for index in np.ndindex(*values.shape[1:]):
        begin = [
            round(t + i * s - s / 2 + 0.5) + 8
            for i, s, t in zip(index, place.scale, place.translate, strict=True)
        ]
        block = whole[tuple(slice(b, b + 4) for b in begin)]
        assert values[0][index] == pytest.approx(block.mean(), abs=1e-5)


@pytest.mark.parametrize("seed", range(24, 34))
def test_the_world_of_each_voxel_is_that_of_the_image_voxels_it_covers(known, seed):
    dims = 2 + seed % 2
    volume, at, rng = drawn(seed, dims)
    segmenter = known(dims, **window_of(rng, dims, 4))
    view = view_of(segmenter, volume, at=at)
    values, place = view.placed(run(segmenter, view, ["coarse"]).maps["coarse"])
    index = tuple(n - 1 for n in values.shape[1:])
    centre = [t + i * s for i, s, t in zip(index, place.scale, place.translate, strict=True)]
    flat = [0] * (3 - dims)
    np.testing.assert_allclose(
        place.world @ [*flat, *index, 1], volume.affine @ [*flat, *centre, 1], atol=1e-9
    )
    assert place.around(tuple(round(c) for c in centre)) == index


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("seed", range(34, 38))
def test_a_slice_of_a_stack_is_the_slice_alone(known, seed, axis):
    volume, at, rng = drawn(seed, 3)
    segmenter, config = known(2), InferenceConfig(slice_axis=axis)
    low = int(rng.integers(0, at[axis] + 1))
    stack = view_of(segmenter, volume, at=at, slices=slice(low, at[axis] + 1), config=config)
    alone = view_of(segmenter, volume, at=at, config=config)
    many, place = stack.placed(run(segmenter, stack, ["coarse"]).maps["coarse"])
    one, _ = alone.placed(run(segmenter, alone, ["coarse"]).maps["coarse"])
    np.testing.assert_array_equal(many.take([at[axis] - low], axis=1 + axis), one)
    assert place.translate[axis] == low
    assert place.scale[axis] == 1


@pytest.mark.parametrize("seed", range(38, 44))
def test_evidence_for_a_voxel_is_at_that_voxel(known, seed):
    """The logit of this network is the voxel itself, so nothing else can be evidence."""
    dims = 2 + seed % 2
    volume, at, rng = drawn(seed, dims)
    volume = volume.with_array(np.abs(volume.array) + 0.1)
    segmenter = known(dims, **window_of(rng, dims, 4))
    view = view_of(segmenter, volume, at=at)
    for shown in (
        grad_cam(segmenter, view, 1, layer="fine", region="here"),
        input_gradients(segmenter, view, 1, region="here", steps=2),
    ):
        grid = shown.on_grid(fill=0)[0]
        if shown.kind == "map":  # Grad-CAM weighs all places of the layer alike
            np.testing.assert_allclose(grid[grid > 0] / volume.array[0][grid > 0],
                                       grid[at] / volume.array[0][at], rtol=1e-4)  # fmt: skip
        else:
            assert np.unravel_index(grid.argmax(), volume.shape) == at
            assert np.count_nonzero(grid) == 1
            assert grid[at] == pytest.approx(volume.array[0][at], rel=1e-5)


@pytest.mark.parametrize("factor", [2, 3])
def test_on_a_finer_grid_a_voxel_covers_a_part_of_an_image_voxel(known, factor):
    volume, at, _ = drawn(99, 2)
    segmenter = known(2, size=tuple(4 * -(-factor * n // 4) for n in volume.shape))
    view = view_of(segmenter, volume, at=at)
    values, place = view.placed(view.image)
    ends = [
        (t - s / 2, t + (n - 0.5) * s)
        for n, s, t in zip(values.shape[1:], place.scale, place.translate, strict=True)
    ]
    for (begin, end), n in zip(ends, volume.shape, strict=True):
        assert begin == pytest.approx(-0.5)
        assert end == pytest.approx(n - 0.5)


def test_recording_a_stack_keeps_a_map_per_slice(known, image):
    segmenter, volume = known(2), image((5, 8, 8))
    view = view_of(segmenter, volume, at=(2, 0, 0), slices=slice(0, 5))
    with record(segmenter.network, ["fine"]) as maps:
        segmenter.network(view.image)
    assert maps["fine"].shape == (5, 1, 8, 8)
    passed = run(segmenter, view, ["fine"])
    np.testing.assert_array_equal(passed.maps["fine"].numpy(), maps["fine"].numpy())
