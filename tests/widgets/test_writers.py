"""Saving labels as napari saves: by File > Save, in every format, with its provenance beside."""

from __future__ import annotations

import json

import numpy as np
import pytest

from napari_medseg.io import read_labels
from napari_medseg.widgets.volumes import KEY


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


def test_file_save_lists_our_formats_for_labels_only(viewer):
    from napari.plugins._npe2 import file_extensions_string_for_layers

    labels, image = viewer.add_labels(_labels((6, 7))), viewer.add_image(np.zeros((6, 7)))
    text, _ = file_extensions_string_for_layers([labels])
    assert "NIfTI labels (*.nii.gz *.nii)" in text
    assert "Picture labels (*.png *.tif *.tiff)" in text
    text, _ = file_extensions_string_for_layers([image])
    assert "labels" not in text
