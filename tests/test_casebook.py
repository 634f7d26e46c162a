import json
import os
import subprocess
import sys
import textwrap
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from napari_medseg.case_file import ImageNotKept, case_of
from napari_medseg.case_picture import picture_of
from napari_medseg.casebook import Casebook, casebook_folder
from napari_medseg.casebook_file import INDEX, read_index
from napari_medseg.io import read_volume, write_image
from napari_medseg.volume import Volume

SHAPE = (5, 16, 12)


def case(seed=0, name="", edited=3):
    image = Volume(
        np.random.default_rng(seed).normal(size=(1, *SHAPE)).astype(np.float32),
        (2.0, 1.0, 1.0),
        name=f"image {seed}",
    )
    labels, reviewed, changed = (np.zeros(SHAPE, kind) for kind in (np.uint8, bool, bool))
    labels[2, 4:9, 3:8], reviewed[2] = 2, True
    changed[2, 4, 3 : 3 + edited] = True
    return case_of(image, labels, reviewed, changed, name=name or f"case {seed}")


@pytest.fixture
def book(tmp_path):
    return Casebook.open(tmp_path / "trial.medseg.json")


@pytest.fixture
def three(book):
    for seed in range(3):
        book.add(case(seed), copy_image=True)
    return book


def names(book):
    return [entry.name for entry in book.entries]


def again(book):
    return Casebook.open(book.project)


def files(book):
    return {path.name for path in book.folder.iterdir() if path.suffix in (".npz", ".png")}


def test_the_cases_lie_beside_the_project(tmp_path):
    assert casebook_folder(tmp_path / "A.medseg.json") == tmp_path / "A.medseg-cases"
    book = Casebook.open(tmp_path / "A.medseg.json")
    assert (book.entries, book.notices) == ((), ())
    assert not book.folder.exists()  # looking makes nothing


def test_what_is_added_is_there_in_the_next_sitting(three):
    other = again(three)
    assert other.entries == three.entries
    assert names(other) == ["case 0", "case 1", "case 2"]
    entry = other.entries[1]
    assert (entry.shape, entry.values, entry.used, entry.weight) == (SHAPE, (0, 2), True, 1.0)
    assert (entry.reviewed_voxels, entry.edited_voxels) == (16 * 12, 3)
    kept, given = other.load(entry), case(1)
    for what in ("labels", "reviewed", "changed"):
        np.testing.assert_array_equal(getattr(kept, what), getattr(given, what))
    np.testing.assert_array_equal(kept.volume.array, given.volume.array)


def test_a_case_in_the_place_of_another_keeps_what_was_chosen_for_it(three):
    old = three.update(three.entries[1], weight=2.5, used=False)
    before = files(three)
    new = three.add(case(1, "corrected", edited=5), copy_image=True, replacing=old)
    assert names(three) == ["case 0", "corrected", "case 2"]
    assert (new.key, new.weight, new.used, new.edited_voxels) == (old.key, 2.5, False, 5)
    assert len(files(three)) == 3
    assert files(three) != before  # the old file is gone
    assert again(three).entries == three.entries


def test_cases_are_moved_renamed_weighted_left_out_and_removed(three):
    first, second, third = three.entries
    three.move(third, 0)
    assert names(three) == ["case 2", "case 0", "case 1"]
    three.move(third, 9)
    assert names(three) == ["case 0", "case 1", "case 2"]
    renamed = three.update(second, name="the liver", weight=3, minutes=2.5, prompts=4)
    assert (renamed.name, renamed.weight, renamed.prompts) == ("the liver", 3, 4)
    loaded = three.load(renamed)
    assert (loaded.name, loaded.weight) == ("the liver", 3)
    three.update(first, used=False)
    assert [e.name for e in three.used] == ["the liver", "case 2"]
    three.remove(first)
    assert names(again(three)) == ["the liver", "case 2"]
    assert len(files(three)) == 2


@pytest.mark.parametrize("change", [{"weight": 0}, {"weight": 101}, {"voxels": ""}, {"key": "x"}])
def test_what_cannot_be_is_refused_and_changes_nothing(three, change):
    before = (three.folder / INDEX).read_bytes()
    with pytest.raises(ValueError, match=r"weight of a case must|can be changed"):
        three.update(three.entries[0], **change)
    assert (three.folder / INDEX).read_bytes() == before


def test_the_same_image_is_found_again(three):
    assert three.find(case(2).volume) == three.entries[2]
    assert three.find(case(7).volume) is None


def test_the_image_itself_is_kept_only_with_consent(book, tmp_path):
    with pytest.raises(ImageNotKept):
        book.add(case())
    assert not files(book)
    assert book.entries == ()
    write_image(tmp_path / "scan.nii.gz", case().volume)
    given = case_of(read_volume(tmp_path / "scan.nii.gz"), case().labels, case().reviewed)
    entry = book.add(given)
    assert not entry.copied
    assert len(files(book)) == 1  # and no picture
    np.testing.assert_array_equal(book.load(entry).volume.array, given.volume.array)


def test_a_picture_is_small_and_goes_with_its_case(book):
    entry = book.add(case(), copy_image=True, picture=True)
    with Image.open(book.picture(entry)) as picture:
        assert picture.size == (72, 96)
    replaced = book.add(case(1), copy_image=True, picture=True, replacing=entry)
    assert files(book) == {replaced.file, book.picture(replaced).name}
    book.remove(replaced)
    assert not files(book)


