import numpy as np
import pytest

from napari_medseg.engine.card import LabelClass
from napari_medseg.engine.cases import Case, classes_of, load_case, to_target, voxel_hash
from napari_medseg.io import write_image, write_labels
from napari_medseg.io.datasets import CaseFiles
from napari_medseg.volume import Volume


def test_classes_take_names_by_value_or_by_order():
    classes = classes_of([0, 1, 4], ("4=enhancing", "1=core"))
    assert [(c.value, c.name) for c in classes] == [(1, "core"), (4, "enhancing")]
    assert [c.name for c in classes_of([0, 2, 3], ("liver", "spleen"))] == ["liver", "spleen"]
    assert [c.name for c in classes_of([7])] == ["class 7"]


def test_the_first_eight_classes_have_colours_of_their_own():
    assert len({c.colour for c in classes_of(range(9))}) == 8


def test_empty_labels_and_names_for_nothing_are_refused():
    with pytest.raises(ValueError, match="nothing to learn"):
        classes_of([0])
    with pytest.raises(ValueError, match=r"5=x.*\[1, 2\]"):
        classes_of([0, 1, 2], ("5=x",))


@pytest.mark.parametrize("name", ["1=", "1= ", "", " "])
def test_a_class_without_a_name_is_refused(name):
    with pytest.raises(ValueError, match=r"has no name; give one for each value, such as 1=liver"):
        classes_of([1, 2], ("2=b", name))
    assert classes_of([1], (" 1 = left kidney ",))[0].name == "left kidney"


def test_the_hash_of_an_image_is_of_its_values_not_of_its_memory():
    image = np.random.default_rng(0).integers(-9, 9, (1, 5, 6, 7)).astype(np.int16)
    assert voxel_hash(image) == voxel_hash(np.asfortranarray(image))
    assert voxel_hash(image) == voxel_hash(image.astype(">i2"))
    assert voxel_hash(image) != voxel_hash(image.reshape(1, 6, 5, 7))
    other = image.copy()
    other[0, 0, 0, 0] += 1
    assert voxel_hash(image) != voxel_hash(other)
    assert len(voxel_hash(np.zeros((1, 0, 4), np.float32))) == 64


def test_a_case_lies_on_one_grid():
    volume = Volume(np.zeros((1, 4, 4), np.float32), (1.0, 1.0))
    with pytest.raises(ValueError, match="same grid"):
        Case(volume, np.zeros((4, 5), np.uint8))
    with pytest.raises(ValueError, match="reviewed"):
        Case(volume, np.zeros((4, 4), np.uint8), reviewed=np.ones((3, 3), bool))


def test_softmax_targets_index_the_classes_and_leave_other_values_background():
    classes = (LabelClass(value=4, name="a"), LabelClass(value=9, name="b"))
    target = to_target(np.array([[0, 4, 9, 7]]), classes, "softmax")
    np.testing.assert_array_equal(target, [[0, 1, 2, 0]])
    assert target.dtype == np.int64


def test_overlapping_regions_unite_raw_values():
    whole = LabelClass(value=1, name="whole", unites=(1, 2, 4))
    core = LabelClass(value=2, name="core", unites=(1, 4))
    target = to_target(np.array([[0, 1, 2, 4]]), (whole, core), "sigmoid")
    np.testing.assert_array_equal(target, [[[0, 1, 1, 1]], [[0, 1, 0, 1]]])


def scan(offset=0.0):
    affine = np.array([[0, 0, -1, 0], [0, -1, 0, 0], [1, 0, 0, offset], [0, 0, 0, 1.0]])
    values = np.random.default_rng(0).normal(size=(1, 4, 5, 6)).astype(np.float32)
    return Volume(values, (1.0, 1.0, 1.0), affine)


def test_a_case_is_read_from_its_files(tmp_path):
    labels = np.zeros((4, 5, 6), np.uint8)
    labels[1, 2, 3] = 2
    write_image(tmp_path / "image.nii.gz", scan())
    write_labels(tmp_path / "label.nii.gz", labels, like=scan())
    case = load_case(CaseFiles("one", (tmp_path / "image.nii.gz",), tmp_path / "label.nii.gz"))
    np.testing.assert_array_equal(case.labels, labels)
    np.testing.assert_allclose(case.volume.array, scan().array)


def test_labels_elsewhere_in_space_are_refused(tmp_path):
    write_image(tmp_path / "image.nii.gz", scan())
    write_labels(tmp_path / "label.nii.gz", np.ones((4, 5, 6), np.uint8), like=scan(offset=30.0))
    with pytest.raises(ValueError, match="mm apart"):
        load_case(CaseFiles("one", (tmp_path / "image.nii.gz",), tmp_path / "label.nii.gz"))


def test_a_case_without_labels_cannot_be_learnt_from(tmp_path):
    with pytest.raises(ValueError, match="no label file"):
        load_case(CaseFiles("one", (tmp_path / "image.nii.gz",), None))


@pytest.mark.parametrize("name", ["a=liver", "=liver", "3=liver", "-1=liver"])
def test_a_name_for_no_value_says_which_values_there_are(name):
    with pytest.raises(ValueError, match=r"hold the values \[1, 2\]; name one of them"):
        classes_of([0, 2, 1, 1], [name])


def test_more_names_than_values_are_refused():
    with pytest.raises(ValueError, match="'spleen'"):
        classes_of([1], ["liver", "spleen"])


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan"), float("inf")])
def test_a_case_counts_by_a_positive_number(weight):
    volume = Volume(np.zeros((1, 2, 2), np.float32), (1.0, 1.0))
    with pytest.raises(ValueError, match="weight must be positive"):
        Case(volume, np.zeros((2, 2), np.uint8), weight=weight)
