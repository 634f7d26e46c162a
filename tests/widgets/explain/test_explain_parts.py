"""Lists, tabs and small pictures of the Explain panel, one by one."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QHelpEvent
from qtpy.QtWidgets import (
    QApplication,
    QLabel,
    QPushButton,
    QScrollArea,
    QTableWidget,
    QVBoxLayout,
    QWidget,
)

from napari_medseg.explain.entries import Entry
from napari_medseg.explain.layers import layers_of
from napari_medseg.explain.table import Table
from napari_medseg.networks import create_network
from napari_medseg.widgets.explain.bars import Bars
from napari_medseg.widgets.explain.bringing import Bringing
from napari_medseg.widgets.explain.entry_list import EntryList
from napari_medseg.widgets.explain.heat import Heat
from napari_medseg.widgets.explain.layer_tree import LayerTree
from napari_medseg.widgets.explain.lines import Lines
from napari_medseg.widgets.explain.page import Page
from napari_medseg.widgets.explain.short_button import ShortButton
from napari_medseg.widgets.explain.tabs import Tabs

LONG = "which places are looked at from across the image, and how much of it all is taken by each"


@pytest.fixture
def shown(qtbot):
    """Show a widget at a width."""

    def show(widget, width=300):
        qtbot.addWidget(widget)
        widget.resize(width, widget.sizeHint().height())
        widget.show()
        return widget

    return show


def test_words_of_an_entry_that_need_two_lines_get_them(shown):
    listed = shown(EntryList())
    listed.show_entries(
        [
            Entry("energy", "Feature maps", "all channels"),
            Entry("dec2.0:saliency", "Attention", f"dec2.0: {LONG}"),
            Entry("splines", "Curves", "learnt curves", why_not="this model has none"),
        ]
    )
    short, long, lacking = listed.items()
    assert long.text(0) == f"W{LONG[1:]} (dec2.0)"
    assert long.sizeHint(0).height() > 1.8 * short.sizeHint(0).height()
    before = long.sizeHint(0).height()
    listed.resize(900, listed.height())
    assert long.sizeHint(0).height() < before
    assert lacking.isDisabled()
    assert lacking.toolTip(0) == "this model has none"
    listed.choose("splines")
    assert listed.entry.key == "energy"


def test_layers_of_the_raw_layout_that_lie_nowhere_cannot_be_chosen(shown):
    raw = create_network(
        "msa2net", in_channels=1, num_classes=2, width=32, stem_width=16, depths=(1, 1, 1, 1),
        layout="raw",
    )  # fmt: skip
    root = layers_of(raw)
    names = [y.name for y in root.walk() if y.channels and y.name and not y.why_not]
    tree = shown(LayerTree())
    tree.show_layers(root, names, "dec4")
    assert tree.name == "dec4"
    tree.choose("dec16.blocks.0")
    assert tree.name == "dec4"
    scrambled = tree._rows["dec16.blocks.0"]
    assert not scrambled.flags() & Qt.ItemFlag.ItemIsSelectable
    assert "another order" in scrambled.toolTip(0)
    tree.choose("dec16.linear")
    assert tree.name == "dec16.linear"


def test_each_kind_of_question_keeps_the_layer_that_was_chosen_for_it(shown):
    root = layers_of(create_network("lgmsnet", in_channels=1, num_classes=2, widths=(4,) * 5))
    names = [y.name for y in root.walk() if y.stage]
    tree, heard = shown(LayerTree()), []
    tree.chosen.connect(lambda: heard.append(tree.name))
    tree.show_layers(root, names, "dec2")
    tree.choose("enc1")
    tree.show_layers(root, names, "enc5")  # evidence begins elsewhere
    assert tree.name == "enc5"
    tree.choose("dec4")
    tree.show_layers(root, names, "dec2")
    assert tree.name == "enc1"
    tree.show_layers(root, [n for n in names if n != "dec4"], "enc5")
    assert tree.name == "enc5"  # what was chosen is not to be had
    assert heard == ["dec2", "enc1", "enc5", "dec4", "enc1", "enc5"]
    tree.show_layers(root, [n for n in names if n != "dec4"], "enc5")
    assert len(heard) == 6  # nothing is another


def test_a_tab_is_as_high_as_its_own_page(shown):
    tabs = Tabs()
    low, high = (tabs.add(title, title) for title in ("low", "high"))
    low.addWidget(QLabel("a line"))
    high.addWidget(QLabel("\n" * 30))
    shown(tabs)
    height = tabs.sizeHint().height()
    assert height < 100
    tabs.choose(1)
    assert tabs.sizeHint().height() > 3 * height
    assert tabs.bar.tabToolTip(1) == "high"


def test_a_button_shortens_its_words_instead_of_widening_the_panel(shown):
    button = shown(ShortButton(LONG, "Computes it"), 200)
    assert button.minimumSizeHint().width() <= button.sizeHint().width()
    assert button.text().endswith("…")
    assert LONG in button.toolTip()
    button.resize(2000, button.height())
    assert button.text() == LONG


def test_weights_of_heads_are_pictures_that_say_their_numbers(shown):
    first = np.zeros((4, 4))
    first[1, 2] = 0.5
    heat = shown(Heat({"head 1": first, "head 2": np.eye(4)}))
    assert heat.highest == 1
    picture = heat.grab().toImage()
    square = heat._square(0)
    cell = square.width() / 4
    spot = square.topLeft() + QPointF(2.5 * cell, 1.5 * cell)
    assert heat.said_at(spot) == "head 1: 2 takes 0.5 of 3"
    assert heat.said_at(QPointF(1, 1)) == ""
    dark = square.topLeft() + QPointF(0.5 * cell, 0.5 * cell)
    seen = [picture.pixelColor(p.toPoint()) for p in (spot, dark)]
    assert seen[0].lightness() > seen[1].lightness()
    place = QPoint(round(spot.x()), round(spot.y()))
    QApplication.sendEvent(heat, QHelpEvent(QHelpEvent.Type.ToolTip, place, place))
    assert heat.heightForWidth(600) > heat.heightForWidth(300)


def test_a_page_shows_tables_as_bars_rows_curves_or_pictures(shown):
    page = shown(Page(ViewerModel()))
    heads = tuple(("head 1", f"channel {i}", *row) for i, row in enumerate(np.eye(3).tolist(), 1))
    page.add_table(
        Table("m", "who listens", ("head", "channel", "1", "2", "3"), heads, kind="matrix")
    )
    page.add_table(
        Table("r", "ratio", ("layer", "inside", "ratio"), (("enc1", 2.0, 1e-4), ("b", 1.0, 3.5)))
    )
    page.add_table(
        Table("l", "detail", ("frequency", "enc1"), ((0.1, 1.0), (0.2, 3.0)), kind="lines")
    )
    [heat] = page.findChildren(Heat)
    assert heat.highest == 1
    [bars] = page.findChildren(Bars)
    assert bars.rows == [("enc1", 1e-4), ("b", 3.5)]
    [grid] = page.findChildren(QTableWidget)
    assert [grid.item(0, c).text() for c in range(3)] == ["enc1", "2", "0.0001"]
    [lines] = page.findChildren(Lines)
    np.testing.assert_allclose(lines.drawn["enc1"], (1, 3))
    saved = []
    page.save_wanted.connect(saved.append)
    for button in page.findChildren(QPushButton):
        button.click()
    assert [what.name for what in saved] == ["m", "r", "l"]
    page.clear()
    assert page.words() == ""


def test_numbers_that_come_below_are_scrolled_to_once_they_have_their_place(shown, qtbot):
    area, inside, numbers = QScrollArea(), QWidget(), QLabel()
    column = QVBoxLayout(inside)
    column.addWidget(QLabel("\n" * 60))
    column.addWidget(numbers)
    area.setWidget(inside)
    area.setWidgetResizable(True)
    shown(area)
    area.resize(200, 300)
    bringing = Bringing(numbers)
    bringing.bring()
    numbers.setText("12\n" * 40)
    qtbot.waitUntil(lambda: not numbers.visibleRegion().isEmpty())
    place = numbers.mapTo(inside, QPoint(0, 0)).y()
    qtbot.waitUntil(lambda: area.verticalScrollBar().value() == place)
    alone = QLabel()
    Bringing(shown(alone)).bring()  # in no scroll area: nothing happens
    assert alone.isVisible()
