"""The rows of the class table, its signs and its menu: what they say, by role and by reason."""

from __future__ import annotations

import dask.array
import numpy as np
import pytest
from napari.layers import Labels
from qtpy.QtCore import QModelIndex, Qt
from qtpy.QtGui import QColor, QIcon
from qtpy.QtWidgets import QWidget

from napari_medseg.engine.card import LabelClass
from napari_medseg.widgets.classes import signs
from napari_medseg.widgets.classes.class_list import classes_of, set_classes, set_hidden
from napari_medseg.widgets.classes.menu import Entry, class_menu
from napari_medseg.widgets.classes.rows import ClassRows, Column
from napari_medseg.widgets.classes.stored import (
    class_signals,
    hidden_of,
    locked_of,
    set_all_locked,
    set_locked,
    store,
    stored,
)
from napari_medseg.widgets.layers import apply_edit

ROLE = Qt.ItemDataRole


@pytest.fixture
def layer():
    values = np.zeros((4, 20, 20), np.uint8)
    values[1:3, 5:15, 5:15], values[0, 0, :3] = 1, 4
    layer = Labels(values, name="organ", scale=(2, 1, 1), units="mm")
    set_classes(layer, [LabelClass(value=1, name="liver", colour="#e69f00")])
    return layer


@pytest.fixture
def rows(layer, qapp):
    rows = ClassRows()
    rows.set_ink(QColor("#ffffff"))
    rows.set_layer(layer)
    return rows


def cell(rows, row, column, role=ROLE.DisplayRole):
    return rows.index(row, column).data(role)


def pixels(icon, mode=QIcon.Mode.Normal):
    image = icon.pixmap(signs.SIDE, signs.SIDE, mode).toImage()
    return [image.pixel(x, y) for y in range(image.height()) for x in range(image.width())]


def test_a_row_has_words_numbers_and_tips_in_every_cell(rows):
    assert (rows.rowCount(), rows.columnCount()) == (2, len(Column))
    assert [cell(rows, r, Column.NAME) for r in (0, 1)] == ["liver", "class 4"]
    assert [cell(rows, r, Column.VOXELS) for r in (0, 1)] == ["200", "3"]
    assert [cell(rows, r, Column.SIZE) for r in (0, 1)] == ["400 mm³", "6.00 mm³"]
    assert all(cell(rows, r, c, ROLE.ToolTipRole) for r in (0, 1) for c in Column)
    icons = [cell(rows, 0, c, ROLE.DecorationRole) is not None for c in Column]
    assert icons == [True, True, True, False, False, False]
    for column in Column:
        right = int(cell(rows, 0, column, ROLE.TextAlignmentRole)) & int(
            Qt.AlignmentFlag.AlignRight
        )
        assert bool(right) == (column in (Column.VOXELS, Column.SIZE))
        editable = bool(rows.flags(rows.index(0, column)) & Qt.ItemFlag.ItemIsEditable)
        assert editable == (column == Column.NAME)
    across = [rows.headerData(c, Qt.Orientation.Horizontal) for c in Column]
    assert across == ["", "", "", "Class", "Voxels", "Volume"]
    assert rows.headerData(0, Qt.Orientation.Vertical) is None
    assert rows.data(QModelIndex()) is None
    assert rows.row_of(4) == 1
    assert rows.row_of(7) == -1


def test_clicks_on_signs_switch_and_their_tips_say_what_a_click_does(rows, layer):
    told = []
    rows.dataChanged.connect(lambda *_: told.append(1))
    class_signals(layer).changed.connect(rows.read)
    for column, now, then, found in (
        (Column.EYE, "Shown; click to hide", "Hidden; click to show", hidden_of),
        (Column.LOCK, "Click to lock", "Locked: nothing changes", locked_of),
    ):
        assert cell(rows, 0, column, ROLE.ToolTipRole).startswith(now)
        before = pixels(cell(rows, 0, column, ROLE.DecorationRole))
        rows.switch(rows.index(0, column))
        assert found(layer) == {1}
        assert cell(rows, 0, column, ROLE.ToolTipRole).startswith(then)
        assert pixels(cell(rows, 0, column, ROLE.DecorationRole)) != before
        rows.switch(rows.index(0, column))
        assert found(layer) == frozenset()
        assert pixels(cell(rows, 0, column, ROLE.DecorationRole)) == before
    rows.switch(rows.index(0, Column.NAME))
    rows.switch(QModelIndex())
    assert told
    assert not hidden_of(layer) | locked_of(layer)


def test_a_name_is_changed_and_an_empty_one_is_not(rows, layer):
    class_signals(layer).changed.connect(rows.read)
    index = rows.index(0, Column.NAME)
    assert rows.setData(index, "  left lobe ")
    assert cell(rows, 0, Column.NAME) == "left lobe"
    rows.setData(index, "   ")
    assert cell(rows, 0, Column.NAME) == "left lobe"
    assert not rows.setData(index, "x", ROLE.DisplayRole)
    assert layer.features["name"].tolist()[1:] == ["left lobe", "class 4"]


