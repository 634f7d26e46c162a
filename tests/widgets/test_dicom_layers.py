"""DICOM opened as a person does: a folder, a file, one of several series, labels with classes."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image, Labels
from qtpy.QtCore import Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QDialogButtonBox

from napari_medseg.engine.card import LabelClass
from napari_medseg.io import read_volume, write_labels
from napari_medseg.io.classes import ClassName
from napari_medseg.widgets.classes.class_list import classes_of
from napari_medseg.widgets.dicom_layers import SeriesDialog
from napari_medseg.widgets.placement import class_look, same_grid

SITK = pytest.importorskip("SimpleITK")


def write_series(folder, values, description, uid, *, skip=()):
    """Write slices 2 mm apart as SimpleITK writes DICOM."""
    folder.mkdir(exist_ok=True)
    writer = SITK.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    for i, plane in enumerate(values):
        if i in skip:
            continue
        image = SITK.GetImageFromArray(plane[None])
        image.SetSpacing((0.5, 0.5, 5.0))
        image.SetOrigin((0.0, 0.0, 2.0 * i))
        for tag, text in {
            "0008|0060": "CT",
            "0008|103e": description,
            "0020|000d": "1.2.3",
            "0020|000e": uid,
            "0008|0018": f"{uid}.{i}",
            "0020|0013": str(i),
        }.items():
            image.SetMetaData(tag, text)
        writer.SetFileName(str(folder / f"{description}{i:03}.dcm"))
        writer.Execute(image)
    return folder


@pytest.fixture
def folder(tmp_path):
    values = np.arange(4 * 6 * 5, dtype=np.int16).reshape(4, 6, 5)
    return write_series(tmp_path / "scan", values, "abdomen", "1.2.3.4")


def press(kind, *, row=None):
    """Press a button of the dialog that opens, after choosing a row."""

    def act():
        dialog = QApplication.activeModalWidget()
        if not isinstance(dialog, SeriesDialog):  # not yet
            QTimer.singleShot(10, act)
            return
        if row is not None:
            dialog.list.setCurrentRow(row)
        button = dialog.findChild(QDialogButtonBox).button(kind)
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)

    QTimer.singleShot(0, act)


def rgb(one):
    """Return the colour of a class as numbers from 0 to 255."""
    return tuple(bytes.fromhex(one.colour[1:]))


def opened(viewer, path):
    return viewer.open(str(path), plugin="napari-medseg")


def test_folder_and_file_open_the_series_where_it_lies(windowless, folder):
    (layer,) = opened(windowless, folder)
    assert isinstance(layer, Image)
    assert layer.data.shape == (4, 6, 5)
    np.testing.assert_allclose(layer.scale, (2, 0.5, 0.5))
    (again,) = opened(windowless, folder / "abdomen002.dcm")
    np.testing.assert_array_equal(again.data, layer.data)
    assert (layer.name, again.name) == ("scan", "abdomen")


def test_of_several_series_a_person_chooses(make_napari_viewer, folder):
    late = np.full((3, 4, 4), 7, np.int16)
    write_series(folder, late, "late", "1.2.3.5")
    viewer = make_napari_viewer()
    press(QDialogButtonBox.StandardButton.Open)
    (layer,) = opened(viewer, folder)  # the largest one is proposed
    assert layer.data.shape == (4, 6, 5)
    press(QDialogButtonBox.StandardButton.Open, row=1)
    (layer,) = opened(viewer, folder)
    assert layer.data.shape == (3, 4, 4)
    press(QDialogButtonBox.StandardButton.Cancel)
    assert opened(viewer, folder) == []
    assert len(viewer.layers) == 2


def test_the_list_says_what_each_series_is(qtbot, folder):
    from napari_medseg.io.dicom import find_series

    write_series(folder, np.zeros((3, 4, 4), np.int16), "late", "1.2.3.5")
    dialog = SeriesDialog(find_series(folder))
    qtbot.addWidget(dialog)
    rows = [dialog.list.item(i).text() for i in range(dialog.list.count())]
    assert rows == ["abdomen (CT, 5 x 6 x 4)", "late (CT, 4 x 4 x 3)"]
    dialog.list.selectAll()
    assert [series.name for series in dialog.chosen] == ["abdomen", "late"]


def test_what_is_odd_about_a_series_is_said(windowless, folder, notices):
    values = np.arange(4 * 6 * 5, dtype=np.int16).reshape(4, 6, 5)
    again = write_series(folder.parent / "again", values, "abdomen", "1.2.3.4", skip=(0, 2, 3))
    (again / "abdomen001.dcm").rename(folder / "copy.dcm")
    opened(windowless, folder)
    assert any("there twice" in notice.message for notice in notices)


def test_a_segmentation_opens_as_labels_with_its_names_and_colours(windowless, folder, tmp_path):
    labels = np.zeros((4, 6, 5), np.uint8)
    labels[1:3, 2:4, 1:4] = 2
    labels[0, 0, 0] = 5
    image = SITK.GetImageFromArray(labels)
    named = {"Name": ("liver", "cyst"), "LabelValue": ("2", "5"), "Color": ("0.9 0.6 0", "")}
    for key, texts in named.items():
        for i, text in enumerate(texts):
            image.SetMetaData(f"Segment{i}_{key}", text)
    SITK.WriteImage(image, str(tmp_path / "organs.seg.nrrd"))
    classes = [ClassName(2, "liver", "#e69900"), ClassName(5, "cyst")]
    write_labels(tmp_path / "organs.dcm", labels, like=read_volume(folder), classes=classes)
    for name in ("organs.seg.nrrd", "organs.dcm"):
        (layer,) = opened(windowless, tmp_path / name)
        assert isinstance(layer, Labels)
        np.testing.assert_array_equal(layer.data, labels)
        liver, cyst = classes_of(layer)
        assert [(c.value, c.name) for c in (liver, cyst)] == [(2, "liver"), (5, "cyst")]
        # DICOM holds colours as CIELab, 16 bits a part
        assert np.abs(np.subtract(rgb(liver), (0xE6, 0x99, 0))).max() <= 2
        assert rgb(cyst) != rgb(liver)


def test_a_series_with_a_gap_is_refused_in_a_sentence(windowless, tmp_path):
    values = np.zeros((5, 6, 5), np.int16)
    folder = write_series(tmp_path / "gap", values, "abdomen", "1.2.3.4", skip=(2,))
    with pytest.raises(ValueError, match="lacks 1 slice: after slice 2"):
        opened(windowless, folder)
    assert len(windowless.layers) == 0


def test_labels_on_a_series_are_saved_as_a_segmentation_of_it(windowless, folder, tmp_path):
    (image,) = opened(windowless, folder)
    values = np.zeros(image.data.shape, np.uint8)
    values[1:3, 2:4, 1:4] = 2
    look = class_look([LabelClass(value=2, name="liver", colour="#009e73")])
    labels = windowless.add_labels(values, name="organs", **look, **same_grid(image))
    path = tmp_path / "organs.dcm"
    assert labels.save(str(path), plugin="napari-medseg") == [str(path)]
    (again,) = opened(windowless, path)
    assert isinstance(again, Labels)
    np.testing.assert_array_equal(again.data, values)
    np.testing.assert_allclose(again.translate, image.translate, atol=1e-4)
    (liver,) = classes_of(again)
    assert liver.name == "liver"
    assert np.abs(np.subtract(rgb(liver), (0, 158, 115))).max() <= 2
    photo = windowless.add_labels(np.ones((5, 6), np.uint8), name="of a photo")
    with pytest.raises(OSError, match="refers to the DICOM images"):
        photo.save(str(tmp_path / "b.dcm"), plugin="napari-medseg")
    assert not (tmp_path / "b.dcm").exists()
