"""The panel with real answers: of the image alone, and of a tiny model."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_medseg.engine.card import LabelClass
from napari_medseg.session import ChosenModel
from napari_medseg.widgets.classes.class_list import set_classes
from napari_medseg.widgets.interact.given import given_of
from napari_medseg.widgets.interact.panel import InteractPanel
from napari_medseg.widgets.sessions import session_of


@pytest.fixture
def organ():
    """A bright ball in a volume of 2 x 1 x 1 mm in a viewer, its sixth slice seen."""
    viewer = ViewerModel()
    z, y, x = np.ogrid[:12, :32, :32]
    inside = ((z - 6) / 3) ** 2 + ((y - 16) / 6) ** 2 + ((x - 14) / 6) ** 2 <= 1
    grey = np.random.default_rng(0).normal(0, 8, inside.shape) + 100 * inside
    viewer.add_image(grey.astype(np.float32), name="scan", scale=(2, 1, 1), units="mm")
    viewer.dims.set_current_step(0, 6)
    return viewer, inside


@pytest.fixture
def open_panel(qtbot):
    def make(viewer):
        panel = InteractPanel(viewer)
        qtbot.addWidget(panel)
        panel.show()
        return panel

    return make


def dice(labels, truth):
    return 2 * (labels & truth).sum() / (labels.sum() + truth.sum())


def test_a_click_on_the_image_alone_finds_the_object_and_a_slice_is_carried_on(
    qtbot, organ, open_panel, pointer_of
):
    viewer, inside = organ
    panel = open_panel(viewer)
    assert not panel.parts.use_model.isEnabled()
    assert "no model is chosen" in panel.parts.use_model.toolTip()
    assert not panel.parts.segment_here.isEnabled()
    panel.choose("point")
    pointer_of(viewer, viewer.layers["scan"]).click((6, 16, 14))
    qtbot.waitUntil(lambda: not panel.prompting.queue.busy)
    labels = panel.about.labels
    assert not labels.data.any()
    panel.parts.accept.click()
    assert dice(labels.data[6] == 1, inside[6]) > 0.7
    labels.data[:6] = labels.data[7:] = 0
    labels.refresh()
    assert panel.parts.carry_on.isEnabled(), panel.parts.carry_on.toolTip()
    panel.parts.carry_on.click()
    qtbot.waitUntil(lambda: not panel.prompting.queue.busy)
    assert panel.parts.hint.text().startswith("Slices ")
    panel.parts.accept.click()
    assert dice(labels.data == 1, inside) > 0.7
    panel.parts.back.click()
    assert np.flatnonzero(labels.data.any(axis=(1, 2))).tolist() == [6]


def test_the_model_of_the_session_is_loaded_once_and_shared(
    qtbot, organ, open_panel, pointer_of, models
):
    from napari_medseg.engine.zoo import models as at_hand

    viewer, _ = organ
    session = session_of(viewer)
    entry = at_hand()["tiny-volume"]
    session.model = ChosenModel(entry.path, entry.card)
    panel = open_panel(viewer)
    assert panel.parts.use_model.text() == "Use tiny volume"
    assert panel.parts.classes.name == "anterior"
    panel.choose("box")
    pointer_of(viewer, viewer.layers["scan"]).drag((6, 8, 6), (6, 20, 18), (6, 24, 22))
    qtbot.waitUntil(lambda: not panel.prompting.queue.busy)
    assert panel.about.labels is not None, (panel.parts.hint.text(), panel.view.hand.on)
    loaded = session.ready_segmenter
    assert loaded is not None
    assert len(given_of(panel.about.labels).pending()) == 1
    panel.parts.segment_here.click()
    qtbot.waitUntil(lambda: not panel.prompting.queue.busy)
    assert session.ready_segmenter is loaded
    assert len(given_of(panel.about.labels).turns) == 2
    for turn in given_of(panel.about.labels).turns:
        assert turn.box[1].start >= 0
    set_classes(panel.about.labels, [LabelClass(value=1, name="liver")])
    panel._take_channels()
    assert "calls “anterior” what is “liver”" in panel.parts.use_model.toolTip()
    assert not panel.parts.segment_here.isEnabled()


def test_a_model_for_other_images_leaves_prompts_to_the_image(qtbot, organ, open_panel, models):
    from napari_medseg.engine.zoo import models as at_hand

    viewer, _ = organ
    panel = open_panel(viewer)
    entry = at_hand()["tiny-brain"]
    session_of(viewer).model = ChosenModel(entry.path, entry.card)
    assert "needs" in panel.parts.use_model.toolTip()
    assert panel.about.model is None
    assert len(panel.parts.images.fields) == 1
    viewer.add_image(np.zeros((20, 30), np.float32), name="picture")
    panel.parts.images.choose(viewer.layers["picture"])
    entry = at_hand()["tiny-volume"]
    session_of(viewer).model = ChosenModel(entry.path, entry.card)
    assert "works on volumes" in panel.parts.use_model.toolTip()
    assert panel.parts.carry_on.toolTip() == "A 2D image has no slices to carry on to"
