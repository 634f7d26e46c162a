"""A journal: what was appended is there, a torn end does no harm, and it stays small."""

from __future__ import annotations

import errno
import os

import numpy as np
import pytest

from napari_medseg.edits import Edits, Piece
from napari_medseg.io.atomic import UnwritableFile
from napari_medseg.journal import (
    Identity,
    Journal,
    base_record,
    claim,
    classes_record,
    content_key,
    find_journals,
    marks_record,
    note_record,
    read_journal,
    step_record,
    writing,
)
from napari_medseg.journal.steps import Written

SHAPE = (6, 20, 24)
WHOLE = tuple(slice(0, side) for side in SHAPE)


def _identity(**other):
    return Identity(layer="labels", shape=SHAPE, dtype="uint8", image="case 7", **other)


class Painter:
    """Paints at random into labels and a journal, and remembers every state."""

    def __init__(self, path, seed=0):
        self.rng = np.random.default_rng(seed)
        self.labels = self.rng.integers(0, 3, SHAPE).astype(np.uint8)
        self.edits = Edits(SHAPE)
        self.journal = Journal(path, _identity())
        self.journal.append([base_record(self.labels, self.edits.marks(WHOLE))])
        self.states = [self.labels.copy()]
        self.ends = [self.journal.nbytes]

    def paint(self):
        writes = []
        for _ in range(int(self.rng.integers(1, 4))):
            box = tuple(slice(a, a + 3) for a in self.rng.integers(0, np.array(SHAPE) - 3).tolist())
            mask = self.rng.random((3, 3, 3)) < 0.6
            old = self.labels[box][mask]
            value = int(self.rng.integers(0, 4))
            self.labels[box][mask] = value
            self.edits.paint([Piece(box, mask, old)])
            writes.append(box)
        writes = [Written(b, self.labels[b].copy(), self.edits.marks(b)) for b in writes]
        self.journal.append([step_record(len(self.states), "done", "Brush", writes)])
        self.states.append(self.labels.copy())
        self.ends.append(self.journal.nbytes)


def test_what_was_appended_is_read_again_with_marks(tmp_path):
    painter = Painter(tmp_path / "a.medseg-journal")
    for _ in range(5):
        painter.paint()
    read = read_journal(painter.journal.path)
    np.testing.assert_array_equal(read.labels, painter.labels)
    np.testing.assert_array_equal(read.base, painter.states[0])
    np.testing.assert_array_equal(read.edits.reviewed(WHOLE), painter.edits.reviewed(WHOLE))
    changed = painter.edits.changed(WHOLE, painter.labels)
    np.testing.assert_array_equal(read.edits.changed(WHOLE, read.labels), changed)
    assert read.outstanding.corrections == 5
    assert read.identity == painter.journal.identity


def test_cut_off_anywhere_it_gives_the_state_after_the_last_whole_record(tmp_path):
    painter = Painter(tmp_path / "a.medseg-journal", seed=1)
    for _ in range(4):
        painter.paint()
    content = painter.journal.path.read_bytes()
    torn = tmp_path / "torn"
    for end in range(painter.ends[0], len(content) + 1, 7):
        torn.write_bytes(content[:end])
        whole = sum(place <= end for place in painter.ends) - 1
        np.testing.assert_array_equal(read_journal(torn).labels, painter.states[whole])


def test_a_damaged_byte_costs_what_came_from_there_on_and_nothing_before(tmp_path):
    painter = Painter(tmp_path / "a.medseg-journal", seed=2)
    for _ in range(4):
        painter.paint()
    content = bytearray(painter.journal.path.read_bytes())
    content[painter.ends[2] + 40] ^= 1
    torn = tmp_path / "torn"
    torn.write_bytes(content)
    np.testing.assert_array_equal(read_journal(torn).labels, painter.states[2])


@pytest.mark.parametrize("content", [b"", b"MEDSEGJ1", b"something else entirely", b"MEDSEGJ1abc"])
def test_what_is_no_journal_is_refused_in_a_sentence(tmp_path, content):
    path = tmp_path / "x.medseg-journal"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="journal"):
        read_journal(path)


def test_a_newer_journal_is_refused_in_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "VERSION", 2)
    journal = Journal(tmp_path / "a.medseg-journal", _identity())
    with pytest.raises(ValueError, match="newer MedSeg; update"):
        read_journal(journal.path)


def _step(number, happened, value, *, by_person=True):
    box = (slice(0, 1), slice(0, 2), slice(0, 2))
    writes = [Written(box, np.full((1, 2, 2), value, np.uint8))]
    return step_record(number, happened, "Brush", writes, by_person=by_person)


def test_what_was_undone_is_no_correction_and_what_was_saved_and_undone_is_one(tmp_path):
    journal = Journal(tmp_path / "a.medseg-journal", _identity())
    journal.append([base_record(None, None), _step(1, "done", 1), _step(1, "undone", 0)])
    assert not read_journal(journal.path).outstanding
    journal.append([_step(1, "redone", 1), _step(2, "done", 2, by_person=False)])
    read = read_journal(journal.path, arrays=False)
    assert (read.outstanding.corrections, read.outstanding.answers) == (1, 1)
    journal.append([_step(2, "undone", 1), _step(1, "undone", 0), _step(0, "undone", 0)])
    assert read_journal(journal.path).outstanding.corrections == 1


