"""Where what a network gives lies in the image."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_medseg.engine.inference_config import InferenceConfig
from napari_medseg.explain.feature_maps import features, summary
from napari_medseg.explain.viewing import view_of
from napari_medseg.progress import Cancelled
from napari_medseg.volume import Volume

# (image, place of the bright voxel, preprocessing): odd sizes, padding, windows, resampling
CASES_2D = [
    ((17, 23), (0, 0), {}),
    ((17, 23), (16, 22), {}),
    ((16, 16), (5, 9), {}),
    ((3, 50), (1, 47), {}),
    ((41, 37), (20, 30), {"window": (16, 16)}),
    ((9, 70), (8, 69), {"window": (16, 16)}),
    ((20, 30), (13, 7), {"size": (40, 60)}),
]
CASES_3D = [
    ((9, 11, 13), (8, 0, 12), {}),
    ((12, 30, 9), (5, 29, 3), {"window": (8, 16, 16)}),
    ((8, 8, 8), (3, 4, 5), {"spacing": (1.0, 0.5, 0.25)}),
]


def brightest(overlay, shape):
    """Where in the image the brightest voxel of the first map reaches."""
    at = np.unravel_index(overlay.values[0].argmax(), overlay.values.shape[1:])
    centre = [t + i * s for i, s, t in zip(at, overlay.scale, overlay.translate, strict=True)]
    reach = [s / 2 for s in overlay.scale]
    return centre, reach


@pytest.mark.parametrize("layer", ["fine", "coarse"])
@pytest.mark.parametrize(("shape", "at", "preprocessing"), CASES_2D)
def test_a_bright_pixel_lights_up_at_its_place(known, delta, shape, at, preprocessing, layer):
    segmenter = known(2, **preprocessing)
    view = view_of(segmenter, delta(shape, at), at=at)
    overlay = summary(segmenter, view, layer)
    centre, reach = brightest(overlay, shape)
    for c, r, a in zip(centre, reach, at, strict=True):
        assert abs(c - a) <= r + 1e-6
    assert np.unravel_index(overlay.on_grid(fill=0)[0].argmax(), shape) == at or layer == "coarse"


@pytest.mark.parametrize("layer", ["fine", "coarse"])
@pytest.mark.parametrize(("shape", "at", "preprocessing"), CASES_3D)
def test_a_bright_voxel_lights_up_at_its_place(known, delta, shape, at, preprocessing, layer):
    segmenter = known(3, **preprocessing)
    view = view_of(segmenter, delta(shape, at), at=at)
    overlay = summary(segmenter, view, layer)
    centre, reach = brightest(overlay, shape)
    for c, r, a in zip(centre, reach, at, strict=True):
        assert abs(c - a) <= r + 1e-6


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slices_of_a_volume_lie_in_their_place(known, delta, axis):
    shape, at = (10, 12, 11), (4, 7, 5)
    segmenter = known(2)
    config = InferenceConfig(slice_axis=axis)
    slices = slice(at[axis] - 1, at[axis] + 3)
    view = view_of(segmenter, delta(shape, at), at=at, slices=slices, config=config)
    overlay = summary(segmenter, view, "fine")
    assert overlay.values.shape[1:][axis] == 4
    assert np.unravel_index(overlay.on_grid(fill=0)[0].argmax(), shape) == at
    assert np.isnan(overlay.on_grid()[0].take(0, axis=axis)).all()  # a slice that was not run


def test_a_block_of_a_pooled_map_covers_the_pixels_it_was_pooled_from(known, image):
    volume = image((18, 10))
    segmenter = known(2)
    view = view_of(segmenter, volume)
    overlay = features(segmenter, view, "coarse", sort="order")
    padded = view.image[0, 0].numpy()
    before = [-s for s in view.start[1:]]
    for i, j in np.ndindex(*overlay.values.shape[1:]):
        corner = [
            round(t + k * s - s / 2 + 0.5)
            for k, s, t in zip((i, j), overlay.scale, overlay.translate, strict=True)
        ]
        block = tuple(slice(c + b, c + b + 4) for c, b in zip(corner, before, strict=True))
        assert overlay.values[0, i, j] == pytest.approx(padded[block].mean(), abs=1e-6)


def test_the_world_of_an_overlay_is_that_of_the_image(known, delta):
    affine = np.array([[0, 0.1, -0.7, 12], [0.2, -2, 0, 5], [3, 0, 0.1, -40], [0, 0, 0, 1.0]])
    volume = delta((9, 14, 17), (2, 5, 11), spacing=(3.0, 2.0, 0.7), affine=affine)
    segmenter = known(3, stride=1)
    overlay = summary(segmenter, view_of(segmenter, volume), "fine")
    at = np.unravel_index(overlay.values[0].argmax(), overlay.values.shape[1:])
    np.testing.assert_allclose(overlay.place.world @ (*at, 1), affine @ (2, 5, 11, 1))
    assert overlay.place.scale_mm == pytest.approx((3.0, 2.0, 0.7))


def test_the_window_is_the_one_that_weighs_the_voxel_most(known, image):
    segmenter = known(2, window=(16, 16))
    view = view_of(segmenter, image((64, 64)), at=(40, 12))
    index, (row, column) = view.voxel()
    assert index == 0
    assert view.size == (16, 16)
    assert abs(row - 7.5) <= 4.5
    assert abs(column - 7.5) <= 4.5
    assert not view.holds((0, 0))
    with pytest.raises(ValueError, match="not in the part"):
        view.looking_at((0, 63))


def test_the_whole_image_can_be_one_window(known, image):
    segmenter = known(2, window=(16, 16))
    view = view_of(segmenter, image((50, 61)), whole=True)
    assert view.size == (52, 64)
    assert view.holds((0, 0))
    assert view.holds((49, 60))


def test_the_image_itself_is_what_is_seen(known, image):
    volume = image((11, 13))
    view = view_of(known(2), volume)
    values, place = view.placed(view.image)
    np.testing.assert_array_equal(values, volume.array)
    assert place.translate == (0, 0)


def test_an_image_prepared_once_is_looked_at_in_many_places(known, image):
    volume, segmenter = image((6, 9, 8)), known(2)
    prepared = segmenter.prepare(volume, InferenceConfig())
    for index in (0, 5):
        at = (index, 4, 4)
        again = view_of(segmenter, volume, at=at, prepared=prepared)
        assert torch.equal(again.image, view_of(segmenter, volume, at=at).image)


def test_one_slice_of_many_is_the_slice(known, image):
    volume, segmenter = image((6, 9, 8)), known(2)
    view = view_of(segmenter, volume, at=(3, 4, 4), slices=slice(1, 5)).alone()
    single = view_of(segmenter, volume, at=(3, 4, 4))
    assert torch.equal(view.image, single.image)
    assert view.start == single.start


def test_labels_come_to_the_view_where_they_are(known, image):
    volume = image((11, 13))
    view = view_of(known(2), volume)
    labels = np.random.default_rng(1).integers(0, 2, (11, 13)).astype(np.uint8)
    values, _ = view.placed(view.onto(labels)[:, None].float())
    np.testing.assert_array_equal(values[0], labels)
    with pytest.raises(ValueError, match="4x4"):
        view.onto(np.zeros((4, 4), np.uint8))


@pytest.mark.parametrize("at", [(11, 0), (-1, 0), (1, 2, 3), (4,)])
def test_a_voxel_outside_is_refused(known, image, at):
    with pytest.raises(ValueError, match="not in the image of 11x13"):
        view_of(known(2), image((11, 13)), at=at)


def test_slices_must_hold_the_voxel(known, image):
    with pytest.raises(ValueError, match="hold slice 1"):
        view_of(known(2), image((9, 8, 8)), at=(1, 0, 0), slices=slice(3, 5))


def test_a_volume_for_a_flat_model_of_volumes_is_refused_in_words(known, image):
    with pytest.raises(ValueError, match="expects 3-D volumes"):
        view_of(known(3), image((9, 8)))


def test_preparing_can_be_cancelled(known, image):
    def stop(step):
        raise Cancelled

    with pytest.raises(Cancelled):
        view_of(known(2), image((9, 8)), report=stop)


def test_a_grey_picture_in_colour_is_understood_as_in_a_run(known):
    values = np.repeat(np.random.default_rng(0).integers(0, 255, (1, 8, 8), np.uint8), 3, 0)
    volume = Volume(values, (1.0, 1.0), channels=("red", "green", "blue"))
    view = view_of(known(2), volume)
    assert view.image.shape == (1, 1, 8, 8)
    assert any("taken as grey" in note for note in view.notes)
    assert torch.isfinite(view.image).all()
