from __future__ import annotations

import json

import pytest

from napari_medseg.io import DatasetLayout, dataset_info, find_cases


@pytest.fixture
def dataset(tmp_path):
    """Make a folder of empty files: names only matter here."""

    def make(*names):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"")
        return tmp_path

    return make


def summary(cases, folder):
    def relative(path):
        return None if path is None else path.relative_to(folder).as_posix()

    return [(c.name, [relative(p) for p in c.images], relative(c.label)) for c in cases]


def test_images_and_masks_are_matched_by_name_whatever_the_suffix(dataset):
    folder = dataset(
        "images/x_10.jpg", "images/x_2.jpg", "images/x_2.txt", "masks/x_10.png", "masks/x_2.tif",
        "masks/._x_2.tif", "split.csv",
    )  # fmt: skip
    assert summary(find_cases(folder), folder) == [
        ("x_2", ["images/x_2.jpg"], "masks/x_2.tif"),
        ("x_10", ["images/x_10.jpg"], "masks/x_10.png"),
    ]
    assert dataset_info(folder).layout is DatasetLayout.PAIRED_FOLDERS


@pytest.mark.parametrize("labels", ["masks", "labels", "mask", "label"])
@pytest.mark.parametrize("ending", ["", "_mask", "_segmentation"])
def test_masks_may_be_called_in_other_ways(dataset, labels, ending):
    folder = dataset("images/a.nii.gz", f"{labels}/a{ending}.nii.gz")
    assert find_cases(folder)[0].label == folder / labels / f"a{ending}.nii.gz"


def test_images_without_mask_are_listed_where_labels_are_needed(dataset):
    folder = dataset(*(f"images/i{n}.png" for n in range(9)), "masks/i3.png")
    with pytest.raises(ValueError, match=r"8 of 9 images in .* have no labels: i0, i1, i2, i4, i5"):
        find_cases(folder, need_labels=True)
    cases = find_cases(folder)
    assert [case.name for case in cases if case.label] == ["i3"]
    assert len(cases) == 9


def test_masks_of_other_names_are_an_error(dataset):
    folder = dataset("images/a.png", "images/b.png", "masks/1.png", "masks/2.png")
    with pytest.raises(
        ValueError, match=r"no mask in .* has the name of an image .*\(1, 2 against"
    ):
        find_cases(folder)


@pytest.mark.parametrize(
    "names", [("images/a.png", "images/a.jpg"), ("images/b.png", "masks/a.png", "masks/a.tif")]
)
def test_two_files_of_one_name_are_an_error(dataset, names):
    with pytest.raises(ValueError, match="have the same name; keep one"):
        find_cases(dataset(*names))


def test_case_folders_with_one_image(dataset):
    folder = dataset(
        "case_2/image.nii.gz", "case_2/label.nii.gz", "case_10/image.nii.gz", "README.txt",
        ".hidden/image.nii.gz", "notes/readme.txt",
    )  # fmt: skip
    assert summary(find_cases(folder), folder) == [
        ("case_2", ["case_2/image.nii.gz"], "case_2/label.nii.gz"),
        ("case_10", ["case_10/image.nii.gz"], None),
    ]
    assert dataset_info(folder).layout is DatasetLayout.CASE_FOLDERS


@pytest.mark.parametrize("label", ["label", "labels", "seg", "mask", "Segmentation"])
def test_case_folders_with_modalities_and_a_brain_mask(dataset, label):
    folder = dataset(
        "p/t1c.nii.gz", "p/flair.nii.gz", "p/brainmask.nii.gz", f"p/{label}.nii.gz", "p/p.json"
    )
    assert summary(find_cases(folder), folder) == [
        ("p", ["p/flair.nii.gz", "p/t1c.nii.gz"], f"p/{label}.nii.gz")
    ]


def test_names_in_a_case_folder_may_start_with_the_case(dataset):
    folder = dataset(
        "BraTS_001/BraTS_001_t1.nii.gz", "BraTS_001/BraTS_001_flair.nii.gz",
        "BraTS_001/BraTS_001_seg.nii.gz",
    )  # fmt: skip
    (case,) = find_cases(folder)
    assert [path.name for path in case.images] == ["BraTS_001_flair.nii.gz", "BraTS_001_t1.nii.gz"]
    assert case.label == folder / "BraTS_001" / "BraTS_001_seg.nii.gz"


def test_a_case_folder_is_a_dataset_of_one(dataset):
    folder = dataset("image.nii.gz", "label.nii.gz")
    (case,) = find_cases(folder)
    assert case.images == (folder / "image.nii.gz",)
    assert case.label == folder / "label.nii.gz"
    assert case.name == folder.name


def test_a_case_that_lacks_a_modality_is_named(dataset):
    folder = dataset("a/t1.nii", "a/t2.nii", "b/t1.nii", "b/t2.nii", "c/t1.nii")
    with pytest.raises(ValueError, match=r"a has 2 images \(t1\.nii, t2\.nii\) but c fewer"):
        find_cases(folder)


def test_two_labels_in_a_case_are_an_error(dataset):
    with pytest.raises(ValueError, match=r"more than one label file, label\.nii and seg\.nii"):
        find_cases(dataset("a/image.nii", "a/label.nii", "a/seg.nii"))


