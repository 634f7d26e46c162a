"""napari opens NIfTI with us where nobody chose otherwise, and what a person chose stays."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
from napari.settings import get_settings

from napari_medseg.io import write_labels
from napari_medseg.volume import Volume
from napari_medseg.widgets import reader_choice
from napari_medseg.widgets.reader_choice import PATTERNS, prefer_our_reader


@pytest.fixture
def chosen():
    """Set which reader a person chose; napari's settings as they were afterwards."""
    plugins = get_settings().plugins
    before = dict(plugins.extension2reader)

    def choose(**readers):
        plugins.extension2reader = {f"*.{end.replace('_', '.')}": r for end, r in readers.items()}
        return plugins

    yield choose
    plugins.extension2reader = before


def test_a_nifti_file_opens_without_naming_us(viewer, chosen, tmp_path):
    path = tmp_path / "scan.nii.gz"
    nib.Nifti1Image(np.ones((4, 5, 6), np.float32), np.diag([2.0, 1, 1, 1])).to_filename(path)
    chosen()
    prefer_our_reader()
    (layer,) = viewer.open(path, plugin=None)
    assert tuple(layer.scale) == (1.0, 1.0, 2.0)
    like = Volume(np.zeros((1, 4, 5, 6), np.uint8), (2.0, 1.0, 1.0))
    write_labels(tmp_path / "a.ome.zarr", np.ones((4, 5, 6), np.uint8), like=like)
    (labels,) = viewer.open(tmp_path / "a.ome.zarr", plugin=None)
    assert tuple(labels.scale) == (2.0, 1.0, 1.0)


def test_what_a_person_chose_stays_and_other_plugins_are_still_asked_about(chosen, monkeypatch):
    plugins = chosen(nii_gz="napari-other")
    prefer_our_reader()
    assert plugins.extension2reader["*.nii.gz"] == "napari-other"
    assert plugins.extension2reader["*.nii"] == "napari-medseg"
    plugins = chosen(gz="napari-other")
    prefer_our_reader()
    assert "*.nii.gz" not in plugins.extension2reader
    plugins = chosen()
    both = {"napari", "napari-medseg", "napari-nifti"}
    monkeypatch.setattr(reader_choice, "_readers", lambda _pattern: both)
    prefer_our_reader()
    assert plugins.extension2reader == {}


def test_the_setting_takes_it_back_and_leaves_the_rest(viewer, open_workbench, chosen, settings):
    plugins = chosen(png="napari-other")
    prefer_our_reader()
    assert {*PATTERNS} <= set(plugins.extension2reader)
    open_workbench(viewer)
    settings.general.open_files = False
    assert plugins.extension2reader == {"*.png": "napari-other"}
    settings.general.open_files = True
    assert {*PATTERNS} <= set(plugins.extension2reader)
