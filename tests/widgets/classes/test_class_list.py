"""The classes of real layers: read, changed, hidden, removed, kept through what befalls a layer."""

from __future__ import annotations

import dask.array
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from napari.components import ViewerModel
from napari.layers import Labels

from napari_medseg.engine.card import LabelClass
from napari_medseg.tally import tally
from napari_medseg.widgets.answers import show_answer
from napari_medseg.widgets.classes.class_list import (
    add_class,
    adopt_new_values,
    begin_classes,
    classes_of,
    next_value,
    recolour_class,
    remove_class,
    rename_class,
    set_classes,
    set_hidden,
    set_visible,
    tell_apart,
)
from napari_medseg.widgets.classes.counts import voxel_counts
from napari_medseg.widgets.classes.palette import PALETTE, difference
from napari_medseg.widgets.classes.stored import (
    class_signals,
    hidden_of,
    locked_of,
    set_all_locked,
    set_locked,
)
from napari_medseg.widgets.layers import class_look, history

LIVER = LabelClass(value=3, name="liver", colour="#cc79a7")
TUMOUR = LabelClass(value=5, name="tumour", colour="#0072b2")


def _layer(*values, **kwargs):
    """A layer with twice as many voxels of each value as of the one before."""
    data = np.zeros((4, 8, 8), np.uint8)
    place = 0
    for i, value in enumerate(values):
        data.reshape(-1)[place : place + 2**i] = value
        place += 2**i
    return Labels(data, **kwargs)


def _hex(layer, value):
    return "#" + "".join(f"{round(255 * float(part)):02x}" for part in layer.get_color(value)[:3])


def _told(layer):
    told = []
    class_signals(layer).changed.connect(lambda: told.append(1))
    return told


# ---- where they come from


def test_a_layer_nobody_named_has_a_class_for_each_value_in_the_colours_it_shows():
    layer = _layer(2, 7)
    assert [(c.value, c.name) for c in classes_of(layer)] == [(2, "class 2"), (7, "class 7")]
    for own in classes_of(layer):
        assert own.colour == _hex(layer, own.value)
    layer.show_selected_label = True
    assert [c.colour for c in classes_of(layer)][1] == _hex(_layer(7), 7)


def test_names_and_colours_of_a_models_card_are_the_classes():
    layer = _layer(3, **class_look([LIVER, TUMOUR]))
    assert classes_of(layer) == [LIVER, TUMOUR]


def test_a_table_of_features_from_elsewhere_gives_names():
    layer = _layer(1, 2, features={"index": [0, 1, 2], "name": ["background", "a", "b"]})
    assert [(c.value, c.name, c.colour) for c in classes_of(layer)] == [
        (1, "a", _hex(layer, 1)),
        (2, "b", _hex(layer, 2)),
    ]
    assert classes_of(_layer(1, features={"area": [1.0, 2.0]}))[0].name == "class 1"


def test_values_no_class_can_have_are_left_out():
    layer = Labels(np.array([[-4, 0, 1], [70_000, 1, 2]], np.int32))
    assert [c.value for c in classes_of(layer)] == [1, 2]
    assert voxel_counts(layer) == {-4: 1, 1: 2, 2: 1, 70_000: 1}


def test_a_value_that_comes_up_gets_a_class_and_a_colour_of_its_own():
    layer = _layer(3, **class_look([LIVER, TUMOUR]))
    set_classes(layer, classes_of(layer))
    with layer.block_history():
        layer.paint((2, 4, 4), 9)
    assert [c.value for c in classes_of(layer)] == [3, 5, 9]
    np.testing.assert_array_equal(layer.get_color(9), [1, 1, 1, 1])
    adopt_new_values(layer)
    new = classes_of(layer)[2]
    assert _hex(layer, 9) == new.colour
    assert min(difference(new.colour, c.colour) for c in (LIVER, TUMOUR)) > 17


