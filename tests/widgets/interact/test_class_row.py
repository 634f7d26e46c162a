"""The class that prompts are for: chosen, made, and what is offered before there are labels."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtWidgets import QLabel, QToolButton

from napari_medseg.engine.card import LabelClass
from napari_medseg.widgets.classes.class_list import rename_class
from napari_medseg.widgets.classes.stored import set_locked
from napari_medseg.widgets.interact.class_row import ClassRow
from napari_medseg.widgets.interact.given import given_of
from napari_medseg.widgets.interact.prompt_list import PromptList, Row
from napari_medseg.widgets.interact.tool_row import TOOLS, ToolRow

OFFERED = (
    LabelClass(value=3, name="liver", colour="#112233"),
    LabelClass(value=5, name="spleen", colour="#445566"),
)


@pytest.fixture
def viewer():
    viewer = ViewerModel()
    viewer.add_image(np.zeros((10, 12)))
    return viewer


@pytest.fixture
def row(viewer, qtbot):
    row = ClassRow(viewer)
    qtbot.addWidget(row)
    return row


def test_before_there_are_labels_the_classes_of_the_model_are_offered(row):
    assert (row.value, row.name) == (1, "class 1")
    row.offer(OFFERED)
    assert [row.field.itemText(i) for i in range(row.field.count())] == ["liver", "spleen"]
    row.field.setCurrentIndex(1)
    row.field.activated.emit(1)
    assert (row.value, row.name, row.colour_of(5)) == (5, "spleen", "#445566")
    assert not row.add.isEnabled()
    row.offer(())
    assert row.value == 1
    assert row.name_of(0) == "background"
    assert row.name_of(77) == "class 77"


def test_the_class_is_the_one_one_paints_with_both_ways(viewer, row):
    told = []
    labels = viewer.add_labels(np.zeros((10, 12), np.uint8))
    row.chosen.connect(lambda: told.append(row.value))
    row.add.click()
    assert labels.selected_label == row.value == 2
    row.field.activated.emit(0)
    assert labels.selected_label == row.value == 1
    labels.selected_label = 2
    assert row.field.currentIndex() == 1
    labels.selected_label = 0
    assert row.field.currentIndex() == -1
    assert told[-3:] == [1, 2, 0]
    rename_class(labels, 1, "cyst")
    set_locked(labels, 2, True)
    words = [row.field.itemText(i) for i in range(row.field.count())]
    assert words == ["cyst", "class 2 (locked)"]


def test_prompts_that_come_or_go_are_told(viewer, row):
    told = []
    labels = viewer.add_labels(np.zeros((10, 12), np.uint8))
    row.given.connect(lambda: told.append(True))
    given_of(labels).changed.emit()
    assert told == [True]
    viewer.layers.remove(labels)
    given_of(labels).changed.emit()
    assert told == [True]
    assert row.layer is None


def test_the_list_keeps_its_rows_and_each_can_be_taken_out(qtbot):
    rows, removed = PromptList(), []
    qtbot.addWidget(rows)
    rows.removed.connect(removed.append)
    given = [Row(f"+ point {i}", "#e69f00") for i in range(3)]
    rows.show_rows(given)
    first = rows.itemWidget(rows.item(0))
    rows.show_rows([*given[:2], Row("− box", "#e69f00", "waiting")])
    assert rows.count() == 3
    assert rows.itemWidget(rows.item(0)) is first  # nothing flickers
    line = rows.itemWidget(rows.item(2))
    assert "waiting" in [label.text() for label in line.findChildren(QLabel)]
    line.findChild(QToolButton).click()
    assert removed == [2]
    wanted = []
    rows.wanted.connect(wanted.append)
    rows.itemDoubleClicked.emit(rows.item(1))
    assert wanted == [1]
    rows.show_rows([])
    assert rows.count() == 0


def test_one_tool_or_none_is_on_and_grey_ones_say_why(qtbot, settings):
    row, chosen = ToolRow(), []
    qtbot.addWidget(row)
    row.chosen.connect(chosen.append)
    for kind in TOOLS:
        row.buttons[kind].click()
        row.show_chosen(kind)
        assert row.kind == kind
    row.buttons["lasso"].click()
    assert chosen == [*TOOLS, ""]
    row.show_reason("No image yet")
    assert {b.toolTip() for b in row.buttons.values()} == {"No image yet"}
    assert not any(b.isEnabled() for b in row.buttons.values())
    row.show_reason("")
    assert "Space moves the image" in row.buttons["box"].toolTip()
    settings.keys.prompt_box = "Alt-K"
    row.print_keys()
    assert row.buttons["box"].text() == "Box\n[Alt-K]"
