"""A folder of cases: what is listed, in which state, and what no accident takes away."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest

from napari_medseg.worklist import UnusableLabelsFolder, Worklist
from napari_medseg.worklist_file import FILE_NAME, CaseRecord, State, WorklistFile


@pytest.fixture
def folder_of(tmp_path):
    """Make a folder of empty files: names only matter here."""

    def make(*names):
        for name in names:
            path = tmp_path / "study" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"")
        return tmp_path / "study"

    return make


@pytest.fixture
def worklist(folder_of):
    return Worklist.open(folder_of("c_10.png", "c_2.png", "c_1.png"))


def label_file(worklist, name, provenance=True):
    path = worklist.labels_path(name)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"labels")
    if provenance:
        path.with_name(f"{name}.json").write_text("{}")
    return path


def names_of(worklist):
    return [case.name for case in worklist.cases]


def test_cases_are_in_the_order_people_count_and_new(worklist):
    assert names_of(worklist) == ["c_1", "c_2", "c_10"]
    assert worklist.count(State.NEW) == 3
    assert worklist.labels_folder == worklist.folder.with_name("study-labels")
    assert not worklist.labels_folder.exists()  # looking leaves no traces


@pytest.mark.parametrize(
    ("names", "cases"),
    [
        (["images/a.png", "images/b.png", "masks/a.png"], ["a", "b"]),
        (["p1/t1.nii.gz", "p1/t2.nii.gz", "p1/seg.nii.gz", "p2/t1.nii.gz"], ["p1", "p2"]),
        (["imagesTr/h_0000.nii.gz", "imagesTr/h_0001.nii.gz", "labelsTr/h.nii.gz"], ["h"]),
        (["a.png", "a_mask.png", "b.tif"], ["a", "b"]),
    ],
)
def test_the_layouts_people_use_are_listed(folder_of, names, cases):
    worklist = Worklist.open(folder_of(*names))
    assert names_of(worklist) == cases
    assert worklist.left_out == {}


def test_other_files_are_left_out_with_the_reason(folder_of):
    folder = folder_of("a.png", "a.nii.gz", "report.pdf", "Thumbs.db", ".hidden", "old/x.png")
    worklist = Worklist.open(folder)
    assert names_of(worklist) == ["a"]
    assert sorted(worklist.left_out) == ["Thumbs.db", "a.png", "old", "report.pdf"]
    assert worklist.left_out["a.png"] == "has the same name as a.nii.gz; rename one of them"
    assert "not an image" in worklist.left_out["report.pdf"]


def test_a_case_folder_with_two_labels_is_left_out_and_the_others_stay(folder_of):
    folder = folder_of(
        "p1/t1.nii", "p1/seg.nii", "p1/mask.nii", "p2/t1.nii", "p3/t1.nii", "p3/t2.nii"
    )
    worklist = Worklist.open(folder)
    assert names_of(worklist) == ["p2", "p3"]
    assert "more than one label file" in worklist.left_out["p1"]


def test_a_folder_without_images_says_so(folder_of):
    with pytest.raises(ValueError, match="no images were found"):
        Worklist.open(folder_of("report.pdf"))
    with pytest.raises(OSError, match="not there"):
        Worklist.open("/no/such/folder")


def test_states_and_notes_survive_a_restart(worklist):
    worklist.set_state("c_1", State.DONE)
    worklist.set_state("c_2", State.DOUBTFUL, note="märbled – ask Ana")
    again = Worklist.open(worklist.folder)
    assert [again.state_of(n) for n in ("c_1", "c_2", "c_10")] == ["done", "doubtful", "new"]
    assert again.record("c_2").note == "märbled – ask Ana"
    again.set_state("c_2", State.DONE)
    assert again.record("c_2").note == "märbled – ask Ana"


def test_every_change_is_told_once_and_only_of_the_case_it_is_about(worklist):
    told = []
    worklist.changed.connect(told.append)
    worklist.set_state("c_2", State.DONE)
    worklist.set_state("c_2", State.IN_WORK)
    assert told == ["c_2", "c_2"]


def test_two_windows_keep_each_others_states(worklist):
    other = Worklist.open(worklist.folder)
    worklist.set_state("c_1", State.DONE)
    other.set_state("c_2", State.DOUBTFUL)
    told = []
    worklist.changed.connect(told.append)
    worklist.refresh()
    assert told == ["c_2"]
    for one in (worklist, other, Worklist.open(worklist.folder)):
        assert [one.state_of(n) for n in ("c_1", "c_2")] == ["done", "doubtful"]


WRITER = """
import sys
from pathlib import Path
from napari_medseg import worklist_file
from napari_medseg.worklist_file import CaseRecord, State, WorklistFile
worklist_file._PATIENCE = 120
file = WorklistFile(Path(sys.argv[1]))
for index in range(40):
    file.update({f"{sys.argv[2]}{index}": CaseRecord(State.DONE)})
