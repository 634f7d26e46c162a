"""Saving labels as napari saves: by File > Save, in every format, with its provenance beside."""

from __future__ import annotations

import json

import numpy as np
import pytest
from napari.layers import Labels

from napari_medseg.engine.card import LabelClass
from napari_medseg.io import read_labels, read_volume
from napari_medseg.widgets.classes.class_list import classes_of
from napari_medseg.widgets.placement import class_look
from napari_medseg.widgets.readers import open_dropped
from napari_medseg.widgets.volumes import KEY


@pytest.fixture
def viewer(windowless):
    """Saving needs no window."""
    return windowless


def _labels(shape):
    values = np.zeros(shape, np.uint8)
    values[..., 1:3, 2:5] = 2
    return values


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("a.nii.gz", (4, 6, 7)),
        ("a.nii", (4, 6, 7)),
        ("a.tif", (4, 6, 7)),
        ("a.tiff", (6, 7)),
        ("a.png", (6, 7)),
    ],
)
def test_every_format_holds_the_labels_and_says_how_they_were_made(viewer, tmp_path, name, shape):
    layer = viewer.add_labels(_labels(shape), name="liver")
    layer.metadata[KEY] = {"provenance": {"model": "liver"}}
    saved = viewer.layers.save(str(tmp_path / name), selected=True, plugin="napari-medseg")
    assert saved == [str(tmp_path / name)]
    np.testing.assert_array_equal(read_labels(tmp_path / name).array[0], layer.data)
    told = json.loads((tmp_path / "a.json").read_text())
    assert told["model"] == "liver"
    assert told["classes"] == {"2": "class 2"}
    assert told["voxels_changed"] == 0


@pytest.mark.parametrize("name", ["a.nii.gz", "a.nii"])
def test_nifti_is_saved_without_naming_us(viewer, tmp_path, name):
    layer = viewer.add_labels(_labels((4, 6, 7)))
    assert layer.save(str(tmp_path / name)) == [str(tmp_path / name)]
    np.testing.assert_array_equal(read_labels(tmp_path / name).array[0], layer.data)


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("volume.png", _labels((4, 6, 7)), "png"),
        ("many.nii.gz", np.full((4, 6, 7), 70000, np.int32), "0 to 65535"),
        ("film.nii.gz", np.ones((2, 4, 6, 7), np.uint8), "one image or one volume"),
    ],
)
def test_what_a_format_cannot_hold_is_refused_in_words(viewer, tmp_path, name, values, words):
    layer = viewer.add_labels(values)
    with pytest.raises(OSError, match=words):
        layer.save(str(tmp_path / name), plugin="napari-medseg")
    assert not list(tmp_path.iterdir())


def test_file_save_lists_our_formats(viewer):
    from napari.plugins._npe2 import file_extensions_string_for_layers

    labels, image = viewer.add_labels(_labels((6, 7))), viewer.add_image(np.zeros((6, 7)))
    text, _ = file_extensions_string_for_layers([labels])
    for words in (
        "NIfTI labels (*.nii.gz *.nii)",
        "Picture labels (*.png *.tif *.tiff)",
        "DICOM segmentation (*.dcm)",
        "OME-Zarr labels (*.ome.zarr *.zarr)",
    ):
        assert words in text
    text, _ = file_extensions_string_for_layers([image])
    assert "NIfTI image (*.nii.gz *.nii)" in text
    assert "labels" not in text


def _named(viewer, values, **place):
    look = class_look([LabelClass(value=2, name="liver", colour="#009e73")])
    return viewer.add_labels(values, name="organs", **look, **place)


def test_names_colours_and_place_travel_with_every_format(viewer, tmp_path):
    values = _labels((4, 6, 7))
    layer = _named(viewer, values, scale=(3, 0.5, 0.8), translate=(30, 2, 1), units="mm")
    for ending in (".nii.gz", ".nrrd", ".mha", ".tif", ".ome.zarr"):
        path = tmp_path / f"{ending[1:4]}_seg{ending}"
        assert layer.save(str(path), plugin="napari-medseg") == [str(path)]
        open_dropped(viewer, [path])
        again = viewer.layers[-1]
        assert isinstance(again, Labels)
        np.testing.assert_array_equal(again.data, values)
        np.testing.assert_allclose(again.scale, (3, 0.5, 0.8), rtol=1e-5)
        if ending != ".tif":  # which has no place
            np.testing.assert_allclose(again.translate, (30, 2, 1), atol=1e-5)
        (liver,) = classes_of(again)
        assert (liver.name, liver.colour) == ("liver", "#009e73")


