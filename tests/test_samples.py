"""Phantoms: repeatable, exact, in the right place, and the files made from them."""

from __future__ import annotations

import functools
import hashlib
import re
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from napari_medseg.engine.sample_files import write_samples
from napari_medseg.io import read_labels, read_volume
from napari_medseg.progress import Cancelled
from napari_medseg.samples import SAMPLES

SAMPLE_DATA = Path(__file__).parents[1] / "sample_data"
by_name = pytest.mark.parametrize("name", SAMPLES)


@functools.cache
def phantom(name, seed=0):
    return SAMPLES[name].make(seed=seed)


def mean(name, value, channel=0):
    made = phantom(name)
    return made.volume.array[channel][made.labels == value].mean()


@by_name
def test_a_phantom_is_a_volume_with_labels_on_its_grid(name):
    made = phantom(name)
    assert name.isidentifier()
    assert SAMPLES[name].title
    assert made.labels.shape == made.volume.shape
    assert made.labels.dtype == np.uint8
    assert len(made.volume.channels) == len(made.volume.array)
    values = [value for value, _, _ in made.classes]
    assert sorted(values) == np.unique(made.labels)[1:].tolist()
    assert all(re.fullmatch("#[0-9a-f]{6}", colour) for *_, colour in made.classes)
    assert min(np.bincount(made.labels.ravel())[1:]) > 100


@pytest.mark.parametrize("name", ["colonoscopy", "hippocampus", "dermoscopy", "ultrasound"])
def test_a_seed_is_a_patient(name):
    again, other = SAMPLES[name].make(seed=0), phantom(name, 1)
    np.testing.assert_array_equal(again.volume.array, phantom(name).volume.array)
    np.testing.assert_array_equal(again.labels, phantom(name).labels)
    assert (other.labels != again.labels).any()
    assert set(np.unique(other.labels)) == set(np.unique(again.labels))


@pytest.mark.parametrize("name", ["colonoscopy", "dermoscopy", "ultrasound"])
def test_the_lesion_ends_where_the_image_changes(name):
    made = phantom(name)
    grey = ndimage.gaussian_filter(made.volume.array.mean(0), 1.5)
    slope = ndimage.gaussian_gradient_magnitude(grey, 2)
    inner = ndimage.binary_erosion(made.labels, iterations=12)
    edge = made.labels.astype(bool) ^ ndimage.binary_erosion(made.labels)
    assert slope[edge].mean() > 2 * slope[inner].mean()


def test_the_organs_of_the_ct_have_their_densities():
    ranges = {1: (95, 125), 2: (95, 135), 3: (150, 200), 4: (150, 200), 5: (150, 190)}
    for value, (low, high) in ranges.items():
        assert low < mean("ct", value) < high
    assert mean("ct", 6) > 200
    assert mean("ct", 7) > 250
    assert phantom("ct").volume.array.min() < -950


def test_the_ct_lies_as_a_patient_does():
    made = phantom("ct")
    centre = {}
    for value, name, _ in made.classes:
        index = np.argwhere(made.labels == value).mean(0)
        centre[name] = (made.volume.affine @ [*index, 1])[:3]  # right, anterior, superior
    assert centre["liver"][0] > centre["vertebrae"][0] > centre["spleen"][0]
    assert centre["right kidney"][0] > centre["left kidney"][0]
    assert centre["vertebrae"][1] < centre["aorta"][1] < centre["liver"][1] + 40
    assert centre["liver"][2] > centre["right kidney"][2]


def test_the_tumour_shows_in_each_contrast_as_it_should():
    t1, t1c, t2, flair = range(4)
    necrosis, oedema, enhancing = 1, 2, 3
    assert mean("brain_mri", enhancing, t1c) > 1.5 * mean("brain_mri", enhancing, t1)
    assert mean("brain_mri", necrosis, t1) < mean("brain_mri", oedema, t1)
    assert mean("brain_mri", oedema, flair) > mean("brain_mri", necrosis, flair)
    assert mean("brain_mri", oedema, t2) > 1.2 * mean("brain_mri", 0, t2)
    array = phantom("brain_mri").volume.array
    assert (array[:, 0, 0, 0] < 20).all()


def test_the_hippocampus_is_one_grey_piece_with_its_head_in_front():
    made = phantom("hippocampus")
    assert ndimage.label(made.labels)[1] == 1
    anterior, posterior = (np.argwhere(made.labels == value) for value in (1, 2))
    assert anterior[:, 1].max() < posterior[:, 1].min()  # H runs to posterior
    assert anterior[:, 0].mean() < posterior[:, 0].mean()  # the tail rises
    white = np.percentile(made.volume.array, 85)
    assert mean("hippocampus", 1) < 0.8 * white


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("samples")
    return folder, write_samples(folder)


@by_name
def test_what_is_written_is_read_back_exactly(written, name):
    files = [file for file in written[1] if file.parent.name == name]
    *images, label = files
    volume, made = read_volume(images), phantom(name)
    np.testing.assert_array_equal(volume.array, made.volume.array)
    if volume.spacing_known:  # PNG does not say
        assert volume.spacing == pytest.approx(made.volume.spacing)
        np.testing.assert_allclose(volume.affine, made.volume.affine, atol=1e-4)
    np.testing.assert_array_equal(read_labels(label).array[0], made.labels)


def test_the_files_in_sample_data_are_what_the_code_makes(written):
    folder, files = written
    assert {file.relative_to(folder) for file in files} == {
        file.relative_to(SAMPLE_DATA) for file in SAMPLE_DATA.glob("*/*")
    }
    for file in files:
        fresh = read_volume(file).array.astype(int)
        kept = read_volume(SAMPLE_DATA / file.relative_to(folder)).array.astype(int)
        # another processor may round a value the other way, and a label at its edge
        different = fresh != kept
        assert different.mean() < 1e-3, file
        assert file.stem.startswith("label") or np.abs(fresh - kept).max() <= 1, file


def test_the_readme_lists_every_file_with_its_hash():
    text = (SAMPLE_DATA / "README.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"`([\w/.]+)` \| `([0-9a-f]{64})`", text))
    files = {file.relative_to(SAMPLE_DATA).as_posix(): file for file in SAMPLE_DATA.glob("*/*")}
    assert listed == {
        name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in files.items()
    }
    assert sum(file.stat().st_size for file in files.values()) < 2e6
    assert max(file.stat().st_size for file in files.values()) < 500e3


def test_writing_can_be_stopped(tmp_path):
    def stop(step):
        raise Cancelled

    with pytest.raises(Cancelled):
        write_samples(tmp_path, report=stop)
    assert not list(tmp_path.iterdir())
