"""The class table worked with the mouse, on layers of a real viewer."""

from __future__ import annotations

import dask.array
import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QApplication, QColorDialog, QLineEdit, QMessageBox

from napari_medseg.widgets.classes.class_list import classes_of, set_classes
from napari_medseg.widgets.classes.rows import Column
from napari_medseg.widgets.classes.stored import hidden_of, locked_of, set_locked
from napari_medseg.widgets.classes.table import ClassTable
from napari_medseg.widgets.layers import apply_edit, history
from napari_medseg.widgets.volumes import KEY

LEFT = Qt.MouseButton.LeftButton


def _values():
    values = np.zeros((6, 30, 30), np.uint8)
    values[1:3, 5:15, 5:15], values[4, 20:25, 20:25] = 1, 2
    return values


@pytest.fixture
def table(windowless, qtbot):
    viewer = windowless
    viewer.add_image(np.zeros((6, 30, 30)), scale=(2, 0.5, 0.5), units="mm")
    viewer.add_labels(_values(), name="organs", scale=(2, 0.5, 0.5), units="mm")
    table = ClassTable(viewer)
    qtbot.addWidget(table)
    table.resize(362, 300)
    table.show()
    return table


def _click(qtbot, table, row, column, *, twice=False):
    place = table.view.visualRect(table.rows.index(row, column)).center()
    if twice:
        qtbot.mouseClick(table.view.viewport(), LEFT, pos=place)
    press = qtbot.mouseDClick if twice else qtbot.mouseClick
    press(table.view.viewport(), LEFT, pos=place)


def _texts(table):
    rows, columns = table.rows.rowCount(), (Column.NAME, Column.VOXELS, Column.SIZE)
    return [[table.rows.index(r, c).data() for c in columns] for r in range(rows)]


def _press(menu, words):
    action = next(a for a in menu.actions() if a.text() == words)
    assert action.isEnabled(), action.toolTip()
    action.trigger()


def test_it_shows_names_counts_and_volumes_and_is_no_wider_than_the_dock(table):
    assert _texts(table) == [["class 1", "200", "100 mm³"], ["class 2", "25", "12.5 mm³"]]
    header = [table.rows.headerData(c, Qt.Orientation.Horizontal) for c in Column]
    assert header == ["", "", "", "Class", "Voxels", "Volume"]
    assert table.minimumSizeHint().width() <= 380
    last = table.view.columnViewportPosition(Column.SIZE)
    assert last + table.view.columnWidth(Column.SIZE) <= table.view.viewport().width()
    assert table.view.columnWidth(Column.NAME) > 90
    for row in range(2):
        for column in Column:
            assert table.rows.index(row, column).data(Qt.ItemDataRole.ToolTipRole)


def test_the_row_and_the_label_one_paints_with_are_one(table, qtbot):
    layer, told = table.layer, []
    table.selected_changed.connect(told.append)
    _click(qtbot, table, 1, Column.NAME)
    assert (layer.selected_label, table.selected) == (2, 2)
    layer.selected_label = 1
    assert table.view.currentIndex().row() == 0
    layer.selected_label = 9
    assert not table.view.chosen.hasSelection()
    assert told == [2, 1, 9]
    layer.selected_label = 0
    _click(qtbot, table, 0, Column.NAME)
    assert layer.selected_label == 1


def test_eyes_and_locks_are_clicked(table, qtbot):
    layer = table.layer
    _click(qtbot, table, 0, Column.EYE)
    assert hidden_of(layer) == {1}
    assert layer.get_color(1)[3] == 0
    _click(qtbot, table, 0, Column.EYE)
    assert hidden_of(layer) == frozenset()
    _click(qtbot, table, 1, Column.LOCK)
    assert locked_of(layer) == {2}
    assert "Locked" in table.rows.index(1, Column.LOCK).data(Qt.ItemDataRole.ToolTipRole)
    before = layer.data.copy()
    apply_edit(layer, np.ones_like(before), "Fill")
    np.testing.assert_array_equal(layer.data == 2, before == 2)
    assert table.hint.whole() == "25 voxels kept: 'class 2' is locked"
    _click(qtbot, table, 1, Column.LOCK)
    assert locked_of(layer) == frozenset()


