"""What a person painted, with the strokes, edits, answers and undos of real layers."""

from __future__ import annotations

import gc
from weakref import ref

import dask.array
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from napari.components import ViewerModel
from napari.layers import Labels

from napari_medseg.widgets.layers import apply_edit, history
from napari_medseg.widgets.painted import follow, painted_of


def _stroke(layer, *points, value=1):
    with layer.block_history():
        for point in points:
            layer.paint(point, value, refresh=False)


class Walk:
    """A layer in random hands, and beside it what its masks must be."""

    def __init__(self, shape, seed):
        self.rng = np.random.default_rng(seed)
        self.layer = Labels(self.rng.integers(0, 3, shape).astype(np.uint8))
        self.layer.brush_size = 3
        self.layer.n_edit_dimensions = min(len(shape), int(self.rng.integers(2, 4)))
        self.painted = painted_of(self.layer)
        self.reference = self.layer.data.copy()
        self.reviewed = np.zeros(shape, bool)  # without confirmations, these have a test below
        self.states, self.later = [], []

    def check(self):
        np.testing.assert_array_equal(self.painted.changed, self.layer.data != self.reference)
        np.testing.assert_array_equal(self.painted.reviewed, self.reviewed)
        assert self.painted.count_changed == (self.layer.data != self.reference).sum()
        assert self.painted.count_reviewed == self.reviewed.sum()

    def point(self):
        return tuple(int(self.rng.integers(0, n)) for n in self.layer.data.shape)

    def by_person(self, do):
        before = self.layer.data.copy(), self.reference.copy(), self.reviewed.copy()
        steps = len(self.layer._undo_history)
        do()
        self.reviewed |= self.layer.data != before[0]
        if len(self.layer._undo_history) > steps:
            self.states.append(before)
            self.later.clear()

    def stroke(self):
        value, points = int(self.rng.integers(0, 4)), [self.point() for _ in range(4)]
        before = self.layer.data.copy()
        touched = np.zeros_like(self.reviewed)

        def paint():
            nonlocal before
            with self.layer.block_history():
                for point in points:
                    before = self.layer.data.copy()
                    self.layer.paint(point, value)
                    touched[self.layer.data != before] = True

        self.by_person(paint)
        self.reviewed |= touched

    def fill(self):
        self.by_person(lambda: self.layer.fill(self.point(), int(self.rng.integers(0, 4))))

    def polygon(self):
        corners = np.array([self.point() for _ in range(3)])
        corners[:, :-2] = corners[0, :-2]
        self.layer.n_edit_dimensions = 2
        self.by_person(lambda: self.layer.paint_polygon(corners, int(self.rng.integers(0, 4))))

    def tool(self):
        edited = np.where(self.rng.random(self.reviewed.shape) < 0.2, 2, self.layer.data)
        self.by_person(lambda: apply_edit(self.layer, edited, "Tool"))

    def answer(self):
        shape = self.layer.data.shape
        low = [int(self.rng.integers(0, n)) for n in shape]
        box = tuple(
            slice(a, int(self.rng.integers(a, n)) + 1) for a, n in zip(low, shape, strict=True)
        )
        answer = self.rng.integers(0, 3, self.layer.data[box].shape).astype(np.uint8)
        keep = bool(self.rng.random() < 0.7)
        before = self.layer.data.copy(), self.reference.copy(), self.reviewed.copy()
        changed_by_person, outside = self.painted.changed, np.ones(shape, bool)
        outside[box] = False
        count = self.painted.write_answer(answer, "Segment", box=box, keep_painted=keep)
        differs = self.layer.data != before[0]
        assert count == differs.sum()
        assert not (differs & outside).any()
        if keep:
            assert not (differs & (changed_by_person | self.reviewed)).any()
        else:
            np.testing.assert_array_equal(self.layer.data[box], answer)
        if count:
            self.reference[box] = answer
            self.reviewed &= ~differs
            self.states.append(before)
            self.later.clear()

    def prompted(self):
        shape = self.layer.data.shape
        low = [int(self.rng.integers(0, n)) for n in shape]
        box = tuple(
            slice(a, int(self.rng.integers(a, n)) + 1) for a, n in zip(low, shape, strict=True)
        )
        new = self.rng.random(self.layer.data[box].shape) < 0.5
        edited = np.where(new, 2, self.layer.data[box]).astype(np.uint8)
        before = self.layer.data.copy(), self.reference.copy(), self.reviewed.copy()
        evidence = np.zeros(shape, bool)
        evidence[self.point()] = True
        whole = tuple(slice(0, n) for n in shape)
        if self.painted.write_prompted(edited, "Prompts", box, [(whole, evidence)]):
            differs = self.layer.data != before[0]
            inside = np.zeros(shape, bool)
            inside[box] = True
            self.reference[inside & ~(self.reviewed & ~differs)] = self.layer.data[
                inside & ~(self.reviewed & ~differs)
            ]
            self.reviewed = (self.reviewed & ~differs) | evidence
            self.states.append(before)
            self.later.clear()

    def undo(self):
        if self.states:
            self.later.append((self.layer.data.copy(), self.reference, self.reviewed))
            before = self.states.pop()
            self.layer.undo()
            np.testing.assert_array_equal(self.layer.data, before[0])
            _, self.reference, self.reviewed = before

    def redo(self):
        if self.later:
            after = self.later.pop()
            self.states.append((self.layer.data.copy(), self.reference, self.reviewed))
            self.layer.redo()
            np.testing.assert_array_equal(self.layer.data, after[0])
            _, self.reference, self.reviewed = after


