"""The preview of a run follows where one looks, and shows nothing of where one looked before."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_medseg.engine.card import LabelClass
from napari_medseg.widgets.image_choice import ImageChoice
from napari_medseg.widgets.learn.live import NAME, Live
from napari_medseg.widgets.learn.points import Feed, Glimpse

CLASSES = (LabelClass(value=2, name="cyst", colour="#ff0000"),)


@pytest.fixture
def scene(qtbot):
    """A volume one looks at, a feed, and the preview between them."""
    viewer = ViewerModel()
    image = viewer.add_image(np.arange(60.0).reshape(3, 4, 5), name="scan", scale=(2, 1, 1))
    images = ImageChoice(viewer)
    qtbot.addWidget(images)
    images.refresh()
    viewer.dims.set_point(0, 2.0)
    return viewer, image, Live(viewer, images, images), Feed()


def answer(feed, value=2):
    shape = feed.wanted.volumes[0].shape
    feed.glimpsed.emit(Glimpse(feed.wanted.key, np.full((1, *shape[1:]), value), CLASSES))


def test_nothing_is_asked_for_until_somebody_wants_to_see_it(scene):
    viewer, _, live, feed = scene
    live.follow(feed)
    assert feed.wanted is None
    live.show(True)
    assert feed.wanted.box[0] == slice(1, 2)
    np.testing.assert_array_equal(feed.wanted.volumes[0].array[0], viewer.layers[0].data)
    live.show(False)
    assert feed.wanted is None
    live.show(True)
    live.follow(None)
    assert feed.wanted is None
    assert NAME not in [layer.name for layer in viewer.layers]


def test_an_answer_lies_on_its_slice_in_the_colours_of_its_classes(scene):
    viewer, image, live, feed = scene
    live.follow(feed)
    live.show(True)
    viewer.layers.selection.active = image
    answer(feed)
    layer = live.layer.layer
    assert layer.visible
    np.testing.assert_allclose(layer.data_to_world((0, 0, 0)), (2, 0, 0))
    np.testing.assert_allclose(layer.get_color(2), (1, 0, 0, 1))
    assert viewer.layers.selection.active is image
    live.follow(None)
    assert not layer.visible


def test_on_another_slice_what_was_found_before_is_hidden_and_what_comes_late_is_dropped(scene):
    viewer, _, live, feed = scene
    live.follow(feed)
    live.show(True)
    answer(feed)
    before = feed.wanted
    viewer.dims.set_point(0, 4.0)
    assert feed.wanted.box[0] == slice(2, 3)
    assert not live.layer.layer.visible
    late = Glimpse(before.key, np.zeros((1, 4, 5), int), CLASSES)
    feed.glimpsed.emit(late)
    assert not live.layer.layer.visible
    answer(feed)
    assert live.layer.layer.visible
    viewer.dims.ndisplay = 3  # there is no single slice to look at
    assert feed.wanted is None
    assert not live.layer.layer.visible


def test_a_new_run_is_looked_at_and_the_old_one_is_not(scene):
    _, _, live, old = scene
    new = Feed()
    live.show(True)
    live.follow(old)
    live.follow(new)
    assert old.wanted is None
    answer(new)
    shown = live.layer.layer.data.copy()
    old.glimpsed.emit(Glimpse(new.wanted.key, np.zeros((1, 4, 5), int), CLASSES))
    np.testing.assert_array_equal(live.layer.layer.data, shown)
