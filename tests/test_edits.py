"""`Edits` against the plain arrays it stands for, over random histories."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medseg.edits import Edits, Piece, net


def _whole(shape):
    return tuple(slice(0, n) for n in shape)


class Walk:
    """Does the same to `Edits` and to whole arrays, with the two histories of a layer.

    The arrays are the definition: strokes touch the labels and `painted`, answers all four.
    """

    def __init__(self, shape, seed, levels=4):
        self.rng = np.random.default_rng(seed)
        self.shape, self.levels = shape, levels
        self.data = np.zeros(shape, np.int32)
        self.reference = self.data.copy()
        self.painted, self.confirmed = np.zeros(shape, bool), np.zeros(shape, bool)
        self.edits = Edits(shape)
        self.done, self.undone = [], []

    def check(self):
        box = self.some_box()
        changed, reviewed = self.data != self.reference, self.painted | self.confirmed
        np.testing.assert_array_equal(self.edits.changed(box, self.data[box]), changed[box])
        np.testing.assert_array_equal(self.edits.reviewed(box), reviewed[box])
        assert self.edits.count_reviewed() == reviewed.sum()
        written = self.edits.written()
        outside = np.ones(self.shape, bool)
        if written is not None:
            outside[written] = False
        assert not (changed & outside).any()

    def some_box(self):
        low = [self.rng.integers(0, n) for n in self.shape]
        return tuple(
            slice(int(a), int(self.rng.integers(a + 1, n + 1)))
            for a, n in zip(low, self.shape, strict=True)
        )

    def stroke(self):
        pieces, old, was_painted = [], self.data.copy(), self.painted.copy()
        for _ in range(self.rng.integers(1, 5)):
            box = self.some_box()
            view, value = self.data[box], self.rng.integers(0, self.levels)
            mask = (self.rng.random(view.shape) < 0.6) & (view != value)
            pieces.append(Piece(box, mask, view[mask]))
            view[mask] = value
            self.painted[box] |= mask
        self.step(self.edits.paint(pieces), old, was_painted, pieces=pieces)

    def answer(self):
        box = self.some_box()
        old, reference, was_painted = (
            self.data.copy(),
            self.reference[box].copy(),
            self.painted.copy(),
        )
        answer = self.rng.integers(0, self.levels, self.data[box].shape, np.int32)
        if self.rng.random() < 0.3:
            answer = self.data[box].copy()
        keep = (self.painted | self.confirmed)[box] & (self.rng.random() < 0.5)
        self.data[box] = np.where(keep, old[box], answer)
        self.reference[box] = answer
        overwritten = self.data != old
        was_confirmed = self.confirmed & overwritten
        self.painted &= ~overwritten
        self.confirmed &= ~overwritten
        over = Piece(box, overwritten[box], old[box][overwritten[box]])
        change = self.edits.answer(box, answer, self.data[box], [over] if overwritten.any() else ())
        if overwritten.any():  # else there is nothing to undo, but the answer counts
            self.step(
                change, old, was_painted, (box, reference, answer, overwritten, was_confirmed)
            )

    def step(self, change, old, was_painted, answered=None, pieces=()):
        now = self.data.copy(), self.painted.copy()
        self.done.append(((change, net(pieces)), (old, was_painted), now, answered))
        self.undone.clear()

    def undo(self):
        if not self.done:
            return
        self.undone.append(self.done.pop())
        change, before, _, answered = self.undone[-1]
        self.edits.undo(change[0])
        self.data, self.painted = (a.copy() for a in before)
        if answered is not None:
            box, reference, _, overwritten, was_confirmed = answered
            self.reference[box] = reference
            self.confirmed = (self.confirmed & ~overwritten) | was_confirmed

    def redo(self):
        if not self.undone:
            return
        self.done.append(self.undone.pop())
        change, _, after, answered = self.done[-1]
        self.edits.redo(*change)
        self.data, self.painted = (a.copy() for a in after)
        if answered is not None:
            box, _, answer, overwritten, _ = answered
            self.reference[box] = answer
            self.confirmed &= ~overwritten

    def confirm(self):
        box = self.some_box()
        self.edits.confirm(box)
        self.confirmed[box] = True


ACTIONS = st.lists(
    st.sampled_from(["stroke", "stroke", "answer", "undo", "undo", "redo", "confirm"]), max_size=25
)


@settings(deadline=None)
@given(
    ACTIONS,
    st.sampled_from([(9, 21), (3, 7, 10), (2, 3, 4, 9)]),
    st.integers(0, 2**32),
    st.sampled_from([4, 70_000]),
)
def test_any_history_gives_what_the_definition_says(actions, shape, seed, levels):
    walk = Walk(shape, seed, levels)
    for action in actions:
        getattr(walk, action)()
        walk.check()


def test_a_stroke_done_again_after_the_answer_below_it_is_changed_again():
    walk = Walk((9, 21), seed=0)
    walk.some_box = lambda: (slice(1, 8), slice(2, 20))
    walk.answer()
    walk.stroke()
    for action in (walk.undo, walk.undo, walk.redo, walk.redo):
        action()
    assert (walk.data != walk.reference).any()
    walk.check()


def _dab(data, box, value):
    mask = data[box] != value
    piece = Piece(box, mask, data[box][mask])
    data[box] = value
    return piece


def test_painting_back_what_the_model_said_is_reviewed_but_not_changed():
    data, edits = np.ones((4, 8), np.uint8), Edits((4, 8))
    box = (slice(1, 3), slice(2, 5))
    edits.paint([_dab(data, box, 2)])
    assert edits.changed(_whole(data.shape), data).sum() == 6
    edits.paint([_dab(data, box, 1)])
    assert not edits.changed(_whole(data.shape), data).any()
    assert edits.count_reviewed() == 6


def test_dabs_far_apart_are_not_put_into_one_huge_box():
    data, edits = np.zeros((100, 400, 400), np.uint8), Edits((100, 400, 400))
    corners = [(slice(0, 2),) * 3, (slice(98, 100), slice(398, 400), slice(398, 400))]
    change = edits.paint([_dab(data, box, 1) for box in corners])
    assert len(change.painted) == 2
    assert edits.count_reviewed() == 16


def test_dabs_that_touch_are_one_piece_that_knows_the_oldest_values():
    data, edits = np.full((30, 30), 5, np.uint8), Edits((30, 30))
    dabs = [_dab(data, (slice(i, i + 9), slice(i, i + 9)), 1 + i % 3) for i in range(20)]
    change = edits.paint(dabs)
    assert len(change.painted) == 1
    edits.undo(change)
    assert edits.count_reviewed() == 0
    assert not edits.changed(_whole(data.shape), np.full_like(data, 5)).any()


@pytest.mark.parametrize(("dtype", "at_most"), [(np.uint8, 1), (np.int64, 1), (np.uint16, 2)])
def test_values_take_the_bytes_they_need_whatever_the_type_of_the_layer(dtype, at_most):
    data, edits = np.full((50, 60, 64), 300 if at_most == 2 else 3, dtype), Edits((50, 60, 64))
    assert edits.nbytes == 0
    edits.paint([_dab(data, (slice(0, 50), slice(0, 60), slice(0, 64)), 1)])
    assert edits.nbytes <= data.size * at_most + 3 * data.size // 8


def test_a_larger_value_comes_later():
    data, edits = np.zeros((4, 8), np.int32), Edits((4, 8))
    data[2] = 70_000
    data[3] = -5
    for row in range(4):
        edits.paint([_dab(data, (slice(row, row + 1), slice(0, 8)), 1)])
    back = np.zeros((4, 8), np.int32)
    back[2], back[3] = 70_000, -5
    assert not edits.changed(_whole(data.shape), back).any()
    assert edits.changed(_whole(data.shape), data).all()


def _played(seed, shape=(9, 21, 30)):
    """Edits after some strokes and an answer, with the labels they belong to."""
    rng = np.random.default_rng(seed)
    data, edits = rng.integers(0, 3, shape).astype(np.uint8), Edits(shape)
    for _ in range(4):
        box = tuple(slice(a, a + 5) for a in rng.integers(0, np.array(shape) - 5).tolist())
        edits.paint([_dab(data, box, int(rng.integers(4)))])
    edits.confirm((slice(2, 3), slice(0, 21), slice(0, 13)))
    return data, edits


@pytest.mark.parametrize("seed", range(4))
def test_marks_that_went_through_a_file_are_the_same_marks(seed):
    data, edits = _played(seed)
    whole = _whole(data.shape)
    again = Edits(data.shape)
    again.restore(whole, edits.marks(whole))
    np.testing.assert_array_equal(again.reviewed(whole), edits.reviewed(whole))
    np.testing.assert_array_equal(again.changed(whole, data), edits.changed(whole, data))


def test_the_marks_of_the_boxes_that_were_touched_are_enough():
    data, edits = np.zeros((6, 20, 33), np.uint8), Edits((6, 20, 33))
    copy = Edits(data.shape)
    for box in [
        (slice(1, 3), slice(2, 9), slice(3, 12)),
        (slice(2, 5), slice(5, 15), slice(9, 30)),
    ]:
        edits.paint([_dab(data, box, box[0].start)])
        copy.restore(box, edits.marks(box))
    whole = _whole(data.shape)
    np.testing.assert_array_equal(copy.reviewed(whole), edits.reviewed(whole))
    np.testing.assert_array_equal(copy.changed(whole, data), edits.changed(whole, data))


def test_restored_marks_are_taken_back_and_come_again():
    data, edits = _played(5)
    whole, other = _whole(data.shape), Edits(data.shape)
    other.confirm((slice(0, 1), slice(0, 4), slice(1, 7)))
    before = other.reviewed(whole)
    change = other.restore(whole, edits.marks(whole))
    other.undo(change)
    np.testing.assert_array_equal(other.reviewed(whole), before)
    other.redo(change)
    np.testing.assert_array_equal(other.reviewed(whole), edits.reviewed(whole))
