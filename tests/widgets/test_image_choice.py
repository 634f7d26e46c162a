"""Which layers become which channels."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_medseg.engine.card import LabelClass, ModelCard, Preprocessing
from napari_medseg.widgets.image_choice import ImageChoice


def _card(*channels):
    return ModelCard(
        name="m",
        architecture="lgmsnet",
        config={"spatial_dims": 3, "in_channels": max(len(channels), 1), "num_classes": 2},
        classes=(LabelClass(value=1, name="lesion"),),
        preprocessing=Preprocessing(channels=channels),
    )


@pytest.fixture
def choice(qtbot):
    """A choice for FLAIR, T1 and T1ce in a viewer with images of these names."""

    def make(*names, channels=("FLAIR", "T1", "T1ce")):
        viewer = ViewerModel()
        layers = {name: viewer.add_image(np.zeros((2, 3, 4)), name=name) for name in names}
        made = ImageChoice(viewer)
        qtbot.addWidget(made)
        made.set_model(_card(*channels))
        return made, layers

    return make


def _shown(choice):
    return [field.currentText() for field in choice.fields]


def test_each_channel_gets_the_layer_of_its_name(choice):
    made, _ = choice("p1_t1ce", "p1_t1", "p1_flair")
    assert _shown(made) == ["p1_flair", "p1_t1", "p1_t1ce"]
    assert len(made.layers) == 3


def test_channels_of_different_cases_are_never_mixed(choice):
    names = [f"{case} · {c}" for case in ("ann", "bob") for c in ("FLAIR", "T1", "T1ce")]
    made, layers = choice(*names)
    made.choose(layers["ann · T1"])
    assert _shown(made) == ["ann · FLAIR", "ann · T1", "ann · T1ce"]
    made.choose(layers["bob · T1ce"])
    assert _shown(made) == ["bob · FLAIR", "bob · T1", "bob · T1ce"]


def test_changing_the_model_puts_the_chosen_image_where_its_name_says(choice):
    made, layers = choice("ann · FLAIR", "ann · T1", channels=())
    made.choose(layers["ann · T1"])
    made.set_model(_card("FLAIR", "T1"))
    assert _shown(made) == ["ann · FLAIR", "ann · T1"]


def test_a_missing_channel_is_named_and_not_guessed(choice):
    made, layers = choice("ann · FLAIR", "ann · T1", "bob · T1ce")
    made.choose(layers["ann · FLAIR"])
    assert _shown(made) == ["ann · FLAIR", "ann · T1", ""]
    assert made.missing() == "T1ce"
    assert made.layers == []
    assert made.names == ("ann · FLAIR", "ann · T1")


def test_a_person_s_choice_is_kept_when_layers_come_and_go(choice):
    made, layers = choice("a", "b", "c", channels=())
    made.fields[0].setCurrentIndex(made.fields[0].findText("a"))
    made.fields[0].activated.emit(made.fields[0].currentIndex())
    assert made.layers == [layers["a"]]
    made.refresh()
    assert made.layers == [layers["a"]]


def test_a_colour_image_needs_one_field_whatever_was_there_before(choice):
    made, _ = choice("p1_flair", "p1_t1", "p1_t1ce")
    made.set_model(_card("red", "green", "blue"))
    assert len(made.fields) == 1
    made.set_model(_card())
    assert len(made.fields) == 1
    assert made.missing() == ""


def test_an_image_one_can_see_is_taken_first(choice):
    made, layers = choice("seen", "hidden", "top", channels=())
    layers["hidden"].visible = False
    made.choose(layers["hidden"])
    assert made.layers == [layers["hidden"]]  # a person may still want it
    made.choose(layers["top"])
    made._viewer.layers.remove("top")
    made.refresh()
    assert made.layers == [layers["seen"]]


def test_no_image_is_said_in_the_field(choice):
    made, _ = choice(channels=())
    assert made.empty
    assert not made.fields[0].isEnabled()
    assert "no image layer yet" in made.fields[0].toolTip()
