"""A project file: whole or not at all, and refused in a sentence when it cannot be used."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

from napari_medseg import project
from napari_medseg.project import (
    check_file,
    file_entry,
    folder_of,
    is_project,
    read_project,
    write_project,
)


def _content(**labels):
    entry = {"name": "Leber ä", "content": "labels-0", **labels}
    return {"images": [{"name": "scan"}], "labels": [entry], "view": {"point": [1, 2]}}


def _arrays(value=1):
    rng = np.random.default_rng(value)
    return {"labels-0": {"labels": rng.integers(0, 3, (5, 6, 7)).astype(np.uint8), "b": np.ones(3)}}


def test_what_was_written_is_read_again(tmp_path):
    path = tmp_path / "Büro" / "fall.medseg.json"
    write_project(path, _content(), _arrays())
    read = read_project(path)
    assert read.content["view"] == {"point": [1, 2]}
    assert read.content["labels"][0]["name"] == "Leber ä"
    assert read.arrays(read.content["images"][0]) == {}
    for name, values in _arrays()["labels-0"].items():
        np.testing.assert_array_equal(read.arrays(read.content["labels"][0])[name], values)


def test_saved_again_only_what_it_names_is_kept_and_the_same_content_is_the_same_file(tmp_path):
    path = tmp_path / "a.medseg.json"
    write_project(path, _content(), _arrays(1))
    first = sorted(p.name for p in folder_of(path).iterdir())
    write_project(path, _content(), _arrays(2))
    second = sorted(p.name for p in folder_of(path).iterdir())
    write_project(path, _content(), _arrays(1))
    assert first == sorted(p.name for p in folder_of(path).iterdir()) != second
    assert len(second) == 1
    write_project(path, {"images": [], "labels": [], "view": {}}, {})
    assert [p.name for p in tmp_path.iterdir()] == ["a.medseg.json"]


@pytest.mark.parametrize("fails_at", ["arrays", "json"])
def test_when_it_cannot_be_written_the_earlier_project_is_as_it_was(
    tmp_path, monkeypatch, fails_at
):
    path = tmp_path / "a.medseg.json"
    write_project(path, _content(), _arrays(1))

    def full(*_args, **_more):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        if fails_at == "arrays":
            patch.setattr(np.lib.format, "write_array", full)
        else:
            patch.setattr(type(path), "write_text", full)
        with pytest.raises(OSError, match="disk is full"):
            write_project(path, _content(name="new"), _arrays(2))
    read = read_project(path)
    assert read.content["labels"][0]["name"] == "Leber ä"
    np.testing.assert_array_equal(
        read.arrays(read.content["labels"][0])["labels"], _arrays(1)["labels-0"]["labels"]
    )
    assert not list(tmp_path.rglob("labels-0.npz"))


def test_newer_foreign_and_damaged_projects_are_refused_in_a_sentence(tmp_path):
    path = tmp_path / "a.medseg.json"
    write_project(path, _content(), _arrays())
    good = json.loads(path.read_text("utf-8"))
    for content, words in (
        ({**good, "version": project.VERSION + 1}, "newer MedSeg; update"),
        ({**good, "kind": "worklist"}, "no project of MedSeg"),
        ([1, 2], "no project of MedSeg"),
        ({**good, "labels": "none"}, "damaged"),
    ):
        path.write_text(json.dumps(content), "utf-8")
        with pytest.raises(ValueError, match=words):
            read_project(path)
    path.write_text(json.dumps(good)[:-20], "utf-8")
    with pytest.raises(ValueError, match="damaged"):
        read_project(path)
    with pytest.raises(FileNotFoundError, match="moved or deleted"):
        read_project(tmp_path / "gone.medseg.json")


def test_arrays_that_are_gone_or_damaged_are_said(tmp_path):
    path = tmp_path / "a.medseg.json"
    write_project(path, _content(), _arrays())
    read = read_project(path)
    (file,) = folder_of(path).iterdir()
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(ValueError, match="damaged; copy the project again"):
        read.arrays(read.content["labels"][0])
    file.unlink()
    with pytest.raises(ValueError, match="missing"):
        read.arrays(read.content["labels"][0])


def test_a_file_is_found_after_the_project_moved_with_it_and_where_it_was(tmp_path):
    (tmp_path / "a" / "images").mkdir(parents=True)
    image = tmp_path / "a" / "images" / "scan.nii"
    image.write_bytes(b"12345")
    path = tmp_path / "a" / "p.medseg.json"
    told = file_entry(image, path)
    assert told["path"] == "images/scan.nii"
    write_project(path, _content(), _arrays())
    moved = tmp_path / "b"
    os.rename(tmp_path / "a", moved)
    read = read_project(moved / "p.medseg.json")
    assert read.find(told) == (moved / "images" / "scan.nii").resolve()
    os.rename(moved / "images", tmp_path / "elsewhere")
    assert read.find(told) is None
    check_file(tmp_path / "elsewhere" / "scan.nii", told)
    (tmp_path / "elsewhere" / "scan.nii").write_bytes(b"12346")
    with pytest.raises(ValueError, match="not the file this project was made with"):
        check_file(tmp_path / "elsewhere" / "scan.nii", told)


def test_a_project_that_names_a_file_outside_of_its_folder_gets_none(tmp_path):
    path = tmp_path / "a.medseg.json"
    write_project(path, _content(), _arrays())
    secret = tmp_path / "secret.npz"
    np.savez(secret, labels=np.ones(3))
    content = json.loads(path.read_text("utf-8"))
    content["labels"][0]["content"]["file"] = "../secret.npz"
    path.write_text(json.dumps(content), "utf-8")
    read = read_project(path)
    with pytest.raises(ValueError, match="missing"):
        read.arrays(read.content["labels"][0])


@pytest.mark.parametrize(
    ("name", "is_one"), [("a.medseg.json", True), ("A.MEDSEG.JSON", True), ("a.json", False)]
)
def test_projects_are_known_by_their_name(name, is_one):
    assert is_project(name) is is_one


def test_a_folder_is_known_by_the_files_in_it_and_not_by_what_is_hidden(tmp_path):
    series = tmp_path / "series"
    series.mkdir()
    for number in range(3):
        (series / f"IM{number}").write_bytes(bytes([number]) * 9)
    told = file_entry(series, tmp_path / "p.medseg.json")
    assert (told["folder"], told["size"]) == (True, 27)
    (series / ".case.medseg-journal").write_bytes(b"1")
    check_file(series, told)
    (series / "IM1").write_bytes(b"2" * 9)
    with pytest.raises(ValueError, match="was changed since"):
        check_file(series, told)
