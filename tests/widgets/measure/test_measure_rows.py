"""The table without a viewer: what stands in it, in which order, and what it says."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image
from qtpy.QtCore import Qt

from napari_medseg.measures import measure
from napari_medseg.measures.files import exact
from napari_medseg.widgets.measure.image_field import ImageField
from napari_medseg.widgets.measure.rows import MeasureRows
from napari_medseg.widgets.measure.table_view import MeasureTable
from napari_medseg.widgets.measure.words import found_words, why_no_surface

HORIZONTAL = Qt.Orientation.Horizontal


@pytest.fixture
def measures():
    labels = np.zeros((6, 30, 30), np.uint8)
    labels[1:5, 2:28, 2:28], labels[0, 0, 0], labels[5, 29, 29] = 1, 1, 7
    image = np.where(labels == 7, np.nan, labels * 10.0)
    return measure(labels, (1.0, 0.1, 0.1), image=image, names={1: "liver", 7: "a cyst"})


def cells(model, role=Qt.ItemDataRole.DisplayRole):
    return [
        [model.index(r, c).data(role) for c in range(model.columnCount())]
        for r in range(model.rowCount())
    ]


def column(model, title):
    heads = [model.headerData(c, HORIZONTAL) for c in range(model.columnCount())]
    return next(i for i, head in enumerate(heads) if head.split("\n")[0] == title)


def test_numbers_have_as_many_digits_as_they_mean(measures, qtbot):
    model = MeasureRows()
    model.show_measures(measures, {1: "#ff0000"}, by_object=False)
    liver, cyst = cells(model)
    assert liver[:5] == ["liver", "2", "0.03", "27.1", "2,705"]
    assert cyst[:5] == ["a cyst", "1", "1e-05", "0.01", "1"]
    assert cyst[column(model, "Mean")] == "–"
    right = model.index(0, 4).data(Qt.ItemDataRole.TextAlignmentRole)
    assert right & Qt.AlignmentFlag.AlignRight
    assert model.index(0, 0).data(Qt.ItemDataRole.TextAlignmentRole) is None
    assert not model.index(0, 0).data(Qt.ItemDataRole.DecorationRole).isNull()
    assert model.index(1, 0).data(Qt.ItemDataRole.DecorationRole) is None  # it has no colour
    for section in range(model.columnCount()):
        assert model.headerData(section, HORIZONTAL, Qt.ItemDataRole.ToolTipRole).endswith(".</p>")
    model.show_measures(None, {}, by_object=True)
    assert (model.rowCount(), model.columnCount()) == (0, 0)


def test_sorting_goes_by_numbers_and_copies_in_that_order(measures, qtbot):
    table = MeasureTable()
    qtbot.addWidget(table)
    table.show_measures(measures, {}, by_object=True)
    model = table.model()
    voxels, mean = column(model, "Voxels"), column(model, "Mean")
    assert [row[voxels] for row in cells(model)] == ["2,704", "1", "1"]
    table.sortByColumn(voxels, Qt.SortOrder.AscendingOrder)
    assert [row[voxels] for row in cells(model)] == ["1", "1", "2,704"]
    table.sortByColumn(mean, Qt.SortOrder.AscendingOrder)
    assert cells(model)[0][0] == "a cyst"  # what is missing comes first
    table.sortByColumn(0, Qt.SortOrder.DescendingOrder)
    lines = [line.split("\t") for line in table.as_text().split("\n")]
    assert [line[0] for line in lines] == ["Class", "liver", "liver", "a cyst"]
    assert lines[0] == [c.heading for c in measures.columns(by_object=True)]
    table.show_measures(measures, {}, by_object=True)
    assert [row[voxels] for row in cells(model)] == ["2,704", "1", "1"]  # as it was measured


def test_the_chosen_row_is_told_by_mouse_and_by_key(measures, qtbot):
    table = MeasureTable()
    qtbot.addWidget(table)
    table.show_measures(measures, {}, by_object=False)
    told = []
    table.told.connect(told.append)
    assert table.row is None
    table.sortByColumn(column(table.model(), "Voxels"), Qt.SortOrder.AscendingOrder)
    table.clicked.emit(table.model().index(0, 2))
    assert told == [measures.classes[1]]
    table.selectRow(1)
    assert table.row == measures.classes[0]
    table.show_measures(None, {}, by_object=False)
    assert told[-1] is None
    assert table.row is None


def test_files_get_exact_numbers(measures):
    columns = {c.heading: c for c in measures.columns()}
    row = measures.classes[0]
    assert exact(columns["Volume (mm³)"], row) == "27.05"
    assert exact(columns["Voxels"], row) == "2705"
    assert exact(columns["Mean"], measures.classes[1]) == ""


def test_it_says_what_was_found(measures):
    assert found_words(None, stale=False, by_object=False) == "Not measured yet: press Update"
    words = found_words(measures, stale=False, by_object=False)
    assert words == "2 classes, 3 objects"
    assert found_words(measures, stale=True, by_object=False) == (
        "Changed since: press Update. 2 classes, 3 objects"
    )
    one = measure(np.ones((2, 2), int), (1, 1), unit="px")
    assert found_words(one, stale=False, by_object=True).startswith("1 class, 1 object; nobody")
    few = measure(np.eye(9, dtype=int)[:, ::2] * 2, (1, 1), most=1)
    assert "smallest are not listed" in found_words(few, stale=False, by_object=True)
    assert "not listed" not in found_words(few, stale=False, by_object=False)
    empty = measure(np.zeros((2, 2), int), (1, 1))
    assert found_words(empty, stale=False, by_object=True) == "There is nothing but background"


def test_why_there_is_no_surface(measures):
    row = measures.classes[0]
    flat = measure(np.ones((2, 2), int), (1, 1))
    assert why_no_surface(measures, row, stale=False) == ""
    assert "Click the row" in why_no_surface(measures, None, stale=False)
    assert "press Update first" in why_no_surface(measures, row, stale=True)
    assert "single slice" in why_no_surface(flat, flat.classes[0], stale=False)
    assert "Nothing is measured" in why_no_surface(None, None, stale=False)


def test_the_field_of_images_keeps_what_a_person_chose(qtbot):
    field = ImageField()
    qtbot.addWidget(field)
    first, second, third = (Image(np.zeros((4, 4)), name=name) for name in "abc")
    assert field.image is None
    assert field.offer([first, second])
    assert field.image is first
    assert not field.offer([first, second])
    field.setCurrentIndex(2)
    assert not field.offer([third, first, second])
    assert field.image is second
    assert field.offer([third, first])
    assert field.image is third
    field.setCurrentIndex(0)  # none
    assert not field.offer([first])
    assert field.image is None
    field.offer([])
    assert [field.itemText(i) for i in range(field.count())] == ["none"]
