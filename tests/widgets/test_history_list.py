"""The list of undo steps, clicked."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_medseg.widgets.history_list import HistoryList, memory_words
from napari_medseg.widgets.layers import apply_edit, history_limit, limit_history
from napari_medseg.widgets.painted import painted_of


@pytest.fixture
def shown(windowless, qtbot):
    viewer = windowless
    layer = viewer.add_labels(np.zeros((4, 40, 40), np.uint8), name="one")
    listed = HistoryList(viewer)
    qtbot.addWidget(listed)
    listed.show()
    layer.mode = "paint"
    for value in (1, 2):
        with layer.block_history():
            layer.paint((1, 9 * value, 9), value, refresh=False)
    painted_of(layer).write_answer(np.full((4, 40, 40), 3, np.uint8), "Segment: liver")
    qtbot.waitUntil(lambda: listed.list.count() == 4)
    return listed


def _names(listed):
    return [listed.list.item(row).text() for row in range(listed.list.count())]


def _click(qtbot, listed, row):
    place = listed.list.visualItemRect(listed.list.item(row)).center()
    qtbot.mouseClick(listed.list.viewport(), Qt.MouseButton.LeftButton, pos=place)


def test_a_click_goes_to_a_step_and_back_and_a_new_step_forgets_what_was_undone(shown, qtbot):
    layer = shown.layer
    states = [layer.data.copy()]
    for _ in range(3):
        layer.undo()
        states.insert(0, layer.data.copy())
    qtbot.waitUntil(lambda: shown.list.currentRow() == 0)
    for row in (2, 0, 3, 1):
        _click(qtbot, shown, row)
        np.testing.assert_array_equal(layer.data, states[row])
        qtbot.waitUntil(lambda: not shown._timer.isActive())  # the list was read anew
        assert shown.list.currentRow() == row
        assert _names(shown) == ["As it was", "Brush", "Brush", "Segment: liver"]
    dim = shown.list.item(3).foreground().color().alphaF()
    assert dim < 0.6
    apply_edit(layer, np.full((4, 40, 40), 5, np.uint8), "Fill holes")
    qtbot.waitUntil(lambda: _names(shown) == ["As it was", "Brush", "Fill holes"])
    assert shown.list.currentRow() == 2


def test_the_memory_is_shown_and_what_is_forgotten_leaves_the_list(shown, qtbot):
    assert shown.memory.whole().endswith(f"of {history_limit() >> 20} MB used for undo")
    usual = history_limit()
    limit_history(1)
    try:
        apply_edit(shown.layer, np.zeros((4, 40, 40), np.uint8), "Clear")
        qtbot.waitUntil(lambda: _names(shown) == ["As it was", "Clear"])
    finally:
        limit_history(usual)


def test_another_layer_has_steps_of_its_own_and_without_one_it_says_so(shown, qtbot):
    viewer, first = shown.viewer, shown.layer
    second = viewer.add_labels(np.zeros((9, 9), np.uint8), name="two")
    assert _names(shown) == ["As it was"]
    first.undo()
    viewer.theme = "light"
    assert _names(shown) == ["As it was"]
    viewer.layers.remove(second)
    assert _names(shown)[-1] == "Segment: liver"
    assert shown.list.currentRow() == 2
    viewer.layers.clear()
    assert _names(shown) == []
    assert "No labels yet" in shown.memory.whole()


def test_a_click_while_somebody_paints_waits_for_the_stroke(shown, qtbot):
    layer = shown.layer
    before = layer.data.copy()
    with layer.block_history():
        _click(qtbot, shown, 0)
        np.testing.assert_array_equal(layer.data, before)
    _click(qtbot, shown, 0)
    assert not layer.data.any()


@pytest.mark.parametrize(
    ("used", "words"),
    [
        (0, "0 of 512 MB"),
        (10, "0.1 of 512 MB"),
        (3 << 19, "1.5 of 512 MB"),
        (12 << 20, "12 of 512 MB"),
    ],
)
def test_memory_in_words(used, words):
    assert memory_words(used, 512 << 20) == words
