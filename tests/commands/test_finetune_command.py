"""``napari-medseg finetune`` on a tiny model and two images."""

import os
import subprocess
import sys

import numpy as np
import pytest

from napari_medseg.cli import main
from napari_medseg.engine.checkpoint import file_hash, load_checkpoint, read_card
from napari_medseg.engine.replay import replay_path
from napari_medseg.io import write_image, write_labels
from napari_medseg.volume import Volume

QUICK = ["--steps", "1", "--batch-size", "2", "--alphas", "1", "--validation", "none"]
QUICK += ["--device", "cpu"]


@pytest.fixture
def folder(tmp_path):
    """Two labelled images, what was reviewed of both and changed of one."""
    for i in range(2):
        rng = np.random.default_rng(i)
        labels = np.zeros((32, 32), np.uint8)
        labels[4:18, 6:20] = 3
        volume = Volume(rng.integers(0, 255, (1, 32, 32)).astype(np.uint8), (1.0, 1.0))
        seen = np.zeros_like(labels)
        seen[:16] = 1
        write_image(tmp_path / "images" / f"c{i}.png", volume)
        write_labels(tmp_path / "masks" / f"c{i}.png", labels, like=volume)
        write_labels(tmp_path / "reviewed" / f"c{i}.png", seen, like=volume)
    write_labels(tmp_path / "changed" / "c0.png", (labels > 0) & (seen > 0), like=volume)
    return tmp_path


def tune(model, folder, out, *more):
    return main(
        [
            "finetune",
            "--model",
            str(model),
            "--cases",
            str(folder),
            "--out",
            str(out),
            *QUICK,
            *more,
        ]
    )


def test_a_model_learns_from_a_folder_and_says_what_was_gained(folder, tiny_2d, tmp_path, capsys):
    out = tmp_path / "new.safetensors"
    before = file_hash(tiny_2d)
    assert tune(tiny_2d, folder, out, "--keep-replay") == 0
    printed = capsys.readouterr()
    assert printed.out.strip() == str(out)
    assert "From 2 cases the last layer" in printed.err
    assert "c0 (learnt from): blob Dice" in printed.err
    assert "forgetting could not be measured" in printed.err
    card = read_card(out)
    cases = card.history[-1]["cases"]
    assert [case["reviewed"] for case in cases] == [512, 512]
    assert [case["edited"] for case in cases] == [12 * 14, 0]
    assert card.parent == before == file_hash(tiny_2d)
    assert replay_path(out).exists()
    assert not out.with_suffix(".finetune").exists()
    assert tune(tiny_2d, folder, out) == 2
    assert "exists already and is kept" in capsys.readouterr().err
    assert tune(tiny_2d, folder, tmp_path / "new.pth") == 2
    assert "written to a .safetensors file, got new.pth" in capsys.readouterr().err
    (tmp_path / "begun.finetune").mkdir()
    assert tune(tiny_2d, folder, tmp_path / "begun.safetensors") == 2
    assert "was interrupted; go on with it by --resume" in capsys.readouterr().err


def test_what_stands_against_it_is_said_and_nothing_written(folder, tiny_2d, tmp_path, capsys):
    labels = np.full((32, 32), 7, np.uint8)
    like = Volume(np.zeros((1, 32, 32), np.uint8), (1.0, 1.0))
    (folder / "masks" / "c1.png").unlink()
    write_labels(folder / "masks" / "c1.png", labels, like=like)
    out = tmp_path / "new.safetensors"
    assert tune(tiny_2d, folder, out) == 2
    assert "c1: The labels hold 7, which the model does not know" in capsys.readouterr().err
    assert not out.exists()
    assert tune(tiny_2d, folder, out, "--reviewed", str(tmp_path / "nowhere")) == 2
    assert "there is no folder" in capsys.readouterr().err


@pytest.mark.slow
def test_two_processes_learn_one_model_together(folder, tiny_2d, tmp_path):
    out = tmp_path / "new.safetensors"
    words = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "29577"]
    words += ["-m", "napari_medseg", "finetune", "--model", str(tiny_2d), "--cases", str(folder)]
    words += ["--out", str(out), *QUICK, "--trained", "all", "--validation", "leave-one-out"]
    run = subprocess.run(
        [sys.executable, *words],
        capture_output=True,
        text=True,
        timeout=280,
        env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
    )
    assert run.returncode == 0, run.stderr[-2000:]
    alone = tmp_path / "alone.safetensors"
    assert tune(tiny_2d, folder, alone, "--trained", "all", "--validation", "leave-one-out") == 0
    (joint, one), (single, other) = (load_checkpoint(path) for path in (out, alone))
    assert joint.state_dict().keys() == single.state_dict().keys()
    assert all(value.isfinite().all() for value in joint.state_dict().values())
    mine, theirs = one.history[-1], other.history[-1]
    assert mine.keys() == theirs.keys()
    for key in ("what", "from", "config", "trained", "cases"):
        assert mine[key] == theirs[key]
    assert len(mine["sweep"]) == len(theirs["sweep"]) == 2
    unlike = {"name": "", "history": (), "scores": {}, "split": ""}
    assert one.replace(**unlike) == other.replace(**unlike)
    assert one.scores.keys() == other.scores.keys()
