"""Projects between computers: other names, moved folders, changed files, damaged JSON."""

from __future__ import annotations

import json
import os
import shutil
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medseg.io.atomic import UnwritableFile
from napari_medseg.project import (
    check_file,
    file_entry,
    folder_of,
    is_project,
    read_project,
    write_project,
)

NAMES = ["plain", "Büro Ärzte", "日本 病院", "a.b.medseg", "semi;colon 'quoted'"]
if sys.platform == "linux":
    NAMES.append("n\udce9")  # of an old disk, in Latin-1


def _content(files=(), **view):
    labels = [{"name": "liver", "content": "labels-0"}]
    return {"images": [{"name": "scan", "files": list(files)}], "labels": labels, "view": view}


def _arrays(value=1):
    return {"labels-0": {"labels": np.full((3, 4, 5), value, np.uint8)}}


def _image(folder, name="scan.nii"):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(os.urandom(64))
    return path


def _entry(project):
    return project.content["images"][0]["files"][0]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_that_a_disk_may_hold_comes_back(tmp_path, name):
    image = _image(tmp_path / name, f"{name}.nii")
    path = tmp_path / name / f"{name}.medseg.json"
    write_project(path, _content([file_entry(image, path)]), _arrays())
    json.loads(path.read_text("utf-8"))  # text, whatever the names are
    project = read_project(path)
    assert project.find(_entry(project)) == image.resolve()
    assert project.arrays(project.content["labels"][0])["labels"].all()
    check_file(image, _entry(project))


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_whose_files_have_any_names_is_known_again(tmp_path, name):
    folder = _image(tmp_path / "series", name).parent
    told = file_entry(folder, tmp_path / "p.medseg.json")
    check_file(folder, told)
    os.rename(folder / name, folder / "other")
    with pytest.raises(ValueError, match="series is not the file"):
        check_file(folder, told)


@pytest.mark.parametrize("where", ["beside", "below", "above"])
def test_a_tree_that_is_copied_elsewhere_finds_its_own_images(tmp_path, where):
    here = tmp_path / "here"
    image = _image({"beside": here / "p", "below": here / "p" / "x" / "y", "above": here}[where])
    path = here / "p" / "case.medseg.json"
    write_project(path, _content([file_entry(image, path)]), _arrays())
    shutil.copytree(here, tmp_path / "there")
    image.write_bytes(b"changed")
    copied = read_project(tmp_path / "there" / "p" / "case.medseg.json")
    found = copied.find(_entry(copied))
    assert found.is_relative_to(tmp_path / "there")
    check_file(found, _entry(copied))
    original = read_project(path)
    with pytest.raises(ValueError, match="not the file this project was made with"):
        check_file(original.find(_entry(original)), _entry(original))


def test_a_project_that_moved_alone_finds_its_images_where_they_were(tmp_path):
    image = _image(tmp_path / "images")
    path = tmp_path / "work" / "case.medseg.json"
    write_project(path, _content([file_entry(image, path)]), _arrays())
    target = tmp_path / "far" / "away" / "from"
    shutil.move(path.parent, target)
    moved = read_project(target / "case.medseg.json")
    assert moved.find(_entry(moved)) == image.resolve()


def test_a_folder_is_not_taken_for_a_file_nor_a_file_for_a_folder(tmp_path):
    path = tmp_path / "p.medseg.json"
    file, folder = _image(tmp_path), _image(tmp_path / "series").parent
    write_project(path, _content([file_entry(file, path), file_entry(folder, path)]), _arrays())
    project = read_project(path)
    of_file, of_folder = project.content["images"][0]["files"]
    assert (of_file["folder"], of_folder["folder"]) == (False, True)
    file.unlink()
    file.mkdir()
    shutil.rmtree(folder)
    folder.touch()
    assert project.find(of_file) is project.find(of_folder) is None


@pytest.mark.parametrize("path", ["", "x" * 5000, "a\0b", "/" * 300 + "x", "C:\\images\\scan.nii"])
def test_a_path_that_this_system_cannot_have_is_a_file_that_is_not_found(tmp_path, path):
    project_path = tmp_path / "p.medseg.json"
    write_project(project_path, _content(), _arrays())
    told = {"path": path, "absolute": path, "folder": False}
    assert read_project(project_path).find(told) is None


def test_files_are_known_by_what_they_hold_and_not_by_their_name_or_time(tmp_path):
    image = _image(tmp_path)
    told = file_entry(image, tmp_path / "p.medseg.json")
    renamed = image.rename(tmp_path / "renamed.nii")
    os.utime(renamed, (1, 1))
    check_file(renamed, told)
    renamed.write_bytes(renamed.read_bytes() + b"\0")
    with pytest.raises(ValueError, match=r"renamed\.nii is not the file"):
        check_file(renamed, told)


