"""The Edit panel worked as a person does: every tool, undo, scope, clicks, keys, two viewers."""

from __future__ import annotations

import numpy as np
import pytest

from napari_medseg.editing.tools import TOOLS
from napari_medseg.widgets.edit.tool_grid import GROUPS
from napari_medseg.widgets.layers import history, is_preview

CLASS = {"interpolate": 4}  # what a tool works on in the scan, where 1 would not do
IDLE = {"interpolate_all"}  # there is no slice without labels
CLICKS = ((7, 12, 8), (7, 12, 22))


def own(viewer):
    """Return the layers of a person, without the preview."""
    return [layer for layer in viewer.layers if not is_preview(layer)]


def prepare(panel, mask, tool):
    """Choose a tool as a person does, the class it is for, and click where it wants clicks."""
    mask.selected_label = CLASS.get(tool.name, 1)
    panel.tools.groups[tool.group].click()
    button = panel.tools.buttons[tool.name]
    assert button.isEnabled(), button.toolTip()
    button.click()
    if "points" in tool.needs and panel.work.clicks.on:
        panel.work.clicks.points = CLICKS
        panel.work.clicks.changed.emit()


def draw_box(viewer, mask):
    corners = [(0, 4, 4), (0, 4, 30), (0, 30, 30), (0, 30, 4)]
    viewer.add_shapes([np.array(corners, float)], ndim=3, scale=(2, 1, 1), units="mm")
    viewer.layers.selection.active = mask


@pytest.mark.parametrize("group", GROUPS)
def test_every_tool_is_one_exact_undo_step(qtbot, window, panel_of, group):
    scene, mask, panel = window, window.layers["mask"], panel_of(window)
    draw_box(scene, mask)
    before, camera = mask.data.copy(), scene.scene.camera.center
    for tool in (t for t in TOOLS.values() if t.group == group):
        steps = len(history(mask))
        prepare(panel, mask, tool)
        if not panel.work.run.busy and len(history(mask)) == steps:
            assert panel.apply.isEnabled(), (tool.name, panel.hint.text())
            panel.apply.click()
        qtbot.waitUntil(lambda: not panel.work.run.busy)
        after = mask.data.copy()
        if tool.name in IDLE:
            assert "nothing to" in panel.hint.text()
            assert len(history(mask)) == steps
            continue
        assert (after != before).any(), (tool.name, panel.hint.text())
        assert len(history(mask)) == steps + 1, tool.name
        assert history(mask)[-1].startswith(tool.title)
        mask.undo()
        np.testing.assert_array_equal(mask.data, before, err_msg=tool.name)
        mask.redo()
        np.testing.assert_array_equal(mask.data, after, err_msg=tool.name)
        mask.undo()
    assert scene.scene.camera.center == camera
    assert scene.dims.current_step[0] == 7
    assert scene.layers.selection.active is mask
