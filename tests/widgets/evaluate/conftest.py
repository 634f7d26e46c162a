"""Labels of a truth and of a model that is wrong in known places."""

from __future__ import annotations

import json

import numpy as np
import pytest

from napari_medseg.io import write_image, write_labels
from napari_medseg.volume import Volume

SPACING = (2.0, 0.5, 0.5)


def _true(shift=0):
    labels = np.zeros((8, 20, 24), np.uint8)
    labels[1:6, 2:12, 2 + shift : 12 + shift], labels[5, 15:18, 15:18] = 1, 3
    return labels


def _judged(shift=0):
    labels = _true(shift)
    labels[1][labels[1] == 1] = 0
    labels[4, 12:15, 2 + shift : 12 + shift] = 1
    labels[labels == 3] = 0
    return labels


@pytest.fixture
def true_labels():
    """A liver (1) of 500 voxels and a cyst (3) of 9."""
    return _true()


@pytest.fixture
def judged_labels():
    """A slice of the liver (100 voxels) is missed, 30 are too much in slice 4, no cyst is found."""
    return _judged()


@pytest.fixture
def volumes(true_labels, judged_labels):
    """Both with their place: judged, true."""
    pair = ((judged_labels, "model"), (true_labels, "hand"))
    return [Volume(values[None], SPACING, name=name) for values, name in pair]


@pytest.fixture
def folders(tmp_path):
    """Folders of three true cases with images and names of classes, of which two were judged."""
    truth, judged, images = (tmp_path / n for n in ("labelsTr", "judged", "imagesTr"))
    for folder in (truth, judged, images):
        folder.mkdir()
    for number in range(3):
        name, true = f"case_{number}.nii.gz", _true(number)
        write_labels(truth / name, true, like=Volume(true[None], SPACING))
        scan = Volume((true * 100.0).astype(np.float32)[None], SPACING)
        write_image(images / f"case_{number}_0000.nii.gz", scan)
        if number:
            values = _judged(number) if number == 1 else true
            write_labels(judged / name, values, like=Volume(values[None], SPACING))
    about = {"labels": {"background": 0, "liver": 1, "cyst": 3}, "channel_names": {"0": "CT"}}
    (tmp_path / "dataset.json").write_text(
        json.dumps({**about, "numTraining": 3, "file_ending": ".nii.gz"})
    )
    return truth, judged