def test_numbers_follow_the_brush_while_it_paints(table, qtbot):
    layer = table.layer
    with layer.block_history():
        layer.paint((0, 20, 20), 2)
        now = int((layer.data == 2).sum())
        assert now > 25
        qtbot.waitUntil(lambda: _texts(table)[1][1] == f"{now}")
    layer.undo()
    qtbot.waitUntil(lambda: _texts(table)[1][1] == "25")
    layer.paint((0, 20, 20), 7)
    qtbot.waitUntil(lambda: len(_texts(table)) == 3)
    assert QColor(classes_of(layer)[2].colour) == QColor.fromRgbF(*layer.get_color(7)[:3])


def test_a_double_click_renames_recolours_and_goes_there(table, qtbot, monkeypatch):
    viewer, layer = table.viewer, table.layer
    _click(qtbot, table, 0, Column.NAME, twice=True)
    editor = table.view.findChild(QLineEdit)
    editor.setText("liver")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: classes_of(layer)[0].name == "liver")
    monkeypatch.setattr(QColorDialog, "getColor", lambda *_: QColor("#00ff00"))
    _click(qtbot, table, 0, Column.COLOUR, twice=True)
    assert classes_of(layer)[0].colour == "#00ff00"
    np.testing.assert_allclose(layer.get_color(1), (0, 1, 0, 1))
    monkeypatch.setattr(QColorDialog, "getColor", lambda *_: QColor())
    _click(qtbot, table, 0, Column.COLOUR, twice=True)
    assert classes_of(layer)[0].colour == "#00ff00"
    viewer.dims.set_point(0, 0)
    _click(qtbot, table, 1, Column.SIZE, twice=True)
    assert viewer.dims.point[0] == 8
    assert history(layer) == []


def test_a_class_is_added_and_painted_with_by_one_button(table, qtbot):
    qtbot.mouseClick(table.add, LEFT)
    assert table.selected == 3
    assert _texts(table)[2] == ["class 3", "0", "0 mm³"]
    assert table.view.currentIndex().row() == 2


def test_the_menu_does_what_it_says(table, qtbot, monkeypatch):
    layer = table.layer
    _press(table.menu_of(0), "Show only this class")
    assert hidden_of(layer) == {2}
    _press(table.menu_of(0), "Show all classes")
    _press(table.menu_of(0), "Lock all other classes")
    assert locked_of(layer) == {2}
    assert not _entry(table.menu_of(1), "Remove class…").isEnabled()
    assert "unlock it first" in _entry(table.menu_of(1), "Remove class…").toolTip()
    _press(table.menu_of(1), "Unlock all classes")
    _press(table.menu_of(1), "Colours that all people tell apart")
    assert [c.colour for c in classes_of(layer)] == ["#e69f00", "#56b4e9"]
    _press(table.menu_of(1), "Go to its largest part")
    assert table.viewer.dims.point[0] == 8
    answers = iter([QMessageBox.StandardButton.No, QMessageBox.StandardButton.Yes])
    asked = []
    monkeypatch.setattr(
        QMessageBox, "question", lambda *words: (asked.append(words[2]), next(answers))[1]
    )
    _press(table.menu_of(1), "Remove class…")
    assert (layer.data == 2).any()
    _press(table.menu_of(1), "Remove class…")
    assert not (layer.data == 2).any()
    assert "25 voxels become background" in asked[0]
    assert len(_texts(table)) == 1
    layer.undo()
    qtbot.waitUntil(lambda: len(_texts(table)) == 2)


def _entry(menu, words):
    return next(a for a in menu.actions() if a.text() == words)


