"""OME-Zarr between this package and ome-zarr, the library of the format: same voxels and places."""

from __future__ import annotations

import numpy as np
import pytest
import zarr
from ome_zarr.format import FormatV04, FormatV05
from ome_zarr.io import parse_url
from ome_zarr.reader import Reader
from ome_zarr.writer import write_multiscale, write_multiscale_labels

import napari_medseg.io as medseg_io
from napari_medseg.io import open_pyramid, read_labels, read_volume
from napari_medseg.io.classes import ClassName

IMAGE = np.random.default_rng(0).integers(0, 9000, (2, 6, 80, 100)).astype(np.uint16)
LABELS = (IMAGE[0] > 7000).astype(np.uint8) * 2
AXES = [{"name": "c", "type": "channel"}] + [
    {"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"
]
FORMATS = [FormatV04(), FormatV05()]


def steps(levels, first):
    return [
        [{"type": "scale", "scale": [*first, 3.0, 0.5 * 2**i, 0.25 * 2**i]}] for i in range(levels)
    ]


@pytest.fixture(params=FORMATS, ids=["0.4", "0.5"])
def image(request, tmp_path):
    """An image with two channels and labels in it, written by ome-zarr."""
    path = tmp_path / "image.ome.zarr"
    group = zarr.open_group(path, mode="w", zarr_format=request.param.zarr_format)
    half = IMAGE[:, :, ::2, ::2]
    write_multiscale(
        [IMAGE, half],
        group,
        axes=AXES,
        coordinate_transformations=steps(2, [1.0]),
        fmt=request.param,
    )
    write_multiscale_labels(
        [LABELS, LABELS[:, ::2, ::2]],
        group,
        name="vessels",
        axes=AXES[1:],
        coordinate_transformations=steps(2, []),
        fmt=request.param,
        label_metadata={"properties": [{"label-value": 2, "name": "vessel"}]},
    )
    return path


def test_an_image_written_by_ome_zarr_is_read_in_its_place(image):
    volume = read_volume(image)
    np.testing.assert_array_equal(volume.array, IMAGE)
    np.testing.assert_allclose(volume.spacing, (0.003, 0.0005, 0.00025))
    pyramid = open_pyramid(image)
    assert pyramid.labels == ("vessels",)
    np.testing.assert_array_equal(pyramid.read(level=1).array, IMAGE[:, :, ::2, ::2])


def test_labels_written_by_ome_zarr_are_read_with_their_names(image):
    labels = read_labels(image / "labels" / "vessels")
    np.testing.assert_array_equal(labels.array[0], LABELS)
    np.testing.assert_allclose(labels.affine, read_volume(image).affine)
    assert labels.storage.header["classes"] == [ClassName(2, "vessel")]


@pytest.mark.parametrize("where", ["labels/ours", "../alone.ome.zarr"])
def test_labels_written_here_are_read_by_ome_zarr(image, where):
    volume = read_volume(image)
    classes = [ClassName(2, "vessel", "#ff8000")]
    medseg_io.write_labels(image / where, LABELS, like=volume, classes=classes)
    nodes = Reader(parse_url((image / where).resolve()))()
    node = next(one for one in nodes if one.zarr.basename() == (image / where).name)
    np.testing.assert_array_equal(np.asarray(node.data[0]), LABELS)
    np.testing.assert_array_equal(np.asarray(node.data[1]), LABELS[:, ::2, ::2])
    assert [axis["name"] for axis in node.metadata["axes"]] == ["z", "y", "x"]
    scales = [t[0]["scale"] for t in node.metadata["coordinateTransformations"]]
    np.testing.assert_allclose(scales, [[3, 0.5, 0.25], [3, 1, 0.5]])
    assert node.metadata["color"] == {2: [1, 128 / 255, 0, 1]}
    assert node.metadata["properties"] == {2: {"name": "vessel"}}