def test_classes_notes_and_what_was_found_right_are_kept(tmp_path):
    journal = Journal(tmp_path / "a.medseg-journal", _identity(spacing=(2.0, 0.5, 0.5)))
    edits, box = Edits(SHAPE), (slice(2, 3), slice(0, 20), slice(0, 24))
    edits.confirm(box)
    journal.append(
        [
            base_record(None, None),
            marks_record(box, edits.marks(box)),
            classes_record({"names": ["Leber ä"]}),
            note_record("prompts", [1, {"at": 2.5}]),
        ]
    )
    read = read_journal(journal.path)
    np.testing.assert_array_equal(read.edits.reviewed(WHOLE), edits.reviewed(WHOLE))
    assert read.classes == {"names": ["Leber ä"]}
    assert read.notes == {"prompts": [1, {"at": 2.5}]}
    assert read.outstanding
    assert read.identity.spacing == (2.0, 0.5, 0.5)


def test_it_is_rewritten_before_it_grows_without_bound_and_says_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "_ROOM", 6000)
    painter = Painter(tmp_path / "a.medseg-journal", seed=3)
    for _ in range(120):
        painter.paint()
    painter.journal.append([classes_record({"a": 1}), note_record("b", 2)])
    painter.journal.rewrite()
    assert painter.journal.nbytes == painter.journal.path.stat().st_size < 16000
    painter.paint()
    read = read_journal(painter.journal.path)
    np.testing.assert_array_equal(read.labels, painter.labels)
    np.testing.assert_array_equal(read.base, painter.states[0])
    np.testing.assert_array_equal(read.edits.reviewed(WHOLE), painter.edits.reviewed(WHOLE))
    assert (read.outstanding.corrections, read.classes, read.notes) == (121, {"a": 1}, {"b": 2})
    assert [path.name for path in tmp_path.iterdir()] == ["a.medseg-journal"]


class _FullDisk:
    """A file that takes a few bytes more and then none."""

    def __init__(self, file, room):
        self._file, self.room = file, room

    def write(self, content):
        if self.room <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        count = self._file.write(content[: self.room])
        self.room -= count
        return count

    def __getattr__(self, name):
        return getattr(self._file, name)


def test_on_a_full_disk_nothing_half_written_stays_and_work_goes_on_later(tmp_path):
    painter = Painter(tmp_path / "a.medseg-journal", seed=4)
    painter.paint()
    painter.journal._file = _FullDisk(painter.journal._file, room=30)
    with pytest.raises(UnwritableFile, match="the disk is full"):
        painter.paint()
    assert painter.journal.path.stat().st_size == painter.ends[-1]
    painter.journal._file.room = 1 << 20
    painter.journal.append([_step(9, "done", 3)])
    read = read_journal(painter.journal.path)
    assert read.outstanding.corrections == 2
    assert (read.labels[0, :2, :2] == 3).all()


def test_it_lies_in_the_first_folder_that_can_be_written(tmp_path):
    folders = [tmp_path / "missing", tmp_path / "new" / "data"]
    journal = Journal.create(folders, _identity())
    assert journal.path.parent == folders[1]
    assert find_journals([*folders, tmp_path / "neither"]) == [journal.path]
    (tmp_path / "file").touch()
    with pytest.raises(UnwritableFile, match="file"):
        Journal.create([tmp_path / "file" / "below"], _identity())


def test_long_and_foreign_names_make_short_and_plain_file_names(tmp_path):
    name = "Prüfung/Ünsinn: 日本 " + "x" * 300
    identity = Identity(layer="labels", shape=SHAPE, dtype="uint8", image=name)
    journal = Journal.create([tmp_path], identity)
    assert len(journal.path.name) < 90
    assert read_journal(journal.path).identity.image == name


def test_only_a_journal_that_nobody_writes_can_be_claimed_and_only_once(tmp_path):
    painter = Painter(tmp_path / "a.medseg-journal")
    assert claim(painter.journal.path) is None
    painter.journal.rewrite()
    assert claim(painter.journal.path) is None
    painter.journal.close()
    held = claim(painter.journal.path)
    assert claim(painter.journal.path) is None
    assert not held.read().outstanding
    held.release()
    claim(painter.journal.path).delete()
    assert not painter.journal.path.exists()


def test_an_image_is_known_again_by_its_content():
    rng = np.random.default_rng(0)
    image = rng.normal(size=(40, 200, 210)).astype(np.float32)
    other = image.copy()
    other[::4] += 1
    assert content_key(image) == content_key(image.copy()) == content_key(np.asfortranarray(image))
    assert content_key(image) != content_key(other)
    assert content_key(image) != content_key(image[:-1])
    assert content_key(image[..., 0]) == content_key(image[..., 0].copy())


def test_a_journal_that_is_being_made_is_nobody_elses(tmp_path):
    path = tmp_path / "a.medseg-journal"
    path.touch()
    assert claim(path) is None
    path.write_bytes(b"M")
    held = claim(path)
    with pytest.raises(ValueError, match="no journal"):
        held.identity()
    held.release()
