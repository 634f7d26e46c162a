"""The table of odd files: a shift is seen, a crash is counted, a refusal is a sentence."""

from __future__ import annotations

import dataclasses
import importlib.util
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from napari_medseg.io import read_volume

SCRIPTS = Path(__file__).parent.parent / "scripts"

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="the limits of memory are Unix's"
)


@pytest.fixture
def script(monkeypatch):
    """Load a script as a module."""
    monkeypatch.syspath_prepend(str(SCRIPTS))

    def load(name):
        spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture
def image(tmp_path):
    values = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    affine = np.array([[0, -1.5, 0, 3], [0, 0, 2, 4], [0.7, 0, 0, 5], [0, 0, 0, 1.0]])
    nib.save(nib.Nifti1Image(values, affine), tmp_path / "a.nii.gz")
    return tmp_path / "a.nii.gz"


def test_a_volume_that_lies_right_is_the_same_for_the_other_library(script, image):
    compare = script("other_readers").compare
    assert compare(read_volume(image), image) == "nibabel: same values at the same mm"


@pytest.mark.parametrize("change", ["mirrored", "moved", "values", "turned"])
def test_whatever_lies_elsewhere_is_a_shift(script, image, change):
    volume = read_volume(image)
    affine, array = volume.affine.copy(), volume.array
    if change == "mirrored":
        array = array[:, :, ::-1]
    elif change == "moved":
        affine[0, 3] += 0.1
    elif change == "values":
        array = array + 1
    else:
        affine[:, [0, 1]] = affine[:, [1, 0]]
    wrong = dataclasses.replace(volume, affine=affine, array=array)
    assert script("other_readers").compare(wrong, image).startswith("SHIFT")


def test_pictures_are_compared_as_they_are_seen(script, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    volume = read_volume(tmp_path / "a.png")
    compare = script("other_readers").compare
    assert compare(volume, tmp_path / "a.png") == "Pillow: same values at the same mm"
    lying = dataclasses.replace(volume, array=volume.array[:, ::-1])
    assert compare(lying, tmp_path / "a.png").startswith("SHIFT")


def test_a_crash_and_a_refusal_are_told_apart(script, image, monkeypatch):
    table = script("hostile_table")
    text = image.with_name("notes.nii")
    text.write_text("seen by J. D.")
    refused = table.attempt(text, segment=False)
    assert refused.image.startswith("refused: notes.nii is")
    assert not refused.crash
    monkeypatch.setattr("napari_medseg.io.read_volume", lambda _path: 1 / 0)
    assert table.attempt(image, segment=False).crash == "ZeroDivisionError: division by zero"


def test_a_folder_becomes_a_table_that_ends_with_its_counts(script, image, capsys):
    assert script("hostile_table").main([str(image.parent)]) == 0
    printed = capsys.readouterr().out
    assert "| `a.nii.gz` | nifti | opened: 3 x 5 x 4, 0.7 x 2 x 1.5 mm, int16 |" in printed
    assert printed.rstrip().endswith("0 refused in a sentence; 0 crashes, 0 silent shifts.")
    assert str(image.parent) not in printed


def test_what_takes_too_long_is_a_crash(script, image, capsys):
    assert script("hostile_table").main([str(image.parent), "--seconds", "0.01"]) == 1
    assert "**crash**: longer than 0.01 s" in capsys.readouterr().out
