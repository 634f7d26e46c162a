import json
import sys

import numpy as np
import pytest

from napari_medseg.case_file import (
    ImageNotKept,
    case_of,
    read_about,
    read_case,
    whole_slices,
    write_case,
)
from napari_medseg.engine.cases import voxel_hash
from napari_medseg.io import read_volume, write_image
from napari_medseg.volume import Volume

SHAPE = (5, 6, 7)


def volume(shape=SHAPE, seed=0, dtype=np.float32):
    values = np.random.default_rng(seed).normal(size=(1, *shape)).astype(dtype)
    return Volume(values, (2.0, 1.0, 1.5)[-len(shape) :], name="head")


def painted(shape=SHAPE, *at):
    mask = np.zeros(shape, bool)
    for place in at:
        mask[place] = True
    return mask


def test_slices_in_which_something_was_painted_count_as_seen():
    reviewed = painted(SHAPE, (1, 2, 3), (1, 4, 4), (3, 0, 0))
    changed = painted(SHAPE, (1, 2, 3), (4, 4, 4))
    labels = np.ones(SHAPE, np.uint8)
    case = case_of(volume(), labels, reviewed, changed)
    assert np.flatnonzero(case.reviewed.all(axis=(1, 2))).tolist() == [1, 3]
    assert case.reviewed.sum() == 2 * 6 * 7
    assert np.argwhere(case.changed).tolist() == [[1, 2, 3]]  # nobody saw the other
    assert case.name == "head"
    exact = case_of(volume(), labels, reviewed, changed, seen="painted", name="scan")
    np.testing.assert_array_equal(exact.reviewed, reviewed)
    assert exact.name == "scan"
    whole = case_of(volume(), labels, reviewed, changed, seen="all")
    assert whole.reviewed is None
    np.testing.assert_array_equal(whole.changed, changed)


def test_a_case_is_a_copy_of_what_lies_in_the_layer():
    labels, reviewed = np.ones(SHAPE, np.uint8), painted(SHAPE, (1,))
    case = case_of(volume(), labels, reviewed)
    labels[:], reviewed[:] = 0, False
    assert case.labels.all()
    assert case.reviewed[1].all()


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_whole_slices_lie_across_the_axis_with_the_fewest(axis):
    seen = np.moveaxis(painted((4, 9, 9), (2, 1, 1), (2, 5, 7), (2, 3, 8)), 0, axis)
    assert np.moveaxis(whole_slices(seen), axis, 0)[2].all()
    assert whole_slices(seen).sum() == 81
    for other in {0, 1, 2} - {axis}:  # three places along either of the others
        assert whole_slices(seen, other).sum() == 3 * seen.size / 9


def test_a_painted_image_is_seen_in_whole():
    assert whole_slices(painted((4, 5), (1, 1))).all()
    assert not whole_slices(painted((4, 5))).any()


def test_a_case_of_nothing_seen_is_refused_in_words():
    labels = np.ones(SHAPE, np.uint8)
    for reviewed in (None, np.zeros(SHAPE, bool)):
        with pytest.raises(ValueError, match="nothing of 'head' was painted"):
            case_of(volume(), labels, reviewed)
    with pytest.raises(ValueError, match="seen must be one of"):
        case_of(volume(), labels, seen="half")
    with pytest.raises(ValueError, match="same grid"):
        case_of(volume(), labels[:2], painted(SHAPE, (1,))[:2])


@pytest.fixture
def project(tmp_path):
    return tmp_path / "p.medseg.json"


def store(project, case, **how):
    return write_case(project.with_name("cases"), case, {}, project=project, **how)


def load(project, stored):
    return read_case(project.with_name("cases"), stored, project)


def a_case(image, **how):
    labels = np.random.default_rng(1).integers(0, 300, image.shape).astype(np.uint16)
    reviewed = painted(image.shape, (1,), (3, 2, 5))
    return case_of(image, labels, reviewed, painted(image.shape, (1, 1, 1)), seen="painted", **how)


