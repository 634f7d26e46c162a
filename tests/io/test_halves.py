from __future__ import annotations

import pytest

from napari_medseg.io.errors import UnusableFile
from napari_medseg.io.halves import halves_of


@pytest.mark.parametrize(
    ("header", "values"),
    [
        ("a.hdr", "a.img"),
        ("a.hdr", "a.img.gz"),
        ("a.hdr.gz", "a.img"),
        ("A.HDR", "A.IMG"),
        ("a.hdr", "a.IMG"),
        ("s+orig.HEAD", "s+orig.BRIK.gz"),
        ("s.1.PAR", "s.1.REC"),
    ],
)
def test_either_half_finds_the_other(tmp_path, header, values):
    for name in (header, values, "b.hdr", "b.img", "aa.img"):
        (tmp_path / name).write_bytes(b"x")
    both = (tmp_path / header, tmp_path / values)
    assert halves_of(both[0]) == both
    assert halves_of(both[1]) == both


def test_of_names_that_differ_in_case_the_same_one_is_taken(tmp_path):
    for name in ("a.hdr", "A.img", "a.img"):
        (tmp_path / name).write_bytes(b"x")
    if len(list(tmp_path.iterdir())) == 3:  # the disk tells them apart
        assert halves_of(tmp_path / "a.hdr")[1].name == "a.img"
    assert halves_of(tmp_path / "a.hdr")[0].name == "a.hdr"


@pytest.mark.parametrize(("name", "missing"), [("a.img", "a.hdr"), ("a.HEAD", "a.BRIK")])
def test_a_missing_half_is_named(tmp_path, name, missing):
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(UnusableFile, match=f"put the other, {missing}, beside it"):
        halves_of(tmp_path / name)


def test_other_files_are_whole(tmp_path):
    assert halves_of(tmp_path / "a.nii.gz") == (tmp_path / "a.nii.gz",) * 2
