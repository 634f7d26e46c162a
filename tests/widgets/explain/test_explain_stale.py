"""What was computed of an image or a model that is another one by now is not shown."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import Qt

from napari_medseg.widgets.explain.panel import ExplainPanel

CHANGES = (
    lambda layer: setattr(layer, "data", layer.data[::-1].copy()),
    lambda layer: setattr(layer, "data", layer.data[:30].copy()),
    lambda layer: setattr(layer, "affine", [[1, 0, 5], [0, 1, 7], [0, 0, 1]]),
    lambda layer: setattr(layer, "scale", (2, 2)),
)


def test_an_image_that_changes_while_it_is_computed_is_shown_nothing_of(
    qtbot, picture, panel_of, settle, slow, maps
):
    panel, [layer] = panel_of(picture), picture.layers
    panel.parts.live.setChecked(False)
    for change in CHANGES:
        gate = slow()
        qtbot.mouseClick(panel.parts.show, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(gate.begun.is_set)
        change(layer)
        gate.gate.set()
        settle(panel)
        assert maps(picture) == []
        assert "The image has changed" in panel.parts.hint.text()
    panel.parts.show.click()
    settle(panel)
    [shown] = maps(picture)
    np.testing.assert_allclose(shown.data_to_world((0, 0)), layer.data_to_world((0, 0)))


def test_with_follow_on_a_changed_image_is_shown_anew(picture, panel_of, settle, maps):
    panel, [layer] = panel_of(picture), picture.layers
    panel.parts.layers.choose("enc3")
    panel.parts.show.click()
    settle(panel)
    [shown] = maps(picture)
    before = shown.data.copy()
    layer.data = layer.data[::-1].copy()
    settle(panel)
    assert maps(picture) == [shown]
    assert not np.array_equal(shown.data, before)
    layer.translate = (30, 40)
    settle(panel)
    np.testing.assert_allclose(shown.data_to_world((0, 0)), (31.5, 41.5))


def test_numbers_of_an_image_that_changed_are_taken_back(picture, panel_of, settle):
    panel, [layer] = panel_of(picture), picture.layers
    panel.parts.live.setChecked(False)
    panel.parts.entries.choose("redundancy")
    panel.parts.show.click()
    settle(panel)
    assert panel.parts.numbers.words()
    layer.data = layer.data[::-1].copy()
    assert panel.parts.numbers.words() == ""


def test_an_image_that_goes_while_it_is_computed_leaves_nothing(
    qtbot, picture, panel_of, settle, slow
):
    panel, gate = panel_of(picture), slow()
    panel.parts.show.click()
    qtbot.waitUntil(gate.begun.is_set)
    picture.layers.remove("case")
    assert "No image yet" in panel.parts.hint.text()
    gate.gate.set()
    settle(panel)
    assert len(picture.layers) == 0


def test_a_model_switched_while_it_is_computed_drops_the_answer(
    qtbot, picture, panel_of, settle, use, slow, maps
):
    panel = panel_of(picture)
    panel.parts.show.click()
    settle(panel)
    [layer] = maps(picture)
    gate = slow()
    panel.parts.show.click()
    qtbot.waitUntil(gate.begun.is_set)
    use(picture, "tiny-volume")
    assert maps(picture) == []  # of the other model
    assert "works on volumes" in panel.parts.hint.text()
    gate.gate.set()
    settle(panel)
    assert maps(picture) == []
    assert not layer.visible
    assert panel.questions.listing is not None
    assert not panel.parts.show.isEnabled()


def test_closing_the_panel_ends_what_it_computes(qtbot, picture, use, slow, maps):
    use(picture, "tiny-grey")
    panel = ExplainPanel(picture)
    panel.show()
    qtbot.waitUntil(lambda: panel.questions.listing is not None)
    gate = slow()
    panel.parts.show.click()
    qtbot.waitUntil(gate.begun.is_set)
    task = panel.asking._task
    panel.close()
    panel.deleteLater()
    qtbot.waitUntil(lambda: task.over)
    picture.layers["case"].scale = (2, 2)  # nobody listens any more
    assert maps(picture) == []
