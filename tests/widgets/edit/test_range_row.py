"""The brush that paints only a range of grey values."""

from __future__ import annotations

import numpy as np
import pytest

from napari_medseg.widgets.layers import history


@pytest.fixture
def brush(panel):
    """Paint only what is as bright as class 1, which is about 100."""
    panel.brush.low.setValue(80)
    panel.brush.high.setValue(120)
    panel.brush.tick.click()
    return panel.brush


def stroke(mask, at=(7, 12, 15), value=2):
    mask.brush_size = 41
    with mask.block_history():  # as a stroke of the mouse is
        mask.paint(at, value)


def test_a_stroke_keeps_to_the_range_as_one_step(scene, mask, brush):
    before, image = mask.data.copy(), scene.layers["scan"].data
    stroke(mask)
    changed = mask.data != before
    assert changed.any()
    assert image[changed].min() >= 80
    assert image[changed].max() <= 120
    assert len(history(mask)) == 1
    mask.undo()
    np.testing.assert_array_equal(mask.data, before)


def test_without_the_tick_a_stroke_goes_everywhere(mask, scene, brush):
    brush.tick.click()
    stroke(mask)
    assert (scene.layers["scan"].data[mask.data == 2] < 80).any()


def test_tools_do_not_keep_to_it(mask, brush, choose, apply):
    choose("grow")
    assert "voxels changed" in apply()


def test_it_belongs_to_the_labels_one_works_on(scene, mask, brush):
    second = scene.add_labels(np.zeros_like(mask.data), scale=(2, 1, 1), units="mm")
    stroke(mask)
    assert (scene.layers["scan"].data[mask.data == 2] < 80).any()
    stroke(second, value=1)
    assert (scene.layers["scan"].data[second.data == 1] >= 80).all()


def test_numbers_start_with_what_one_sees(panel, scene):
    low, high = scene.layers["scan"].contrast_limits
    assert (panel.brush.low.value(), panel.brush.high.value()) == (round(low), round(high))
    assert panel.brush.low.decimals() == 0


def test_without_an_image_it_is_grey(qtbot, panel, scene):
    scene.layers.remove("scan")
    qtbot.waitUntil(lambda: not panel.brush.tick.isEnabled())
    assert "No image" in panel.brush.tick.toolTip()
