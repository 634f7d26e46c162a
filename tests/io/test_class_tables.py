"""What a table beside a label file says of its classes."""

from __future__ import annotations

import json

import pytest

from napari_medseg.io.class_tables import classes_beside
from napari_medseg.io.classes import ClassName

LIVER, SPLEEN = ClassName(1, "liver", "#e69f00"), ClassName(3, "left spleen", "#0072b2")
ITK_SNAP = """################
# ITK-SnAP Label Description File
################
    0     0    0    0        0  0  0    "Clear Label"
    1   230  159    0        1  1  1    "liver"
    3     0  114  178        1  0  1    "left spleen"
"""
SLICER = """# Color table file labels.ctbl
# 4 values
0 Background 0 0 0 0
1 liver 230 159 0 255
3 left_spleen 0 114 178 255
"""
BIDS = "index\tname\tcolor\n0\tBackground\t#000000\n1\tliver\t#E69F00\n3\tleft spleen\t#0072B2\n"
OURS = json.dumps(
    {
        "model": "liver",
        "classes": {"3": "left spleen", "1": "liver"},
        "colours": {"1": "#e69f00", "3": "#0072b2"},
    }
)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a_dseg.json", OURS),
        ("a_dseg.tsv", BIDS),
        ("a_dseg.label", ITK_SNAP),
        ("a_dseg.txt", ITK_SNAP),
        ("a_dseg.ctbl", SLICER),
        ("dseg.tsv", BIDS),
        ("../dseg.tsv", BIDS),
    ],
)
def test_every_table_gives_names_and_colours_but_no_background(tmp_path, name, text):
    folder = tmp_path / "sub-1"
    folder.mkdir()
    (folder / name).write_text(text)
    assert classes_beside(folder / "a_dseg.nii.gz") == (LIVER, SPLEEN)


def test_a_data_set_names_the_labels_in_its_folders(tmp_path):
    folder = tmp_path / "labelsTr"
    folder.mkdir()
    for labels in ({"background": 0, "liver": 1}, {"0": "background", "1": "liver"}):
        (tmp_path / "dataset.json").write_text(json.dumps({"labels": labels}))
        assert classes_beside(folder / "case.nii.gz") == (ClassName(1, "liver"),)


def test_a_table_without_colours_gives_names(tmp_path):
    (tmp_path / "a.tsv").write_text("index\tname\n2\tkidney\n")
    assert classes_beside(tmp_path / "a.nii.gz") == (ClassName(2, "kidney"),)
    (tmp_path / "a.tsv").write_text("index\tname\tcolor\n2\tkidney\tred\n")
    assert classes_beside(tmp_path / "a.nii.gz") == (ClassName(2, "kidney"),)


def test_the_table_of_the_file_goes_before_that_of_its_folder(tmp_path):
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": {"tumour": 1}}))
    (tmp_path / "a.label").write_text(ITK_SNAP)
    assert classes_beside(tmp_path / "a.nii.gz")[0].name == "liver"
    assert classes_beside(tmp_path / "b.nii.gz")[0].name == "tumour"


def test_only_tables_that_apply_are_inherited(tmp_path):
    (tmp_path / "desc-aseg_dseg.tsv").write_text(BIDS)
    assert classes_beside(tmp_path / "sub-1_desc-aseg_dseg.nii.gz") == (LIVER, SPLEEN)
    assert classes_beside(tmp_path / "sub-1_desc-other_dseg.nii.gz") == ()
    assert classes_beside(tmp_path / "sub-1_T1w.nii.gz") == ()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", "{"),
        ("a.json", "[1, 2]"),
        ("a.json", '{"classes": {"one": "liver"}}'),
        ("a.json", '{"RepetitionTime": 2.0}'),
        ("a.tsv", "onset\tduration\n1\t2\n"),
        ("a.txt", "Dear colleague,\n\n1 2 3\n"),
        ("a.ctbl", "\x00\x01"),
        ("dataset.json", '{"labels": "many"}'),
    ],
)
def test_a_file_that_is_no_table_says_nothing(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    assert classes_beside(tmp_path / "a.nii.gz") == ()


def test_bytes_that_are_no_text_say_nothing(tmp_path):
    (tmp_path / "a.txt").write_bytes(bytes(range(256)))
    (tmp_path / "a.json").write_text(" " * (1 << 20) + OURS)  # too large for a table
    assert classes_beside(tmp_path / "a.nii.gz") == ()