def test_counts_follow_edits_and_only_a_new_value_makes_a_new_row(rows, layer):
    resets, told = [], []
    rows.modelReset.connect(lambda: resets.append(1))
    rows.dataChanged.connect(lambda first, last: told.append((first.column(), last.column())))
    apply_edit(layer, np.ones((1, 1, 3), np.uint8), "Brush", box=np.s_[3:4, 0:1, 0:3])
    rows.read_counts()
    assert (cell(rows, 0, Column.VOXELS), resets) == ("203", [])
    assert told == [(Column.VOXELS, Column.SIZE)]
    rows.read_counts()  # nothing new: nothing is drawn
    assert len(told) == 1
    apply_edit(layer, np.full((1, 1, 1), 9, np.uint8), "Brush", box=np.s_[3:4, 9:10, 0:1])
    rows.read_counts()
    assert resets == [1]
    assert cell(rows, 2, Column.NAME) == "class 9"
    layer.undo()
    rows.read_counts()
    assert cell(rows, 2, Column.VOXELS) in ("0", None)


def test_another_layer_and_none_are_shown_without_a_trace_of_the_one_before(rows):
    flat = Labels(np.ones((5, 5), np.uint8), scale=(1, 1), units="mm")
    rows.set_layer(flat)
    assert rows.headerData(Column.SIZE, Qt.Orientation.Horizontal) == "Area"
    assert cell(rows, 0, Column.SIZE) == "25.0 mm²"
    rows.set_layer(Labels(np.ones((5, 5), np.uint8)))  # nobody said how large a pixel is
    assert cell(rows, 0, Column.SIZE) == "–"
    assert "set the scale" in cell(rows, 0, Column.SIZE, ROLE.ToolTipRole)
    rows.set_layer(None)
    assert rows.rowCount() == 0
    assert not rows.setData(rows.index(0, 0), "x")


@pytest.mark.parametrize("draw", [signs.eye, signs.lock])
def test_a_sign_tells_on_from_off_in_any_colour_and_is_not_tinted_in_the_chosen_row(qapp, draw):
    for colour in ("#ffffff", "#000000"):
        on, off = draw(True, QColor(colour)), draw(False, QColor(colour))
        assert pixels(on) != pixels(off)
        assert pixels(on, QIcon.Mode.Selected) == pixels(on)
        assert sum(p >> 24 for p in pixels(on)) > sum(p >> 24 for p in pixels(off))  # more ink
    assert pixels(draw(True, QColor("#ffffff"))) != pixels(draw(True, QColor("#000000")))


def entries(layer, value, qtbot):
    parent = QWidget()
    qtbot.addWidget(parent)
    own = [Entry("Rename", lambda: None), Entry("Go there", lambda: None, "it has no voxel")]
    menu = class_menu(parent, layer, value, own, lambda: None)
    found = {a.text(): a for a in menu.actions() if a.text()}
    return {words: (a.isEnabled(), a.toolTip()) for words, a in found.items()}, found, parent


def test_what_a_menu_cannot_do_is_grey_and_says_why(layer, qtbot):
    states, _, _alive = entries(layer, 1, qtbot)
    assert states["Rename"][0]
    assert states["Go there"] == (False, "it has no voxel")
    assert states["Show all classes"] == (False, "no class is hidden")
    assert states["Unlock all classes"] == (False, "no class is locked")
    assert states["Remove class…"][0]
    set_locked(layer, 1, True)
    set_hidden(layer, {4})
    states, _, _alive = entries(layer, 1, qtbot)
    assert states["Remove class…"] == (False, "it is locked; unlock it first")
    assert states["Show all classes"][0]
    assert states["Unlock all classes"][0]
    single = Labels(np.ones((4, 4), np.uint8))
    states, _, _alive = entries(single, 1, qtbot)
    for words in ("Show only this class", "Lock all other classes"):
        assert states[words] == (False, "there is no other class")
    lazy = Labels(dask.array.ones((4, 4), dtype=np.uint8))
    states, _, _alive = entries(lazy, 1, qtbot)
    assert not states["Remove class…"][0]
    assert states["Remove class…"][1]


def test_the_menu_shows_locks_and_colours_classes(layer, qtbot):
    _, actions, _alive = entries(layer, 1, qtbot)
    actions["Show only this class"].trigger()
    assert hidden_of(layer) == {4}
    actions["Lock all other classes"].trigger()
    assert locked_of(layer) == {4}
    _, actions, _alive = entries(layer, 1, qtbot)  # it is made anew at each right click
    actions["Show all classes"].trigger()
    actions["Unlock all classes"].trigger()
    assert not hidden_of(layer) | locked_of(layer)
    set_classes(layer, [LabelClass(value=v, name=str(v), colour="#808080") for v in (1, 4)])
    actions["Colours that all people tell apart"].trigger()
    assert len({c.colour for c in classes_of(layer)}) == 2


def test_what_a_layer_carries_is_replaced_never_changed_in_place_and_told_once(layer):
    told = []
    class_signals(layer).changed.connect(lambda: told.append(locked_of(layer)))
    copy = Labels(layer.data, metadata=layer.metadata)
    set_all_locked(layer, [4, 1])
    set_all_locked(layer, (1, 4))  # the same
    set_locked(layer, 7, False)  # it was not
    assert told == [{1, 4}]
    assert locked_of(copy) == frozenset()
    store(layer, note="x")
    assert (stored(layer, "note"), stored(layer, "locked")) == ("x", [1, 4])
    assert stored(Labels(np.zeros((2, 2), int)), "note") is None
