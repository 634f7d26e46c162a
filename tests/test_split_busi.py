"""The split of the breast ultrasound images: nothing is learnt from what is tested on."""

from __future__ import annotations

import csv
import importlib.util
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

SCRIPT = Path(__file__).parent.parent / "scripts" / "split_busi.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("split_busi", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def picture(seed, size=(96, 128)):
    values = np.random.default_rng(seed).integers(0, 255, (8, 8), dtype=np.uint8)
    smooth = Image.fromarray(values).resize(size[::-1], Image.Resampling.BICUBIC)
    return np.asarray(smooth)


def test_copies_are_found_whatever_was_done_to_them(script):
    original = picture(0)
    smaller = np.asarray(Image.fromarray(original).resize((70, 60)))
    blurred = np.asarray(Image.fromarray(original).filter(ImageFilter.GaussianBlur(2)))
    darker = (original * 0.6).astype(np.uint8)
    marked = original.copy()
    marked[10:14, 20:60] = 255  # a calliper
    pictures = [picture(1), original, smaller, blurred, darker, marked, original[:, ::-1]]
    assert script.near_duplicates([*pictures, picture(2)]) == [None, None, 1, 1, 1, 1, 1, None]


def test_groups_are_joined_through_common_members(script):
    a, b = picture(0).astype(float), picture(1).astype(float)
    chain = [(a * (1 - t) + b * t).astype(np.uint8) for t in (0.0, 0.25, 0.45)]
    pairs = script.near_duplicates([chain[0], chain[2]])
    assert pairs == [None, None]  # the ends alone are different
    assert script.near_duplicates(chain) == [None, 0, 0]


def test_different_and_empty_pictures_are_kept(script):
    pictures = [picture(i) for i in range(12)] + [np.zeros((20, 20), np.uint8)] * 2
    assert script.near_duplicates(pictures) == [None] * 14


def test_every_fifth_is_for_testing_and_always_the_same(script):
    parts = script.parts_of(247)
    assert parts.count("test") == 50
    assert parts.count("train") == 197
    assert parts == script.parts_of(247)
    assert parts != script.parts_of(247, seed=1)


def test_the_split_is_written_with_masks_and_a_table_of_what_was_left_out(script, tmp_path):
    source = tmp_path / "busi"
    for name in ("images", "masks"):
        (source / name).mkdir(parents=True)
    for i in range(11):
        values = picture(0 if i == 10 else i)
        colour = np.stack([values] * 3, -1) if i % 2 else values
        Image.fromarray(colour).save(source / "images" / f"p{i:02}.png")
        Image.fromarray((values > 128) * np.uint8(255)).save(source / "masks" / f"p{i:02}.png")
    counts = script.split(source, tmp_path / "out")
    assert counts == {"train": 8, "test": 2, "left out": 1}
    with (tmp_path / "out" / "split.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    assert rows[-1] == {"picture": "p10.png", "part": "left out", "repeats": "p00.png"}
    images = sorted(p.name for p in (tmp_path / "out" / "images").iterdir())
    assert images == sorted(f"{r['part']}_{r['picture']}" for r in rows[:-1])
    assert images == sorted(p.name for p in (tmp_path / "out" / "masks").iterdir())
    for name in images:
        image = Image.open(tmp_path / "out" / "images" / name)
        mask = np.asarray(Image.open(tmp_path / "out" / "masks" / name))
        assert image.mode == "L"
        np.testing.assert_array_equal(mask > 0, np.asarray(image) > 128)
