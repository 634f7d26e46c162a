from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from napari_medseg.io import check_same_grid, image_stem, is_image_path, read_labels, read_volume
from napari_medseg.io.label_values import as_labels
from napari_medseg.io.paths import natural_key


def save_nifti(path, values, affine=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(values, np.eye(4) if affine is None else affine), path)
    return path


def save_png(path, values):
    Image.fromarray(np.asarray(values, np.uint8)).save(path)
    return path


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("liver.nii.gz", "liver"),
        ("liver.NII.GZ", "liver"),
        ("a.b.nii", "a.b"),
        ("scan.v2.png", "scan.v2"),
        ("x.tiff", "x"),
        ("notes.txt", "notes"),
    ],
)
def test_a_stem_drops_the_whole_image_suffix(name, stem):
    assert image_stem(f"folder/{name}") == stem


def test_hidden_and_other_files_are_no_images():
    assert is_image_path("a.PNG")
    assert not is_image_path("._a.png")
    assert not is_image_path("a.json")


def test_names_sort_as_people_count():
    names = ["case_10", "case_2", "Case_1", "case_b", "case_02"]
    expected = ["Case_1", "case_02", "case_2", "case_10", "case_b"]
    assert sorted(names, key=natural_key) == expected


def test_several_files_are_the_channels_of_one_image(tmp_path):
    values = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    first = save_nifti(tmp_path / "p1" / "flair.nii.gz", values)
    second = save_nifti(tmp_path / "p1" / "p1_t1c.nii.gz", values * 2)
    volume = read_volume([first, second])
    assert volume.array.shape == (2, 4, 3, 2)
    np.testing.assert_array_equal(volume.array[1], volume.array[0] * 2)
    assert volume.channels == ("flair", "t1c")
    assert read_volume([first]).array.shape == (1, 4, 3, 2)


def test_modalities_may_lie_differently_in_their_files(tmp_path):
    values = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    first = save_nifti(tmp_path / "a.nii", values, np.diag([1, 2, 3, 1.0]))
    turned = np.array([[0, 0, -1, 1], [2, 0, 0, 0], [0, -3, 0, 9], [0, 0, 0, 1.0]])
    second = save_nifti(tmp_path / "b.nii", values.transpose(1, 2, 0)[:, ::-1, ::-1], turned)
    volume = read_volume([first, second])
    np.testing.assert_array_equal(volume.array[0], volume.array[1])


def test_modalities_of_different_size_or_place_are_refused(tmp_path):
    first = save_nifti(tmp_path / "a.nii", np.zeros((2, 3, 4), np.uint8))
    smaller = save_nifti(tmp_path / "b.nii", np.zeros((2, 3, 3), np.uint8))
    moved = np.eye(4)
    moved[0, 3] = 7
    elsewhere = save_nifti(tmp_path / "c.nii", np.zeros((2, 3, 4), np.uint8), moved)
    with pytest.raises(ValueError, match=r"a\.nii has 4 x 3 x 2 voxels and b\.nii has 3 x 3 x 2"):
        read_volume([first, smaller])
    with pytest.raises(ValueError, match=r"a\.nii and c\.nii lie up to 7 mm apart"):
        read_volume([first, elsewhere])
    with pytest.raises(ValueError, match="no image file was given"):
        read_volume([])


def test_a_rotation_about_the_diagonal_is_noticed(make_volume):
    first = make_volume(np.zeros((1, 9, 9, 9)))
    cycled = first.affine[:, [1, 2, 0, 3]]
    second = make_volume(np.zeros((1, 9, 9, 9)), affine=cycled)
    with pytest.raises(ValueError, match="mm apart"):
        check_same_grid(first, second, "a", "b")


def test_pictures_of_unknown_spacing_share_a_grid_by_size_alone(tmp_path, make_volume):
    picture = read_volume(save_png(tmp_path / "a.png", np.zeros((4, 5))))
    placed = make_volume(np.zeros((1, 4, 5)), (0.2, 0.2))
    assert not picture.spacing_known
    check_same_grid(picture, placed, "a", "b")  # would raise if it compared places
    known = make_volume(picture.array, picture.spacing)
    with pytest.raises(ValueError, match="mm apart"):
        check_same_grid(known, placed, "a", "b")