def test_it_follows_the_labels_one_works_on_and_stays_with_them(table):
    viewer, first, told = table.viewer, table.layer, []
    table.layer_changed.connect(told.append)
    viewer.layers.selection.active = viewer.layers[0]
    assert table.layer is first
    second = viewer.add_labels(np.zeros((9, 8), np.uint8), name="flat", units="mm")
    assert table.layer is second
    assert _texts(table) == [["class 1", "0", "0 mm²"]]
    assert table.rows.headerData(Column.SIZE, Qt.Orientation.Horizontal) == "Area"
    viewer.add_labels(_values(), metadata={KEY: {"preview": True}})
    assert table.layer is second
    set_locked(first, 1, True)
    set_classes(first, [])
    assert len(_texts(table)) == 1
    viewer.layers.remove(second)
    assert table.layer is first
    viewer.layers.clear()
    assert table.layer is None
    assert told == [second, first, None]
    assert _texts(table) == []
    assert not table.add.isEnabled()
    assert "No labels yet" in table.add.toolTip()
    assert table.selected == 0


def test_layers_that_cannot_be_edited_say_so_and_are_left_as_they_are(table):
    fixed = _values()
    fixed.flags.writeable = False
    levels = [np.ones((8, 8), np.uint8), np.ones((4, 4), np.uint8)]
    kinds = [
        (table.viewer.add_labels(fixed), "cannot be written", 2),
        (table.viewer.add_labels(dask.array.ones((6, 9, 9), dtype=np.uint8)), "piece by piece", 0),
        (table.viewer.add_labels(levels, multiscale=True), "several resolutions", 0),
    ]
    for layer, reason, rows in kinds:
        colours = layer.colormap
        table.viewer.layers.selection.active = layer
        assert table.layer is layer
        assert reason in table.hint.whole()
        assert not table.add.isEnabled()
        assert len(_texts(table)) == rows
        assert layer.colormap is colours
    truth = table.viewer.add_labels(_values().astype(bool))
    assert [c.value for c in classes_of(truth)] == [1]
    assert table.hint.whole() == ""
    steps = table.viewer.add_labels(np.ones((2, 3, 8, 8), np.int32), units="mm")
    assert _texts(table) == [["class 1", "384", "–"]]
    assert "time steps" in table.rows.index(0, Column.SIZE).data(Qt.ItemDataRole.ToolTipRole)
    assert table.layer is steps


def test_long_names_many_classes_and_another_theme_fit(table):
    viewer = table.viewer
    layer = viewer.add_labels(np.arange(4 * 60, dtype=np.uint8).reshape(4, 6, 10) % 31)
    assert len(_texts(table)) == 30
    assert table.view.height() < 5 * 24 + 40
    layer.selected_label = 30
    place = table.view.visualRect(table.rows.index(29, Column.NAME))
    assert table.view.viewport().rect().contains(place.center())
    dark = table.rows.index(0, Column.EYE).data(Qt.ItemDataRole.DecorationRole).pixmap(16, 16)
    viewer.theme = "light"
    light = table.rows.index(0, Column.EYE).data(Qt.ItemDataRole.DecorationRole).pixmap(16, 16)
    assert dark.toImage() != light.toImage()
    assert table.sizeHint().width() <= 380


def test_two_viewers_have_tables_of_their_own_and_a_table_that_is_gone_hears_nothing(
    table, make_napari_viewer, qtbot
):
    other = make_napari_viewer()
    beside = ClassTable(other)
    assert beside.layer is None
    layer = other.add_labels(_values())
    assert beside.layer is layer
    assert table.layer is not layer
    table.layer.selected_label = 2
    assert beside.selected == 1
    with qtbot.waitSignal(beside.destroyed):
        beside.deleteLater()
    layer.selected_label = 2
    set_locked(layer, 1, True)
    apply_edit(layer, np.full_like(layer.data, 3), "Fill")
    other.layers.clear()
    assert table.selected == 2


def test_a_right_click_beside_the_rows_opens_nothing(table, qtbot):
    table.view.customContextMenuRequested.emit(QPoint(5, table.view.viewport().height() - 2))
    assert QApplication.activePopupWidget() is None