ACTIONS = st.lists(
    st.sampled_from(
        ["stroke", "fill", "polygon", "tool", "answer", "prompted", "undo", "undo", "redo"]
    ),
    max_size=15,
)


@settings(deadline=None, max_examples=60)
@given(
    ACTIONS,
    st.sampled_from([(13, 17), (4, 9, 11), (2, 3, 8, 9)]),
    st.integers(0, 2**32),
)
def test_in_any_history_the_masks_are_what_they_say(actions, shape, seed):
    walk = Walk(shape, seed)
    for action in actions:
        getattr(walk, action)()
        walk.check()


def test_a_stroke_undone_is_neither_changed_nor_reviewed():
    layer = Labels(np.zeros((4, 30, 30), np.uint8))
    painted = painted_of(layer)
    _stroke(layer, (1, 9, 9), (1, 12, 12), value=2)
    assert painted.count_changed == painted.count_reviewed == (layer.data == 2).sum() > 0
    layer.undo()
    assert painted.count_changed == painted.count_reviewed == 0
    layer.redo()
    np.testing.assert_array_equal(painted.changed, layer.data == 2)


def test_what_is_erased_is_reviewed_and_changed():
    layer = Labels(np.ones((4, 30, 30), np.uint8))
    painted = painted_of(layer)
    _stroke(layer, (1, 9, 9), value=0)
    np.testing.assert_array_equal(painted.changed, layer.data == 0)
    np.testing.assert_array_equal(painted.reviewed, layer.data == 0)


def test_confirmed_slices_stay_reviewed_through_undo_and_are_not_changed():
    layer = Labels(np.ones((4, 30, 30), np.uint8))
    painted = painted_of(layer)
    _stroke(layer, (1, 9, 9), value=0)
    painted.mark_reviewed((slice(1, 2), slice(None), slice(None)))
    layer.undo()
    assert painted.count_reviewed == 900
    assert painted.reviewed_in((slice(1, 2),) * 3).all()
    assert painted.count_changed == 0
    painted.mark_reviewed()
    assert painted.count_reviewed == layer.data.size