def test_layers_turned_or_mirrored_by_hand_are_written_where_they_are_shown(viewer, tmp_path):
    import nibabel as nib

    values = _labels((4, 6, 7))
    turn = np.array([[1, 0, 0], [0, 0.8, -0.6], [0, 0.6, 0.8]])
    layer = viewer.add_labels(values, scale=(-3, 0.5, 0.8), rotate=turn, units="mm")
    layer.save(str(tmp_path / "a.nii.gz"), plugin="napari-medseg")
    z, y, x = layer.data_to_world((1, 2, 5))
    stored = nib.load(tmp_path / "a.nii.gz")
    index = np.linalg.inv(stored.affine) @ (-x, -y, z, 1)
    np.testing.assert_allclose(index, np.round(index), atol=1e-4)
    assert stored.get_fdata()[tuple(np.round(index[:3]).astype(int))] == values[1, 2, 5]
    assert values[1, 2, 5] == 0
    z, y, x = layer.data_to_world((1, 2, 4))
    index = np.round(np.linalg.inv(stored.affine) @ (-x, -y, z, 1)).astype(int)
    assert stored.get_fdata()[tuple(index[:3])] == values[1, 2, 4] == 2


def test_images_are_saved_in_their_place(viewer, tmp_path):
    values = np.random.default_rng(0).normal(size=(4, 6, 7)).astype(np.float32)
    layer = viewer.add_image(values, scale=(3, 0.5, 0.8), units="mm", name="knee")
    for name in ("a.nii.gz", "a.nrrd", "a.mha", "a.tif"):
        layer.save(str(tmp_path / name), plugin="napari-medseg")
        back = read_volume(tmp_path / name)
        np.testing.assert_allclose(back.array[0], values, rtol=1e-6)
        assert back.spacing == pytest.approx((3, 0.5, 0.8))


def test_an_image_of_a_file_is_saved_in_the_order_of_that_file(viewer, tmp_path):
    import nibabel as nib

    affine = np.array([[0, 0, 2.0, 5], [-0.7, 0, 0, 3], [0, 0.8, 0, -9], [0, 0, 0, 1]])
    values = np.random.default_rng(0).normal(size=(5, 6, 7)).astype(np.float32)
    nib.Nifti1Image(values, affine).to_filename(tmp_path / "a.nii.gz")
    (layer,) = viewer.open(str(tmp_path / "a.nii.gz"), plugin="napari-medseg")
    layer.save(str(tmp_path / "b.nii.gz"), plugin="napari-medseg")
    stored = nib.load(tmp_path / "b.nii.gz")
    np.testing.assert_allclose(stored.affine, affine)
    np.testing.assert_array_equal(stored.get_fdata(dtype=np.float32), values)
    colours = np.random.default_rng(0).integers(0, 255, (6, 7, 3)).astype(np.uint8)
    photo = viewer.add_image(colours, rgb=True, name="photo")
    photo.save(str(tmp_path / "c.tif"), plugin="napari-medseg")
    np.testing.assert_array_equal(read_volume(tmp_path / "c.tif").array, colours.transpose(2, 0, 1))


def test_what_is_larger_than_memory_or_several_images_is_refused_in_words(
    viewer, tmp_path, monkeypatch
):
    import dask.array

    from napari_medseg.widgets import volumes

    monkeypatch.setattr(volumes, "host_memory", lambda: (1000, 4000))
    lazy = dask.array.zeros((40, 40), chunks=10)
    layer = viewer.add_image([lazy, lazy[::2, ::2]], contrast_limits=(0, 1), name="slide")
    with pytest.raises(OSError, match=r"'slide' takes .* block by block"):
        layer.save(str(tmp_path / "a.nii.gz"), plugin="napari-medseg")
    film = viewer.add_image(np.zeros((3, 4, 6, 7)), name="film")
    with pytest.raises(OSError, match="'film' has 4 axes"):
        film.save(str(tmp_path / "a.nii.gz"), plugin="napari-medseg")
    assert not list(tmp_path.iterdir())