def test_a_damaged_project_is_refused_in_a_sentence_wherever_it_is_cut(tmp_path):
    path = tmp_path / "p.medseg.json"
    write_project(path, _content(point=[1, 2]), _arrays())
    content = path.read_bytes().rstrip()
    for end in range(0, len(content), 7):
        path.write_bytes(content[:end])
        with pytest.raises(ValueError, match=r"^p\.medseg\.json .*damaged"):
            read_project(path)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=40) | st.integers(0, 10**6).map(lambda n: str(n).encode()))
def test_what_is_no_project_is_refused_by_its_name(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.medseg.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"^any\.medseg\.json "):
        read_project(path)


@pytest.mark.parametrize("version", [2, 10**9, "1", None, 1.5])
def test_only_a_version_that_is_known_is_opened(tmp_path, version):
    path = tmp_path / "p.medseg.json"
    write_project(path, {**_content(), "version": version}, _arrays())
    with pytest.raises(ValueError, match="newer MedSeg; update this one"):
        read_project(path)


@pytest.mark.parametrize("start", [0, 0.3, 0.7])
def test_any_damage_to_the_arrays_is_noticed(tmp_path, start):
    path = tmp_path / "p.medseg.json"
    write_project(path, _content(), _arrays())
    project = read_project(path)
    (file,) = folder_of(path).iterdir()
    content = file.read_bytes()
    first = int(start * len(content))
    for place in range(first, first + 30):
        spoilt = bytearray(content)
        spoilt[place] ^= 4
        file.write_bytes(spoilt)
        with pytest.raises(ValueError, match="damaged; copy the project again"):
            project.arrays(project.content["labels"][0])


def test_an_earlier_project_that_is_open_says_that_its_arrays_were_replaced(tmp_path):
    path = tmp_path / "p.medseg.json"
    write_project(path, _content(), _arrays(1))
    earlier = read_project(path)
    write_project(path, _content(), _arrays(2))
    with pytest.raises(ValueError, match=r"is missing in .* belongs to p\.medseg\.json"):
        earlier.arrays(earlier.content["labels"][0])
    later = read_project(path)
    assert (later.arrays(later.content["labels"][0])["labels"] == 2).all()


def test_arrays_of_every_type_and_order_come_back_as_they_were(tmp_path):
    path = tmp_path / "p.medseg.json"
    values = np.arange(60).reshape(3, 4, 5)
    kinds = ["bool", "uint8", "int16", ">i4", "uint64", "float16", "float64"]
    parts = {kind: values.astype(kind) for kind in kinds}
    parts |= {"fortran": np.asfortranarray(values), "part": values[::2, ::-1], "none": values[:0]}
    parts["number"] = np.array(5)
    write_project(path, _content(), {"labels-0": parts})
    project = read_project(path)
    read = project.arrays(project.content["labels"][0])
    assert set(read) == set(parts)
    for name, array in parts.items():
        assert (read[name].dtype, read[name].shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(read[name], array)


def test_two_entries_may_share_their_arrays(tmp_path):
    path = tmp_path / "p.medseg.json"
    content = _content()
    content["labels"] *= 2
    write_project(path, content, _arrays())
    assert len(list(folder_of(path).iterdir())) == 1
    project = read_project(path)
    for entry in project.content["labels"]:
        assert project.arrays(entry)["labels"].all()


def test_two_projects_in_one_folder_leave_each_other_alone(tmp_path):
    paths = [tmp_path / "a.medseg.json", tmp_path / "a.b.medseg.json"]
    for value, path in enumerate(paths, 1):
        write_project(path, _content(), _arrays(value))
    write_project(paths[1], _content(), _arrays(9))
    for path, value in zip(paths, (1, 9), strict=True):
        project = read_project(path)
        assert (project.arrays(project.content["labels"][0])["labels"] == value).all()


def test_what_cannot_be_json_leaves_the_earlier_project_as_it_was(tmp_path):
    path = tmp_path / "p.medseg.json"
    write_project(path, _content(zoom=1.5), _arrays())
    before = path.read_bytes()
    with pytest.raises(ValueError, match="JSON"):
        write_project(path, _content(zoom=float("nan")), _arrays())
    assert path.read_bytes() == before
    assert read_project(path).arrays(read_project(path).content["labels"][0])


def test_what_stands_in_the_way_is_said(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UnwritableFile, match="is a file; choose another folder"):
        write_project(tmp_path / "file" / "p.medseg.json", _content(), _arrays())
    (tmp_path / "p.medseg.json").mkdir()
    with pytest.raises(UnwritableFile, match="is a folder; give a file name"):
        write_project(tmp_path / "p.medseg.json", _content(), _arrays())
    with pytest.raises(OSError, match="cannot read"):
        read_project(tmp_path / "p.medseg.json")


def test_the_folder_of_a_project_lies_beside_it_under_its_name(tmp_path):
    for name in ("a.medseg.json", "A.MEDSEG.JSON", "ä b.c.medseg.json"):
        assert is_project(tmp_path / name)
        assert folder_of(tmp_path / name).parent == tmp_path
        assert folder_of(tmp_path / name).name == name[: -len(".medseg.json")] + ".medseg"