def test_an_answer_that_gives_a_confirmed_voxel_another_value_ends_that_until_it_is_undone():
    layer = Labels(np.ones((4, 8), np.uint8))
    painted = painted_of(layer)
    painted.mark_reviewed((slice(0, 2), slice(None)))
    answer = np.ones((4, 8), np.uint8)
    answer[1:3, 2:5] = 2
    assert painted.write_answer(answer, "Segment", keep_painted=True) == 3
    assert (layer.data[:2] == 1).all()
    layer.undo()
    assert painted.write_answer(answer, "Segment", keep_painted=False) == 6
    assert painted.count_reviewed == 16 - 3
    layer.undo()
    assert painted.count_reviewed == 16
    layer.redo()
    assert painted.count_reviewed == 16 - 3


def test_an_answer_is_not_a_persons_change_but_a_tool_is():
    layer = Labels(np.zeros((6, 6), np.uint8))
    painted = painted_of(layer)
    painted.write_answer(np.eye(6, dtype=np.uint8), "Segment")
    assert painted.count_changed == painted.count_reviewed == 0
    apply_edit(layer, np.ones((6, 6), np.uint8), "Fill")
    np.testing.assert_array_equal(painted.changed, ~np.eye(6, dtype=bool))
    np.testing.assert_array_equal(painted.reviewed, ~np.eye(6, dtype=bool))


def test_an_answer_that_changes_nothing_makes_no_step_and_no_new_reference():
    layer = Labels(np.zeros((6, 6), np.uint8))
    painted = painted_of(layer)
    apply_edit(layer, np.eye(6, dtype=np.uint8), "Draw")
    assert painted.count_changed == 6
    assert painted.write_answer(np.eye(6, dtype=np.uint8), "Segment") == 0
    assert history(layer) == ["Draw"]
    assert painted.count_changed == 6
    assert painted.count_reviewed == 6
    layer.undo()
    assert painted.count_changed == painted.count_reviewed == 0


def test_strokes_from_before_tracking_began_are_found_in_the_history():
    layer = Labels(np.zeros((20, 20), np.uint8))
    _stroke(layer, (5, 5))
    _stroke(layer, (15, 15))
    layer.undo()
    assert layer.data.any()
    painted = painted_of(layer)
    np.testing.assert_array_equal(painted.changed, layer.data == 1)
    assert painted.count_reviewed == (layer.data == 1).sum()
    layer.redo()
    np.testing.assert_array_equal(painted.reviewed, layer.data == 1)
    layer.undo()
    layer.undo()
    assert painted.count_changed == painted.count_reviewed == 0


def test_an_answer_from_before_tracking_began_is_no_change_either():
    layer = Labels(np.zeros((20, 20), np.uint8))
    layer.brush_size = 4
    _stroke(layer, (5, 5))
    answer = np.full((20, 20), 2, np.uint8)
    apply_edit(layer, answer, "Segment", answer=answer)
    _stroke(layer, (15, 15))
    painted = painted_of(layer)
    np.testing.assert_array_equal(painted.changed, layer.data == 1)
    np.testing.assert_array_equal(painted.reviewed, layer.data == 1)
    layer.undo()
    layer.undo()
    np.testing.assert_array_equal(painted.changed, layer.data == 1)
    np.testing.assert_array_equal(painted.reviewed, layer.data == 1)


def test_another_array_of_the_same_shape_is_a_persons_change():
    layer = Labels(np.zeros((8, 8), np.uint8))
    painted = painted_of(layer)
    layer.data = np.eye(8, dtype=np.uint8)
    np.testing.assert_array_equal(painted.changed, np.eye(8, dtype=bool))
    np.testing.assert_array_equal(painted.reviewed, np.eye(8, dtype=bool))
    layer.data = layer.data.astype(np.int32)
    assert painted.count_changed == 8


def test_an_array_of_another_shape_begins_anew():
    layer = Labels(np.zeros((8, 8), np.uint8))
    painted = painted_of(layer)
    _stroke(layer, (4, 4))
    layer.data = np.ones((3, 5), np.uint8)
    assert painted.changed.shape == painted.reviewed.shape == (3, 5)
    assert painted.count_changed == painted.count_reviewed == 0
    layer.data_setitem((np.array([1]), np.array([1])), 0)
    assert painted.count_changed == 1


