from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_medseg.commands.segment import Target, check_target, find_inputs
from napari_medseg.io import CaseFiles
from napari_medseg.volume import Storage, Volume


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def names(cases: list[CaseFiles]) -> list[str]:
    return [case.name for case in cases]


def test_each_file_is_an_image(tmp_path):
    files = [tmp_path / "b.nii.gz", tmp_path / "a.png"]
    touch(*files)
    cases = find_inputs(files)
    assert names(cases) == ["b", "a"]
    assert [case.images for case in cases] == [(file,) for file in files]


def test_a_folder_is_all_its_images_as_people_count(tmp_path):
    touch(*(tmp_path / f"{n}.png" for n in (10, 2, 1)), tmp_path / "notes.txt")
    assert names(find_inputs([tmp_path])) == ["1", "2", "10"]


def test_files_and_folders_mix(tmp_path):
    touch(tmp_path / "x.png", tmp_path / "in" / "y.png")
    assert names(find_inputs([tmp_path / "x.png", tmp_path / "in"])) == ["x", "y"]


def test_modalities_keep_the_order_they_were_given_in(tmp_path):
    files = [tmp_path / "t1.nii", tmp_path / "flair.nii"]
    touch(*files)
    (case,) = find_inputs(files, modalities=True)
    assert case.images == tuple(files)


def test_modalities_of_a_folder_leave_labels_and_brain_masks_out(tmp_path):
    touch(*(tmp_path / "p7" / f"{n}.nii" for n in ("t1", "flair", "brainmask", "seg")))
    (case,) = find_inputs([tmp_path / "p7"], modalities=True)
    assert case.name == "p7"
    assert [path.name for path in case.images] == ["flair.nii", "t1.nii"]


def test_two_images_of_one_name_are_refused(tmp_path):
    files = [tmp_path / "a" / "x.png", tmp_path / "b" / "x.png"]
    touch(*files)
    with pytest.raises(ValueError, match="would both be written as x"):
        find_inputs(files)


def test_modalities_do_not_mix_files_and_folders(tmp_path):
    touch(tmp_path / "a.nii")
    with pytest.raises(ValueError, match="one folder, or one file per channel"):
        find_inputs([tmp_path / "a.nii", tmp_path], modalities=True)


def test_a_missing_input_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no file or folder .*gone\.nii"):
        find_inputs([tmp_path / "gone.nii"])


def test_several_images_do_not_go_into_one_file(tmp_path):
    cases = [CaseFiles(n, (tmp_path / f"{n}.png",), None) for n in "ab"]
    with pytest.raises(ValueError, match=r"2 images \(a, b\) cannot be written to one file"):
        check_target(cases, Target(tmp_path / "out.png"))


@pytest.mark.parametrize("out", ["a.png", "."])
def test_labels_never_go_over_or_among_the_images(tmp_path, out):
    cases = [CaseFiles("a", (tmp_path / "a.png",), None)]
    with pytest.raises(ValueError, match="another --out"):
        check_target(cases, Target(tmp_path / out))


@pytest.mark.parametrize(
    ("shape", "stored_as", "expected"),
    [
        ((1, 4, 5), "image", "x.png"),
        ((1, 3, 4, 5), "image", "x.tif"),
        ((1, 3, 4, 5), "nifti", "x.nii.gz"),
        ((1, 4, 5), "nifti", "x.nii.gz"),
    ],
)
def test_the_format_follows_the_image(tmp_path, shape, stored_as, expected):
    axes = tuple(range(len(shape) - 1))
    storage = Storage(axes, (False,) * len(axes), format=stored_as)
    volume = Volume(np.zeros(shape, np.uint8), (1.0,) * len(axes), storage=storage)
    assert Target(tmp_path).file("x", volume).name == expected


def test_a_file_as_target_is_taken_as_it_is(tmp_path):
    volume = Volume(np.zeros((1, 4, 5), np.uint8), (1.0, 1.0))
    assert Target(tmp_path / "y.nii.gz").file("x", volume) == tmp_path / "y.nii.gz"
