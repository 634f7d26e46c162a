"""Predictions find their truths, or the reader learns why not."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_medseg.engine.matching import label_files, match


@pytest.fixture
def tree(tmp_path):
    """Make empty files; matching looks at names only."""

    def make(*names: str) -> Path:
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return tmp_path

    return make


def names(pairs):
    return [(name, p.name, t.name) for name, p, t in pairs.matched]


def test_two_files_match_whatever_their_names(tree):
    root = tree("a.nii.gz", "b.nii")
    assert names(match(root / "a.nii.gz", root / "b.nii")) == [("a", "a.nii.gz", "b.nii")]


def test_an_ome_zarr_is_one_label_image_though_it_is_a_folder(tree):
    root = tree("out/a.ome.zarr/zarr.json", "out/a.ome.zarr/0/zarr.json", "truth/a.nii.gz")
    expected = [("a", "a.ome.zarr", "a.nii.gz")]
    assert names(match(root / "out", root / "truth")) == expected
    assert names(match(root / "out/a.ome.zarr", root / "truth/a.nii.gz")) == expected
    assert names(match(root / "out/a.ome.zarr", root / "truth")) == expected


def test_files_match_the_case_folders_they_are_named_after(tree):
    root = tree(
        "out/case_1.nii.gz",
        "out/case_1.json",
        "out/case_2.nii.gz",
        "data/case_1/image.nii.gz",
        "data/case_1/label.nii.gz",
        "data/case_2/t1.nii.gz",
        "data/case_2/seg.nii.gz",
        "data/case_3/image.nii.gz",
        "data/case_3/label.nii.gz",
    )
    pairs = match(root / "out", root / "data")
    assert names(pairs) == [
        ("case_1", "case_1.nii.gz", "label.nii.gz"),
        ("case_2", "case_2.nii.gz", "seg.nii.gz"),
    ]
    assert (pairs.missing, pairs.unmatched) == (("case_3",), ())


@pytest.mark.parametrize("truth", ["data", "data/masks"])
def test_pictures_match_masks_of_the_same_name(tree, truth):
    root = tree("out/p_1.png", "out/q.png", "data/images/p_1.jpg", "data/masks/p_1.png")
    pairs = match(root / "out", root / truth)
    assert names(pairs) == [("p_1", "p_1.png", "p_1.png")]
    assert pairs.unmatched == ("q",)


def test_a_folder_with_only_masks_is_not_a_case(tree):
    root = tree("out/p.png", "data/masks/p.png")
    assert names(match(root / "out", root / "data")) == [("p", "p.png", "p.png")]


def test_nnunet_suffixes_are_dropped(tree):
    root = tree(
        "out/liver_007_0000.nii.gz",
        "out/liver_008.nii.gz",
        "data/imagesTr/liver_007_0000.nii.gz",
        "data/imagesTr/liver_008_0000.nii.gz",
        "data/labelsTr/liver_007.nii.gz",
        "data/labelsTr/liver_008.nii.gz",
    )
    for truth in ("data", "data/labelsTr"):
        assert [t for *_, t in names(match(root / "out", root / truth))] == [
            "liver_007.nii.gz",
            "liver_008.nii.gz",
        ]


def test_an_exact_name_wins_over_a_shortened_one(tree):
    root = tree("out/a.png", "out/a_pred.png", "data/a.png", "data/a_mask.png")
    assert names(match(root / "out", root / "data")) == [
        ("a", "a.png", "a.png"),
        ("a_pred", "a_pred.png", "a_mask.png"),
    ]


def test_numbered_cases_are_not_mixed_up(tree):
    root = tree(*(f"{folder}/case_{n:04}.png" for folder in ("out", "data") for n in range(4)))
    assert all(p == t for _, p, t in names(match(root / "out", root / "data")))


def test_one_file_is_found_in_a_data_set(tree):
    root = tree("x.nii.gz", "data/x/image.nii.gz", "data/x/label.nii.gz", "data/y/label.nii.gz")
    pairs = match(root / "x.nii.gz", root / "data")
    assert names(pairs) == [("x", "x.nii.gz", "label.nii.gz")]
    assert pairs.missing == ()


def test_one_truth_is_found_among_predictions(tree):
    root = tree("out/x.nii.gz", "out/y.nii.gz", "data/x/label.nii.gz")
    pairs = match(root / "out", root / "data/x/label.nii.gz")
    assert names(pairs) == [("x", "x.nii.gz", "label.nii.gz")]
    assert pairs.unmatched == ()


def test_maps_beside_predictions_are_not_predictions(tree):
    root = tree("x.png", "x_probabilities.tif", "x_uncertainty.tif")
    assert list(label_files(root)) == ["x"]


def test_nothing_in_common_says_what_there_is(tree):
    root = tree("out/a.png", "data/b.png", "empty/readme.txt")
    with pytest.raises(ValueError, match=r"\(a against b\); name them alike"):
        match(root / "out", root / "data")
    with pytest.raises(ValueError, match="no label files against b"):
        match(root / "empty", root / "data")


def test_two_files_of_one_case_are_refused(tree):
    root = tree("out/a.png", "out/a.nii.gz", "data/a.png")
    with pytest.raises(ValueError, match="same case"):
        match(root / "out", root / "data")
    root = tree("two/a/label.nii.gz", "two/a/seg.nii.gz")
    with pytest.raises(ValueError, match="more than one label file"):
        match(root / "two", root / "data")
    root = tree("three/c.png", "four/c_seg.png", "four/c_mask.png")
    with pytest.raises(ValueError, match="c_mask or c_seg"):
        match(root / "three", root / "four")


def test_a_path_that_is_not_there_is_refused(tree):
    root = tree("a.png")
    with pytest.raises(OSError, match="is not there"):
        match(root / "a.png", root / "nowhere")
