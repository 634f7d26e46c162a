"""Whatever a person does, undoes and does again: what the journal says is what the labels are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medseg.edits import Edits, Piece, net
from napari_medseg.journal import (
    Identity,
    Journal,
    Outstanding,
    Written,
    base_record,
    classes_record,
    marks_record,
    note_record,
    read_journal,
    step_record,
)

SHAPE = (4, 9, 21)
WHOLE = tuple(slice(0, side) for side in SHAPE)
ACTIONS = st.lists(
    st.sampled_from(["paint", "paint", "answer", "undo", "undo", "redo", "confirm", "rewrite"]),
    max_size=14,
)


class Sitting:
    """Paints, answers, undoes and redoes at random; every step goes into a journal."""

    def __init__(self, path, seed):
        self.rng = np.random.default_rng(seed)
        self.labels = self.rng.integers(0, 3, SHAPE).astype(np.uint8)
        self.first = self.labels.copy()
        self.edits, self.count = Edits(SHAPE), 0
        self.done, self.undone = [], []
        self.identity = Identity(layer="labels", shape=SHAPE, dtype="uint8")
        self.journal = Journal(path, self.identity)
        self.journal.append([base_record(self.labels, self.edits.marks(WHOLE))])

    def some_box(self):
        low = [int(self.rng.integers(0, side)) for side in SHAPE]
        return tuple(
            slice(a, int(self.rng.integers(a + 1, side + 1)))
            for a, side in zip(low, SHAPE, strict=True)
        )

    def paint(self):
        before, pieces = self.labels.copy(), []
        for _ in range(int(self.rng.integers(1, 4))):
            box, value = self.some_box(), int(self.rng.integers(0, 5))
            mask = (self.rng.random(before[box].shape) < 0.5) & (self.labels[box] != value)
            pieces.append(Piece(box, mask, self.labels[box][mask]))
            self.labels[box][mask] = value
        self._step(self.edits.paint(pieces), before, [p.box for p in pieces], net(pieces), True)

    def answer(self):
        before, box = self.labels.copy(), self.some_box()
        answer = self.rng.integers(0, 5, before[box].shape).astype(np.uint8)
        keep = self.edits.reviewed(box)
        self.labels[box] = np.where(keep, before[box], answer)
        over = (self.labels != before)[box]
        pieces = [Piece(box, over, before[box][over])] if over.any() else []
        change = self.edits.answer(box, answer, self.labels[box], pieces)
        self._step(change, before, [box], (), False)

    def _step(self, change, before, boxes, pieces, by_person):
        self.count += 1
        step = (self.count, change, before, self.labels.copy(), boxes, pieces, by_person)
        self.done.append(step)
        self.undone.clear()
        self._write(step, "done")

    def undo(self):
        if self.done:
            self.undone.append(step := self.done.pop())
            self.edits.undo(step[1])
            self.labels = step[2].copy()
            self._write(step, "undone")

    def redo(self):
        if self.undone:
            self.done.append(step := self.undone.pop())
            self.edits.redo(step[1], step[5])
            self.labels = step[3].copy()
            self._write(step, "redone")

    def confirm(self):
        box = self.some_box()
        self.edits.confirm(box)
        self.journal.append([marks_record(box, self.edits.marks(box))])

    def rewrite(self):
        self.journal.rewrite()

    def _write(self, step, happened):
        number, boxes, by_person = step[0], step[4], step[6]
        writes = [Written(b, self.labels[b].copy(), self.edits.marks(b)) for b in boxes]
        self.journal.append([step_record(number, happened, "Step", writes, by_person=by_person)])

    def assert_equals(self, read):
        np.testing.assert_array_equal(read.labels, self.labels)
        np.testing.assert_array_equal(read.base, self.first)
        np.testing.assert_array_equal(read.edits.reviewed(WHOLE), self.edits.reviewed(WHOLE))
        changed = self.edits.changed(WHOLE, self.labels)
        np.testing.assert_array_equal(read.edits.changed(WHOLE, read.labels), changed)
        assert read.outstanding.corrections == sum(step[6] for step in self.done)
        assert read.outstanding.answers == sum(not step[6] for step in self.done)


@settings(max_examples=40, deadline=None)
@given(ACTIONS, st.integers(0, 2**32))
def test_any_history_is_read_as_the_labels_and_the_marks_it_left(tmp_path_factory, actions, seed):
    sitting = Sitting(tmp_path_factory.mktemp("history") / "a.medseg-journal", seed)
    for action in actions:
        getattr(sitting, action)()
    sitting.assert_equals(read_journal(sitting.journal.path))
    sitting.journal.discard()


def test_rewriting_twice_is_rewriting_once(tmp_path):
    sitting = Sitting(tmp_path / "a.medseg-journal", 3)
    for action in ("paint", "answer", "paint", "undo", "confirm", "rewrite"):
        getattr(sitting, action)()
    once = read_journal(sitting.journal.path)
    size = sitting.journal.nbytes
    sitting.rewrite()
    twice = read_journal(sitting.journal.path)
    sitting.assert_equals(twice)
    assert sitting.journal.nbytes == size == sitting.journal.path.stat().st_size
    assert twice.outstanding.to_dict() == once.outstanding.to_dict()
    assert (twice.time, twice.identity) == (once.time, once.identity)


def test_rewriting_keeps_the_last_class_table_and_the_last_note_of_each_name(tmp_path):
    journal = Journal(tmp_path / "a", Identity(layer="l", shape=SHAPE, dtype="uint8"))
    journal.append([base_record(None, None)])
    for number in range(3):
        journal.append([classes_record({"n": number}), note_record(f"note {number % 2}", number)])
    journal.rewrite()
    read = read_journal(journal.path)
    assert (read.classes, read.notes) == ({"n": 2}, {"note 0": 2, "note 1": 1})
    assert read.outstanding
    assert not read.outstanding.in_labels


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "int64", "bool"])
def test_labels_of_every_type_come_back_in_it(tmp_path, dtype):
    labels = np.random.default_rng(0).integers(0, 2, SHAPE).astype(dtype)
    journal = Journal(tmp_path / "a", Identity(layer="l", shape=SHAPE, dtype=dtype))
    journal.append([base_record(labels, None)])
    journal.rewrite()
    read = read_journal(journal.path)
    assert read.labels.dtype == dtype
    np.testing.assert_array_equal(read.labels, labels)


def test_labels_that_were_empty_take_no_room_and_are_empty_again(tmp_path):
    shape = (200, 300, 400)
    journal = Journal(tmp_path / "a", Identity(layer="l", shape=shape, dtype="uint8"))
    journal.append([base_record(None, None)])
    assert journal.nbytes < 2000
    read = read_journal(journal.path)
    assert read.labels.shape == shape
    assert not read.labels.any()


def test_a_later_beginning_forgets_what_was_outstanding_before_it(tmp_path):
    sitting = Sitting(tmp_path / "a.medseg-journal", 4)
    sitting.paint()
    sitting.journal.append([base_record(sitting.labels, sitting.edits.marks(WHOLE))])
    read = read_journal(sitting.journal.path)
    assert not read.outstanding
    np.testing.assert_array_equal(read.base, sitting.labels)


def test_what_a_journal_gives_can_be_painted_on(tmp_path):
    sitting = Sitting(tmp_path / "a.medseg-journal", 5)
    sitting.paint()
    read = read_journal(sitting.journal.path)
    read.labels[:] = 7
    assert (read.base != 7).any()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["do", "undo", "redo", "save"]), max_size=30))
def test_outstanding_is_the_difference_of_the_steps_that_are_done_and_those_that_were_saved(
    actions,
):
    outstanding, done, undone, saved, step = Outstanding(), [], [], set(), 0
    for action in actions:
        if action == "do":
            step += 1
            done.append(step)
            undone.clear()
            outstanding.note(step, "done", step % 2 == 0)
        elif action == "undo" and done:
            undone.append(done.pop())
            outstanding.note(undone[-1], "undone", undone[-1] % 2 == 0)
        elif action == "redo" and undone:
            done.append(undone.pop())
            outstanding.note(done[-1], "redone", done[-1] % 2 == 0)
        elif action == "save":
            outstanding, saved = Outstanding(), set(done)
        differ = set(done) ^ saved
        assert outstanding.corrections == sum(s % 2 == 0 for s in differ)
        assert outstanding.answers == sum(s % 2 for s in differ)
        assert bool(outstanding) is outstanding.in_labels is bool(differ)
        again = Outstanding.from_dict(outstanding.to_dict())
        assert again.to_dict() == outstanding.to_dict()
