"""The ledger begins a journal with the first record, and loses nothing when a disk fails."""

from __future__ import annotations

import numpy as np
import pytest

from napari_medseg.edits import Edits, Piece
from napari_medseg.journal import (
    Identity,
    Journal,
    Outstanding,
    Written,
    find_journals,
    journal_directory,
    read_journal,
    step_record,
)
from napari_medseg.widgets.keeping import ledger as ledger_module
from napari_medseg.widgets.keeping.ledger import Ledger

SHAPE = (4, 10, 12)
BOX = (slice(1, 2), slice(2, 5), slice(3, 9))


@pytest.fixture
def told():
    return []


@pytest.fixture
def ledger(told):
    one = Ledger(lambda error: told.append(str(error)), lambda: told.append("whole"))
    one.begin(np.zeros(SHAPE, np.uint8), None)
    return one


def _identity(path=""):
    return Identity(layer="liver", shape=SHAPE, dtype="uint8", image="case", image_path=str(path))


def _step(number, value):
    values = np.full((1, 3, 6), value, np.uint8)
    return step_record(number, "done", "Brush", [Written(BOX, values)])


def test_nothing_is_on_disk_before_something_is_done_and_nothing_after_it_was_saved(
    ledger, tmp_path
):
    identity = _identity(tmp_path / "case.nii")
    assert ledger.sync()
    assert find_journals([tmp_path, journal_directory()]) == []
    ledger.write(identity, [_step(1, 3)])
    assert find_journals([tmp_path]) == [ledger.path]
    ledger.saved(np.full(SHAPE, 3, np.uint8), None, [], identity)
    assert find_journals([tmp_path, journal_directory()]) == []
    ledger.write(identity, [_step(2, 1)])
    read = read_journal(ledger.path)
    assert (read.base == 3).all()
    assert (read.labels[BOX] == 1).all()
    ledger.forget()
    assert find_journals([tmp_path]) == []


def test_what_was_done_while_it_was_saved_begins_the_next_journal(ledger, tmp_path):
    identity = _identity(tmp_path / "case.nii")
    ledger.write(identity, [_step(1, 3), _step(2, 4)])
    before = ledger.path
    copied = np.zeros(SHAPE, np.uint8)
    copied[BOX] = 3
    ledger.saved(copied, None, [_step(2, 4)], identity)
    assert ledger.path != before
    assert not before.exists()
    read = read_journal(ledger.path)
    np.testing.assert_array_equal(read.base, copied)
    assert (read.labels[BOX] == 4).all()
    assert read.outstanding.corrections == 1


def test_what_was_painted_while_the_beginning_was_read_is_taken_out_of_it(ledger):
    torn = np.zeros(SHAPE, np.uint8)
    torn[BOX] = 5  # the stroke was there already
    ledger.begin(torn, None)
    mask = np.ones((1, 3, 6), bool)
    ledger.correct([Piece(BOX, mask, np.zeros(18, np.uint8))], SHAPE, np.dtype(np.uint8))
    ledger.write(_identity(), [_step(1, 5)])
    read = read_journal(ledger.path)
    assert not read.base.any()
    assert (read.labels[BOX] == 5).all()


def test_a_disk_that_fails_beside_the_image_is_left_for_the_users_own(
    ledger, told, tmp_path, monkeypatch
):
    identity = _identity(tmp_path / "case.nii")
    ledger.write(identity, [_step(1, 3)])
    append = Journal.append

    def fail(journal, records):
        if journal.path.parent == tmp_path:
            raise OSError(28, "No space left on device")
        append(journal, records)

    monkeypatch.setattr(Journal, "append", fail)
    ledger.write(identity, [_step(2, 4)])
    assert told == ["whole"]
    assert not ledger.sync()
    ledger.write(identity, [_step(3, 6)])
    assert told == ["whole"]  # not for every step
    labels = np.zeros(SHAPE, np.uint8)
    labels[BOX] = 6
    outstanding = Outstanding()
    for number in (1, 2, 3):
        outstanding.note(number, "done", True)
    ledger.restart(labels, Edits(SHAPE).marks(BOX), outstanding, identity)
    assert ledger.sync()
    assert find_journals([tmp_path]) == []
    ledger.write(identity, [_step(4, 7)])
    read = read_journal(ledger.path)
    assert ledger.path.parent == journal_directory()
    assert (read.labels[BOX] == 7).all()
    assert not read.base.any()
    assert read.outstanding.corrections == 4


def test_where_no_disk_takes_it_steps_wait_in_memory_and_only_so_many(ledger, told, monkeypatch):
    append = Journal.append

    def fail(_journal, _records):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Journal, "append", fail)
    for number in range(1, 4):
        ledger.write(_identity(), [_step(number, number)])
    assert len(told) == 1
    assert "No space left" in told[0]
    monkeypatch.setattr(Journal, "append", append)
    ledger.write(_identity(), [_step(4, 4)])
    assert read_journal(ledger.path).outstanding.corrections == 4

    monkeypatch.setattr(Journal, "append", fail)
    monkeypatch.setattr(ledger_module, "_PENDING", 20)
    ledger.write(_identity(), [_step(5, 5), _step(6, 6)])
    assert len(told) == 2
    ledger.write(_identity(), [_step(7, 7)])
    assert told[2:] == ["whole"]  # too much waited: only a copy of all helps now


def test_a_label_of_many_values_and_wide_types_is_kept_as_it_is(told):
    values = np.arange(np.prod(SHAPE), dtype=np.int32).reshape(SHAPE) * 1000
    ledger = Ledger(told.append, told.clear)
    ledger.begin(values, None)
    identity = Identity(layer="cells", shape=SHAPE, dtype="int32")
    step = step_record(1, "done", "Fill", [Written(BOX, values[BOX] + 1)])
    ledger.write(identity, [step])
    read = read_journal(ledger.path)
    np.testing.assert_array_equal(read.base, values)
    np.testing.assert_array_equal(read.labels[BOX], values[BOX] + 1)
    assert told == []
