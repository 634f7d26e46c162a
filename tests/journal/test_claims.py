"""Full disks, other programs, and images opened again: who may have a journal, and what stays."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from napari_medseg.io.atomic import UnwritableFile
from napari_medseg.io.locking import try_lock
from napari_medseg.journal import (
    Identity,
    Journal,
    Written,
    base_record,
    claim,
    content_key,
    find_journals,
    journal_directory,
    note_record,
    read_journal,
    records,
    step_record,
    writing,
)
from napari_medseg.journal.claims import SUFFIX, journal_name
from napari_medseg.journal.identity import stamp

SHAPE = (2, 3, 4)
BOX = tuple(slice(0, side) for side in SHAPE)
IDENTITY = Identity(layer="labels", shape=SHAPE, dtype="uint8", image="case")
HOLDS = """
import sys
from pathlib import Path
from napari_medseg.io.locking import try_lock
from napari_medseg.journal.claims import LOCKED_BYTE
file = open(sys.argv[1], "r+b")
print(try_lock(file, LOCKED_BYTE), flush=True)
sys.stdin.read()
"""


def _step(number, value):
    writes = [Written(BOX, np.full(SHAPE, value, np.uint8))]
    return step_record(number, "done", "Brush", writes)


@pytest.fixture
def journal(tmp_path):
    made = Journal(tmp_path / f"a{SUFFIX}", IDENTITY)
    made.append([base_record(None, None), _step(1, 1)])
    return made


def _full(*_args, **_more):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("fails_at", ["making", "writing", "syncing", "renaming", "on Windows"])
def test_a_journal_that_cannot_be_rewritten_stays_as_it_was_and_takes_more(
    journal, monkeypatch, fails_at
):
    size = journal.nbytes
    with monkeypatch.context() as patch:
        if fails_at == "making":
            patch.setattr(writing, "_about", _full)
        elif fails_at == "writing":
            patch.setattr(writing.Journal, "_write", _full)
        elif fails_at == "syncing":
            patch.setattr(os, "fsync", _full)
        else:
            patch.setattr(os, "replace", _full)
        if fails_at == "on Windows":  # where both files are closed before they are renamed
            patch.setattr(writing, "sys", SimpleNamespace(platform="win32"))
        journal.rewrite()
    assert journal.nbytes == journal.path.stat().st_size == size
    assert [path.name for path in journal.path.parent.iterdir()] == [journal.path.name]
    journal.append([_step(2, 2)])
    read = read_journal(journal.path)
    assert (read.outstanding.corrections, int(read.labels.min())) == (2, 2)
    assert claim(journal.path) is None


def test_what_was_appended_counts_as_appended_though_rewriting_it_fails(journal, monkeypatch):
    tried = []

    def fails(identity):
        tried.append(identity)
        _full()

    monkeypatch.setattr(writing, "_ROOM", 1)
    monkeypatch.setattr(writing, "_about", fails)
    journal.append([_step(2, 2)])
    journal.append([_step(3, 3)])
    assert tried == [IDENTITY]  # not with every step
    assert read_journal(journal.path).outstanding.corrections == 3


def test_of_several_records_all_are_there_or_none(journal, monkeypatch):
    before = journal.path.read_bytes()
    monkeypatch.setattr(records, "_LARGEST", 300)
    noise = np.random.default_rng(0).integers(0, 255, (20, 20), dtype=np.uint8)
    large = step_record(3, "done", "Grow", [Written((slice(0, 20),) * 2, noise)])
    with pytest.raises(ValueError, match="too large to be kept safe; save the labels"):
        journal.append([note_record("a", 1), large])
    assert journal.path.read_bytes() == before


def test_a_folder_that_is_full_is_said_and_nothing_is_left_in_it(tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "encode", _full)
    with pytest.raises(OSError, match="No space left"):
        Journal(tmp_path / f"a{SUFFIX}", IDENTITY)
    assert not list(tmp_path.iterdir())


def test_a_journal_that_is_there_is_never_overwritten(journal):
    before = journal.path.read_bytes()
    with pytest.raises(UnwritableFile):
        Journal(journal.path, IDENTITY)
    assert journal.path.read_bytes() == before


def test_a_disk_that_does_not_take_it_is_said_when_it_is_synced(journal, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", _full)
        with pytest.raises(UnwritableFile, match="the disk is full"):
            journal.sync()
    journal.sync()
    monkeypatch.setattr(os, "fsync", _full)
    journal.sync()  # nothing came since, so there is nothing to wait for


def test_another_program_holds_a_journal_until_it_dies(tmp_path):
    path = tmp_path / f"a{SUFFIX}"
    made = Journal(path, IDENTITY)
    made.append([base_record(None, None), _step(1, 5)])
    made.close()
    other = subprocess.Popen(
        [sys.executable, "-c", HOLDS, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with other:
        assert other.stdout.readline().strip() == b"True"
        assert claim(path) is None
        assert (read_journal(path).labels == 5).all()  # but everybody may look
        other.kill()
    held = claim(path)
    assert (held.read().labels == 5).all()
    held.delete()
    assert not path.exists()


def test_a_lock_is_one_handles_until_it_is_closed(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    with open(path, "r+b") as first, open(path, "r+b") as second:
        first.seek(2)
        assert try_lock(first)
        assert first.tell() == 2
        assert not try_lock(second)
        first.close()
        assert try_lock(second)


def test_a_claim_that_is_forgotten_is_let_go(journal):
    journal.close()
    held = claim(journal.path)
    del held
    held = claim(journal.path)
    assert held.identity() == IDENTITY
    assert held.read(arrays=False).outstanding.corrections == 1
    assert held.identity() == IDENTITY
    held.release()


def test_a_journal_that_is_closed_twice_or_deleted_beneath_is_no_error(journal):
    journal.path.unlink()
    journal.close()
    journal.close()
    journal.discard()
    assert not journal.path.exists()


def test_journals_are_found_the_oldest_first_each_once_and_nothing_else(tmp_path):
    for name, age in (("b", 30), ("c", 20), ("a", 10)):
        path = tmp_path / f"{name}{SUFFIX}"
        path.touch()
        os.utime(path, (1000 - age, 1000 - age))
    (tmp_path / "image.nii").touch()
    (tmp_path / f"x{SUFFIX}.new").touch()
    (tmp_path / f"folder{SUFFIX}").mkdir()
    (tmp_path / f"dangling{SUFFIX}").symlink_to(tmp_path / "nowhere")
    found = find_journals([tmp_path, tmp_path / "missing", tmp_path / "image.nii", tmp_path])
    assert [path.name[0] for path in found] == ["b", "c", "a"]


@pytest.mark.parametrize("image", ["", "..", "../../etc", "a\0b", "ä" * 300, "CON", "n\udce9"])
def test_no_name_of_an_image_leads_out_of_the_folder_or_cannot_be_written(tmp_path, image):
    first, second = journal_name(image), journal_name(image)
    assert first != second
    path = tmp_path / first
    path.touch()
    assert find_journals([tmp_path]) == [path]
    assert path.name.startswith(".")


def test_the_folder_of_journals_can_be_chosen(tmp_path, monkeypatch):
    monkeypatch.setenv("NAPARI_MEDSEG_JOURNALS", str(tmp_path / "here"))
    assert journal_directory() == tmp_path / "here"
    monkeypatch.delenv("NAPARI_MEDSEG_JOURNALS")
    assert journal_directory().name == "journals"
    assert "napari-medseg" in str(journal_directory())


def test_an_identity_comes_back_without_what_a_later_version_adds():
    identity = Identity(layer="ä", shape=(1, 2), dtype="uint8", spacing=(0.5, 2.0), image="x")
    assert Identity.from_dict({**identity.to_dict(), "colour": "red"}) == identity
    assert Identity.from_dict({"layer": "l", "shape": [3.0], "dtype": "bool"}).shape == (3,)


@pytest.mark.parametrize(
    "identity", [{}, {"layer": "l"}, {"layer": "l", "shape": None, "dtype": "uint8"}, None]
)
def test_a_journal_that_does_not_say_of_what_it_is_is_damaged(tmp_path, identity):
    path = tmp_path / f"a{SUFFIX}"
    about = {"version": 1, "identity": identity, "time": "now"}
    path.write_bytes(records.MAGIC + records.encode(records.Record("about", about)))
    with pytest.raises(ValueError, match="is damaged"):
        read_journal(path)


def test_a_file_is_the_same_as_long_as_size_and_time_are(tmp_path):
    path = tmp_path / "a.nii"
    assert stamp(str(path)) == stamp("") == ""
    path.write_bytes(b"123")
    os.utime(path, ns=(5, 5))
    first = stamp(str(path))
    path.write_bytes(b"321")
    os.utime(path, ns=(5, 6))
    assert stamp(str(path)) != first
    os.utime(path, ns=(5, 5))
    assert stamp(str(path)) == first


def test_the_type_and_the_order_of_the_axes_are_part_of_what_an_image_holds():
    image = np.arange(24, dtype=np.uint8).reshape(4, 6)
    keys = [image, image.astype(np.uint16), image.T, image.reshape(6, 4), image[None], image + 1]
    assert len({content_key(one) for one in keys}) == len(keys)
    assert content_key(np.zeros((0, 4))) != content_key(np.zeros((4, 0)))
