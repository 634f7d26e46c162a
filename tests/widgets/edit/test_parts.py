"""What stands below the tools, and the buttons that open other windows."""

from __future__ import annotations

from qtpy.QtWidgets import QPushButton

from napari_medseg.widgets.history_list import HistoryList
from napari_medseg.widgets.pieces import Fold
from napari_medseg.widgets.views import views_of


def button(panel, words):
    return next(b for b in panel.findChildren(QPushButton) if b.text() == words)


def test_the_history_is_folded_away(panel):
    fold = next(f for f in panel.findChildren(Fold) if isinstance(f.content, HistoryList))
    assert not fold.content.isVisible()
    fold.header.click()
    assert fold.content.isVisible()


def test_measures_and_views_are_a_click_away(qtbot, window, panel_of, click):
    panel = panel_of(window)
    click(button(panel, "Measure…"))
    assert any("Measures" in name for name in window.window.dock_widgets)
    click(button(panel, "Views"))
    assert views_of(window) is not None


def test_the_panel_is_no_wider_than_the_dock(panel):
    for name in panel.tools.buttons:
        panel.work.choose(name)
        assert panel.minimumSizeHint().width() <= 372, name