def assert_same(a, b):
    assert a.name == b.name
    for what in ("labels", "reviewed", "changed"):
        np.testing.assert_array_equal(getattr(a, what), getattr(b, what))
        assert getattr(a, what).dtype == getattr(b, what).dtype
    np.testing.assert_array_equal(a.volume.array, b.volume.array)
    np.testing.assert_allclose(a.volume.affine, b.volume.affine)
    assert a.volume.spacing == b.volume.spacing


def test_a_case_with_a_copy_of_its_image_comes_back_as_it_was(project):
    case = a_case(volume(), name="scan")
    assert_same(load(project, store(project, case, copy_image=True)), case)


def test_a_case_finds_its_image_where_it_lies(project):
    file = project.with_name("image.nii.gz")
    write_image(file, volume())
    case = a_case(read_volume(file))
    stored = store(project, case)
    assert_same(load(project, stored), case)
    with np.load(project.with_name("cases") / stored["file"]) as kept:
        assert sorted(kept.files) == ["about", "changed", "labels", "reviewed"]  # not the image


def test_a_project_moved_with_its_images_finds_them(project, tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    write_image(old / "image.nii.gz", volume())
    case = a_case(read_volume(old / "image.nii.gz"))
    stored = store(old / "p.medseg.json", case)
    old.rename(new)
    assert_same(load(new / "p.medseg.json", stored), case)


def test_several_files_are_the_channels_of_one_image(project):
    files = [project.with_name(f"{name}.nii.gz") for name in ("t1", "flair")]
    for seed, file in enumerate(files):
        write_image(file, volume(seed=seed))
    case = a_case(read_volume(files))
    assert_same(load(project, store(project, case, files=files)), case)


def test_an_image_in_no_file_is_copied_only_with_consent(project):
    with pytest.raises(ImageNotKept, match="save it first, or allow a copy"):
        store(project, a_case(volume()))
    file = project.with_name("image.nii.gz")
    write_image(file, volume(seed=5))
    with pytest.raises(ImageNotKept, match="no file that gives it back"):
        store(project, a_case(volume()), files=[file])  # another image
    assert not project.with_name("cases").exists()


def test_an_image_that_is_gone_or_another_one_is_said_by_name(project):
    file = project.with_name("image.nii.gz")
    write_image(file, volume())
    stored = store(project, a_case(read_volume(file), name="scan"))
    write_image(file, volume(seed=3))
    with pytest.raises(ValueError, match=r"image\.nii\.gz was changed since 'scan' was added"):
        load(project, stored)
    file.unlink()
    with pytest.raises(ValueError, match=r"'scan' is not at image\.nii\.gz any more"):
        load(project, stored)


@pytest.mark.parametrize("harm", ["cut", "flipped", "gone"])
def test_a_damaged_case_is_refused(project, harm):
    stored = store(project, a_case(volume()), copy_image=True)
    path = project.with_name("cases") / stored["file"]
    content = bytearray(path.read_bytes())
    if harm == "flipped":
        content[len(content) // 2] ^= 1
    path.write_bytes(content[: len(content) // 2] if harm == "cut" else content)
    if harm == "gone":
        path.unlink()
    with pytest.raises(ValueError, match=r"damaged|is missing"):
        load(project, stored)
    assert harm == "flipped" or read_about(path) is None


def test_what_a_file_says_of_its_case_can_be_read_alone(project):
    file = project.with_name("image.nii.gz")
    write_image(file, volume())
    stored = write_case(
        project.with_name("cases"), a_case(read_volume(file)), {"minutes": 4.5}, project=project
    )
    about = read_about(project.with_name("cases") / stored["file"])
    assert (about["minutes"], about["name"]) == (4.5, "image")
    assert about["voxels"] == voxel_hash(read_volume(file).array)
    assert json.dumps(about)
    np.savez(project.with_name("other.npz"), a=np.zeros(3))
    assert read_about(project.with_name("other.npz")) is None


def test_no_torch_is_needed_to_keep_cases():
    import subprocess

    code = "import sys, napari_medseg.casebook; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
