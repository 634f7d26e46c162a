"""A part of an image in pieces is segmented as a whole run would, reading only what is near."""

from __future__ import annotations

import numpy as np
import pytest
import zarr

from napari_medseg.engine.block_part import segment_part
from napari_medseg.engine.inference_config import InferenceConfig
from napari_medseg.io import open_pyramid, read_volume

EXACT = InferenceConfig(exact=True)


@pytest.mark.parametrize(
    ("dims", "card", "shape", "box"),
    [
        (3, {"window": (8, 16, 16)}, (24, 40, 48), (slice(5, 6), slice(0, 40), slice(0, 48))),
        (3, {"window": (8, 16, 16)}, (24, 40, 48), (slice(3, 17), slice(9, 30), slice(20, 48))),
        (
            3,
            {"window": (8, 16, 16), "spacing": (1.0, 1.2, 1.5)},
            (24, 40, 48),
            (slice(7, 12), slice(9, 30), slice(1, 20)),
        ),
        (2, {"window": (16, 16)}, (20, 40, 48), (slice(4, 5), slice(0, 40), slice(0, 48))),
        (2, {"window": (32, 32)}, (90, 84), (slice(20, 60), slice(30, 84))),
    ],
)
def test_labels_are_those_of_a_whole_run(tiny_segmenter, zarr_image, dims, card, shape, box):
    places = np.meshgrid(*(np.linspace(0, 9, n) for n in shape), indexing="ij")
    waves = 90 + 40 * sum(np.sin((axis + 1) * p) for axis, p in enumerate(places))
    array = (waves + np.random.default_rng(0).normal(0, 5, shape)).astype(np.int16)
    path = zarr_image(array, tuple(min(8, n) for n in shape), (1.0,) * len(shape))
    segmenter = tiny_segmenter(dims, **card)
    found = segment_part(segmenter, open_pyramid(path), box, EXACT)
    expected = segmenter.segment(read_volume(path), EXACT, box=box)
    assert len(np.unique(expected.labels)) > 1
    np.testing.assert_array_equal(found.labels, expected.labels)
    assert found.labels.dtype == expected.labels.dtype
    assert found.provenance["box"] == [[b.start, b.stop] for b in box]


def test_the_second_slice_reads_only_what_is_near(tiny_segmenter, zarr_image, monkeypatch):
    array = np.random.default_rng(0).normal(0, 5, (64, 32, 32)).astype(np.float32)
    pyramid = open_pyramid(zarr_image(array, (8, 16, 16)))
    segmenter = tiny_segmenter(3, window=(8, 16, 16))
    box = (slice(30, 31), slice(0, 32), slice(0, 32))
    first = segment_part(segmenter, pyramid, box, EXACT)
    voxels = []
    original = zarr.Array.__getitem__

    def spy(stored, index):
        values = original(stored, index)
        voxels.append(np.size(values))
        return values

    monkeypatch.setattr(zarr.Array, "__getitem__", spy)
    again = segment_part(segmenter, pyramid, box, EXACT)
    np.testing.assert_array_equal(again.labels, first.labels)
    assert 0 < sum(voxels) < array.size / 2


def test_a_box_outside_and_maps_are_refused_in_words(tiny_segmenter, zarr_image):
    pyramid = open_pyramid(zarr_image(np.ones((16, 32, 32), np.uint8), (8, 16, 16)))
    segmenter = tiny_segmenter(3, window=(8, 16, 16))
    with pytest.raises(ValueError, match="holds no voxel"):
        segment_part(segmenter, pyramid, (slice(90, 91), slice(0, 3), slice(0, 3)))
    config = InferenceConfig(uncertainty=True)
    with pytest.raises(ValueError, match="leave them out"):
        segment_part(segmenter, pyramid, (slice(0, 1), slice(0, 3), slice(0, 3)), config)
