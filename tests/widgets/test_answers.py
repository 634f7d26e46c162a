"""Answers on the canvas: where they come, what they leave alone, and what may be gone by then."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels

from napari_medseg.engine.card import LabelClass, ModelCard
from napari_medseg.widgets.answers import show_answer, show_maps
from napari_medseg.widgets.layers import history, undo_name
from napari_medseg.widgets.painted import painted_of
from napari_medseg.widgets.volumes import KEY

LIVER = LabelClass(value=3, name="liver", colour="#cc79a7")
SHAPE = (4, 6, 8)
BOX = (slice(1, 3), slice(0, 4), slice(3, 8))


@pytest.fixture
def model():
    return ViewerModel()


@pytest.fixture
def image(model):
    return model.add_image(np.ones(SHAPE), name="scan", scale=(3, 1, 1), translate=(5, 6, 7))


def _answer(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 3, shape or SHAPE).astype(np.uint8)


def _show(viewer, image, labels, model="m", **more):
    return show_answer(
        viewer, image, labels, model=model, classes=[LIVER], provenance={"n": 1}, **more
    )


def test_the_answer_shares_the_grid_of_a_turned_image(model):
    image = model.add_image(np.ones((6, 8)), scale=(2, 3), rotate=20, shear=[0.1], units="mm")
    labels = _show(model, image, np.eye(6, 8, dtype=np.uint8))
    for corner in [(0, 0), (5, 7), (2, 4)]:
        np.testing.assert_allclose(labels.data_to_world(corner), image.data_to_world(corner))


def test_the_layer_keeps_where_it_came_from(model, image):
    made = _show(model, image, _answer(seed=1))
    again = show_answer(
        model, image, _answer(seed=2), model="m", classes=[LIVER], provenance={"n": 2}
    )
    assert again is made
    assert undo_name(made) == "Segment: m"
    assert made.metadata[KEY]["provenance"] == {"n": 2}
    assert made.metadata[KEY]["image"] == str(image.unique_id)


def test_models_have_their_own_layers_beside_the_image(model, image):
    model.add_image(np.ones(SHAPE), name="above")
    layers = [_show(model, image, _answer(seed=i), model=f"m{i}") for i in range(3)]
    assert len(set(layers)) == 3
    for i, layer in enumerate(layers):
        np.testing.assert_array_equal(layer.data, _answer(seed=i))
    assert {layer.name for layer in model.layers[1:4]} == {"scan · m0", "scan · m1", "scan · m2"}
    assert model.layers[-1].name == "above"


def test_a_later_run_is_one_undo_step_and_keeps_what_a_person_painted(model, image):
    layer = _show(model, image, _answer(seed=1))
    layer.paint((1, 2, 2), 7)
    painted = layer.data.copy()
    _show(model, image, _answer(seed=2))
    expected = np.where(painted == 7, 7, _answer(seed=2))
    np.testing.assert_array_equal(layer.data, expected)
    assert history(layer) == ["Segment: m", "Brush", "Segment: m"]
    layer.undo()
    np.testing.assert_array_equal(layer.data, painted)


def test_when_asked_a_later_run_replaces_also_what_a_person_painted(model, image):
    layer = _show(model, image, _answer(seed=1))
    layer.paint((1, 2, 2), 7)
    painted = layer.data.copy()
    _show(model, image, _answer(seed=2), keep_painted=False)
    np.testing.assert_array_equal(layer.data, _answer(seed=2))
    assert painted_of(layer).count_changed == 0
    layer.undo()
    np.testing.assert_array_equal(layer.data, painted)
    assert painted_of(layer).count_changed == (painted == 7).sum()


def test_a_box_changes_nothing_outside(model, image):
    first = _show(model, image, _answer(seed=1))
    again = _show(model, image, _answer(2, 4, 5, seed=2), box=BOX)
    assert again is first
    expected = _answer(seed=1)
    expected[BOX] = _answer(2, 4, 5, seed=2)
    np.testing.assert_array_equal(first.data, expected)


def test_a_box_alone_makes_a_layer_of_the_whole_grid(model, image):
    layer = _show(model, image, _answer(2, 4, 5), box=BOX)
    expected = np.zeros(SHAPE, np.uint8)
    expected[BOX] = _answer(2, 4, 5)
    np.testing.assert_array_equal(layer.data, expected)
    assert _show(model, image, _answer()) is layer
    one_slice = (slice(2, 3), slice(None), slice(None))
    assert _show(model, image, _answer(1, 6, 8, seed=5), box=one_slice) is layer
    np.testing.assert_array_equal(layer.data[2], _answer(1, 6, 8, seed=5)[0])
    np.testing.assert_array_equal(layer.data[3], _answer()[3])


def test_a_step_of_a_series_has_its_own_layer_at_its_place(model):
    film = model.add_image(np.ones((5, *SHAPE)), name="film", scale=(9, 3, 1, 1))
    layers = [_show(model, film, _answer(seed=i), step=(i,)) for i in (1, 2)]
    assert [layer.name for layer in layers] == ["film · m · 1", "film · m · 2"]
    for i, layer in zip((1, 2), layers, strict=True):
        assert layer.data.shape == (1, *SHAPE)
        np.testing.assert_allclose(
            layer.data_to_world((0, 1, 2, 3)), film.data_to_world((i, 1, 2, 3))
        )
    assert _show(model, film, _answer(2, 4, 5, seed=7), step=(2,), box=BOX) is layers[1]
    np.testing.assert_array_equal(layers[1].data[0][BOX], _answer(2, 4, 5, seed=7))
    np.testing.assert_array_equal(layers[0].data[0], _answer(seed=1))


def test_a_renamed_layer_is_still_the_one(model, image):
    layer = _show(model, image, _answer(seed=1))
    layer.name, image.name = "mine", "yours"
    assert _show(model, image, _answer(seed=2)) is layer
    assert layer.name == "mine"


def test_a_removed_layer_comes_again(model, image):
    layer = _show(model, image, _answer(seed=1))
    model.layers.remove(layer)
    again = _show(model, image, _answer(seed=2))
    assert again is not layer
    assert list(model.layers) == [image, again]


@pytest.mark.parametrize("box", [None, BOX])
def test_an_image_that_is_gone_still_gets_its_answer_in_its_place(model, image, box):
    model.layers.remove(image)
    layer = _show(model, image, _answer() if box is None else _answer(2, 4, 5), box=box)
    assert list(model.layers) == [layer]
    np.testing.assert_allclose(layer.data_to_world((1, 2, 3)), image.data_to_world((1, 2, 3)))


def test_an_image_replaced_by_a_smaller_one_loses_nothing_of_the_answer(model, image):
    image.data = np.ones((2, 5, 6))
    whole = _show(model, image, _answer())
    np.testing.assert_array_equal(whole.data, _answer())
    part = _show(model, image, _answer(2, 4, 5, seed=3), box=BOX, model="n")
    np.testing.assert_array_equal(part.data[BOX], _answer(2, 4, 5, seed=3))


def test_a_layer_that_no_longer_fits_is_left_alone(model, image):
    layer = _show(model, image, _answer(seed=1))
    layer.translate = (50, 6, 7)
    second = _show(model, image, _answer(seed=2))
    assert second is not layer
    second.data = _answer(3, 3, 3)
    third = _show(model, image, _answer(seed=3))
    assert third not in (layer, second)
    fixed = third.data.copy()
    fixed.flags.writeable = False
    third.data = fixed
    fourth = _show(model, image, _answer(seed=4))
    assert fourth not in (layer, second, third)
    np.testing.assert_array_equal(third.data, _answer(seed=3))
    assert _show(model, image, np.full(SHAPE, 300, np.uint16)) is not fourth


def test_nothing_else_moves(model, image):
    other = model.add_image(np.ones(SHAPE), name="other")
    model.layers.selection = {image, other}
    model.dims.set_current_step(0, 2)
    layer = _show(model, image, _answer(seed=1))
    layer.visible = False
    _show(model, image, _answer(seed=2))
    assert model.layers.selection == {image, other}
    assert model.dims.current_step[0] == 2
    assert layer.visible  # who asks for an answer wants to see it


def test_an_answer_during_a_stroke_comes_when_the_stroke_is_finished(qtbot, model, image):
    layer = _show(model, image, _answer(seed=1))
    layer.brush_size = 1
    with layer.block_history():
        layer.paint((1, 2, 2), 7)
        assert _show(model, image, _answer(seed=2)) is layer
        _show(model, image, _answer(2, 4, 5, seed=3), box=BOX)
        qtbot.wait(120)
        assert history(layer) == ["Segment: m"]
        layer.paint((3, 2, 2), 7)
    qtbot.waitUntil(lambda: len(history(layer)) == 4)
    assert history(layer) == ["Segment: m", "Brush", "Segment: m", "Segment: m"]
    expected = _answer(seed=2)
    expected[BOX] = _answer(2, 4, 5, seed=3)
    expected[1, 2, 2] = expected[3, 2, 2] = 7
    np.testing.assert_array_equal(layer.data, expected)


def test_a_layer_removed_during_a_stroke_does_not_take_the_answer_with_it(qtbot, model, image):
    layer = _show(model, image, _answer(seed=1))
    with layer.block_history():
        _show(model, image, _answer(seed=2))
        model.layers.remove(layer)
        qtbot.waitUntil(lambda: len(model.layers) == 2)
    np.testing.assert_array_equal(model.layers[1].data, _answer(seed=2))


def _result(*shape):
    values = np.random.default_rng(0).random((2, *shape)).astype(np.float32)
    return SimpleNamespace(probabilities=values, uncertainty=values[0] / 2)


@pytest.fixture
def card():
    return ModelCard(name="m", architecture="lgmsnet", config={}, classes=(LIVER,))


def test_maps_are_hidden_layers_that_a_later_run_writes_again(model, image, card):
    labels = _show(model, image, _answer())
    maps = show_maps(model, image, labels, _result(*SHAPE), card)
    assert [m.name for m in maps] == ["scan · m · likely liver", "scan · m · unsure"]
    assert not any(m.visible for m in maps)
    maps[0].name, maps[1].visible = "mine", True
    part = _result(2, 4, 5)
    before = maps[0].data.copy()
    assert show_maps(model, image, labels, part, card, box=BOX) == maps
    np.testing.assert_array_equal(maps[0].data[BOX], part.probabilities[1])
    outside = np.ones(SHAPE, bool)
    outside[BOX] = False
    np.testing.assert_array_equal(maps[0].data[outside], before[outside])
    assert maps[1].visible
    assert len(model.layers) == 4


def test_maps_of_a_box_alone_lie_in_their_place(model, image, card):
    labels = _show(model, image, _answer(2, 4, 5), box=BOX)
    likely, unsure = show_maps(model, image, labels, _result(2, 4, 5), card, box=BOX)
    assert likely.data.shape == unsure.data.shape == SHAPE
    np.testing.assert_array_equal(likely.data[BOX], _result(2, 4, 5).probabilities[1])
    np.testing.assert_allclose(likely.data_to_world((1, 2, 3)), image.data_to_world((1, 2, 3)))
    assert isinstance(model.layers[1], Labels)
