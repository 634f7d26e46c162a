"""The whole walk, small: train, segment, evaluate, from the command line."""

from __future__ import annotations

import csv
import json

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from napari_medseg.cli import main
from napari_medseg.engine.checkpoint import read_card

TINY = ["--preset", "small", "--network", "widths=[4,4,8,8,8]", "--device", "cpu"]


def run(*words) -> int:
    return main([str(word) for word in words])


def save_disks(folder, count=8):
    """Bright disks on noise, their masks 0 and 255."""
    rng = np.random.default_rng(0)
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    h, w = np.mgrid[:32, :40]
    for case in range(count):
        centre, radius = rng.uniform(10, 22, 2), rng.uniform(5, 8)
        disk = (h - centre[0]) ** 2 + (w - centre[1]) ** 2 < radius**2
        image = rng.normal(60, 10, (32, 40, 3)) + 120 * disk[..., None]
        Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(folder / f"images/{case}.png")
        Image.fromarray(np.uint8(255) * disk).save(folder / f"masks/{case}.png")


def save_balls(folder, count=4):
    """Two balls of different brightness in anisotropic volumes, one folder a case."""
    rng = np.random.default_rng(0)
    grid = np.moveaxis(np.mgrid[:32, :32, :20], 0, -1) * (0.5, 0.5, 0.8)
    for case in range(count):
        labels = np.zeros((32, 32, 20), np.uint8)
        for value, centre in ((1, (4, 5, 8)), (2, (11, 10, 8))):
            labels[((grid - centre - rng.uniform(-1, 1, 3)) ** 2).sum(-1) < 12] = value
        image = rng.normal(0, 0.2, labels.shape) + labels
        (folder / f"case_{case}").mkdir(parents=True)
        affine = np.diag([-0.5, 0.5, 0.8, 1.0])
        for name, values in (("image", image.astype(np.float32)), ("label", labels)):
            nib.save(nib.Nifti1Image(values, affine), folder / f"case_{case}/{name}.nii.gz")


def read_csv(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_train_segment_and_evaluate_in_2d(tmp_path):
    save_disks(tmp_path / "data")
    model, out, table = tmp_path / "disk.safetensors", tmp_path / "out", tmp_path / "scores.csv"
    settings = ["--size", "32,32", "--epochs", 9, "--batch-size", 2, "--learning-rate", 0.01]
    settings += ["--augment-affine", 0, "--validate-every", 9]
    assert run("train", tmp_path / "data", "--out", model, *TINY, *settings) == 0
    assert model.with_suffix(".log.csv").exists()
    assert run("segment", tmp_path / "data/images", "--model", model, "--out", out) == 0
    assert run("evaluate", out, tmp_path / "data", "--csv", table) == 0
    dice = [float(row["dice"]) for row in read_csv(table)]
    assert len(dice) == 8
    assert np.mean(dice) > 0.6
    provenance = json.loads((out / "0.json").read_text())
    assert provenance["model"] == "disk"
    assert len(provenance["model_sha256"]) == 64


def test_train_resume_and_segment_in_3d(tmp_path):
    save_balls(tmp_path / "data")
    model, out, table = tmp_path / "ball.safetensors", tmp_path / "out", tmp_path / "scores.csv"
    settings = ["--window", "32,32,32", "--epochs", 1, "--batch-size", 2, "--validation", 0.25]
    names = ["--classes", "1=dim,2=bright"]
    words = ["train", tmp_path / "data", "--out", model, *TINY, *settings, *names]
    assert run(*words) == 0
    assert run(*words, "--resume") == 0  # nothing is left to do
    assert run("segment", tmp_path / "data", "--model", model, "--out", out) == 0
    assert run("evaluate", out, tmp_path / "data", "--classes", "1,2", "--csv", table) == 0
    rows = read_csv(table)
    assert {row["name"] for row in rows} == {"dim", "bright"}
    assert {row["case"] for row in rows} == {f"case_{i}" for i in range(4)}
    image = nib.load(tmp_path / "data/case_0/image.nii.gz")
    labels = nib.load(out / "case_0.nii.gz")
    np.testing.assert_array_equal(labels.affine, image.affine)
    assert labels.shape == image.shape


def test_ctrl_c_in_training_leaves_a_model_that_segments(tmp_path, monkeypatch):
    import signal

    from napari_medseg.commands import terminal

    def press_at_the_third_step(title):
        def report(step):
            if step.unit == "step" and step.done == 2:
                signal.raise_signal(signal.SIGINT)

        return report

    save_disks(tmp_path / "data", count=4)
    model = tmp_path / "disk.safetensors"
    words = ["train", tmp_path / "data", "--out", model, *TINY, "--size", "32,32", "--epochs", 3]
    words += ["--batch-size", 1]
    with monkeypatch.context() as patch:
        patch.setattr(terminal, "_plain", press_at_the_third_step)
        assert run(*words) == 130
    image = tmp_path / "data/images/0.png"
    assert run("segment", image, "--model", model, "--out", tmp_path / "a.png") == 0
    assert run(*words, "--resume") == 0


def test_an_architecture_is_trained_by_its_papers_recipe_unless_told_otherwise(tmp_path, capsys):
    save_disks(tmp_path / "data", count=3)
    model = tmp_path / "disk.safetensors"
    words = ["--architecture", "gladnet", "--preset", "small", "--network", "width=8"]
    words += ["--size", "16,16", "--epochs", 1, "--batch-size", 2, "--device", "cpu"]
    assert run("train", tmp_path / "data", "--out", model, *words) == 0
    assert "the paper's recipe, gladnet-2d" in capsys.readouterr().err
    config = read_card(model).history[0]["config"]
    assert (config["loss"], config["lowest_rate"], config["epochs"]) == ("dice_focal", 1e-5, 1)
    assert (
        run("train", tmp_path / "data", "--out", model, *words, "--overwrite", "--recipe", "cpu-2d")
        == 0
    )
    config = read_card(model).history[0]["config"]
    assert (config["architecture"], config["loss"]) == ("gladnet", "dice_ce")


def test_an_architecture_that_is_none_is_refused_before_anything_is_written(tmp_path, capsys):
    save_disks(tmp_path / "data", count=3)
    model = tmp_path / "disk.safetensors"
    assert run("train", tmp_path / "data", "--out", model, "--architecture", "gladnot") == 2
    assert "gladnet (2D)" in capsys.readouterr().err
    assert not model.exists()


@pytest.mark.parametrize("words", [["--resume"], ["--size", "32,32", "--window", "32,32"]])
def test_training_that_cannot_start_leaves_nothing(tmp_path, words, capsys):
    save_disks(tmp_path / "data", count=3)
    model = tmp_path / "disk.safetensors"
    assert run("train", tmp_path / "data", "--out", model, *TINY, *words) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not list(tmp_path.glob("disk*"))
