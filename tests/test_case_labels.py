"""Label files of people's work are not lost to a write that did not know of them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from napari_medseg.case_labels import (
    EARLIER,
    UnknownLabels,
    fingerprint,
    keep_earlier,
    write_case_labels,
)
from napari_medseg.io import read_labels
from napari_medseg.volume import Volume

IMAGE = Volume(np.zeros((1, 6, 5), np.uint8), (1.0, 1.0))
ONES, TWOS = np.full((6, 5), 1, np.uint8), np.full((6, 5), 2, np.uint8)


def write(path, labels, known="", **options):
    return write_case_labels(
        path, labels, like=IMAGE, provenance={"model": "m"}, known=known, **options
    )


def test_a_file_one_knows_is_overwritten(tmp_path):
    path = tmp_path / "labels" / "a.png"
    known = write(path, ONES)
    assert known == fingerprint(path) != ""
    write(path, TWOS, known)
    assert read_labels(path).array.max() == 2
    assert json.loads(path.with_name("a.json").read_text()) == {"model": "m"}


def test_a_file_one_does_not_know_is_kept(tmp_path):
    path = tmp_path / "a.png"
    known = write(path, ONES)
    write(path, TWOS, known)  # another window
    for told in ("", known):
        with pytest.raises(UnknownLabels, match="written by someone else since"):
            write(path, ONES, told)
    assert read_labels(path).array.max() == 2


def test_a_file_that_is_replaced_on_demand_is_kept_with_the_earlier_ones(tmp_path):
    path = tmp_path / "a.png"
    contents = []
    for labels in (ONES, TWOS, ONES):
        write(path, labels, replace=True)
        contents.append(path.read_bytes())
    kept = sorted((tmp_path / EARLIER).glob("*.png"))
    assert sorted(p.read_bytes() for p in kept) == sorted(contents[:2])
    assert len(list((tmp_path / EARLIER).glob("*.json"))) == 2


def test_a_write_that_fails_leaves_the_earlier_file(tmp_path):
    path = tmp_path / "a.png"
    known = write(path, ONES)
    with pytest.raises(ValueError, match="do not fit the image"):
        write(path, np.zeros((9, 9), np.uint8), known)
    assert fingerprint(path) == known
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.json", "a.png"]


def test_no_file_has_no_fingerprint(tmp_path):
    assert fingerprint(tmp_path / "none.png") == ""


def test_labels_that_are_a_folder_are_known_again_and_kept_before_they_are_replaced(tmp_path):
    folder = tmp_path / "a.ome.zarr"
    (folder / "0").mkdir(parents=True)
    (folder / "0" / "chunk").write_bytes(b"1")
    known = fingerprint(folder)
    assert known == fingerprint(folder)
    (folder / "0" / "more").write_bytes(b"22")
    assert fingerprint(folder) not in ("", known)
    copy = keep_earlier(folder)
    assert copy.parent.name == EARLIER
    assert (copy / "0" / "more").read_bytes() == b"22"