def test_animations_are_refused_with_the_way_out(tmp_path):
    (tmp_path / "x.gif").write_bytes(b"GIF89a")
    with pytest.raises(ValueError, match="a GIF or WebP file, which is not read; save it as PNG"):
        read_volume(tmp_path / "x.gif")


@pytest.mark.parametrize("name", ["notes.txt", "picture.png", "stack.tif", "scan.nii.gz"])
def test_text_is_no_image_whatever_its_name(tmp_path, name):
    (tmp_path / name).write_text("just words")
    with pytest.raises(ValueError, match="not an image"):
        read_volume(tmp_path / name)


@pytest.mark.parametrize("name", ["a.png", "a.nii.gz", "a.tif", "a"])
def test_empty_files_are_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(ValueError, match=r"is empty \(0 bytes\)"):
        read_volume(tmp_path / name)


def test_missing_files_and_folders_are_said(tmp_path):
    with pytest.raises(OSError, match="there is no file"):
        read_volume(tmp_path / "a.nii.gz")
    with pytest.raises(ValueError, match="is a folder; give an image file"):
        read_volume(tmp_path)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 255], [0, 1]),
        ([255, 255], [1, 1]),
        ([0, 0], [0, 0]),
        ([0, 1], [0, 1]),
        ([0, 254], [0, 254]),
        ([1, 255], [1, 255]),
        ([3, 300], [3, 300]),
    ],
)
@pytest.mark.parametrize("dtype", ["int16", "uint16", "float32", "int64"])
def test_only_0_and_255_together_are_a_mask(values, expected, dtype):
    labels = as_labels(np.array(values, dtype)[None, None], "x")
    assert labels.ravel().tolist() == expected
    assert labels.dtype == (np.uint16 if max(expected) > 255 else np.uint8)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.array([0.5]), "not whole numbers"),
        (np.array([np.nan]), "NaN or infinite"),
        (np.array([-1]), r"negative values \(down to -1\)"),
        (np.array([1e12]), "up to 65535"),
        (np.array([2**40]), "up to 65535"),
    ],
)
def test_what_is_no_label_is_refused(values, message):
    with pytest.raises(ValueError, match=message):
        as_labels(values[None, None], "x.nii")


def test_grey_saved_as_colour_is_one_mask_but_colours_are_not(tmp_path):
    mask = np.array([[0, 255], [255, 0]])
    same = save_png(tmp_path / "same.png", np.stack([mask] * 3, -1))
    np.testing.assert_array_equal(read_labels(same).array[0], mask // 255)
    mixed = save_png(tmp_path / "mixed.png", np.stack([mask, mask, 255 - mask], -1))
    with pytest.raises(ValueError, match="3 different channels"):
        read_labels(mixed)


def disc(value):
    rows, columns = np.mgrid[:120, :160]
    return np.where((rows - 60) ** 2 + (columns - 80) ** 2 < 40**2, value, 0).astype(np.uint8)


def test_a_black_and_white_jpeg_is_a_mask(tmp_path):
    Image.fromarray(disc(255)).save(tmp_path / "a.jpg", quality=70)
    labels = read_labels(tmp_path / "a.jpg")
    assert set(np.unique(labels.array)) == {0, 1}
    assert (labels.array[0] == (disc(255) > 0)).mean() > 0.999


@pytest.mark.parametrize("value", [1, 3, 90])
def test_a_jpeg_of_other_values_is_no_label_image(tmp_path, value):
    Image.fromarray(disc(value)).save(tmp_path / "a.jpg", quality=95)
    with pytest.raises(ValueError, match="JPEG, which blurs label values"):
        read_labels(tmp_path / "a.jpg")


def test_an_empty_jpeg_mask_is_empty(tmp_path):
    Image.fromarray(disc(0)).save(tmp_path / "a.jpg")
    assert not read_labels(tmp_path / "a.jpg").array.any()


def test_float_labels_are_read_as_numbers(tmp_path):
    path = save_nifti(tmp_path / "l.nii.gz", np.array([[[0, 1], [2, 2]]], np.float32))
    labels = read_labels(path)
    assert labels.array.dtype == np.uint8
    assert labels.array.shape == (1, 2, 2, 1)
