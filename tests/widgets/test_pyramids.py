"""Images in several sizes open as layers that are read where one looks at them."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import zarr
from napari.layers import Image, Labels

from napari_medseg.io import open_pyramid
from napari_medseg.widgets.classes.class_list import classes_of
from napari_medseg.widgets.pyramids import (
    OneEntry,
    channel_of,
    one_of,
    pyramid_layers,
    pyramid_of,
)
from napari_medseg.widgets.readers import drop_opens, open_dropped
from napari_medseg.widgets.volumes import place_of, realised, to_volume

AXES = {
    "t": {"name": "t", "type": "time", "unit": "second"},
    "c": {"name": "c", "type": "channel"},
    **{n: {"name": n, "type": "space", "unit": "millimeter"} for n in "zyx"},
}


def _group(parent, levels, axes, scale, ome, origin=0.0):
    datasets = []
    for i, values in enumerate(levels):
        parent.create_array(str(i), data=values, chunks=tuple(min(8, n) for n in values.shape))
        steps = [s * 2**i if a in "zyx" else 1 for s, a in zip(scale, axes, strict=True)]
        start = [origin if a in "zyx" else 0.0 for a in axes]
        moves = [{"type": "scale", "scale": steps}, {"type": "translation", "translation": start}]
        datasets.append({"path": str(i), "coordinateTransformations": moves})
    multiscale = {"axes": [AXES[a] for a in axes], "datasets": datasets}
    parent.attrs["ome"] = {"version": "0.5", "multiscales": [multiscale], **ome}


@pytest.fixture
def store(tmp_path):
    """Write an OME-Zarr image of two levels, with labels inside where they are given."""

    def make(values, axes="zyx", scale=(2.0, 0.5, 0.5), labels=None, name="knee", **ome):
        path = tmp_path / f"{name}.ome.zarr"
        half = tuple(slice(None, None, 2) if a in "zyx" else slice(None) for a in axes)
        group = zarr.open_group(path, mode="w", zarr_format=3)
        _group(group, [values, values[half]], axes, scale, ome, origin=10.0)
        if labels is not None:
            inside = group.create_group("labels")
            inside.attrs["ome"] = {"version": "0.5", "labels": ["bones"]}
            named = {
                "colors": [{"label-value": 1, "rgba": [230, 159, 0, 255]}],
                "properties": [{"label-value": 1, "name": "femur"}],
            }
            spatial = "".join(a for a in axes if a in "zyx")
            scale = tuple(s for s, a in zip(scale, axes, strict=True) if a in "zyx")
            ome = {"image-label": named}
            _group(inside.create_group("bones"), [labels], spatial, scale, ome, origin=10.0)
        return path

    return make


@pytest.fixture
def read_pieces(monkeypatch):
    """Count the voxels that are read from each Zarr array."""
    pieces = []
    original = zarr.Array.__getitem__

    def spy(array, index):
        values = original(array, index)
        pieces.append((array.shape, np.size(values)))
        return values

    monkeypatch.setattr(zarr.Array, "__getitem__", spy)
    return pieces


VALUES = np.random.default_rng(0).integers(0, 3000, (16, 24, 20)).astype(np.uint16)


def test_an_image_opens_lazily_in_its_place_with_the_labels_inside(viewer, store, read_pieces):
    labels = (VALUES > 2000).astype(np.uint8)
    path = store(VALUES, labels=labels)
    read_pieces.clear()  # zarr reads what it writes
    image, bones = viewer.open(str(path), plugin="napari-medseg")
    finest = sum(n for shape, n in read_pieces if shape == VALUES.shape)
    assert finest <= labels.size + VALUES.size // 2  # the labels, and the pieces that are shown
    assert isinstance(image, Image)
    assert image.multiscale
    assert isinstance(image.data[0], da.Array)
    assert image.name == "knee"
    np.testing.assert_allclose(image.scale, (2, 0.5, 0.5))
    np.testing.assert_allclose(image.translate, 10)
    assert {str(u) for u in image.units} == {"millimeter"}
    low, high = image.contrast_limits
    assert (low, high) == (VALUES[::2, ::2, ::2].min(), VALUES[::2, ::2, ::2].max())
    assert isinstance(bones, Labels)
    assert bones.name == "knee · bones"
    np.testing.assert_array_equal(bones.data, labels)
    np.testing.assert_allclose(bones.translate, image.translate)
    bones.data_setitem((np.array([0]), np.array([0]), np.array([0])), 1)  # they can be painted
    (femur,) = classes_of(bones)
    assert (femur.name, femur.colour) == ("femur", "#e69f00")
    pyramid = pyramid_of(image)
    assert pyramid is not None
    assert pyramid_of(bones) is None
    volume = to_volume(image)
    assert isinstance(volume.array, da.Array)
    np.testing.assert_array_equal(realised(volume).array[0], VALUES)
    np.testing.assert_allclose(volume.affine, pyramid.affine())
    assert place_of(image).shape == VALUES.shape


def test_channels_become_layers_that_are_read_apart(store, read_pieces):
    values = np.stack([VALUES, VALUES // 2, VALUES // 3])
    about = {"omero": {"channels": [{"label": n} for n in ("T1", "T2", "PD")]}}
    path = store(values, "czyx", (1.0, 2.0, 0.5, 0.5), **about)
    layers = [Image(d, **k) for d, k, _ in pyramid_layers(open_pyramid(path))]
    assert [layer.name for layer in layers] == ["knee · T1", "knee · T2", "knee · PD"]
    assert [layer.visible for layer in layers] == [True, False, False]
    read_pieces.clear()
    for layer, channel in zip(layers, values, strict=True):
        np.testing.assert_array_equal(np.asarray(layer.data[0][3:5, ::2]), channel[3:5, ::2])
        np.testing.assert_array_equal(pyramid_of(layer).read().array[0], channel)
        assert pyramid_of(layer).channel_count == 1
    assert max(n for _, n in read_pieces) <= VALUES.size  # never all channels at once


def test_colours_become_one_layer(store):
    values = np.random.default_rng(1).integers(0, 255, (3, 20, 16)).astype(np.uint8)
    about = {"omero": {"channels": [{"label": n} for n in ("Red", "Green", "Blue")]}}
    path = store(values, "cyx", (1.0, 0.5, 0.5), **about)
    ((data, kwargs, _),) = pyramid_layers(open_pyramid(path), "slide")
    layer = Image(data, **kwargs)
    assert layer.rgb
    assert layer.name == "slide"
    np.testing.assert_array_equal(np.asarray(layer.data[0]), np.moveaxis(values, 0, -1))
    np.testing.assert_array_equal(realised(to_volume(layer)).array, values)


@pytest.mark.parametrize("axes", ["tzyx", "tyx"])
def test_time_is_stepped_through_and_never_taken_for_space(store, axes):
    film = np.stack([VALUES, VALUES[::-1], VALUES + 1])[:, : len(VALUES) if "z" in axes else 1]
    film = film if "z" in axes else film[:, 0]
    path = store(film, axes, (1.0, 2.0, 0.5, 0.5)[:1] + (2.0, 0.5, 0.5)[-len(axes) + 1 :])
    ((data, kwargs, _),) = pyramid_layers(open_pyramid(path))
    layer = Image(data, **kwargs)
    assert layer.axis_labels == tuple(axes)
    for t in (0, 2):
        one = one_of(pyramid_of(layer), "t", t)
        np.testing.assert_array_equal(one.read().array[0], film[t])
        volume = to_volume(layer, layer.data_to_world((t, *(0,) * (layer.ndim - 1))))
        assert volume.spatial_dims == len(axes) - 1
        np.testing.assert_array_equal(realised(volume).array[0], film[t])


def test_labels_larger_than_one_edits_stay_in_their_pieces(viewer, store, monkeypatch):
    from napari_medseg.widgets import readers

    monkeypatch.setattr(readers, "_EDITABLE", 10)
    path = store(VALUES, labels=(VALUES > 2000).astype(np.uint8))
    _, bones = viewer.open(str(path), plugin="napari-medseg")
    assert not isinstance(bones.data, np.ndarray)
    assert bones.features["name"].tolist() == ["background", "femur"]


def test_a_dropped_store_is_ours_and_a_damaged_one_is_said(viewer, store, notices):
    path = store(VALUES)
    assert drop_opens([path])
    open_dropped(viewer, [path, path.parent])  # the second: a folder with nothing but a store
    assert [layer.multiscale for layer in viewer.layers] == [True, True]
    (path / "zarr.json").write_text("{")
    open_dropped(viewer, [path])
    assert "knee.ome.zarr" in notices[-1].message


def test_of_values_that_are_not_numbers_the_range_is_that_of_the_others(store):
    values = VALUES.astype(np.float32)
    values[0] = np.nan
    values[1] = np.inf
    ((_, kwargs, _),) = pyramid_layers(open_pyramid(store(values)))
    assert kwargs["contrast_limits"] == (values[2::2, ::2, ::2].min(), values[2::2, ::2, ::2].max())
    ((_, kwargs, _),) = pyramid_layers(open_pyramid(store(np.full((4, 6, 6), 7.0, np.float32))))
    assert kwargs["contrast_limits"] == (7, 8)


@pytest.mark.parametrize("axis", [0, 1, 3])
def test_one_entry_of_an_axis_slices_as_the_whole_does(axis):
    whole = np.arange(3 * 4 * 5 * 6).reshape(3, 4, 5, 6)

    class Stored:
        shape, dtype, chunks = whole.shape, whole.dtype, (1, 2, 5, 3)

        def __getitem__(self, index):
            return whole[index]

    one = OneEntry(Stored(), axis, 2)
    plain = np.take(whole, 2, axis)
    assert (one.shape, one.ndim, one.dtype) == (plain.shape, 3, plain.dtype)
    for index in (..., 1, (..., 1), (slice(1, 3), 2), (slice(None), slice(0, 4, 2), slice(1, 2))):
        np.testing.assert_array_equal(one[index], plain[index])


def test_an_image_of_one_channel_is_its_own_channel(store):
    pyramid = open_pyramid(store(VALUES))
    assert channel_of(pyramid, 0) is pyramid
