"""Bad input on the command line: one clear sentence, exit code 2, everything left as it was."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import struct

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from napari_medseg.cli import main


@pytest.fixture
def folder(tmp_path):
    """A folder with good images and bad ones."""
    rng = np.random.default_rng(0)
    grey = rng.integers(0, 255, (20, 24), dtype=np.uint8)
    Image.fromarray(grey).save(tmp_path / "good.png")
    Image.fromarray(np.dstack([grey, grey, 255 - grey])).save(tmp_path / "rgb.png")
    (tmp_path / "text.png").write_text("this is not an image")
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "truncated.png").write_bytes((tmp_path / "good.png").read_bytes()[:200])
    values = rng.normal(100, 20, (12, 10, 8)).astype(np.float32)
    save(tmp_path / "one.nii.gz", values)
    save(tmp_path / "good.nii.gz", np.stack([values, values], axis=-1))
    save(tmp_path / "zero.nii.gz", np.zeros((12, 10, 8, 2), np.float32))
    save(tmp_path / "nan.nii.gz", np.full((12, 10, 8, 2), np.nan, np.float32))
    whole = (tmp_path / "good.nii.gz").read_bytes()
    (tmp_path / "truncated.nii.gz").write_bytes(whole[: len(whole) // 2])
    return tmp_path


def save(path, values):
    nib.save(nib.Nifti1Image(values, np.diag([1.0, 1.0, 2.0, 1.0])), path)


def contents(folder):
    """Return the hash of every file below `folder`."""
    return {
        path.relative_to(folder): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def refused(capsys, *words):
    """Run the command line, check that it refuses in one sentence, and return the sentence."""
    capsys.readouterr()
    assert main([str(word) for word in words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Traceback" not in captured.err
    lines = captured.err.strip().splitlines()
    assert len(lines) == 1, captured.err
    return lines[0]


BAD_IMAGES = [
    ("text.png", "2d", "not an image"),
    ("empty.png", "2d", "empty"),
    ("truncated.png", "2d", "cut off|truncated|damaged|incomplete"),
    ("rgb.png", "2d", "channel"),
    ("gone.png", "2d", "there is no file"),
    ("truncated.nii.gz", "3d", "cut off|truncated|damaged|incomplete"),
    ("one.nii.gz", "3d", "channel"),
    ("good.png", "3d", "2D|2-D|3D|3-D|volume"),
    ("nan.nii.gz", "3d", "NaN|nan|finite|number"),
    ("zero.nii.gz", "3d", "zero|same value|constant"),
]


@pytest.mark.parametrize(("name", "model", "expected"), BAD_IMAGES)
def test_a_bad_image_is_refused_and_nothing_is_written(
    folder, tiny_2d, tiny_3d, capsys, name, model, expected
):
    before = contents(folder)
    path = {"2d": tiny_2d, "3d": tiny_3d}[model]
    said = refused(
        capsys, "segment", folder / name, "--model", path, "--out", folder / "out", "--device=cpu"
    )
    assert any(word in said for word in expected.split("|")), said
    assert contents(folder) == before


def test_labels_that_are_there_survive_a_failed_run(folder, tiny_2d, capsys):
    (folder / "labels.png").write_bytes(b"yesterday's labels")
    refused(
        capsys,
        *("segment", folder / "truncated.png", "--model", tiny_2d),
        *("--out", folder / "labels.png", "--device", "cpu"),
    )
    assert (folder / "labels.png").read_bytes() == b"yesterday's labels"


def with_card(path, target, change):
    """Copy a checkpoint with another card in its header."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    card = json.loads(header["__metadata__"]["napari_medseg_card"])
    card.update(change)
    header["__metadata__"]["napari_medseg_card"] = json.dumps(card)
    text = json.dumps(header).encode()
    target.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])
    return target


def pickled(folder, model):
    path = folder / "weights.pth"
    path.write_bytes(b"\x80\x02}q\x00.")
    return path


def renamed_image(folder, model):
    path = folder / "image.safetensors"
    path.write_bytes((folder / "good.png").read_bytes())
    return path


def cut_off(folder, model):
    path = folder / "half.safetensors"
    path.write_bytes(model.read_bytes()[: model.stat().st_size // 2])
    return path


def cut_in_its_header(folder, model):
    path = folder / "start.safetensors"
    path.write_bytes(model.read_bytes()[:50])
    return path


def of_another_architecture(folder, model):
    return with_card(model, folder / "other.safetensors", {"architecture": "resnet"})


def with_weights_of_another_network(folder, model):
    card = {"config": {"spatial_dims": 2, "in_channels": 1, "num_classes": 2}}
    return with_card(model, folder / "wide.safetensors", card)


def without_a_card(folder, model):
    import torch
    from safetensors.torch import save_file

    save_file({"weight": torch.zeros(2)}, folder / "bare.safetensors")
    return folder / "bare.safetensors"


def from_the_future(folder, model):
    return with_card(model, folder / "new.safetensors", {"version": 99})


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (pickled, "not a napari-medseg model"),
        (renamed_image, "not a napari-medseg model"),
        (cut_off, "cut off"),
        (cut_in_its_header, "cut off"),
        (of_another_architecture, "'resnet'"),
        (with_weights_of_another_network, "do not fit its card"),
        (without_a_card, "no model card"),
        (from_the_future, "update napari-medseg"),
        (lambda folder, model: "no-such-model", "there is no model 'no-such-model'"),
        (lambda folder, model: folder / "gone.safetensors", "there is no"),
    ],
)
def test_a_bad_model_is_refused_and_nothing_is_written(folder, tiny_2d, capsys, make, expected):
    model = make(folder, tiny_2d)
    before = contents(folder)
    out = folder / "out"
    words = ("segment", folder / "good.png", "--model", model, "--out", out, "--device", "cpu")
    assert expected in refused(capsys, *words)
    assert contents(folder) == before
    assert not out.exists()


