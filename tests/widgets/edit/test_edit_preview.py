"""The live preview follows the options, the labels and the slice, and disappears."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtWidgets import QDoubleSpinBox

from napari_medseg.editing.tools import TOOLS


@pytest.fixture
def outlined(qtbot, panel):
    """Return the outlined voxels of the slice one sees, once nothing is on its way."""

    def look():
        preview, soon = panel.work.preview, panel.changes._timer
        qtbot.waitUntil(lambda: not soon.isActive() and preview._looks.key is None)
        layer = preview.outline.layer
        if layer is None or not layer.visible:
            return 0
        origin = np.round(np.divide(layer.data_to_world((0, 0, 0)), (2, 1, 1))).astype(int)
        plane = 7 - origin[0]
        return int(np.count_nonzero(layer.data[plane])) if 0 <= plane < len(layer.data) else 0

    return look


def radius(panel, name="grow"):
    return panel.pane.form(TOOLS[name]).findChild(QDoubleSpinBox, "radius")


def test_it_follows_the_options(panel, choose, outlined, mask):
    choose("grow")
    small = outlined()
    assert small
    radius(panel).setValue(6)
    assert outlined() > small


def test_it_follows_what_is_painted_and_undone(panel, choose, outlined, mask):
    choose("grow")
    before = outlined()
    mask.paint((7, 32, 20), 1)
    assert outlined() > before
    mask.undo()
    assert outlined() == before


def test_it_follows_the_class_and_the_slice(panel, choose, outlined, scene, mask):
    choose("grow")
    one = outlined()
    mask.selected_label = 2
    assert 0 < outlined() < one
    scene.dims.set_current_step(0, 1)
    outlined()
    assert panel.hint.text() == "Nothing to change on this slice."


def test_it_is_not_there_without_its_tick_nor_in_the_3d_view(panel, choose, outlined, scene):
    choose("grow")
    assert outlined()
    panel.pane.preview.setChecked(False)
    assert not outlined()
    panel.pane.preview.setChecked(True)
    assert outlined()
    scene.dims.ndisplay = 3
    assert not outlined()
    scene.dims.ndisplay = 2
    assert outlined()


def test_it_goes_when_the_tool_is_left_and_when_the_panel_is(panel, choose, outlined, scene):
    choose("grow")
    assert outlined()
    choose("grow")  # the pressed button again
    assert panel.work.tool is None
    assert not outlined()
    choose("grow")
    assert outlined()
    panel.hide()
    assert [layer.name for layer in scene.layers] == ["scan", "mask"]
    assert panel.work.tool is None


def test_it_is_hidden_where_nothing_would_change(panel, choose, outlined, apply):
    choose("fill_holes")
    assert outlined()
    assert "voxels changed" in apply()
    assert not outlined()


def test_why_a_tool_cannot_work_is_said_without_a_notification(
    panel, choose, outlined, mask, notices
):
    choose("keep_largest")
    mask.selected_label = 9
    assert not outlined()
    assert "no voxels here" in panel.hint.text()
    assert not notices


def test_options_that_do_not_go_together_are_said(panel, choose, outlined):
    choose("threshold")
    outlined()
    form = panel.pane.form(TOOLS["threshold"])
    form.findChild(QDoubleSpinBox, "low").setValue(900)
    assert not outlined()
    assert "smaller one" in panel.hint.text()


def test_a_range_is_proposed_from_what_is_painted(panel, choose, outlined):
    choose("threshold")
    options = panel.pane.options
    assert 80 < options.low < 100 < options.high < 125


def test_a_radius_reaches_the_next_voxel(qtbot, scene, mask, panel_of):
    for layer in scene.layers:
        layer.scale = (8, 3.2, 3.2)
    panel = panel_of(scene)
    panel.work.choose("grow")
    assert radius(panel).value() == 3.5


def test_the_outline_of_one_tool_is_not_left_for_another(panel, choose, outlined):
    choose("grow")
    assert outlined()
    choose("fill_holes")
    assert not panel.work.preview.outline.layer.visible  # not before its own is known
    assert outlined()
