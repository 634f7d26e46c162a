"""Analyze, NIfTI pairs, MGH, AFNI, PAR/REC, MINC: the places and values nibabel itself gives."""

from __future__ import annotations

import gzip
import shutil
from itertools import permutations, product
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from nibabel.testing import data_path

from napari_medseg.io import image_stem, is_image_path, read_volume, write_labels

VALUES = np.random.default_rng(0).integers(0, 3000, (4, 5, 6)).astype(np.int16)
OBLIQUE = np.array([[1.9, 0.2, 0, -20], [-0.2, 1.9, 0.3, 9], [0, -0.3, 2.9, 4], [0, 0, 0, 1]])
SAMPLES = Path(data_path)


def assert_as_in(volume, image):
    """Every voxel of nibabel's image has its value where nibabel says it lies."""
    stored = np.asanyarray(image.dataobj)
    stored = stored.reshape((*stored.shape[:3], -1), order="F")
    corners = np.array([*product(*((0, n - 1) for n in stored.shape[:3])), [0, 0, 0], [1, 0, 1]])
    for index in corners:
        found = np.linalg.solve(volume.affine, image.affine @ [*index, 1])[:3]
        at = np.rint(found).astype(int)
        np.testing.assert_allclose(found, at, atol=1e-3)
        np.testing.assert_allclose(
            volume.array[(slice(None), *at)], stored[tuple(index)], rtol=1e-5
        )
    assert volume.array[0].size == stored[..., 0].size


@pytest.mark.parametrize("kind", [nib.Nifti1Pair, nib.Nifti2Pair])
@pytest.mark.parametrize("opened", [".hdr", ".img"])
@pytest.mark.parametrize("packed", [(), (".hdr", ".img"), (".img",), (".hdr",)])
def test_either_half_of_a_nifti_pair_opens_it(tmp_path, kind, opened, packed):
    image = kind(VALUES, OBLIQUE)
    image.to_filename(tmp_path / "a.hdr")
    for half in packed:
        path = tmp_path / f"a{half}"
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    given = tmp_path / (f"a{opened}.gz" if opened in packed else f"a{opened}")
    volume = read_volume(given)
    assert_as_in(volume, image)
    assert (volume.name, volume.notes) == ("a", ())


@pytest.mark.parametrize("order", list(permutations(range(3)))[::2])
@pytest.mark.parametrize("signs", list(product([1, -1], repeat=3))[::3])
def test_mgh_lies_where_its_affine_says(tmp_path, order, signs):
    affine = OBLIQUE.copy()
    affine[:, :3] = affine[:, list(order)] * signs
    image = nib.MGHImage(VALUES, affine)
    nib.save(image, tmp_path / "a.mgz")
    volume = read_volume(tmp_path / "a.mgz")
    assert_as_in(volume, image)
    assert volume.notes == ()


def test_labels_of_an_mgh_image_have_its_grid_as_nifti(tmp_path):
    nib.save(nib.MGHImage(VALUES, OBLIQUE), tmp_path / "a.mgz")
    volume = read_volume(tmp_path / "a.mgz")
    write_labels(tmp_path / "l.nii.gz", volume.array[0] > 1500, like=volume)
    written = nib.load(tmp_path / "l.nii.gz")
    np.testing.assert_allclose(written.affine, OBLIQUE, atol=1e-5)
    np.testing.assert_array_equal(np.asanyarray(written.dataobj), VALUES > 1500)


def test_an_mgh_file_that_does_not_say_where_it_lies_is_marked(tmp_path):
    nib.save(nib.MGHImage(VALUES, OBLIQUE), tmp_path / "a.mgh")
    content = bytearray((tmp_path / "a.mgh").read_bytes())
    content[28:30] = bytes(2)  # goodRASFlag
    (tmp_path / "a.mgh").write_bytes(content)
    volume = read_volume(tmp_path / "a.mgh")
    with open(tmp_path / "a.mgh", "rb") as file:  # nibabel would leave it open
        files = {"image": nib.fileholders.FileHolder(fileobj=file)}
        assert_as_in(volume, nib.MGHImage.from_file_map(files, mmap=False))
    assert "does not say how the head lies" in volume.notes[0]