def test_an_architecture_that_is_not_there_is_refused_with_the_one_that_was_meant(tmp_path, capsys):
    Image.fromarray(np.eye(8, dtype=np.uint8)).save(tmp_path / "image.png")
    before = contents(tmp_path)
    words = ("train", tmp_path, "--architecture", "gladnett", "--out", tmp_path / "m.safetensors")
    said = refused(capsys, *words)
    assert "no architecture 'gladnett' (did you mean gladnet?); there are" in said
    assert contents(tmp_path) == before


@pytest.mark.parametrize("device", ["cuda:7", "tpu", "gpu 0"])
def test_a_device_that_is_not_there_is_refused(folder, tiny_2d, capsys, device):
    words = ("segment", folder / "good.png", "--model", tiny_2d, "--out", folder / "out.png")
    said = refused(capsys, *words, "--device", device)
    assert repr(device) in said
    assert "cpu" in said
    assert not (folder / "out.png").exists()


def test_a_full_disk_is_said_and_older_labels_stay(folder, tiny_2d, capsys, monkeypatch):
    (folder / "labels.png").write_bytes(b"yesterday's labels")
    before = contents(folder)

    def full(source, target):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))

    monkeypatch.setattr(os, "replace", full)
    words = ("segment", folder / "good.png", "--model", tiny_2d, "--device", "cpu")
    assert "the disk is full" in refused(capsys, *words, "--out", folder / "labels.png")
    assert contents(folder) == before


def test_no_permission_to_write_is_said(folder, tiny_2d, capsys, monkeypatch):
    before = contents(folder)

    def forbidden(source, target):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(target))

    monkeypatch.setattr(os, "replace", forbidden)
    words = ("segment", folder / "good.png", "--model", tiny_2d, "--device", "cpu")
    assert "no permission" in refused(capsys, *words, "--out", folder / "labels.png")
    assert contents(folder) == before


def test_an_output_folder_that_is_a_file_is_said(folder, tiny_2d, capsys):
    before = contents(folder)
    words = ("segment", folder / "good.png", "--model", tiny_2d, "--device", "cpu")
    said = refused(capsys, *words, "--out", folder / "text.png" / "out")
    assert "is a file" in said
    assert contents(folder) == before


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--overlap", "2"], "overlap must be in"),
        (["--window", "0,16"], "window must be positive"),
        (["--slice-axis", "7"], "slice_axis"),
    ],
)
def test_settings_that_make_no_sense_are_refused(folder, tiny_2d, capsys, words, expected):
    start = ("segment", folder / "good.nii.gz", "--model", tiny_2d, "--out", folder / "out")
    if "--slice-axis" in words:
        start = ("segment", folder / "one.nii.gz", *start[2:])
    assert expected in refused(capsys, *start, *words, "--device", "cpu")


def test_evaluating_images_of_different_size_is_refused(folder, capsys):
    Image.fromarray(np.zeros((5, 5), np.uint8)).save(folder / "small.png")
    Image.fromarray(np.zeros((6, 5), np.uint8)).save(folder / "large.png")
    said = refused(capsys, "evaluate", folder / "small.png", folder / "large.png")
    assert "5 x 5" in said
    assert "6 x 5" in said


def test_evaluating_an_image_that_is_no_label_is_refused(folder, capsys):
    save(folder / "real.nii.gz", np.random.default_rng(0).normal(size=(4, 4, 4)))
    said = refused(capsys, "evaluate", folder / "real.nii.gz", folder / "real.nii.gz")
    assert "label" in said


def test_training_on_a_folder_without_labels_is_refused(folder, capsys):
    (folder / "images").mkdir()
    (folder / "good.png").rename(folder / "images" / "good.png")
    before = contents(folder)
    words = ("train", folder, "--out", folder / "x.safetensors", "--device", "cpu")
    said = refused(capsys, *words)
    assert "label" in said or "mask" in said
    assert contents(folder) == before


def test_training_into_a_file_of_another_kind_is_refused(folder, capsys):
    said = refused(capsys, "train", folder, "--out", folder / "x.pth", "--device", "cpu")
    assert ".safetensors" in said
