"""Mouse and keys in a real window: clicks on the image, Escape, the keys of tools and classes."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_medseg.editing.tools import TOOLS
from napari_medseg.widgets import keys
from napari_medseg.widgets.edit.panel import EditPanel
from napari_medseg.widgets.layers import history, is_preview, taken_keys


@pytest.fixture
def docked(qtbot, make_napari_viewer, fill, at_rest):
    """A shown viewer with the scan and the panel docked beside it."""
    viewer = fill(make_napari_viewer(show=True))
    panel = EditPanel(viewer)
    viewer.window.add_dock_widget(panel, name="Edit", area="right")
    qtbot.waitUntil(panel.isVisible)
    at_rest(viewer)
    return viewer, panel


def canvas(viewer):
    return viewer.window._qt_viewer.canvas.native


def click_on(qtbot, viewer, layer, voxel):
    """Click the place of a voxel on the canvas."""
    world = layer.data_to_world(voxel)[-2:]
    node = viewer.window._qt_viewer.canvas.view.camera.transform
    x, y = node.map([world[1], world[0]])[:2]
    place = QPoint(round(x), round(y))
    QTest.mousePress(canvas(viewer), Qt.MouseButton.LeftButton, pos=place)
    qtbot.wait(10)
    QTest.mouseRelease(canvas(viewer), Qt.MouseButton.LeftButton, pos=place)
    qtbot.wait(10)


def type_key(viewer, key, modifier=Qt.KeyboardModifier.NoModifier):
    QTest.keyClick(canvas(viewer), key, modifier)


def test_a_click_on_the_image_says_which_object_stays_and_escape_leaves(qtbot, docked):
    viewer, panel = docked
    mask = viewer.layers["mask"]
    mask.mode = "paint"
    panel.tools.buttons["keep_clicked"].click()
    assert panel.pane.clicks.text() == "Click on the image; Escape leaves"
    assert not panel.apply.isEnabled()
    assert mask.mode == "pan_zoom"  # else the click would paint
    before = mask.data.copy()
    click_on(qtbot, viewer, mask, (7, 12, 8))
    assert panel.work.clicks.points == ((7, 12, 8),)
    np.testing.assert_array_equal(mask.data, before)
    outline = panel.work.preview.outline
    qtbot.waitUntil(lambda: outline.layer is not None and outline.layer.visible)
    panel.apply.click()
    qtbot.waitUntil(lambda: len(history(mask)) == 1)
    assert mask.data[2, 35, 35] == 0
    assert mask.data[7, 12, 8] == 1
    assert panel.work.clicks.points == ()
    viewer.window.activate()
    qtbot.waitUntil(lambda: QApplication.activeWindow() is panel.window())
    type_key(viewer, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: panel.work.tool is None)
    assert mask.mode == "paint"  # as it was
    click_on(qtbot, viewer, mask, (7, 30, 30))
    assert panel.work.clicks.points == ()
    assert len(history(mask)) == 2  # the brush is back


def test_keys_choose_apply_and_choose_classes(qtbot, docked):
    viewer, panel = docked
    mask = viewer.layers["mask"]
    type_key(viewer, Qt.Key.Key_G)
    assert panel.work.tool is TOOLS["grow"]
    assert panel.tools.buttons["grow"].isChecked()
    assert history(mask) == []
    type_key(viewer, Qt.Key.Key_G)
    qtbot.waitUntil(lambda: history(mask) == ["Grow: class 1"])
    type_key(viewer, Qt.Key.Key_G, Qt.KeyboardModifier.ShiftModifier)
    assert panel.work.tool is TOOLS["shrink"]
    type_key(viewer, Qt.Key.Key_2, Qt.KeyboardModifier.AltModifier)
    assert mask.selected_label == 2
    type_key(viewer, Qt.Key.Key_3, Qt.KeyboardModifier.AltModifier)
    assert mask.selected_label == 4  # the third of the table
    type_key(viewer, Qt.Key.Key_9, Qt.KeyboardModifier.AltModifier)
    assert mask.selected_label == 4  # there is no ninth
    type_key(viewer, Qt.Key.Key_W)
    qtbot.waitUntil(lambda: len(history(mask)) == 2)
    assert history(mask)[-1] == "Shrink: class 4"


def test_two_viewers_do_not_mix(qtbot, docked, make_napari_viewer, fill):
    viewer, panel = docked
    other = fill(make_napari_viewer())
    beside = EditPanel(other)
    qtbot.addWidget(beside)
    beside.show()
    type_key(viewer, Qt.Key.Key_G)
    assert beside.work.tool is None
    beside.work.choose("shrink")
    type_key(viewer, Qt.Key.Key_W)
    qtbot.waitUntil(lambda: len(history(viewer.layers["mask"])) == 1)
    assert history(other.layers["mask"]) == []
    assert panel.work.tool is TOOLS["grow"]
    assert [i.name for i in other.layers if not is_preview(i)] == ["scan", "mask"]
    other.close()
    type_key(viewer, Qt.Key.Key_W)
    qtbot.waitUntil(lambda: len(history(viewer.layers["mask"])) == 2)


def test_a_click_elsewhere_and_a_drag_are_no_click(qtbot, docked):
    viewer, panel = docked
    panel.tools.buttons["keep_clicked"].click()
    click_on(qtbot, viewer, viewer.layers["mask"], (7, 12, 55))
    assert panel.work.clicks.points == ()


def test_keys_of_tools_are_printed_follow_the_settings_and_are_free(settings, docked):
    viewer, panel = docked
    assert panel.tools.buttons["grow"].text() == "Grow [G]"
    settings.keys.grow = "Alt-G"
    assert panel.tools.buttons["grow"].text() == "Grow [Alt-G]"
    taken = taken_keys(viewer)
    named = [name for name in TOOLS if name in keys.KEYS]
    assert len(named) >= 12
    for action in (*named, "apply_tool", *(f"class_{n}" for n in range(1, 10))):
        assert keys.KEYS[action].key.replace("-", "+") not in taken


@pytest.mark.parametrize("action", [name for name in keys.KEYS if "_place" not in name])
def test_every_key_of_a_tool_names_one(action):
    others = ("case", "apply_tool", "class_", "looks_right", "orthogonal", "slice_reviewed")
    others += ("prompt", "segment_here", "carry_on")
    assert action in TOOLS or any(word in action for word in others)