def test_empty_labels_begin_with_the_class_one_paints_with():
    layer = _layer()
    begin_classes(layer)
    assert classes_of(layer) == [LabelClass(value=1, name="class 1", colour=PALETTE[0])]
    assert _hex(layer, 1) == PALETTE[0]
    painted = _layer(4)
    colours = painted.colormap
    begin_classes(painted)
    assert painted.colormap is colours
    assert [c.value for c in classes_of(painted)] == [4]


# ---- changes


def test_classes_that_are_set_are_named_and_coloured_on_the_canvas_and_told_once():
    layer = _layer(1, 3)
    told = _told(layer)
    set_classes(layer, [TUMOUR, LIVER])
    assert told == [1]
    assert [c.name for c in classes_of(layer)] == ["class 1", "liver", "tumour"]
    assert (_hex(layer, 3), _hex(layer, 5)) == ("#cc79a7", "#0072b2")
    assert "name: liver" in layer.get_status((0, 0, 1), world=True)["value"]


def test_classes_of_the_same_value_or_of_one_the_layer_cannot_hold_are_refused():
    layer = _layer(1)
    before = classes_of(layer)
    for wrong in ([LIVER, LIVER], [LabelClass(value=300, name="far")]):
        with pytest.raises(ValueError, match="different values from 1 to 255"):
            set_classes(layer, wrong)
    assert classes_of(layer) == before
    full = Labels(np.arange(256, dtype=np.uint8).reshape(16, 16))
    with pytest.raises(ValueError, match="all have a class"):
        add_class(full)


def test_a_new_class_has_the_next_free_value_and_is_painted_with():
    layer = _layer(1, 3)
    assert next_value(layer) == 2
    new = add_class(layer, "vessel")
    assert (new.value, new.name, layer.selected_label) == (2, "vessel", 2)
    assert [c.value for c in classes_of(layer)] == [1, 2, 3]
    assert add_class(layer).name == "class 4"
    assert history(layer) == []


def test_a_class_is_renamed_and_recoloured_alone():
    layer = _layer(1, 3)
    others = classes_of(layer)[0]
    rename_class(layer, 3, "  liver ")
    recolour_class(layer, 3, "#00ff00")
    told = _told(layer)
    rename_class(layer, 3, "   ")
    rename_class(layer, 3, "liver")
    assert told == []
    assert classes_of(layer) == [others, LabelClass(value=3, name="liver", colour="#00ff00")]
    tell_apart(layer)
    assert [c.colour for c in classes_of(layer)] == list(PALETTE[:2])


def test_a_hidden_class_is_not_seen_and_comes_back_as_it_was():
    layer = _layer(1, 3)
    colours = [c.colour for c in classes_of(layer)]
    layer.show_selected_label, layer.selected_label = True, 3
    set_visible(layer, 3, False)
    assert layer.show_selected_label
    assert layer.selected_label == 3
    assert layer.get_color(3)[3] == 0
    layer.show_selected_label = False
    assert hidden_of(layer) == {3}
    assert [c.colour for c in classes_of(layer)] == colours
    rename_class(layer, 3, "liver")
    assert layer.get_color(3)[3] == 0
    told = _told(layer)
    set_hidden(layer, set())
    set_visible(layer, 3, True)
    assert told == [1]
    assert [_hex(layer, value) for value in (1, 3)] == colours


def test_a_class_that_is_removed_comes_back_with_undo_and_goes_with_redo():
    layer = _layer(1, 3)
    set_classes(layer, [LIVER])
    before = layer.data.copy()
    assert remove_class(layer, 3) == 2
    np.testing.assert_array_equal(layer.data, np.where(before == 3, 0, before))
    assert history(layer) == ["Remove liver"]
    assert [c.value for c in classes_of(layer)] == [1]
    rename_class(layer, 1, "heart")
    layer.undo()
    np.testing.assert_array_equal(layer.data, before)
    assert LIVER in classes_of(layer)
    layer.redo()
    assert [c.name for c in classes_of(layer)] == ["heart"]
    assert next_value(layer) == 2
    assert remove_class(layer, 77) == 0


