"""The prompts of a layer through accept, undo, redo and removal."""

from __future__ import annotations

import gc
from weakref import ref

import numpy as np
import pytest
from napari.layers import Labels

from napari_medseg.interact.prompts import Prompt
from napari_medseg.packed import PackedArray
from napari_medseg.widgets.interact.given import (
    given_of,
    prompts_changed,
    prompts_of,
    restore_prompts,
)
from napari_medseg.widgets.interact.turns import Turn
from napari_medseg.widgets.interact.writing import painted_at, write_turns
from napari_medseg.widgets.keeping.prompts import kept_prompts
from napari_medseg.widgets.layers import apply_edit, history
from napari_medseg.widgets.painted import painted_of
from napari_medseg.widgets.volumes import place_of


@pytest.fixture
def layer():
    return Labels(np.zeros((4, 10, 12), np.uint8))


def prompt(layer, column, **what):
    return Prompt.drawn(place_of(layer).volume(), [(1, 5, column)], 1, axis=0, **what)


def give(layer, *columns):
    """Answer a prompt at each column with the voxels around it."""
    given = given_of(layer)
    for column in columns:
        box = np.s_[1:2, 4:7, column - 1 : column + 2]
        before = layer.data[box].copy()
        turn = Turn.of((prompt(layer, column),), box, before, np.ones_like(before))
        given.turns.append(turn)
    return given


def accept(layer, given):
    given.accept(layer, write_turns(layer, (), given.turns, "Prompts"))


def test_undo_takes_the_prompts_of_a_step_out_and_redo_puts_them_back(layer):
    told = []
    prompts_changed(layer).connect(lambda: told.append(len(prompts_of(layer))))
    given = give(layer, 2, 5)
    accept(layer, given)
    accept(layer, give(layer, 9))
    assert history(layer) == ["Prompts", "Prompts"]
    assert len(prompts_of(layer)) == 3
    layer.undo()
    assert [p.indices(place_of(layer).volume())[0, 2] for p in prompts_of(layer)] == [2, 5]
    layer.undo()
    assert prompts_of(layer) == ()
    assert not layer.data.any()
    layer.redo()
    assert len(prompts_of(layer)) == 2
    assert told == [2, 3, 2, 0, 2]


def test_only_the_last_step_of_the_layer_can_be_taken_back(layer):
    given = give(layer, 2)
    accept(layer, given)
    accepted = given.accepted[-1]
    assert given.last_step(layer) is accepted
    apply_edit(layer, np.ones((1, 1, 1), np.uint8), "Brush", box=np.s_[0:1, 0:1, 0:1])
    assert given.last_step(layer) is None
    assert given.is_written(accepted)


def test_a_prompt_that_is_dropped_stays_dropped_through_undo_and_redo(layer):
    given = give(layer, 2, 5, 9)
    accept(layer, given)
    given.drop(given.accepted[0], 1)
    assert len(prompts_of(layer)) == 2
    assert layer.data[1, 5, 5] == 1  # what came of it stays
    layer.undo()
    assert prompts_of(layer) == ()
    layer.redo()
    assert len(prompts_of(layer)) == 2
    for _ in range(2):
        given.drop(given.accepted[0], 0)
    assert given.accepted == []
    layer.undo()
    layer.redo()
    assert prompts_of(layer) == ()


def test_prompts_that_changed_nothing_hold_but_are_no_step(layer):
    layer.data[1, 4:7, 1:4] = 1
    given = give(layer, 2)
    accept(layer, given)
    assert history(layer) == []
    assert len(prompts_of(layer)) == 1
    assert not given.is_written(given.accepted[0])


def test_prompts_of_one_time_are_not_those_of_another(layer):
    restore_prompts(layer, [prompt(layer, 3)], at=(1,))
    restore_prompts(layer, [prompt(layer, 4), prompt(layer, 5)], at=(2,))
    restore_prompts(layer, [], at=(3,))
    given = given_of(layer)
    assert [len(given.prompts((i,))) for i in range(4)] == [0, 1, 2, 0]
    assert len(given.prompts()) == 3
    assert [at for at, _ in kept_prompts(layer)] == [(1,), (2,)]


def test_accepted_answers_take_little_memory_and_are_the_same(layer):
    given = give(layer, 2)
    accept(layer, given)
    (turn,) = given.accepted[0].turns
    assert isinstance(turn.after, PackedArray)
    layer.undo()
    shown = layer.data.copy()
    turn.write(shown, (0, 0, 0))
    layer.redo()
    np.testing.assert_array_equal(shown, layer.data)


def test_the_prompts_of_a_layer_go_with_it():
    layer = Labels(np.zeros((4, 10, 12), np.uint8))
    alive, given = ref(layer), ref(give(layer, 2))
    restore_prompts(layer, [prompt(layer, 3)])
    assert given() is not None
    del layer
    gc.collect()
    assert alive() is None
    assert given() is None


def test_where_a_person_pointed_is_evidence_but_what_a_box_goes_around_is_not(layer):
    grid = place_of(layer).volume()
    box = Prompt.drawn(grid, [(1, 2, 2), (1, 8, 8)], 1, kind="box", axis=0)
    line = Prompt.drawn(grid, [(1, 5, 4), (1, 5, 6)], 1, kind="scribble", axis=0)
    where = np.s_[1:2, 3:7, 3:8]
    turn = Turn.of((box, line), where, layer.data[where], np.ones((1, 4, 5), np.uint8))
    assert write_turns(layer, (), [turn], "Prompts") == 20
    reviewed = painted_of(layer).reviewed
    assert np.argwhere(reviewed).tolist() == [[1, 5, 4], [1, 5, 5], [1, 5, 6]]
    assert painted_of(layer).count_changed == 0
    layer.undo()
    assert painted_of(layer).count_reviewed == 0


def test_what_is_painted_at_a_time_is_a_box_of_the_volume():
    film = Labels(np.zeros((3, 4, 6, 8), np.uint8))
    assert painted_at(film, (1,)) is None
    stroke = np.s_[1:2, 2:3, 1:4, 2:5]
    apply_edit(film, np.ones((1, 1, 3, 3), np.uint8), "Brush", box=stroke)
    box, mask = painted_at(film, (1,))
    whole = np.zeros((4, 6, 8), bool)
    whole[box] = mask
    np.testing.assert_array_equal(whole, film.data[1] == 1)
    assert painted_at(film, (0,)) is None
