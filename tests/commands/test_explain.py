"""``napari-medseg explain``."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from napari_medseg.cli import main


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "picture.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (20, 24), np.uint8)).save(path)
    return path


def explain(*words):
    return main(["explain", *map(str, words), "--device", "cpu"])


def test_maps_and_numbers_become_files_whose_names_are_printed(picture, tiny_2d, tmp_path, capsys):
    out = tmp_path / "out"
    what = ("energy", "uncertainty", "redundancy", "why")
    asked = ("--what", *what, "--at", "3,4", "--format", ".png", "--whole")
    assert explain(picture, "--model", tiny_2d, *asked, "--out", out) == 0
    printed = capsys.readouterr().out.split()
    assert sorted(printed) == sorted(str(p) for p in out.iterdir())
    assert np.asarray(Image.open(out / "uncertainty.png")).shape == (20, 24, 3)
    assert (out / "channel_redundancy.csv").read_text().startswith("# how much")
    page = (out / "why.txt").read_text()
    assert page.startswith("Voxel 3, 4: ")
    assert "blob: 0." in page


def test_a_volume_of_maps_lies_on_its_image(tiny_2d, tmp_path):
    values = np.random.default_rng(0).normal(size=(12, 10, 4)).astype(np.float32)
    affine = np.diag([2.0, 1.0, 3.0, 1.0])
    nib.save(nib.Nifti1Image(values, affine), tmp_path / "image.nii.gz")
    labels = np.zeros(values.shape, np.uint8)
    labels[:5] = 3
    nib.save(nib.Nifti1Image(labels, affine), tmp_path / "labels.nii.gz")
    asked = ("--what", "grad_cam", "--layer", "enc1", "--label", 3, "--slices", "1:3")
    code = explain(
        tmp_path / "image.nii.gz", "--model", tiny_2d, *asked,
        "--labels", tmp_path / "labels.nii.gz", "--out", tmp_path / "out",
    )  # fmt: skip
    assert code == 0
    (written,) = (tmp_path / "out").iterdir()
    image = nib.load(written)
    np.testing.assert_allclose(image.affine, affine)
    shown = image.get_fdata()
    assert shown.shape == values.shape
    assert not shown[..., [0, 3]].any()
    assert shown[..., 1:3].any()


def test_a_region_of_all_windows_and_another_model(picture, tiny_2d, tmp_path, capsys):
    out = tmp_path / "out"
    where = ("--region", "2:10,4:20", "--all-windows", "--window", "16,16", "--half")
    asked = ("--what", "energy", "why", "--compare", tiny_2d, "--format", ".csv")
    assert explain(picture, "--model", tiny_2d, *asked, *where, "--out", out) == 0
    printed = capsys.readouterr().out.split()
    assert sorted(printed) == sorted(str(p) for p in out.iterdir())
    rows = (out / "dec2_energy.csv").read_text().splitlines()
    places = np.array([row.split(",")[-3:-1] for row in rows[3:]], float)
    assert places.min(0).tolist() == [2, 4]
    assert places.max(0).tolist() == [9, 19]
    answers = (out / "compare-answers.csv").read_text().splitlines()
    assert all(row.endswith(",1.0") for row in answers[3:])  # of a model with itself
    assert (out / "compare-before_and_after.csv").exists()


def test_the_list_says_what_there_is_and_what_not(tiny_2d, capsys):
    assert explain("--model", tiny_2d, "--list") == 0
    text = capsys.readouterr().out
    assert "Feature maps:" in text
    assert "  enc4:saliency: enc4: how much each place is looked at" in text
    assert "(not here: the model has no learnt curves" in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--what", "gradcam"), "did you mean grad_cam"),
        (("--what", "splines"), "cannot be shown"),
        (("--what", "energy", "--layer", "enc99"), "no layer 'enc99'"),
        (("--at", "99,0"), "not in the image of 20x24"),
        (("--label", "8"), "no class 8"),
        (("--slices", "a:b"), "expected slices such as 10:20"),
        (("--region", "0:4"), "the box has 1 axes, the image has 2"),
        (("--region", "0:4,5"), "expected slices such as 10:20, got '5'"),
        (("--whole", "--all-windows"), "not allowed with"),
        (("--compare", "nonsense"), "nonsense"),
    ],
)
def test_mistakes_are_sentences(picture, tiny_2d, tmp_path, capsys, words, said):
    assert explain(picture, "--model", tiny_2d, *words, "--out", tmp_path / "out") == 2
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error


def test_an_image_and_a_folder_are_needed(tiny_2d, capsys):
    assert explain("--model", tiny_2d) == 2
    assert "an IMAGE and --out FOLDER are needed" in capsys.readouterr().err