def test_an_empty_class_is_removed_without_a_step_and_a_locked_one_stays():
    layer = _layer(1)
    add_class(layer)
    assert remove_class(layer, 2) == 0
    assert [c.value for c in classes_of(layer)] == [1]
    assert history(layer) == []
    set_locked(layer, 1, True)
    with pytest.raises(ValueError, match="'class 1' is locked; unlock it"):
        remove_class(layer, 1)
    assert voxel_counts(layer) == {1: 1}


# ---- what they survive


def test_classes_and_locks_go_into_a_duplicate_and_are_its_own_there():
    viewer = ViewerModel()
    layer = viewer.add_layer(_layer(1, 3))
    set_classes(layer, [LIVER])
    set_all_locked(layer, {1})
    set_visible(layer, 3, False)
    viewer.layers.selection.active = layer
    copy = Labels.create(*layer.as_layer_data_tuple())
    assert classes_of(copy) == classes_of(layer)
    assert (locked_of(copy), hidden_of(copy)) == ({1}, {3})
    assert copy.get_color(3)[3] == 0
    set_locked(copy, 1, False)
    rename_class(copy, 3, "spleen")
    assert locked_of(layer) == {1}
    assert classes_of(layer)[1].name == "liver"


def test_a_second_answer_of_the_model_leaves_classes_and_locked_voxels_alone():
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((4, 6, 6)))
    found = np.zeros((4, 6, 6), np.uint8)
    found[1:3, 1:3] = 3

    def answer(labels):
        return show_answer(viewer, image, labels, model="m", classes=[LIVER, TUMOUR], provenance={})

    layer = answer(found)
    rename_class(layer, 5, "cyst")
    set_locked(layer, 3, True)
    assert answer(np.full_like(found, 5)) is layer
    np.testing.assert_array_equal(layer.data, np.where(found == 3, 3, 5))
    assert [c.name for c in classes_of(layer)] == ["liver", "cyst"]
    assert locked_of(layer) == {3}


# ---- counts


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.sampled_from(["paint", "edit", "undo", "redo", "data", "count"]), max_size=12),
    st.integers(0, 2**32),
)
def test_counts_are_those_of_a_recount_whatever_happens(actions, seed):
    rng = np.random.default_rng(seed)
    layer = Labels(rng.integers(0, 4, (3, 9, 10)).astype(np.int16))
    for action in ["count", *actions]:
        point = tuple(int(rng.integers(0, n)) for n in layer.data.shape)
        if action == "paint":
            layer.brush_size = int(rng.integers(1, 6))
            with layer.block_history():
                layer.paint(point, int(rng.integers(-1, 5)), refresh=False)
                assert voxel_counts(layer) == tally(layer.data)  # the stroke goes on
                layer.paint(point[::-1] if point[0] < 0 else point, 3, refresh=False)
        elif action == "edit":
            layer.data_setitem(tuple(np.array([p]) for p in point), 2)
        elif action in ("undo", "redo"):
            getattr(layer, action)()
        elif action == "data":
            layer.data = rng.integers(0, 3, (3, 9, 10)).astype(np.int16)
            layer._reset_history()
        assert voxel_counts(layer) == tally(layer.data)


def test_who_listens_to_counts_sees_the_new_ones():
    layer, seen = _layer(1), []
    voxel_counts(layer)
    class_signals(layer).counted.connect(lambda: seen.append(voxel_counts(layer)))
    with layer.block_history():
        layer.paint((3, 4, 4), 2)
    layer.undo()
    assert seen[-1] == {1: 1}
    assert any(2 in counts for counts in seen)


def test_layers_whose_voxels_are_not_at_hand_are_not_counted():
    lazy = Labels(dask.array.ones((4, 8, 8), dtype=np.uint8))
    levels = Labels([np.ones((8, 8), np.uint8), np.ones((4, 4), np.uint8)], multiscale=True)
    for layer in (lazy, levels):
        assert voxel_counts(layer) == {}
        assert classes_of(layer) == []
        begin_classes(layer)
        assert classes_of(layer) == []
