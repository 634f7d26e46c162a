"""The queue of doubtful places: where one is, what is done, and that nothing of it is lost."""

from __future__ import annotations

import json

import numpy as np
import pytest
from napari.layers import Labels

from napari_medseg.engine.doubt_place import Place
from napari_medseg.widgets.layers import apply_edit
from napari_medseg.widgets.painted import painted_of
from napari_medseg.widgets.review.marker import outline
from napari_medseg.widgets.review.queue import CORRECTED, OPEN, RIGHT, queue_of


def _place(start, share, side=4):
    box = tuple(slice(s, s + side) for s in start)
    return Place(tuple(s + 1 for s in start), box, 1, share, "a hole", "hole", share)


@pytest.fixture
def layer():
    return Labels(np.zeros((12, 20, 20), np.uint8), name="liver")


@pytest.fixture
def queue(layer):
    queue = queue_of(layer)
    queue.fill([_place((0, 0, 0), 0.5), _place((6, 6, 6), 0.3), _place((6, 14, 14), 0.2)], "all")
    return queue


def _paint(layer, box, value=1):
    edited = layer.data[box].copy()
    edited[...] = value
    apply_edit(layer, edited, "Brush", box=box)


def test_one_walks_from_open_place_to_open_place_and_back_to_any(queue):
    assert queue.place is None
    assert [queue.next().centre[0] for _ in range(3)] == [1, 7, 7]
    assert queue.next() is queue.places[0]
    assert queue.looks_right() is queue.places[1]
    assert queue.looks_right() is queue.places[2]
    assert queue.next() is queue.places[2]
    assert queue.previous() is queue.places[1]
    assert queue.states == [RIGHT, RIGHT, OPEN]
    assert queue.looks_right() is queue.places[2]
    assert queue.looks_right() is None
    assert queue.next() is None
    assert queue.done == 3


def test_what_looks_right_is_reviewed_voxel_by_voxel(layer, queue):
    queue.next()
    queue.looks_right()
    reviewed = painted_of(layer).reviewed
    assert reviewed[queue.places[0].box].all()
    assert reviewed.sum() == 4**3
    assert queue.share_done == pytest.approx(0.5)


def test_an_edit_in_the_place_corrects_it_and_undo_opens_it_again(layer, queue):
    queue.next()
    _paint(layer, np.s_[1:3, 1:3, 1:3])
    assert queue.states == [CORRECTED, OPEN, OPEN]
    layer.undo()
    assert queue.states == [OPEN, OPEN, OPEN]
    layer.redo()
    assert queue.states == [CORRECTED, OPEN, OPEN]


def test_a_stroke_of_the_brush_corrects_it_too(layer, queue):
    queue.next()
    with layer.block_history():
        layer.paint((1, 1, 1), 1)
    assert queue.states[0] == CORRECTED


def test_an_edit_elsewhere_corrects_nothing_but_the_place_it_lies_in(layer, queue):
    queue.next()
    _paint(layer, np.s_[4:6, 4:6, 0:3])
    assert queue.states == [OPEN, OPEN, OPEN]
    _paint(layer, np.s_[7:9, 7:9, 7:9])
    assert queue.states == [OPEN, CORRECTED, OPEN]
    _paint(layer, np.s_[:, :, :], 2)  # of the whole volume: only the place one looks at
    assert queue.states == [CORRECTED, CORRECTED, OPEN]


def test_a_new_answer_of_a_model_makes_the_places_stale_and_corrects_none(layer, queue):
    queue.next()
    painted_of(layer).write_answer(np.ones(layer.data.shape, np.uint8), "Segment: liver")
    assert queue.stale
    assert queue.states == [OPEN] * 3
    queue.fill([], "all")
    assert not queue.stale


def test_another_array_in_the_layer_makes_them_stale(layer, queue):
    layer.data = np.ones((12, 20, 20), np.uint8)
    assert queue.stale


def test_every_change_is_told_once(layer, queue):
    told = []
    queue.changed.connect(lambda: told.append(queue.done))
    queue.next()
    _paint(layer, np.s_[1:3, 1:3, 1:3])
    queue.next()
    queue.looks_right()
    assert told == [0, 1, 1, 2]


def test_the_state_goes_through_json_and_back(layer, queue):
    queue.next()
    queue.looks_right()
    _paint(layer, np.s_[7:9, 7:9, 7:9])
    kept = json.loads(json.dumps(queue.state()))
    other = queue_of(Labels(np.zeros((12, 20, 20), np.uint8)))
    other.restore(kept)
    assert other.places == queue.places
    assert other.states == [RIGHT, CORRECTED, OPEN]
    assert other.place is other.places[1]
    assert (other.source, other.stale, other.step) == ("all", False, ())
    assert other.state() == queue.state()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda s: s.pop("places"),
        lambda s: s["places"][0].update(box=[[0, 400], [0, 4], [0, 4]]),
        lambda s: s["places"][0].update(state="forgotten"),
        lambda s: s["places"][0].update(centre=[1]),
        lambda s: s["places"].append(None),
    ],
)
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(queue, spoil):
    state = queue.state()
    spoil(state)
    with pytest.raises(ValueError, match="does not fit these labels"):
        queue.restore(state)
    assert len(queue.places) == 3


def test_in_a_series_the_places_belong_to_the_step_they_were_found_in():
    layer = Labels(np.zeros((3, 12, 20, 20), np.uint8))
    queue = queue_of(layer)
    queue.fill([_place((0, 0, 0), 1.0)], "all", step=(1,))
    queue.next()
    _paint(layer, np.s_[0:1, 1:3, 1:3, 1:3])
    assert queue.states == [OPEN]
    queue.looks_right()
    reviewed = painted_of(layer).reviewed
    assert reviewed[1, :4, :4, :4].all()
    assert not reviewed[2].any()


def _edges(box, at):
    return {tuple(np.round(np.r_[s, s + w], 2)) for s, w in outline(box, np.array(at, float))}


def test_the_outline_is_a_rectangle_in_each_plane_through_the_point():
    box = (slice(2, 6), slice(3, 9), slice(4, 7))
    edges = _edges(box, (3, 5, 5))
    assert len(edges) == 12
    flat = [e for e in edges if e[0] == e[3] == 3]  # in the slice one sees
    assert {(e[1], e[4]) for e in flat} == {(2.25, 8.75), (2.25, 2.25), (8.75, 8.75)}


def test_the_outline_of_one_plane_leaves_no_line_on_a_slice_of_another():
    box = (slice(2, 6), slice(3, 9), slice(4, 7))
    for z in range(2, 6):
        starts = outline(box, np.array([z, 5, 5]))[:, 0]
        assert np.count_nonzero(np.abs(starts[:, 0] - z) <= 0.5) == 4


def test_a_plane_that_passes_by_the_box_has_no_outline():
    box = (slice(2, 6), slice(3, 9), slice(4, 7))
    assert len(outline(box, np.array([7, 5, 5]))) == 8
    assert outline(box, np.array([7, 0, 0])).shape == (0, 2, 3)
    assert len(outline((slice(2, 6), slice(3, 9)), np.array([0, 0]))) == 4
