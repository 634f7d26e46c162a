"""Which layers become which channels."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_medseg.engine.card import LabelClass, ModelCard, Preprocessing
from napari_medseg.widgets.image_choice import ImageChoice


def _card(*channels, **config):
    shape = {"spatial_dims": 3, "in_channels": max(len(channels), 1), "num_classes": 2}
    return ModelCard(
        name="m",
        architecture="lgmsnet",
        config={**shape, **config},
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


def _pick(choice, field, text):
    choice.fields[field].setCurrentIndex(choice.fields[field].findText(text))
    choice.fields[field].activated.emit(choice.fields[field].currentIndex())


def test_names_of_data_sets_are_understood_with_two_cases_open(choice):
    names = [f"BraTS-{c}-{m}" for c in ("001", "002") for m in ("t1n", "t1c", "t2f")]
    made, layers = choice(*names)
    made.choose(layers["BraTS-001-t2f"])
    assert _shown(made) == ["BraTS-001-t2f", "BraTS-001-t1n", "BraTS-001-t1c"]
    made.choose(layers["BraTS-002-t1c"])
    assert _shown(made) == ["BraTS-002-t2f", "BraTS-002-t1n", "BraTS-002-t1c"]


def test_channels_numbered_by_nnunet_are_found_without_names(choice):
    made, _ = choice("ann_0001", "ann_0000", "bob_0000", channels=())
    made.set_model(_card(in_channels=2))
    made.choose(made._viewer.layers["ann_0000"])
    assert _shown(made) == ["ann_0000", "ann_0001"]


def test_a_renamed_layer_stays_chosen_and_is_shown_by_its_new_name(choice):
    made, layers = choice("ann_flair", "ann_t1", "ann_t1ce")
    told = []
    made.changed.connect(lambda: told.append(made.names))
    layers["ann_t1"].name = "the plain one"
    made.refresh()
    assert _shown(made) == ["ann_flair", "the plain one", "ann_t1ce"]
    assert told == [("ann_flair", "the plain one", "ann_t1ce")]


def test_a_layer_that_is_gone_leaves_its_field_to_be_filled(choice):
    made, _ = choice("ann_flair", "ann_t1", "ann_t1ce")
    made._viewer.layers.remove("ann_t1")
    made.refresh()
    assert made.missing() == "T1"
    assert made.layers == []
    made._viewer.add_image(np.zeros((2, 3, 4)), name="ann_t1w")
    made.refresh()
    assert _shown(made) == ["ann_flair", "ann_t1w", "ann_t1ce"]


def test_two_layers_of_one_name_are_not_guessed(choice):
    made, layers = choice("ann_flair", "ann_t1", "ann_t1w", "ann_t1ce")
    made.choose(layers["ann_flair"])
    assert made.missing() == "T1"


def test_not_available_is_offered_only_where_the_model_can_do_without(choice):
    made, layers = choice("ann_flair", "ann_t1")
    made.choose(layers["ann_flair"])
    assert made.fields[2].findText("not available") < 0
    made.set_model(_card("FLAIR", "T1", "T1ce", modality_dropout=0.2))
    assert made.missing() == "T1ce"
    _pick(made, 2, "not available")
    assert _shown(made) == ["ann_flair", "ann_t1", "not available"]
    assert made.missing() == ""
    assert made.channels == [layers["ann_flair"], layers["ann_t1"], None]
    assert made.layers == [layers["ann_flair"], layers["ann_t1"]]


def test_what_is_not_available_stays_so_until_another_case_is_chosen(choice):
    made, layers = choice("ann_flair", "ann_t1", "bob_flair", "bob_t1", "bob_t1ce", channels=())
    made.set_model(_card("FLAIR", "T1", "T1ce", modality_dropout=0.2))
    made.choose(layers["ann_flair"])
    _pick(made, 2, "not available")
    made.refresh()
    assert _shown(made)[2] == "not available"
    made.choose(layers["bob_t1"])
    assert _shown(made) == ["bob_flair", "bob_t1", "bob_t1ce"]


def test_not_everything_can_be_not_available(choice):
    made, _ = choice("ann_flair", "ann_t1", channels=())
    made.set_model(_card("FLAIR", "T1", modality_dropout=0.2))
    for field in (0, 1):
        _pick(made, field, "not available")
    assert any(layer is not None for layer in made.channels)


def test_all_open_images_are_grouped_by_case_and_only_whole_ones_count(choice):
    names = ["ann_flair", "ann_t1", "ann_t1ce", "bob_flair", "bob_t1", "eve_t1ce"]
    made, layers = choice(*names)
    assert made.groups() == [[layers[n] for n in names[:3]]]
    made.set_model(_card())
    assert made.groups() == [[layers[n]] for n in names]


def test_three_images_without_names_are_colours_only_for_a_2d_model(choice):
    made, _ = choice("a", "b", "c", channels=())
    made.set_model(_card(in_channels=3, spatial_dims=2))
    assert len(made.fields) == 1
    made.set_model(_card(in_channels=3))
    assert [label.text() for label in made._labels] == ["Channel 1", "Channel 2", "Channel 3"]