def test_nnunet_channels_are_put_together(dataset):
    folder = dataset(
        "imagesTr/B_001_0001.nii.gz", "imagesTr/B_001_0000.nii.gz", "labelsTr/B_001.nii.gz",
        "imagesTs/B_002_0000.nii.gz", "imagesTs/B_002_0001.nii.gz",
    )  # fmt: skip
    assert summary(find_cases(folder), folder) == [
        (
            "B_001",
            ["imagesTr/B_001_0000.nii.gz", "imagesTr/B_001_0001.nii.gz"],
            "labelsTr/B_001.nii.gz",
        )
    ]
    (test,) = find_cases(folder / "imagesTs")
    assert test.name == "B_002"
    assert len(test.images) == 2


def test_case_numbers_of_four_digits_are_no_channels(dataset):
    folder = dataset(
        "imagesTr/c_0001.nii.gz", "imagesTr/c_0002.nii.gz", "labelsTr/c_0001.nii.gz",
        "labelsTr/c_0002.nii.gz",
    )  # fmt: skip
    assert [case.name for case in find_cases(folder)] == ["c_0001", "c_0002"]


def test_frames_of_a_plain_folder_are_no_channels(dataset):
    folder = dataset("frame_0000.png", "frame_0001.png")
    assert [case.name for case in find_cases(folder)] == ["frame_0000", "frame_0001"]


@pytest.mark.parametrize(
    "described",
    [
        {"channel_names": {"1": "T2", "0": "T1"}, "labels": {"background": 0, "liver": 1}},
        {"modality": {"0": "T1", "1": "T2"}, "labels": {"0": "background", "1": "liver"}},
    ],
)
def test_nnunets_description_names_channels_and_labels(dataset, described):
    folder = dataset("imagesTr/a_0000.nii.gz", "labelsTr/a.nii.gz")
    (folder / "dataset.json").write_text(json.dumps(described))
    info = dataset_info(folder)
    assert info.layout is DatasetLayout.NNUNET
    assert info.channels == ("T1", "T2")
    assert info.labels == {1: "liver"}


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"labels": 3}'])
def test_a_description_that_is_none_is_refused(dataset, text):
    folder = dataset("imagesTr/a_0000.nii.gz")
    (folder / "dataset.json").write_text(text)
    with pytest.raises(ValueError, match=r"dataset\.json is not an nnU-Net description"):
        dataset_info(folder)


def test_a_plain_folder_is_images_to_segment(dataset):
    folder = dataset("b.png", "a.nii.gz", "notes.txt", "sub/readme.txt")
    assert summary(find_cases(folder), folder) == [
        ("a", ["a.nii.gz"], None),
        ("b", ["b.png"], None),
    ]
    assert dataset_info(folder).layout is DatasetLayout.IMAGES


def test_masks_beside_their_images_are_no_images(dataset):
    folder = dataset("benign (1).png", "benign (1)_mask.png", "benign (2).png", "gas_mask.png")
    assert summary(find_cases(folder), folder) == [
        ("benign (1)", ["benign (1).png"], "benign (1)_mask.png"),
        ("benign (2)", ["benign (2).png"], None),
        ("gas_mask", ["gas_mask.png"], None),
    ]


def test_a_folder_without_images_says_what_it_may_hold(dataset):
    with pytest.raises(ValueError, match=r"no images were found in .*; it may hold NIfTI"):
        find_cases(dataset("a.txt", "sub/b.txt"))
    folder = dataset("a.txt")
    (folder / "locked.DCM").write_bytes(bytes(range(256)) * 9)
    with pytest.raises(ValueError, match=r"no DICOM file in .* can be read \(locked\.DCM\)"):
        find_cases(folder)


@pytest.mark.parametrize("ask", [find_cases, dataset_info])
def test_what_is_no_folder_is_said(dataset, ask):
    folder = dataset("a.png")
    with pytest.raises(OSError, match=r"a\.png is a file, not a folder"):
        ask(folder / "a.png")
    with pytest.raises(OSError, match="is not there; check the path"):
        ask(folder / "none")


def test_ome_zarr_images_are_cases_and_not_folders_of_them(dataset):
    folder = dataset("images/a.ome.zarr/zarr.json", "images/a.ome.zarr/0/zarr.json")
    dataset("images/b.zarr/.zattrs", "images/c.zarr/notes.txt", "labels/a.ome.zarr/zarr.json")
    assert summary(find_cases(folder), folder) == [
        ("a", ["images/a.ome.zarr"], "labels/a.ome.zarr"),
        ("b", ["images/b.zarr"], None),
    ]
    assert dataset_info(folder / "images").layout is DatasetLayout.IMAGES


def test_the_halves_of_an_image_are_one_case(dataset):
    folder = dataset("a.hdr", "a.img", "b+orig.HEAD", "b+orig.BRIK.gz", "c.PAR", "c.REC")
    assert summary(find_cases(folder), folder) == [
        ("a", ["a.hdr"], None),
        ("b+orig", ["b+orig.HEAD"], None),
        ("c", ["c.PAR"], None),
    ]
