"""When an answer is stale, and what maps are called."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image

from napari_medseg.explain.overlay import Overlay
from napari_medseg.explain.place import Place
from napari_medseg.volume import Volume
from napari_medseg.widgets.explain.about import CHANGED, GONE, About, states_of
from napari_medseg.widgets.explain.seen import Seen, called, title
from napari_medseg.widgets.interact.question import Ground


def about(images):
    ground = Ground("any", (Volume(np.zeros((1, 4, 5)), (1.0, 1.0)),))
    return About(images, states_of(images), (), ground, (2, 2))


@pytest.mark.parametrize(
    "change",
    [
        lambda layer: setattr(layer, "data", layer.data.copy()),
        lambda layer: setattr(layer, "translate", (0, 1)),
        lambda layer: setattr(layer, "scale", (2, 2)),
        lambda layer: setattr(layer, "rotate", 30),
        lambda layer: setattr(layer, "units", "mm"),
    ],
)
def test_an_answer_is_stale_once_any_of_its_images_is_another_one(pair, change):
    asked = about([None, *pair.layers])
    assert asked.image is pair.layers[0]
    assert asked.stale(pair) == ""
    change(pair.layers[1])
    assert asked.stale(pair) == CHANGED


def test_what_only_looks_different_is_the_same_image(pair):
    asked = about(list(pair.layers))
    first = pair.layers[0]
    first.opacity, first.colormap, first.name, first.visible = 0.3, "green", "other", False
    first.contrast_limits = (0, 5)
    pair.layers.move(0, 2)
    assert asked.stale(pair) == ""
    del pair.layers[0]
    assert asked.stale(pair) == GONE


def test_an_array_that_was_let_go_is_not_taken_for_a_new_one_in_its_place(pair):
    layer = pair.layers[0]
    before = states_of([layer])
    for _ in range(20):  # so that one of them is likely to get the address of another
        layer.data = np.zeros((4, 5))
        assert states_of([layer]) != before


def overlay(name, *channels, kind="map", values=None):
    volume = Volume(np.zeros((1, 4, 5), np.float32), (1.0, 1.0))
    place = Place.over(volume, (1.0, 1.0), (0.0, 0.0))
    values = np.zeros((len(channels), 4, 5), np.float32) if values is None else values
    return Overlay(name, "where it looks (dec2)", values, place, kind, channels=channels)


def test_maps_are_called_by_channel_and_what_they_show():
    several = overlay("dec2 channels", "channel 4 (energy 2)", "channel 1 (energy 1)")
    alone, block = overlay("uncertainty", "entropy"), overlay("dec2:attention", "head 1", "head 2")
    colours = overlay("pca", "a", "b", "c", kind="rgb", values=np.zeros((3, 4, 5), np.uint8))
    image = Image(np.zeros((4, 5)))
    maps = Seen(image, (), (several, alone, block, colours)).maps()
    assert [title(*one) for one in maps] == [
        "channel 4 (energy 2) · dec2 channels",
        "channel 1 (energy 1) · dec2 channels",
        "uncertainty",
        "head 1 · where it looks (dec2)",
        "head 2 · where it looks (dec2)",
        "pca",
    ]
    assert title(several, 0, score=False) == "channel 4 · dec2 channels"
    assert called(block) == "where it looks (dec2)"