def test_a_picture_shows_the_labelled_slice_in_its_proportions():
    one = case()
    pixels = picture_of(one, side=48)
    assert pixels.shape == (48, 36, 3)
    plain = picture_of(case_of(one.volume, one.labels * 0, one.reviewed), side=48)
    coloured = (pixels != plain).any(-1)
    assert coloured[20, 15]
    assert not coloured[:12].any()
    flat = case_of(
        Volume(one.volume.array[:, 2], (1.0, 4.0)), one.labels[2], one.reviewed[2], seen="painted"
    )
    assert picture_of(flat, side=48).shape == (16, 48, 3)


def test_rounds_add_up_to_what_they_took(book):
    for seed, (rounds, minutes) in enumerate([(0, 5.0), (0, 7.0), (1, 1.5)]):
        book.add(case(seed, edited=4), copy_image=True, rounds=rounds, minutes=minutes, prompts=2)
    first, second = book.effort()
    assert (first.rounds, first.cases, first.minutes, first.edited_voxels) == (0, 2, 12.0, 8)
    assert (second.rounds, second.cases, second.prompts) == (1, 1, 2)


def test_a_missing_case_is_said_and_the_others_are_kept(three):
    (three.folder / three.entries[1].file).unlink()
    book = again(three)
    assert names(book) == ["case 0", "case 2"]
    assert book.notices == ("the file of case 'case 1' is missing",)


def test_a_damaged_case_says_so_and_the_others_are_read(three):
    path = three.folder / three.entries[0].file
    path.write_bytes(path.read_bytes()[:-40])
    book = again(three)
    with pytest.raises(ValueError, match="damaged"):
        book.load(book.entries[0])
    assert [book.load(e).name for e in book.entries[1:]] == ["case 1", "case 2"]


def test_a_case_keeps_the_weight_it_came_with(book):
    entry = book.add(replace(case(0), weight=2.5), copy_image=True)
    assert entry.weight == book.load(entry).weight == 2.5
    lighter = book.update(entry, weight=0.5)
    again_added = book.add(case(1), copy_image=True, replacing=lighter)
    assert book.load(again_added).weight == 0.5  # of the place it takes
    with pytest.raises(ValueError, match="at most 100"):
        book.add(replace(case(2), weight=101), copy_image=True)
    assert names(book) == ["case 1"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"kind": "cases", "version": 1}'])
def test_a_damaged_list_is_made_again_from_the_cases(three, text):
    (three.folder / INDEX).write_text(text)
    book = again(three)
    assert names(book) == ["case 0", "case 1", "case 2"]
    assert "was damaged; 3 were found again" in book.notices[0]
    assert [book.load(e).name for e in book.entries] == names(book)
    book.update(book.entries[0], used=False)
    assert (again(three).notices, len(again(three).used)) == ((), 2)


def test_a_damaged_entry_is_said_and_what_a_later_version_adds_is_ignored(three):
    content = json.loads((three.folder / INDEX).read_text())
    content["cases"][0]["weight"] = "heavy"
    content["cases"][1]["colour"] = "red"
    (three.folder / INDEX).write_text(json.dumps(content))
    entries, said = read_index(three.folder)
    assert [e.name for e in entries] == ["case 1", "case 2"]
    assert said == ["an entry of the list of cases is damaged: it is skipped"]
    content["version"] = 99
    (three.folder / INDEX).write_text(json.dumps(content))
    with pytest.raises(ValueError, match="newer MedSeg"):
        again(three)


def test_two_windows_do_not_lose_each_others_cases(three):
    other = again(three)
    three.add(case(5), copy_image=True)
    other.add(case(6), copy_image=True)
    assert names(other) == ["case 0", "case 1", "case 2", "case 5", "case 6"]
    three.remove(three.entries[0])
    with pytest.raises(ValueError, match="'case 0' is gone"):
        other.update(other.entries[0], used=False)


def test_an_add_that_fails_leaves_the_list_and_the_files(three, monkeypatch):
    before, listed = files(three), (three.folder / INDEX).read_bytes()

    def full(*_args, **_how):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("napari_medseg.casebook.write_index", full)
    with pytest.raises(OSError, match="No space"):
        three.add(case(8), copy_image=True)
    monkeypatch.undo()
    assert (three.folder / INDEX).read_bytes() == listed
    assert names(again(three)) == ["case 0", "case 1", "case 2"]
    three.update(three.entries[0], used=False)
    assert files(three) == before  # what was never listed is cleared away


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kill -9 needs a system with signals")
def test_a_program_killed_while_it_writes_leaves_the_old_cases(three):
    code = f"""
        import os, signal
        from pathlib import Path
        from napari_medseg import casebook
        book = casebook.Casebook.open(Path({str(three.project)!r}))
        def killed(*_args):
            os.kill(os.getpid(), signal.SIGKILL)
        casebook.write_index = killed
        book.add(book.load(book.entries[0]), copy_image=True)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False)
    assert done.returncode < 0
    book = again(three)
    assert (names(book), book.notices) == (["case 0", "case 1", "case 2"], ())
    book.add(case(9), copy_image=True)  # the lock was freed
    assert len(files(book)) == 4