"""


def test_programs_that_write_at_once_lose_nothing(tmp_path):
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), name]) for name in "abc"
    ]
    assert [writer.wait(timeout=250) for writer in writers] == [0, 0, 0]
    records, _ = WorklistFile(tmp_path).read()
    assert set(records) == {f"{name}{index}" for name in "abc" for index in range(40)}


def test_a_lock_that_is_never_freed_is_said(tmp_path, monkeypatch):
    from napari_medseg import worklist_file

    monkeypatch.setattr(worklist_file, "_PATIENCE", 0.0)
    first, second = WorklistFile(tmp_path), WorklistFile(tmp_path)
    first.update({"a": CaseRecord(State.DONE)})
    with (
        worklist_file.locked(tmp_path / worklist_file._LOCK_NAME),
        pytest.raises(OSError, match="another MedSeg is writing"),
    ):
        second.update({"b": CaseRecord(State.DONE)})
    second.update({"b": CaseRecord(State.DONE)})
    assert set(first.read()[0]) == {"a", "b"}


def test_cases_that_come_go_and_are_renamed(worklist):
    worklist.set_state("c_1", State.DONE)
    (worklist.folder / "c_1.png").rename(worklist.folder / "c_7.png")
    (worklist.folder / "c_8.png").touch()
    again = Worklist.open(worklist.folder)
    assert names_of(again) == ["c_2", "c_7", "c_8", "c_10"]
    assert again.count(State.NEW) == 4
    again.set_state("c_8", State.DONE)
    (worklist.folder / "c_7.png").rename(worklist.folder / "c_1.png")
    assert Worklist.open(worklist.folder).state_of("c_1") is State.DONE


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\x00\x12", b"[]", b'{"name": "somebody else\'s"}',
     b'{"program": "napari-medseg", "kind": "worklist", "version": "x", "cases": {}}'],
)  # fmt: skip
def test_a_damaged_or_foreign_file_is_kept_aside_and_said(worklist, content):
    worklist.labels_folder.mkdir()
    path = worklist.labels_folder / FILE_NAME
    path.write_bytes(content)
    again = Worklist.open(worklist.folder)
    assert "kept as medseg-worklist.unreadable-1.json" in again.notice
    again.set_state("c_1", State.DONE)
    assert path.with_name("medseg-worklist.unreadable-1.json").read_bytes() == content
    path.write_bytes(b"again")
    again.set_state("c_2", State.DONE)
    assert path.with_name("medseg-worklist.unreadable-2.json").read_bytes() == b"again"
    assert Worklist.open(worklist.folder).notice == ""


def test_entries_nobody_understands_stay_in_the_file(worklist):
    worklist.set_state("c_1", State.DONE)
    path = worklist.labels_folder / FILE_NAME
    content = json.loads(path.read_text())
    strange = {"c_2": 7, "c_10": {"state": "adjudicated"}}
    path.write_text(json.dumps(content | {"cases": content["cases"] | strange}))
    again = Worklist.open(worklist.folder)
    assert [again.state_of(n) for n in ("c_1", "c_2", "c_10")] == ["done", "new", "new"]
    again.set_state("c_1", State.IN_WORK)
    assert json.loads(path.read_text())["cases"].items() >= strange.items()


def test_a_file_of_a_newer_version_is_left_alone(worklist):
    worklist.set_state("c_1", State.DONE)
    path = worklist.labels_folder / FILE_NAME
    newer = path.read_text().replace('"version": 1', '"version": 2')
    path.write_text(newer)
    with pytest.raises(ValueError, match="newer MedSeg"):
        Worklist.open(worklist.folder)
    with pytest.raises(ValueError, match="newer MedSeg"):
        worklist.set_state("c_2", State.DONE)
    assert path.read_text() == newer


def test_nothing_of_where_the_images_are_is_in_the_file(worklist):
    worklist.set_state("c_1", State.DONE)
    assert str(worklist.folder) not in (worklist.labels_folder / FILE_NAME).read_text()


def test_labels_without_a_state_are_a_models_or_somebodys(worklist):
    label_file(worklist, "c_1")
    label_file(worklist, "c_2", provenance=False)
    again = Worklist.open(worklist.folder)
    assert [again.state_of(n) for n in ("c_1", "c_2")] == ["segmented", "in work"]


def test_a_models_labels_that_were_deleted_are_to_be_made_anew(worklist):
    path = label_file(worklist, "c_1")
    worklist.set_state("c_1", State.SEGMENTED, written="abc")
    assert worklist.state_of("c_1") is State.SEGMENTED
    path.unlink()
    worklist.refresh()
    assert worklist.state_of("c_1") is State.NEW
    assert worklist.record("c_1").written == ""


@pytest.mark.parametrize(
    ("image", "label"),
    [
        ("a.nii", "a.nii.gz"),
        ("a.nrrd", "a.nii.gz"),
        ("a.mgz", "a.nii.gz"),
        ("a.jpg", "a.png"),
        ("a.tiff", "a.tif"),
        ("a.ome.zarr", "a.ome.zarr"),
    ],
)
def test_labels_are_saved_in_the_kind_of_their_image(folder_of, image, label):
    worklist = Worklist.open(folder_of(image))
    assert worklist.labels_path("a").name == label
    assert worklist.saved_labels("a") is None


def test_labels_that_are_there_already_are_the_labels_whatever_their_suffix(worklist):
    worklist.labels_folder.mkdir()
    (worklist.labels_folder / "c_1.tif").touch()
    worklist.refresh()
    assert worklist.labels_path("c_1").name == "c_1.tif"
    assert worklist.saved_labels("c_1") == worklist.labels_folder / "c_1.tif"


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (["a.png"], ""),
        (["images/a.png", "masks/a.png"], "masks"),
        (["images/a.png", "masks/a.png"], "images"),
        (["p1/a.png", "p2/a.png"], "p3"),
    ],
)
def test_labels_never_go_where_they_would_be_read_as_images(folder_of, names, labels):
    folder = folder_of(*names)
    with pytest.raises(UnusableLabelsFolder, match="taken for images next time"):
        Worklist.open(folder, folder / labels)


def test_a_folder_of_saved_labels_is_no_folder_of_images(worklist):
    label_file(worklist, "c_1")
    worklist.set_state("c_1", State.DONE)
    with pytest.raises(ValueError, match="choose the folder of their images"):
        Worklist.open(worklist.labels_folder)


def test_saved_labels_beside_case_folders_are_left_out(tmp_path):
    for name in ("p1", "p2"):
        (tmp_path / "all" / name).mkdir(parents=True)
        (tmp_path / "all" / name / "t1.png").touch()
    inner = Worklist.open(tmp_path / "all" / "p1")
    label_file(inner, "t1")
    inner.set_state("t1", State.DONE)
    worklist = Worklist.open(tmp_path / "all")
    assert names_of(worklist) == ["p1", "p2"]
    assert worklist.left_out == {"p1-labels": "holds labels that MedSeg saved"}


def test_a_folder_that_cannot_be_written_asks_for_another_one(folder_of, tmp_path, monkeypatch):
    folder = folder_of("a.png")
    (tmp_path / "file").touch()
    with pytest.raises(
        UnusableLabelsFolder, match="is a file; choose another folder for the labels"
    ):
        Worklist.open(folder, tmp_path / "file" / "labels")
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(OSError, match="may not be written; choose another folder for the labels"):
        Worklist.open(folder)


def test_a_disk_that_became_read_only_is_said_and_the_state_stays(worklist, tmp_path):
    worklist.labels_folder.touch()  # a file where the folder should be
    with pytest.raises(OSError, match="choose another folder for the labels"):
        worklist.set_state("c_1", State.DONE)
    assert worklist.state_of("c_1") is State.NEW


def test_next_is_the_next_one_not_done_and_goes_round(worklist):
    assert worklist.next_after().name == "c_1"
    assert worklist.next_after("c_1").name == "c_2"
    worklist.set_state("c_2", State.DONE)
    assert worklist.next_after("c_1").name == "c_10"
    assert worklist.next_after("c_10").name == "c_1"
    worklist.set_state("c_1", State.DONE)
    assert worklist.next_after("c_10") is None
    assert worklist.next_after("c_1").name == "c_10"


def test_previous_is_the_one_before_whatever_its_state(worklist):
    worklist.set_state("c_1", State.DONE)
    assert worklist.previous_before("c_2").name == "c_1"
    assert worklist.previous_before("c_1") is None
    assert worklist.previous_before("") is None


def test_a_case_that_is_not_there_is_said(worklist):
    with pytest.raises(ValueError, match="no case 'x' in study"):
        worklist.set_state("x", State.DONE)
    assert "x" not in worklist
    assert "c_1" in worklist


def test_a_thousand_cases_are_listed_at_once(folder_of):
    folder = folder_of(*(f"case_{n:04}.nii.gz" for n in range(1000)))
    worklist = Worklist.open(folder)
    for name in ("case_0000", "case_0999"):
        label_file(worklist, name)
    worklist.file.update({case.name: CaseRecord(State.DONE) for case in worklist.cases})
    took = []
    for _ in range(3):
        start = time.process_time()  # whatever else this computer does meanwhile
        assert Worklist.open(folder).count(State.DONE) == 1000
        took.append(time.process_time() - start)
    assert min(took) < 0.3


def test_the_worklist_needs_neither_torch_nor_qt():
    code = "import sys, napari_medseg.worklist; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "qtpy", "napari", "scipy"} & set(run.stdout.split())
