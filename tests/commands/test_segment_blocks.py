"""``napari-medseg segment`` from an OME-Zarr to an OME-Zarr."""

from __future__ import annotations

import signal

import numpy as np
import pytest
import zarr

from napari_medseg.cli import main
from napari_medseg.engine.inference_config import InferenceConfig
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.io import read_volume


@pytest.fixture
def image(tmp_path):
    """Write an OME-Zarr of one channel in eight chunks."""
    path = tmp_path / "scan.ome.zarr"
    group = zarr.open_group(path, mode="w", zarr_format=3)
    stored = group.create_array("0", shape=(16, 32, 64), dtype="uint8", chunks=(8, 16, 32))
    stored[...] = np.random.default_rng(0).integers(0, 255, (16, 32, 64), dtype=np.uint8)
    axes = [{"name": a, "type": "space"} for a in "zyx"]
    scale = [{"type": "scale", "scale": [1.0, 1.0, 1.0]}]
    datasets = [{"path": "0", "coordinateTransformations": scale}]
    group.attrs["ome"] = {
        "version": "0.5",
        "multiscales": [{"name": "scan", "axes": axes, "datasets": datasets}],
    }
    return path


def segment(*words):
    return main(["segment", *map(str, words), "--device", "cpu"])


def test_labels_of_an_ome_zarr_are_an_ome_zarr(image, tiny_2d, tmp_path, capsys):
    out = tmp_path / "labels.ome.zarr"
    assert segment(image, "--model", tiny_2d, "--out", out, "--memory", "0.00001") == 0
    assert capsys.readouterr().out == f"{out}\n"
    exact = InferenceConfig(exact=True)
    expected = Segmenter.load(tiny_2d, "cpu").segment(read_volume(image), exact).labels
    np.testing.assert_array_equal(read_volume(out).array[0], expected)


def test_ctrl_c_keeps_what_is_done_and_the_same_command_goes_on(
    image, tiny_2d, tmp_path, capsys, monkeypatch
):
    from napari_medseg.engine.block_store import LabelStore

    out, write, written = tmp_path / "labels.ome.zarr", LabelStore.write, []

    def interrupted(self, box, labels):
        write(self, box, labels)
        written.append(box)
        if len(written) == 2:
            signal.raise_signal(signal.SIGINT)

    words = (image, "--model", tiny_2d, "--out", out, "--memory", "0.00001")
    with monkeypatch.context() as patched:
        patched.setattr(LabelStore, "write", interrupted)
        assert segment(*words) == 130
    assert "give the same command again to go on" in capsys.readouterr().err
    assert segment(*words) == 0
    assert "blocks are done" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--workers", "2"), "--workers is for one OME-Zarr image"),
        (("--memory", "1", "--time-point", "2"), "--memory, --time-point is for one OME-Zarr"),
    ],
)
def test_words_for_large_images_are_refused_with_others(tmp_path, tiny_2d, capsys, words, said):
    image = tmp_path / "a.nii.gz"
    assert segment(image, "--model", tiny_2d, "--out", tmp_path / "b.nii.gz", *words) == 2
    assert said in capsys.readouterr().err


def test_a_time_point_that_is_not_there_is_said(image, tiny_2d, tmp_path, capsys):
    out = tmp_path / "labels.ome.zarr"
    assert segment(image, "--model", tiny_2d, "--out", out, "--time-point", "3") == 2
    assert "time points" in capsys.readouterr().err
    assert not out.exists()