@pytest.mark.parametrize("kind", [nib.AnalyzeImage, nib.Spm99AnalyzeImage, nib.Spm2AnalyzeImage])
@pytest.mark.parametrize("order", ["<", ">"])
def test_analyze_says_that_it_knows_no_sides(tmp_path, kind, order):
    header = kind.header_class(endianness=order)
    header.set_data_dtype(np.int16)
    header.set_data_shape(VALUES.shape)
    header.set_zooms((2, 3, 4))
    kind(VALUES, None, header).to_filename(tmp_path / "a.img")
    (tmp_path / "a.mat").unlink(missing_ok=True)
    volume = read_volume(tmp_path / "a.hdr")
    assert_as_in(volume, kind.from_filename(str(tmp_path / "a.img")))
    assert (volume.spacing, volume.spacing_known) == ((4, 3, 2), True)
    assert "do not say which side is left" in volume.notes[0]


def test_analyze_with_a_matrix_beside_it_is_where_that_says(tmp_path):
    nib.Spm99AnalyzeImage(VALUES, OBLIQUE).to_filename(tmp_path / "a.img")
    volume = read_volume(tmp_path / "a.img")
    np.testing.assert_allclose(nib.load(tmp_path / "a.img").affine, OBLIQUE, atol=1e-5)
    assert_as_in(volume, nib.load(tmp_path / "a.img"))
    assert volume.notes == ()


def test_analyze_without_voxel_sizes_has_unknown_spacing(tmp_path):
    nib.AnalyzeImage(VALUES, np.diag([2, 2, 2, 1])).to_filename(tmp_path / "a.img")
    content = bytearray((tmp_path / "a.hdr").read_bytes())
    content[80:92] = bytes(12)  # pixdim 1 to 3
    (tmp_path / "a.hdr").write_bytes(content)
    assert not read_volume(tmp_path / "a.hdr").spacing_known


@pytest.mark.parametrize(
    "name",
    [
        "example4d+orig.HEAD",
        "example4d+orig.BRIK.gz",
        "scaled+tlrc.HEAD",
        "scaled+tlrc.BRIK",
        "phantom_EPI_asc_CLEAR_2_1.PAR",
        "phantom_varscale.REC",
        "tiny.mnc",
        "minc1_1_scale.mnc",
        "test.mgz",
    ],
)
def test_the_samples_that_come_with_nibabel_are_read_as_nibabel_does(name):
    image = nib.load(SAMPLES / name)
    if name.endswith((".PAR", ".REC")):  # nibabel leaves its file open
        image.dataobj.file_like.fobj.close()
        image.dataobj.file_like = str(SAMPLES / name.replace(".PAR", ".REC"))
    volume = read_volume(SAMPLES / name)
    assert_as_in(volume, image)
    assert volume.spacing_known


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("T2.PAR", r"one half of an image; put the other, T2\.REC, beside it"),
        ("analyze.hdr", r"put the other, analyze\.img, beside it"),
        ("bad_datatype+orig.HEAD", r"put the other, bad_datatype\+orig\.BRIK, beside it"),
        ("phantom_truncated.PAR", "is cut off or damaged; copy or export"),
        ("minc1_4d.mnc", r"holds several volumes \(2, 10, 20, 20\); export one"),
    ],
)
def test_samples_that_are_no_image_say_why(name, message):
    with pytest.raises(ValueError, match=message):
        read_volume(SAMPLES / name)


def test_minc_2_names_the_package_it_needs(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(ValueError, match=r"needs the package h5py: install it with 'pip install"):
        read_volume(SAMPLES / "small.mnc")


@pytest.mark.parametrize("name", ["a.mgz", "a.mgh", "a.mnc", "a.hdr", "a.mnc.gz"])
@pytest.mark.parametrize(
    "content", [b"just words", gzip.compress(b"just words", mtime=0), b"\x1f\x8bno"]
)
def test_words_are_no_image_whatever_the_name(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    (tmp_path / "a.img").write_bytes(b"")
    with pytest.raises(ValueError, match="copy or export the file again"):
        read_volume(tmp_path / name)


@pytest.mark.parametrize("name", ["a.mgz", "a.mgh", "a.img"])
def test_values_cut_off_are_refused(tmp_path, name):
    kind = nib.AnalyzeImage if name == "a.img" else nib.MGHImage
    kind(VALUES, np.diag([2.0, 2, 2, 1])).to_filename(tmp_path / name)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(ValueError, match="cut off or damaged"):
        read_volume(tmp_path / name)


def test_a_pair_counts_once_in_a_folder(tmp_path):
    nib.Nifti1Pair(VALUES, OBLIQUE).to_filename(tmp_path / "a.hdr")
    assert [p.name for p in tmp_path.iterdir() if is_image_path(p)] == ["a.hdr"]
    assert image_stem("b+orig.BRIK.gz") == "b+orig"
    shutil.copy(tmp_path / "a.img", tmp_path / "A.IMG2")
    assert not is_image_path(tmp_path / "A.IMG2")