def test_a_lazy_layer_that_napari_lets_people_paint_is_tracked():
    layer = Labels(dask.array.zeros((4, 20, 20), dtype=np.uint8, chunks=8))
    painted = painted_of(layer)
    _stroke(layer, (1, 9, 9), value=3)
    np.testing.assert_array_equal(painted.changed, np.asarray(layer.data) == 3)
    assert painted.count_changed > 0


def test_what_happened_to_a_hidden_layer_counts():
    layer = Labels(np.zeros((20, 20), np.uint8))
    painted = painted_of(layer)
    _stroke(layer, (9, 9))
    layer.visible = False
    layer.undo()
    assert painted.count_reviewed == 0
    layer.redo()
    assert painted.count_reviewed == painted.count_changed == (layer.data == 1).sum()


def test_every_labels_layer_of_a_viewer_is_followed_once_and_viewers_do_not_mix():
    one, other = ViewerModel(), ViewerModel()
    there = one.add_labels(np.zeros((20, 20), np.uint8))
    one.add_image(np.zeros((20, 20)))
    follow(one)
    follow(one)
    new = one.add_labels(np.zeros((20, 20), np.uint8))
    beside = other.add_labels(np.zeros((20, 20), np.uint8))
    follow(other)
    for layer in (there, new):
        for i in range(130):  # more than the history holds: followed from the first stroke
            _stroke(layer, (2 + i // 10, 10), value=1 + i % 2)
        assert painted_of(layer).count_changed == np.count_nonzero(layer.data)
    assert painted_of(beside).count_changed == 0


def test_a_layer_takes_next_to_nothing_until_it_is_painted():
    layer = Labels(np.broadcast_to(np.uint8(0), (200, 512, 512)))
    painted = painted_of(layer)
    assert painted.nbytes == 0
    assert painted.count_changed == painted.count_reviewed == 0
    assert painted.nbytes == 0


@pytest.mark.parametrize("dtype", [np.uint8, np.int64])
def test_painting_takes_at_most_an_eighth_of_a_byte_a_mask_and_the_values(dtype):
    layer = Labels(np.zeros((20, 64, 64), dtype))
    painted = painted_of(layer)
    apply_edit(layer, np.ones((20, 64, 64), dtype), "Fill")
    painted.mark_reviewed()
    assert painted.nbytes == layer.data.size * (1 + 3 / 8)


def test_the_record_of_a_layer_goes_with_it():
    viewer = ViewerModel()
    follow(viewer)
    layer = Labels(np.zeros((20, 20), np.uint8))
    painted = painted_of(layer)
    _stroke(layer, (9, 9))
    gone = ref(layer)
    del layer
    gc.collect()
    assert gone() is None
    with pytest.raises(ValueError, match="gone"):
        painted.mark_reviewed()


def test_labels_and_marks_of_an_earlier_sitting_come_back_as_one_step_and_go_again():
    earlier = Labels(np.zeros((8, 20, 20), np.uint8))
    painted = painted_of(earlier)
    painted.write_answer(np.full(earlier.data.shape, 2, np.uint8), "Segment")
    _stroke(earlier, (3, 9, 9))
    painted.mark_reviewed((slice(0, 1), slice(0, 20), slice(0, 20)))
    layer = Labels(np.zeros((8, 20, 20), np.uint8))
    again = painted_of(layer)
    assert again.restore(earlier.data, painted.marks(), "Restored") == layer.data.size
    for _ in range(2):
        assert history(layer) == ["Restored"]
        np.testing.assert_array_equal(again.reviewed, painted.reviewed)
        np.testing.assert_array_equal(again.changed, painted.changed)
        layer.undo()
        assert again.count_reviewed == again.count_changed == 0
        layer.redo()


def test_a_confirmed_box_is_told():
    painted, told = painted_of(layer := Labels(np.zeros((4, 5, 6), np.uint8))), []
    painted.confirmed.connect(told.append)
    painted.mark_reviewed((slice(1, 2), slice(None), slice(None)))
    assert told == [(slice(1, 2), slice(0, 5), slice(0, 6))]
    assert layer.data.sum() == 0
