"""The list of cases: what it says, and what a person does in it."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_medseg.casebook import Casebook
from napari_medseg.casebook_file import CaseEntry
from napari_medseg.engine.cases import Case
from napari_medseg.volume import Volume
from napari_medseg.widgets.learn.case_list import CHANGED, NEXT_RUN, CaseList, about, percent


@pytest.fixture
def book(tmp_path):
    made = Casebook.open(tmp_path / "study.medseg.json")
    for seed in range(2):
        values = np.random.default_rng(seed).random((1, 8, 9)).astype(np.float32)
        case = Case(Volume(values, (1, 1)), np.ones((8, 9), np.uint8), name=f"case {seed}")
        made.add(case, copy_image=True)
    return made


@pytest.fixture
def listed(qtbot, book):
    widget = CaseList()
    qtbot.addWidget(widget)
    widget.show_cases(book, {book.entries[1].key: CHANGED, book.entries[0].key: NEXT_RUN})
    return widget


def test_a_line_says_what_was_reviewed_and_what_changed_since(listed, book):
    lines = [listed.rows.item(i).text() for i in range(2)]
    assert lines[0] == "case 0\nall reviewed · 0 corrected · next run"
    assert "the next run learns from it" in listed.rows.item(0).toolTip()
    assert lines[1].endswith("changed since")
    entry = CaseEntry(
        key="a", file="a", sha256="", name="a", shape=(10, 20), reviewed_voxels=24, weight=2
    )
    assert about(entry) == "12% reviewed · 0 corrected · × 2"
    assert percent(0.0004) == "0.04 %"


def test_ticks_weights_and_removing_are_told(qtbot, listed, book):
    said = []
    for signal in (listed.use_changed, listed.weight_changed, listed.removed):
        signal.connect(lambda entry, *more: said.append((entry.name, *more)))
    listed.rows.item(1).setCheckState(Qt.CheckState.Unchecked)
    listed.rows.setCurrentRow(1)
    listed.weight.setValue(2.5)
    listed.weight.editingFinished.emit()
    qtbot.mouseClick(listed.remove, Qt.MouseButton.LeftButton)
    assert said == [("case 1", False), ("case 1", 2.5), ("case 1",)]


def test_the_selected_case_stays_selected_and_an_empty_list_is_not_seen(listed, book):
    listed.rows.setCurrentRow(1)
    book.remove(book.entries[0])
    listed.show_cases(book, {})
    assert listed.chosen.name == "case 1"
    book.remove(book.entries[0])
    listed.show_cases(book, {})
    assert listed.chosen is None
    assert listed.isHidden()
    assert not listed.remove.isEnabled()


def test_pictures_are_shown_and_asked_for_where_there_are_none(listed, book):
    assert listed.unseen == {entry.key for entry in book.entries}
    listed.show_picture(book.entries[0].key, np.full((40, 30, 3), 90, np.uint8))
    assert listed.unseen == {book.entries[1].key}
    assert not listed.rows.item(0).icon().isNull()
