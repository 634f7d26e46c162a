"""The window of measures, worked as a person works it."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import trimesh
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QGuiApplication

from napari_medseg.engine.card import LabelClass
from napari_medseg.widgets.classes.class_list import set_classes
from napari_medseg.widgets.layers import apply_edit
from napari_medseg.widgets.measure import show_measures
from napari_medseg.widgets.measure import window as window_module

GRID = {"scale": (2.0, 0.5, 0.5), "units": "mm"}


def bodies():
    """Class 1 is two boxes, class 3 one voxel."""
    labels = np.zeros((8, 20, 24), np.uint8)
    labels[1:4, 2:12, 2:12], labels[6, 15:17, 15:18], labels[5, 19, 23] = 1, 1, 3
    return labels


@pytest.fixture
def scene(viewer):
    """A volume with grey values of a hundred times the class, and its labels."""
    labels = bodies()
    viewer.add_image(labels.astype(np.float32) * 100, name="scan", **GRID)
    layer = viewer.add_labels(labels, name="organs", **GRID)
    set_classes(layer, [LabelClass(value=1, name="liver"), LabelClass(value=3, name="cyst")])
    return viewer, layer


@pytest.fixture
def opened(scene, qtbot):
    """The window of measures when it has measured."""
    window = show_measures(scene[0])
    settle(window, qtbot)
    return window


def settle(window, qtbot):
    qtbot.waitUntil(lambda: not window.runner.busy)


def press(qtbot, button):
    assert button.isEnabled(), button.toolTip()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def texts(window):
    model = window.parts.table.model()
    heads = [model.headerData(c, Qt.Orientation.Horizontal) for c in range(model.columnCount())]
    return [
        dict(
            zip(
                [head.split("\n")[0] + head.split("\n")[1] for head in heads],
                [model.index(r, c).data() for c in range(model.columnCount())],
                strict=True,
            )
        )
        for r in range(model.rowCount())
    ]


def click_row(qtbot, window, row):
    table = window.parts.table
    at = table.visualRect(table.model().index(row, 0)).center()
    qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=at)


def test_it_measures_when_it_is_opened_and_shows_classes_or_objects_and_copies_them(opened, qtbot):
    liver, cyst = texts(opened)
    assert (liver["Class"], liver["Objects"], liver["Voxels"]) == ("liver", "2", "306")
    assert (liver["Volumeml"], liver["Volumemm³"]) == ("0.15", "153.0")
    assert (liver["Mean"], cyst["Mean"], cyst["Volumemm³"]) == ("100.0", "300.0", "0.5")
    assert opened.parts.status.whole() == "2 classes, 3 objects"
    press(qtbot, opened.parts.copy)
    lines = [line.split("\t") for line in QGuiApplication.clipboard().text().split("\n")]
    assert lines[0][:4] == ["Class", "Objects", "Volume (ml)", "Volume (mm³)"]
    assert [line[:4] for line in lines[1:]] == [
        ["liver", "2", "0.153", "153"],
        ["cyst", "1", "0.0005", "0.5"],
    ]
    assert opened.parts.status.whole().startswith("Copied")
    press(qtbot, opened.parts.objects)
    assert [row["Voxels"] for row in texts(opened)] == ["300", "6", "1"]
    assert [row["Class"] for row in texts(opened)] == ["liver", "liver", "cyst"]
    assert opened.parts.table.model().index(0, 0).data(Qt.ItemDataRole.DecorationRole) is not None
    tip = opened.parts.table.model().headerData(
        5, Qt.Orientation.Horizontal, Qt.ItemDataRole.ToolTipRole
    )
    assert "RECIST" in tip


def test_a_click_goes_to_the_object_and_a_heading_sorts(opened, scene, qtbot):
    viewer, layer = scene
    press(qtbot, opened.parts.objects)
    click_row(qtbot, opened, 1)
    assert tuple(np.round(layer.world_to_data(viewer.dims.point)).astype(int)) == (6, 16, 16)
    assert viewer.scene.camera.center[-2:] == pytest.approx((8, 8))
    heading = opened.parts.table.horizontalHeader()
    voxels = next(
        i for i, column in enumerate(opened.parts.table.rows.columns) if column.title == "Voxels"
    )
    at = QPoint(heading.sectionViewportPosition(voxels) + 5, 5)
    qtbot.mouseClick(heading.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert [row["Voxels"] for row in texts(opened)] == ["1", "6", "300"]
    click_row(qtbot, opened, 0)
    assert tuple(np.round(layer.world_to_data(viewer.dims.point)).astype(int)) == (5, 19, 23)


def test_the_table_is_saved_and_what_fails_is_said(opened, qtbot, tmp_path, monkeypatch, notices):
    asked = []

    def choose(parent, title, name, kinds):
        asked.append(name)
        return paths.pop(0)

    paths = [tmp_path / "a.csv", tmp_path / "b.csv", None, tmp_path / "a.csv" / "c.csv"]
    monkeypatch.setattr(window_module, "ask_path", choose)
    press(qtbot, opened.parts.save)
    press(qtbot, opened.parts.objects)
    press(qtbot, opened.parts.save)
    press(qtbot, opened.parts.save)  # the person changed their mind
    assert asked == ["organs classes", "organs objects", "organs objects"]
    for name, voxels in (("a", ["306", "1"]), ("b", ["300", "6", "1"])):
        with (tmp_path / f"{name}.csv").open(newline="") as file:
            assert [row["Voxels"] for row in csv.DictReader(file)] == voxels
    assert notices[-1].message.startswith("b.csv written to")
    press(qtbot, opened.parts.save)
    assert "cannot write" in notices[-1].message.lower()


def test_after_a_change_it_says_so_and_update_measures_again_or_is_cancelled(opened, scene, qtbot):
    _, layer = scene
    click_row(qtbot, opened, 0)
    assert opened.parts.export.isEnabled()
    edited = layer.data.copy()
    edited[0, 0, 0] = 3
    apply_edit(layer, edited, "Brush")
    assert opened.parts.status.whole().startswith("Changed since: press Update")
    assert not opened.parts.export.isEnabled()
    assert "press Update first" in opened.parts.export.toolTip()
    assert texts(opened)[1]["Voxels"] == "1"
    press(qtbot, opened.parts.update)
    settle(opened, qtbot)
    assert texts(opened)[1]["Voxels"] == "2"
    assert opened.parts.status.whole() == "2 classes, 4 objects"
    layer.undo()
    assert opened.parts.status.whole().startswith("Changed since")
    press(qtbot, opened.parts.update)
    assert opened.parts.update.text() == "Cancel"
    press(qtbot, opened.parts.update)
    settle(opened, qtbot)
    assert opened.parts.update.text() == "Update"
    assert texts(opened)[1]["Voxels"] == "2"
    assert opened.parts.status.whole().startswith("Changed since")
    set_classes(layer, [LabelClass(value=1, name="Leber"), LabelClass(value=3, name="Zyste")])
    assert [row["Class"] for row in texts(opened)] == ["Leber", "Zyste"]


def test_the_surface_of_a_row_is_exported_where_the_patient_is(
    opened, scene, qtbot, tmp_path, monkeypatch, notices
):
    path = tmp_path / "liver.stl"
    monkeypatch.setattr(window_module, "ask_path", lambda *_: path)
    assert not opened.parts.export.isEnabled()
    press(qtbot, opened.parts.objects)
    click_row(qtbot, opened, 0)
    opened.parts.smooth.setValue(0)
    press(qtbot, opened.parts.export)
    settle(opened, qtbot)
    mesh = trimesh.load_mesh(path)
    assert mesh.is_watertight
    assert mesh.volume == pytest.approx(150, rel=0.1)
    ras = [float(v) for v in opened.parts.table.row.place]
    assert mesh.center_mass == pytest.approx((-ras[0], -ras[1], ras[2]), abs=1e-3)
    assert notices[-1].message.startswith("liver.stl written to")
    monkeypatch.setattr(window_module, "ask_path", lambda *_: tmp_path / "liver.stl" / "a.stl")
    press(qtbot, opened.parts.export)
    settle(opened, qtbot)
    assert "cannot write" in notices[-1].message.lower()


def test_another_layer_is_measured_when_it_becomes_the_active_one(opened, scene, qtbot):
    viewer, layer = scene
    flat = viewer.add_labels(np.eye(6, dtype=int) * 7, name="picture")
    settle(opened, qtbot)
    assert opened.parts.subject.whole() == "picture"
    (row,) = texts(opened)
    assert (row["Areapx²"], row["Pixels"], row["Objects"]) == ("6.0", "6", "1")
    assert opened.parts.image.image is None
    assert "nobody said how large a voxel is" in opened.parts.status.whole()
    click_row(qtbot, opened, 0)
    assert "Only a volume has a surface" in opened.parts.export.toolTip()
    viewer.layers.remove(flat)
    settle(opened, qtbot)
    assert [row["Class"] for row in texts(opened)] == ["liver", "cyst"]
    viewer.layers.remove(layer)
    assert "No labels yet" in opened.parts.status.whole()
    for button in (opened.parts.update, opened.parts.copy, opened.parts.save, opened.parts.export):
        assert not button.isEnabled()
        assert "No labels yet" in button.toolTip()
    assert not texts(opened)


def test_the_image_and_the_surface_are_chosen(opened, scene, qtbot):
    viewer, _ = scene
    field = opened.parts.image
    assert field.currentText() == "scan"
    viewer.add_image(np.zeros((8, 20, 24)), name="elsewhere", scale=(1, 1, 1))
    ct = viewer.add_image(
        np.where(bodies() > 0, 60, -1000).astype(np.int16), name="ct", visible=False, **GRID
    )
    assert [field.itemText(i) for i in range(field.count())] == ["none", "scan", "ct"]
    assert field.currentText() == "scan"
    field.setCurrentIndex(2)
    field.activated.emit(2)
    press(qtbot, opened.parts.surface)
    assert opened.parts.status.whole().startswith("Changed since")
    press(qtbot, opened.parts.update)
    settle(opened, qtbot)
    assert texts(opened)[0]["MeanHU"] == "60.0"
    assert float(texts(opened)[0]["Surfacemm²"]) > 100
    viewer.layers.remove(ct)
    assert field.currentText() == "scan"
    assert opened.parts.status.whole().startswith("Changed since")
    field.setCurrentIndex(0)
    press(qtbot, opened.parts.update)
    settle(opened, qtbot)
    assert "Mean" not in texts(opened)[0]


def test_the_shown_time_step_is_measured_and_only_background_is_said(viewer, qtbot):
    labels = np.stack([np.zeros((4, 9, 9), np.uint8), np.ones((4, 9, 9), np.uint8)])
    viewer.add_labels(labels, scale=(1, 2, 1, 1), units=("s", "mm", "mm", "mm"))
    viewer.dims.set_point(0, 1)
    window = show_measures(viewer)
    settle(window, qtbot)
    assert texts(window)[0]["Voxels"] == "324"
    click_row(qtbot, window, 0)
    assert viewer.dims.point[0] == 1
    viewer.layers[0].data = np.zeros((2, 4, 9, 9), np.uint8)
    press(qtbot, window.parts.update)
    settle(window, qtbot)
    assert window.parts.status.whole().startswith("There is nothing but background")
    assert "Nothing is measured" in window.parts.copy.toolTip()


def test_two_viewers_have_a_window_each_and_a_closed_one_comes_back(
    opened, scene, qtbot, make_napari_viewer
):
    viewer, _ = scene
    other = make_napari_viewer()
    second = show_measures(other)
    assert second is not opened
    assert "No labels yet" in second.parts.status.whole()
    other.add_labels(np.full((3, 4, 5), 2), name="theirs")
    settle(second, qtbot)
    assert len(texts(second)) == 1
    assert opened.parts.subject.whole() == "organs"
    assert len(texts(opened)) == 2
    dock = opened.parent()
    dock.close()
    assert show_measures(viewer) is opened
    assert len(texts(opened)) == 2


def test_a_viewer_closed_while_it_measures_leaves_nothing_behind(scene, qtbot):
    viewer, _ = scene
    window = show_measures(viewer)
    runner = window.runner
    assert runner.busy
    viewer.close()
    qtbot.waitUntil(lambda: not runner.busy)
