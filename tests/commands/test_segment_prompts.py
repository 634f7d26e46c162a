"""``napari-medseg segment --prompts``: a mask corrected by prompts without a viewer."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from napari_medseg.cli import main
from napari_medseg.interact.prompt_files import read_prompts
from napari_medseg.interact.prompts import Prompt
from napari_medseg.io import read_volume


@pytest.fixture
def picture(tmp_path):
    values = np.random.default_rng(0).integers(0, 255, (20, 24), dtype=np.uint8)
    Image.fromarray(values).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def segment(*words):
    return main(["segment", *map(str, words), "--device", "cpu"])


def test_labels_are_those_after_the_prompts_which_are_kept_beside_them(tmp_path, picture, tiny_2d):
    volume, out = read_volume(picture), tmp_path / "labels.png"
    assert segment(picture, "--model", tiny_2d, "--out", out) == 0
    before = np.asarray(Image.open(out))
    was = int(before[10, 12])
    click = Prompt.drawn(volume, [(10, 12)], 0 if was else 3)
    (tmp_path / "said.json").write_text(json.dumps([click.to_dict()]))
    words = (picture, "--model", tiny_2d, "--out", out, "--prompts", tmp_path / "said.json")
    assert segment(*words) == 0
    assert np.asarray(Image.open(out))[10, 12] == click.value != was
    assert read_prompts(tmp_path / "labels.json") == [click]


def test_prompts_are_for_one_image_in_memory(tmp_path, picture, tiny_2d, capsys):
    Image.open(picture).save(tmp_path / "b.png")
    words = ("--model", tiny_2d, "--prompts", tmp_path / "said.json")
    assert segment(picture, tmp_path / "b.png", *words, "--out", tmp_path / "out") == 2
    assert "here is 2 images" in capsys.readouterr().err
    assert segment(picture, *words, "--out", tmp_path / "out") == 2
    assert "said.json" in capsys.readouterr().err
