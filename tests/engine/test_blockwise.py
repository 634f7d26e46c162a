"""Labels written block by block are those of a run in memory, however it was cut or stopped."""

from __future__ import annotations

import numpy as np
import pytest

from napari_medseg.engine.blockwise import segment_blockwise
from napari_medseg.engine.inference_config import InferenceConfig
from napari_medseg.io import read_volume

EXACT = InferenceConfig(exact=True)
CASES = {  # dims, card, config, shape, chunks, spacing, dtype
    "windows, zscore": (3, {"window": (8, 8, 8)}, {}, (24, 48, 48), (8, 16, 32), None, "uint16"),
    "small overlap": (
        3,
        {"window": (8, 16, 16), "normalise": "none"},
        {"overlap": 0.25},
        (20, 37, 50),
        (8, 16, 32),
        None,
        "float32",
    ),
    "no overlap": (
        3,
        {"window": (8, 8, 8)},
        {"overlap": 0.0},
        (24, 32, 32),
        (16, 16, 16),
        None,
        "int16",
    ),
    "window larger than the image": (
        3,
        {"window": (32, 16, 16)},
        {},
        (24, 32, 48),
        (8, 32, 16),
        None,
        "uint8",
    ),
    "whole": (3, {}, {}, (16, 20, 36), (16, 16, 16), None, "uint8"),
    "percentiles": (
        3,
        {"window": (8, 8, 8), "clip_percentiles": (1.0, 99.0)},
        {},
        (20, 33, 40),
        (16, 16, 16),
        None,
        "float32",
    ),
    "mirrored": (
        3,
        {"window": (8, 8, 8)},
        {"flips": True},
        (16, 16, 40),
        (16, 16, 16),
        None,
        "uint8",
    ),
    "slices": (2, {"window": (16, 16)}, {}, (20, 40, 48), (8, 16, 32), None, "uint16"),
    "slices along W": (
        2,
        {"window": (16, 16)},
        {"slice_axis": 2},
        (20, 40, 48),
        (8, 16, 32),
        None,
        "uint16",
    ),
    "whole slices": (2, {}, {}, (40, 36, 32), (8, 16, 32), None, "uint16"),
    "resized slices": (2, {"size": (16, 16)}, {}, (12, 36, 64), (8, 16, 32), None, "uint16"),
    "finer": (
        3,
        {"window": (8, 8, 8), "spacing": (1.0, 1.0, 1.0)},
        {},
        (12, 32, 40),
        (8, 16, 32),
        (2.0, 1.5, 1.3),
        "uint16",
    ),
    "coarser": (
        3,
        {"window": (8, 8, 8), "spacing": (2.0, 3.1, 2.5)},
        {},
        (40, 60, 64),
        (16, 16, 16),
        (1.0, 1.0, 1.0),
        "float32",
    ),
    "a picture": (2, {"window": (32, 32)}, {}, (150, 140), (64, 64), None, "uint8"),
}


@pytest.fixture
def image(zarr_image):
    """Write an image of waves and noise."""

    def make(shape, chunks, spacing=None, dtype="uint16", channels=0, seed=5):
        random = np.random.default_rng(seed)
        places = np.meshgrid(*(np.linspace(0, 5, n) for n in shape), indexing="ij")
        waves = sum(np.sin((axis + 2) * p) for axis, p in enumerate(places))
        values = 90 + 20 * waves + random.normal(0, 5, (max(channels, 1), *shape))
        array = values.astype(dtype)
        return zarr_image(array if channels else array[0], chunks, spacing)

    return make


def labels_of(path):
    return read_volume(path).array[0]


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_labels_are_those_of_a_run_in_memory(case, tiny_segmenter, image, tmp_path):
    dims, card, config, shape, chunks, spacing, dtype = case
    segmenter = tiny_segmenter(dims, **card)
    path = image(shape, chunks, spacing, dtype)
    config = InferenceConfig(exact=True, **config)
    result = segment_blockwise(segmenter, path, tmp_path / "out.ome.zarr", config, memory=1)
    expected = segmenter.segment(read_volume(path), config).labels
    assert len(np.unique(expected)) > 1
    np.testing.assert_array_equal(labels_of(result.path), expected)
    assert result.blocks > 1
