"""Dropped files and saved labels, through napari as a person uses it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from napari.layers import Image, Labels
from qtpy.QtWidgets import QWidget

from napari_medseg.io import read_labels, write_labels
from napari_medseg.volume import Volume
from napari_medseg.widgets.readers import (
    folder_reader,
    image_reader,
    is_label_path,
    model_reader,
)
from napari_medseg.widgets.volumes import KEY
from napari_medseg.widgets.workbench import Workbench


def _nifti(path, values, axes="LSA"):
    """Write `values` in file order with an anisotropic, turned affine; return the affine."""
    import nibabel as nib

    ornt = nib.orientations.axcodes2ornt(tuple(axes))
    affine = np.zeros((4, 4))
    for axis, (world, sign) in enumerate(ornt):
        affine[int(world), axis] = sign * (0.5, 2.0, 0.7)[axis]
    affine[:, 3] = (10, -20, 30, 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(values, affine), path)
    return affine


@pytest.fixture
def scan(tmp_path):
    values = np.random.default_rng(0).normal(100, 30, (14, 15, 16)).astype(np.float32)
    affine = _nifti(tmp_path / "scan.nii.gz", values)
    return tmp_path / "scan.nii.gz", values, affine


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("case_seg.nii.gz", True),
        ("case/label.nii.gz", True),
        ("masks/case.png", True),
        ("labelsTr/case_001.nii.gz", True),
        ("images/case.png", False),
        ("segmental_artery.nii.gz", False),
    ],
)
def test_the_name_says_what_holds_labels(tmp_path, name, labels):
    assert is_label_path(tmp_path / name) is labels


@pytest.mark.parametrize("path", ["x.txt", "x.safetensors", "x.py"])
def test_other_files_are_left_to_others(path):
    assert image_reader(path) is None
    assert folder_reader(path) is None


def test_a_dropped_scan_lies_in_the_world_with_units(windowless, scan):
    path, _, _ = scan
    windowless.open(str(path), plugin="napari-medseg")
    layer = windowless.layers[0]
    assert layer.name == "scan"
    assert layer.data.shape == (15, 16, 14)  # stored L, S, A: shown as S, A→P, R→L
    np.testing.assert_allclose(layer.scale, (2.0, 0.7, 0.5))
    assert str(layer.units[0]) == "millimeter"
    assert layer.axis_labels == ("z", "y", "x")


def test_labels_come_back_as_labels(windowless, tmp_path):
    values = np.zeros((6, 7, 8), np.uint8)
    values[2:4, 3, 3] = 2
    _nifti(tmp_path / "case_seg.nii.gz", values, "RAS")
    windowless.open(str(tmp_path / "case_seg.nii.gz"), plugin="napari-medseg")
    assert isinstance(windowless.layers[0], Labels)
    assert np.count_nonzero(windowless.layers[0].data == 2) == 2


def test_an_image_named_like_labels_is_still_shown(windowless, tmp_path):
    values = np.random.default_rng(0).normal(size=(6, 7, 8)).astype(np.float32)
    _nifti(tmp_path / "seg.nii.gz", values, "RAS")
    windowless.open(str(tmp_path / "seg.nii.gz"), plugin="napari-medseg")
    assert isinstance(windowless.layers[0], Image)


def test_a_case_folder_opens_with_its_labels(windowless, tmp_path):
    values = np.random.default_rng(0).normal(size=(6, 7, 8)).astype(np.float32)
    _nifti(tmp_path / "case_1" / "flair.nii.gz", values)
    _nifti(tmp_path / "case_1" / "t1.nii.gz", values)
    _nifti(tmp_path / "case_1" / "label.nii.gz", (values > 0).astype(np.uint8))
    windowless.open(str(tmp_path / "case_1"), plugin="napari-medseg")
    assert [layer.name for layer in windowless.layers] == [
        "case_1 · flair",
        "case_1 · t1",
        "case_1 · labels",
    ]
    np.testing.assert_array_equal(windowless.layers[2].data, windowless.layers[0].data > 0)


@pytest.fixture
def two_cases(tmp_path):
    for case in ("a", "b"):
        _nifti(tmp_path / "study" / case / "image.nii.gz", np.ones((4, 4, 4), np.float32))
        _nifti(tmp_path / "study" / case / "label.nii.gz", np.ones((4, 4, 4), np.uint8))
    return tmp_path / "study"


def test_without_a_window_a_folder_of_many_cases_is_refused_with_the_way_out(two_cases):
    read = folder_reader(str(two_cases))
    with pytest.raises(ValueError, match="holds 2 cases; open the folder of one case"):
        read(str(two_cases))


def test_a_folder_of_many_cases_offers_the_worklist(qtbot, viewer, two_cases, notices, models):
    viewer.open(str(two_cases), plugin="napari-medseg")
    assert not viewer.layers
    assert notices[-1].message == "study holds 2 cases."
    (verb, press) = notices[-1].actions[0]
    assert verb == "Open as worklist"
    button = QWidget()
    qtbot.addWidget(button)
    press(button)
    (workbench,) = viewer.window._qt_window.findChildren(Workbench)
    assert [case.name for case in workbench.session.worklist.cases] == ["a", "b"]
    assert workbench.tabs.currentWidget() is workbench.pages["worklist"]


@pytest.mark.parametrize("name", ["photo.png", "photo.jpg", "stack.tif", "scan.tiff"])
def test_pictures_open_without_a_question_as_they_do_without_us(windowless, tmp_path, name):
    import imageio.v3 as iio

    iio.imwrite(tmp_path / name, np.full((6, 7), 9, np.uint8))
    windowless.open(str(tmp_path / name))
    assert windowless.layers[0].data.shape == (6, 7)


def test_a_dropped_model_is_chosen_in_the_workbench(viewer, made_models, models, tmp_path):
    path = tmp_path / "colleague.safetensors"
    path.write_bytes((made_models / "tiny-colour.safetensors").read_bytes())
    assert model_reader(str(path)) is not None
    viewer.open(str(path), plugin="napari-medseg")
    assert not viewer.layers
    (workbench,) = viewer.window._qt_window.findChildren(Workbench)
    assert workbench.session.model.path == path
    assert workbench.tabs.currentWidget() is workbench.pages["segment"]
    viewer.open(str(made_models / "tiny-grey.safetensors"), plugin="napari-medseg")
    assert len(viewer.window._qt_window.findChildren(Workbench)) == 1
    assert workbench.session.model.card.name == "tiny-grey"


def test_segmented_labels_are_saved_on_the_grid_of_the_file(
    viewer, workbench, choose_model, press_segment, scan, tmp_path
):
    import nibabel as nib

    path, values, affine = scan
    viewer.open(str(path), plugin="napari-medseg")
    choose_model(workbench, "tiny-volume")
    press_segment(workbench)
    labels = viewer.layers[1]
    labels.data[...] = viewer.layers[0].data > 110  # an answer one can compare in the file
    out = tmp_path / "out" / "scan_labels.nii.gz"
    assert labels.save(str(out), plugin="napari-medseg") == [str(out)]
    saved = nib.load(out)
    np.testing.assert_allclose(saved.affine, affine)
    np.testing.assert_array_equal(np.asarray(saved.dataobj), values > 110)
    provenance = json.loads((out.parent / "scan_labels.json").read_text())
    assert provenance["model"] == "tiny-volume"
    assert len(provenance["model_sha256"]) == 64


def test_labels_painted_by_hand_on_a_file_s_image_are_saved_on_its_grid(windowless, scan, tmp_path):
    import nibabel as nib

    path, values, affine = scan
    windowless.open(str(path), plugin="napari-medseg")
    image = windowless.layers[0]
    windowless.layers.selection.active = image
    windowless._new_labels()  # napari's button "new labels"
    windowless.layers[-1].data[image.data > 110] = 1
    out = tmp_path / "hand.nii.gz"
    windowless.layers[-1].save(str(out), plugin="napari-medseg")
    saved = nib.load(out)
    np.testing.assert_allclose(saved.affine, affine)
    np.testing.assert_array_equal(np.asarray(saved.dataobj), values > 110)


def test_labels_of_a_picture_are_saved_as_a_picture(
    viewer, workbench, choose_model, press_segment, tmp_path
):
    from PIL import Image as Picture

    pixels = np.random.default_rng(0).integers(0, 255, (40, 50, 3)).astype(np.uint8)
    Picture.fromarray(pixels).save(tmp_path / "photo.png")
    viewer.open(str(tmp_path / "photo.png"))
    assert viewer.layers[0].rgb
    choose_model(workbench, "tiny-colour")
    press_segment(workbench)
    out = tmp_path / "photo_labels.png"
    viewer.layers[1].save(str(out), plugin="napari-medseg")
    np.testing.assert_array_equal(read_labels(out).array[0], viewer.layers[1].data)


def test_a_time_step_s_labels_are_saved_as_a_volume(windowless, tmp_path):
    layer = windowless.add_labels(np.ones((1, 4, 5, 6), np.uint8), scale=(1, 2, 1, 1), units="mm")
    layer.save(str(tmp_path / "step.nii.gz"), plugin="napari-medseg")
    assert read_labels(tmp_path / "step.nii.gz").array.shape == (1, 4, 5, 6)


def test_labels_of_many_time_steps_are_refused(tmp_path):
    from napari_medseg.widgets.writers import save_labels

    with pytest.raises(OSError, match="4 axes"):
        save_labels(str(tmp_path / "x.nii.gz"), np.ones((2, 4, 5, 6), np.uint8), {"name": "film"})


def test_what_cannot_be_written_leaves_nothing_behind(windowless, tmp_path):
    (tmp_path / "file").write_text("in the way")
    layer = windowless.add_labels(np.ones((4, 5), np.uint8))
    before = layer.data.copy()
    with pytest.raises(OSError, match="file"):
        layer.save(str(tmp_path / "file" / "x.nii.gz"), plugin="napari-medseg")
    np.testing.assert_array_equal(layer.data, before)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file"]


def test_a_written_label_image_opens_again_where_it_was(windowless, tmp_path):
    volume = Volume(np.ones((1, 4, 5, 6), np.float32), (2.0, 1.0, 1.0))
    write_labels(
        tmp_path / "a_labels.nii.gz", np.eye(5, 6, dtype=np.uint8)[None].repeat(4, 0), like=volume
    )
    windowless.open(str(tmp_path / "a_labels.nii.gz"), plugin="napari-medseg")
    assert isinstance(windowless.layers[0], Labels)
    assert KEY in windowless.layers[0].metadata
