"""DICOM segmentations are label files to an evaluation, beside truths in other formats."""

from __future__ import annotations

import numpy as np
import pytest

from napari_medseg.engine.evaluate import evaluate
from napari_medseg.engine.metrics import score
from napari_medseg.io import read_volume, write_labels
from napari_medseg.io.classes import ClassName

pytest.importorskip("highdicom")


@pytest.fixture
def files(make_scan, write_series, tmp_path):
    """Write a prediction as DICOM-SEG and its truth as NIfTI; return both arrays and volume."""
    volume = read_volume(write_series(make_scan(np.zeros((6, 12, 16), np.int16))))
    truth = np.zeros(volume.shape, np.uint8)
    truth[1:4, 2:8, 3:9], truth[4, 9:11, 9:12] = 1, 2
    judged = np.roll(truth, 1, axis=2)
    named = [ClassName(1, "liver", "#ff0000"), ClassName(2, "cyst", "#00ff00")]
    write_labels(tmp_path / "p" / "case.dcm", judged, like=volume, classes=named)
    write_labels(tmp_path / "t" / "case.nii.gz", truth, like=volume)
    return judged, truth, volume


def test_a_segmentation_is_scored_against_nifti_with_its_own_names(files, tmp_path):
    judged, truth, volume = files
    for paths in (("p/case.dcm", "t/case.nii.gz"), ("p", "t")):
        result = evaluate(*(tmp_path / path for path in paths))
        assert result.names() == ["case"]
        assert result.classes == {1: "liver", 2: "cyst"}
        assert result.failed == {}
        for case in result.cases:
            expected = score(judged, truth, case.value, spacing=volume.spacing)
            assert case.scores.counts == expected.counts
            assert case.scores.hd95 == pytest.approx(expected.hd95, abs=1e-4)
            assert case.unit == "mm"


def test_a_segmentation_of_another_series_is_left_out(files, tmp_path, make_scan, write_series):
    judged, truth, volume = files
    other = make_scan(np.zeros((6, 12, 16), np.int16), origin=(-10.0, 5.0, 31.0))
    there = read_volume(write_series(other, "other"))
    write_labels(tmp_path / "p" / "far.dcm", judged, like=there)
    write_labels(tmp_path / "t" / "far.nii.gz", truth, like=volume)
    result = evaluate(tmp_path / "p", tmp_path / "t")
    assert result.names() == ["case"]
    assert "far.dcm does not lie on the grid of its truth far.nii.gz" in result.failed["far"]
