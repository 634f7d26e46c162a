from __future__ import annotations

import errno
import shutil

import pytest

from napari_medseg.io import atomic_path
from napari_medseg.io.atomic import atomic_folder, remove_folder


def test_the_file_appears_under_its_name_only_when_the_block_succeeds(tmp_path):
    target = tmp_path / "new" / "labels.nii.gz"
    with atomic_path(target) as temporary:
        assert temporary.parent == target.parent
        assert temporary.name.endswith(".nii.gz")
        assert temporary.name.startswith(".")
        temporary.write_text("whole")
        assert not target.exists()
    assert target.read_text() == "whole"
    assert list(target.parent.iterdir()) == [target]


def test_a_failure_leaves_what_was_there_and_nothing_else(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")

    def fail():
        with atomic_path(target) as temporary:
            temporary.write_text("half")
            raise KeyError("stopped")

    with pytest.raises(KeyError):
        fail()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]
    target = tmp_path / "new" / "deep" / "a.txt"  # folders made for it go again, too
    with pytest.raises(KeyError):
        fail()
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EACCES, "no permission"),
        (errno.EROFS, "read-only"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_what_went_wrong_is_said_in_one_sentence_with_the_path(tmp_path, code, text):
    target = tmp_path / "a.txt"

    def fail():
        with atomic_path(target):
            raise OSError(code, "Input/output error")

    with pytest.raises(OSError, match=text) as caught:
        fail()
    assert str(caught.value).startswith(f"cannot write {target}: ")
    assert caught.value.errno == code
    assert list(tmp_path.iterdir()) == []


def test_a_short_write_counts_as_a_full_disk(tmp_path):
    def fail():
        with atomic_path(tmp_path / "a.tif"):
            raise OSError("360000 requested and 61088 written")

    with pytest.raises(OSError, match="the disk is full") as caught:
        fail()
    assert caught.value.errno == errno.ENOSPC


def test_of_two_files_the_one_that_failed_is_named(tmp_path):
    def fail():
        with atomic_path(tmp_path / "a.json") as first, atomic_path(tmp_path / "b.nii") as second:
            first.write_text("{}")
            second.write_text("")
            raise OSError(errno.EIO, "Input/output error")

    with pytest.raises(OSError, match=r"^cannot write \S*b\.nii: Input/output error$"):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_way_of_the_folder_is_named(tmp_path):
    (tmp_path / "file").write_text("")

    def fail():
        with atomic_path(tmp_path / "file" / "sub" / "a.txt"):
            raise AssertionError("must not be reached")

    with pytest.raises(OSError, match=r"cannot write .*a\.txt: .* is a file; choose another"):
        fail()


def test_a_folder_is_not_replaced_by_a_file(tmp_path):
    (tmp_path / "results").mkdir()

    def fail():
        with atomic_path(tmp_path / "results"):
            raise AssertionError("must not be reached")

    with pytest.raises(OSError, match="is a folder; give a file name"):
        fail()


def fill(target, content, *, fail=False):
    with atomic_folder(target) as temporary:
        assert not temporary.exists()
        temporary.mkdir()
        (temporary / "a").write_text(content)
        if fail:
            raise KeyError("stopped")


def test_a_folder_is_replaced_whole_or_stays_as_it_was(tmp_path):
    target = tmp_path / "new" / "a.ome.zarr"
    with pytest.raises(KeyError):
        fill(target, "half", fail=True)
    assert list(tmp_path.iterdir()) == []
    fill(target, "first")
    with pytest.raises(KeyError):
        fill(target, "half", fail=True)
    assert (target / "a").read_text() == "first"
    fill(target, "second")
    assert (target / "a").read_text() == "second"
    assert list(target.parent.iterdir()) == [target]


def test_a_folder_never_replaces_a_file(tmp_path):
    (tmp_path / "a.ome.zarr").write_text("a file")
    with pytest.raises(OSError, match=r"a\.ome\.zarr: that path is a file; choose another name"):
        fill(tmp_path / "a.ome.zarr", "first")
    assert (tmp_path / "a.ome.zarr").read_text() == "a file"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_cannot_take_its_place_gives_it_back(tmp_path, monkeypatch):
    target = tmp_path / "a.ome.zarr"
    fill(target, "first")
    rename = type(target).rename

    def refuse(self, to):
        if to == target and (self / "a").read_text() == "second":
            raise OSError(errno.EACCES, "Permission denied")
        return rename(self, to)

    monkeypatch.setattr(type(target), "rename", refuse)
    with pytest.raises(OSError, match="there is no permission to write there"):
        fill(target, "second")
    assert (target / "a").read_text() == "first"
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_of_that_name_is_no_place_for_a_folder(tmp_path):
    (tmp_path / "a").write_text("mine")
    with pytest.raises(OSError, match="cannot write"):
        fill(tmp_path / "a", "x")
    assert (tmp_path / "a").read_text() == "mine"


def test_what_other_threads_still_write_when_one_has_failed_is_removed_too(tmp_path, monkeypatch):
    remove, late = shutil.rmtree, ["chunk 2", "chunk 1"]

    def remove_before_a_late_chunk(folder, **options):
        remove(folder, **options)
        if late:
            (folder / "chunks").mkdir(parents=True)
            (folder / "chunks" / late.pop()).write_bytes(b"late")

    monkeypatch.setattr(shutil, "rmtree", remove_before_a_late_chunk)
    (tmp_path / "store").mkdir()
    remove_folder(tmp_path / "store")
    assert late == []
    assert list(tmp_path.iterdir()) == []
