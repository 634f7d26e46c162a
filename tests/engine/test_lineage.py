"""Parents and children by the hash of their files."""

from __future__ import annotations

import hashlib

import pytest

from napari_medseg.engine import stamps
from napari_medseg.engine.card import LabelClass, ModelCard
from napari_medseg.engine.lineage import lineage
from napari_medseg.engine.stamps import cached_hash, known_hash, stamp
from napari_medseg.progress import Cancelled


def card(name, parent="", created=""):
    return ModelCard(
        name=name,
        architecture="lgmsnet",
        config={"spatial_dims": 2},
        classes=(LabelClass(value=1, name="x"),),
        parent=parent,
        created=created,
    )


def put(folder, name):
    path = folder / f"{name}.safetensors"
    path.write_bytes(name.encode())
    return path, hashlib.sha256(name.encode()).hexdigest()


def test_parents_and_children_are_found_by_their_hash(tmp_path):
    old, old_hash = put(tmp_path, "old")
    mid, mid_hash = put(tmp_path, "mid")
    late, _ = put(tmp_path, "late")
    soon, _ = put(tmp_path, "soon")
    known = {
        late: card("late", mid_hash, "2026-03-01"),
        soon: card("soon", mid_hash, "2026-02-01"),
        mid: card("mid", old_hash),
        old: card("old", "f" * 64),
    }
    line = lineage(mid, known)
    assert [one.digest for one in line.parents] == ["f" * 64, old_hash]
    assert line.parents[0].card is None
    assert line.parents[1].path == old
    assert [one.path for one in line.children] == [soon, late]
    assert [one.digest for one in lineage(late, known).parents] == ["f" * 64, old_hash, mid_hash]


def test_a_model_without_relatives_has_no_line_and_nothing_is_read(tmp_path):
    path, _ = put(tmp_path, "alone")
    assert lineage(path, {path: card("alone")}) is None
    assert known_hash(path) is None


def test_a_forged_card_that_names_itself_ends_the_line(tmp_path):
    path, digest = put(tmp_path, "self")
    line = lineage(path, {path: card("self", digest)})
    assert [one.digest for one in line.parents] == [digest]


def test_a_file_that_is_gone_is_left_out(tmp_path):
    path, digest = put(tmp_path, "here")
    gone = tmp_path / "gone.safetensors"
    child = card("gone", digest)
    assert lineage(path, {path: card("here"), gone: child}) is None
    assert lineage(gone, {path: card("here"), gone: child}).parents[0].path == path


def test_a_hash_is_computed_once_until_the_file_changes(tmp_path, monkeypatch):
    path, digest = put(tmp_path, "file")
    assert cached_hash(path) == digest == known_hash(path)
    monkeypatch.setattr(stamps, "hashlib", None)  # whoever computes again, fails
    assert cached_hash(path) == digest
    monkeypatch.undo()
    path.write_bytes(b"another, longer one")
    assert known_hash(path) is None
    assert cached_hash(path) == hashlib.sha256(b"another, longer one").hexdigest()


def test_hashing_can_be_cancelled_and_leaves_nothing_wrong_behind(tmp_path):
    path, _ = put(tmp_path, "big")

    def stop(_step):
        raise Cancelled

    with pytest.raises(Cancelled):
        cached_hash(path, stop)
    assert known_hash(path) is None


def test_a_missing_file_has_no_stamp(tmp_path):
    assert stamp(tmp_path / "none") is None
    with pytest.raises(FileNotFoundError):
        cached_hash(tmp_path / "none")
