"""The napari adapter; these tests fail loudly when napari changes what we rely on."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels

from napari_medseg.engine.card import LabelClass
from napari_medseg.widgets.answers import show_answer
from napari_medseg.widgets.layers import (
    apply_edit,
    class_look,
    insert_above,
    is_being_painted,
    undo_name,
)
from napari_medseg.widgets.volumes import KEY

LIVER = LabelClass(value=3, name="liver", colour="#cc79a7")


def _labels(*shape, dtype=np.uint8):
    return Labels(np.zeros(shape, dtype))


def test_an_edit_is_one_named_undo_step():
    layer = _labels(5, 6, 7)
    edited = layer.data.copy()
    edited[1:3, 2, 4:6] = 2
    assert apply_edit(layer, edited, "Fill holes") == 4
    np.testing.assert_array_equal(layer.data, edited)
    assert undo_name(layer) == "Fill holes"
    layer.undo()
    assert not layer.data.any()
    layer.redo()
    np.testing.assert_array_equal(layer.data, edited)


def test_an_edit_and_a_stroke_are_undone_one_after_the_other():
    layer = _labels(9, 9)
    layer.paint((4, 4), 1)
    painted = layer.data.copy()
    apply_edit(layer, np.full((9, 9), 2, np.uint8), "Segment: tiny")
    layer.undo()
    np.testing.assert_array_equal(layer.data, painted)
    assert undo_name(layer) == "Brush"
    layer.undo()
    assert not layer.data.any()
    assert undo_name(layer) == ""


def test_an_edit_that_changes_nothing_is_no_step():
    layer = _labels(4, 4)
    assert apply_edit(layer, layer.data.copy(), "Nothing") == 0
    assert undo_name(layer) == ""


def test_large_edits_are_kept_small_and_come_back_exactly():
    layer = _labels(40, 200, 200)
    edited = np.random.default_rng(0).integers(0, 2, (40, 200, 200)).astype(np.uint8)
    edited[0, 0, 0] = edited[-1, -1, -1] = 1
    apply_edit(layer, edited, "Segment")
    _, before, after = layer._undo_history[-1][0]
    assert len(before._content) < 10_000
    assert len(after._content) < edited.nbytes / 2
    layer.undo()
    assert not layer.data.any()
    layer.redo()
    np.testing.assert_array_equal(layer.data, edited)


def test_listeners_of_paint_see_the_written_array():
    layer, seen = _labels(4, 4), []
    layer.events.paint.connect(lambda event: seen.append(int(layer.data.sum())))
    apply_edit(layer, np.ones((4, 4), np.uint8), "Fill")
    assert seen == [16]


def test_an_edit_waits_for_the_stroke_to_end():
    layer = _labels(4, 4)
    with layer.block_history():
        assert is_being_painted(layer)
        with pytest.raises(ValueError, match="stroke"):
            apply_edit(layer, np.ones((4, 4), np.uint8), "Fill")
    assert not is_being_painted(layer)


@pytest.mark.parametrize(
    "edited",
    [np.ones((4, 5), np.uint8), np.full((4, 4), 300), np.ones((4, 4))],
    ids=["shape", "range", "float"],
)
def test_an_edit_that_does_not_fit_is_refused_and_leaves_no_step(edited):
    layer = _labels(4, 4)
    with pytest.raises(ValueError, match="holds"):
        apply_edit(layer, edited, "Wrong")
    assert undo_name(layer) == ""


def test_an_array_that_cannot_be_written_is_refused():
    values = np.zeros((4, 4), np.uint8)
    values.flags.writeable = False
    layer = Labels(values)
    with pytest.raises(ValueError, match="cannot be written"):
        apply_edit(layer, np.ones((4, 4), np.uint8), "Fill")


def test_classes_have_their_names_and_colours_and_the_rest_is_transparent():
    layer = Labels(np.array([[0, 3], [5, 0]], np.uint8), **class_look([LIVER]))
    np.testing.assert_allclose(layer.get_color(3)[:3], [0xCC / 255, 0x79 / 255, 0xA7 / 255], 0.01)
    assert layer.get_color(5)[3] == 0
    assert "name: liver" in layer.get_status((0, 1), world=True)["value"]


def test_a_layer_is_inserted_right_above_and_the_selection_stays():
    viewer = ViewerModel()
    below, above = viewer.add_image(np.zeros((4, 4))), viewer.add_image(np.ones((4, 4)))
    viewer.layers.selection = {below, above}
    viewer.layers.selection.active = None
    labels = _labels(4, 4)
    insert_above(viewer, below, labels)
    assert list(viewer.layers) == [below, labels, above]
    assert viewer.layers.selection == {below, above}


def test_a_layer_whose_image_is_gone_goes_on_top():
    viewer = ViewerModel()
    viewer.add_image(np.zeros((4, 4)))
    labels = _labels(4, 4)
    insert_above(viewer, Image(np.zeros((4, 4))), labels)
    assert viewer.layers[-1] is labels


def test_the_answer_shares_the_grid_of_a_turned_image():
    viewer = ViewerModel()
    image = viewer.add_image(np.ones((6, 8)), scale=(2, 3), rotate=20, shear=[0.1], units="mm")
    answer = np.eye(6, 8, dtype=np.uint8)
    labels = show_answer(viewer, image, answer, model="m", classes=[LIVER], provenance={})
    for corner in [(0, 0), (5, 7), (2, 4)]:
        np.testing.assert_allclose(labels.data_to_world(corner), image.data_to_world(corner))


def test_the_layer_keeps_where_it_came_from():
    viewer = ViewerModel()
    image = viewer.add_image(np.ones((6, 8)), name="scan")
    made = show_answer(
        viewer, image, np.eye(6, 8, dtype=np.uint8), model="m", classes=[LIVER], provenance={"a": 1}
    )
    again = show_answer(
        viewer, image, np.ones((6, 8), np.uint8), model="m", classes=[LIVER], provenance={"a": 2}
    )
    other = show_answer(
        viewer, image, np.ones((6, 8), np.uint8), model="n", classes=[LIVER], provenance={}
    )
    assert again is made
    assert undo_name(made) == "Segment: m"
    assert made.metadata[KEY]["provenance"] == {"a": 2}
    assert other is not made
    assert other.metadata[KEY]["image"] == str(image.unique_id)
