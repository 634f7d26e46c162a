"""Numbers on a page: what is drawn, what is left out and said, tables that fit the panel."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QRect, Qt

from napari_medseg.explain.splines import Curves
from napari_medseg.explain.table import Table
from napari_medseg.widgets.explain.bars import Bars
from napari_medseg.widgets.explain.grid import Grid
from napari_medseg.widgets.explain.lines import Lines
from napari_medseg.widgets.explain.page import Page

COLUMNS = ("layer", "channels", "silent channels", "mean singular value", "if all were the same")
ROWS = (("enc1", 16, 0, 0.78331, 0.25), ("encoder.stages.3", 128, 2, 0.354, 0.0884))
LAYERS = Table("redundancy", "how much they repeat each other", COLUMNS, ROWS, measure=COLUMNS[3])


@pytest.fixture
def page(qtbot):
    page = Page(ViewerModel(), "Nothing yet.")
    qtbot.addWidget(page)
    page.resize(300, 800)
    page.show()
    return page


def test_bars_are_of_the_column_that_says_most_which_is_named(page):
    page.add_table(LAYERS)
    [bars] = page.findChildren(Bars)
    assert bars.rows == [("enc1", 0.78331), ("encoder.stages.3", 0.354)]
    assert "Mean singular value:" in page.words()
    assert LAYERS.to_csv().count("\n") == 4  # the file has all columns


@pytest.mark.parametrize("width", [320, 700])
def test_all_columns_of_a_table_are_seen_with_their_whole_titles(qtbot, width):
    grid = Grid(LAYERS)
    qtbot.addWidget(grid)
    grid.resize(width, grid.height())
    grid.show()
    along = grid.horizontalHeader()
    assert sum(grid.columnWidth(c) for c in range(5)) <= grid.viewport().width()
    for column, title in enumerate(COLUMNS):
        room = QRect(0, 0, grid.columnWidth(column), 1000)
        needed = along.fontMetrics().boundingRect(room, Qt.TextFlag.TextWordWrap, title)
        assert needed.height() <= along.height()
        assert needed.width() <= grid.columnWidth(column)
        assert column == 0 or grid.sizeHintForColumn(column) <= grid.columnWidth(column)
    assert grid.item(1, 4).text() == "0.0884"
    assert grid.item(0, 3).toolTip() == "0.78331"


def test_rows_beyond_what_is_seen_at_once_are_scrolled_to_and_few_leave_no_room(qtbot):
    few, many = (Grid(Table("t", "", ("a", "b"), (("x", 1.0),) * n)) for n in (2, 40))
    for grid in (few, many):
        qtbot.addWidget(grid)
        grid.resize(300, grid.height())
        grid.show()
    assert few.height() < many.height() < 300
    assert few.verticalScrollBar().maximum() == 0
    assert many.verticalScrollBar().maximum() > 0


def test_curves_and_bars_that_have_no_room_are_counted(page):
    x = tuple((float(i), *(float(c * i) for c in range(12))) for i in range(4))
    named = ("frequency", *(f"layer {c + 1}" for c in range(12)))
    page.add_table(Table("f", "detail", named, x, kind="lines"))
    [lines] = page.findChildren(Lines)
    assert list(lines.drawn) == [f"layer {c + 1}" for c in range(10)]
    assert "and 2 more; they are in the saved table" in page.words()
    assert "layer&nbsp;10" in lines.heading.text()  # no line ends within a name
    looks = [item.opts["pen"] for item in lines.plot.getPlotItem().listDataItems()]
    assert len({(pen.color().name(), pen.style()) for pen in looks}) == 10
    assert len({pen.color().name() for pen in looks}) == 7
    page.begin()
    gates = tuple((f"channel {i}", i / 20) for i in range(20))
    page.add_table(Table("g", "gates", ("part", "value"), gates, kind="bars"))
    [bars] = page.findChildren(Bars)
    assert bars.rows[0] == ("channel 4", 0.2)
    assert "and 4 smaller ones" in page.words()
    page.clear()
    assert page.words() == "Nothing yet."


def test_learnt_curves_are_drawn_over_the_inputs_they_saw(page):
    points, edges = np.linspace(-2, 2, 5), np.linspace(-2, 2, 3)
    curves = Curves(
        "fuse", "learnt curves of fuse, and the inputs they saw", points,
        np.stack([points, points**2]), ("channel 1", "channel 2"), edges,
        np.array([[3, 1], [0, 4]]), (-2.0, 2.0), ("half of the inputs lie beyond",),
    )  # fmt: skip
    page.add_curves(curves)
    [lines] = page.findChildren(Lines)
    np.testing.assert_array_equal(lines.drawn["channel 2"], points**2)
    assert "and the inputs they saw (grey)" in page.words()
    assert "half of the inputs lie beyond" in page.words()
    saved = []
    page.save_wanted.connect(saved.append)
    page.add_button("Show it", "Lays it over the image", lambda: saved.append("shown")).click()
    assert saved == ["shown"]
