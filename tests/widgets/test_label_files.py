"""Label files of every format open as Labels with the names and colours they were saved with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from napari.layers import Image, Labels

from napari_medseg.engine.card import LabelClass
from napari_medseg.io import write_labels
from napari_medseg.volume import Volume
from napari_medseg.widgets.classes.class_list import classes_of
from napari_medseg.widgets.placement import class_look
from napari_medseg.widgets.readers import drop_opens, folder_reader, image_reader, open_dropped

CLASSES = (
    LabelClass(value=2, name="liver", colour="#009e73"),
    LabelClass(value=300, name="Zyste, größte", colour="#d55e00"),
)
VOLUMES = (".nii.gz", ".nii", ".nrrd", ".mha", ".ome.zarr", ".tif")
PICTURES = (".png", ".tif", ".nii.gz", ".mha", ".nrrd")


def test_a_saved_layer_opens_again_as_labels_with_its_classes_from_every_format(viewer, tmp_path):
    values = {3: np.zeros((4, 5, 6), np.uint16), 2: np.zeros((5, 6), np.uint16)}
    for dims, suffixes in ((3, VOLUMES), (2, PICTURES)):
        values[dims][..., 2], values[dims][..., 4] = 2, 300
        layer = viewer.add_labels(values[dims], name="truth", **class_look(CLASSES))
        for suffix in suffixes:
            path = tmp_path / f"{dims}D" / f"truth{suffix}"  # a name that says nothing of labels
            assert layer.save(str(path), plugin="napari-medseg") == [str(path)]
            path.with_name("truth.json").unlink()  # so that the file alone is left to say it
            assert drop_opens([path])
            open_dropped(viewer, [path])
            again = viewer.layers[-1]
            assert isinstance(again, Labels), suffix
            np.testing.assert_array_equal(again.data, values[dims])
            assert tuple(classes_of(again)) == CLASSES, suffix


def test_a_case_folder_knows_labels_by_what_they_say_of_themselves(tmp_path):
    image = Volume(np.zeros((1, 4, 5, 6), np.uint8), (1.0, 1.0, 1.0))
    folder = tmp_path / "case"
    write_labels(folder / "outline.nii.gz", np.ones((4, 5, 6), np.uint8), like=image)
    import nibabel as nib

    nib.save(nib.Nifti1Image(np.zeros((6, 5, 4), np.uint8), np.eye(4)), folder / "ct.nii.gz")
    layers = folder_reader(str(folder))(str(folder))
    assert [(kwargs["name"], kind) for _, kwargs, kind in layers] == [
        ("case", "image"),
        ("case · labels", "labels"),
    ]


def test_a_file_that_says_labels_and_holds_none_is_still_shown(viewer, tmp_path):
    import nibabel as nib

    image = nib.Nifti1Image(np.linspace(0, 1, 60).reshape(3, 4, 5).astype(np.float32), np.eye(4))
    image.header.set_intent("label")
    path = tmp_path / "odd.nii"
    nib.save(image, path)
    (layer,) = viewer.open(str(path), plugin="napari-medseg")
    assert isinstance(layer, Image)


def test_a_picture_of_another_program_is_left_to_napari(tmp_path):
    from PIL import Image as Picture

    path = Path(tmp_path) / "photo.png"
    Picture.new("L", (6, 5)).save(path)
    assert not drop_opens([path])
    assert image_reader(str(path)) is not None
