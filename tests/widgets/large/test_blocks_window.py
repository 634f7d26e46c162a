"""The window for images larger than memory, worked as a person does."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels
from qtpy.QtCore import Qt

from napari_medseg.engine.block_store import LabelStore
from napari_medseg.engine.checkpoint import read_card
from napari_medseg.engine.inference_config import InferenceConfig
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.io import open_pyramid, read_volume
from napari_medseg.session import ChosenModel, LoadedModel, written_at
from napari_medseg.widgets.large import blocks_work
from napari_medseg.widgets.large.blocks_window import BlocksWindow, whole_image
from napari_medseg.widgets.large.filling import steps
from napari_medseg.widgets.pyramids import pyramid_layers
from napari_medseg.widgets.sessions import runner_of, session_of


@pytest.fixture
def image_file(tmp_path):
    """Write an OME-Zarr of 32 x 64 x 96 voxels in twelve chunks."""
    import zarr

    path = tmp_path / "scan.ome.zarr"
    group = zarr.open_group(path, mode="w", zarr_format=3)
    stored = group.create_array("0", shape=(32, 64, 96), dtype="uint16", chunks=(16, 32, 32))
    stored[...] = np.random.default_rng(0).normal(500, 90, (32, 64, 96)).astype(np.uint16)
    axes = [{"name": a, "type": "space", "unit": "millimeter"} for a in "zyx"]
    scale = [{"type": "scale", "scale": [2.0, 1.0, 1.0]}]
    datasets = [{"path": "0", "coordinateTransformations": scale}]
    multiscales = [{"name": "scan", "axes": axes, "datasets": datasets}]
    group.attrs["ome"] = {"version": "0.5", "multiscales": multiscales}
    return path


@pytest.fixture
def scene():
    """A viewer without a window: panels need none."""
    return ViewerModel()


@pytest.fixture
def window(qtbot, scene, models, image_file):
    """Open the image and the window for it, with a model chosen."""
    ((data, kwargs, _),) = pyramid_layers(open_pyramid(image_file))
    image = scene.add_image(data, **kwargs)
    path = models / "tiny-volume.safetensors"
    session_of(scene).model, session_of(scene).device = ChosenModel(path, read_card(path)), "cpu"
    made = BlocksWindow(scene)
    qtbot.addWidget(made)
    made.show_image(image)
    return made


@pytest.fixture
def press(qtbot, scene, window):
    """Press the button and wait until the run has ended."""

    def press():
        assert window.start.isEnabled(), window.hint.text()
        qtbot.mouseClick(window.start, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: not runner_of(scene).busy)

    return press


@pytest.fixture
def expected(models, image_file):
    """The labels of a run in memory."""
    segmenter = Segmenter.load(models / "tiny-volume.safetensors", "cpu")
    return segmenter.segment(read_volume(image_file), InferenceConfig(exact=True)).labels


def test_labels_fill_in_above_their_image_and_end_as_a_file(scene, window, press, expected):
    active, step = scene.layers.selection.active, scene.dims.current_step
    assert window.path.text().endswith("scan tiny-volume.ome.zarr")
    press()
    labels = scene.layers[1]
    assert isinstance(labels, Labels)
    assert labels.name == "scan tiny-volume"
    assert (scene.layers.selection.active, scene.dims.current_step) == (active, step)
    np.testing.assert_array_equal(labels.scale, (2, 1, 1))
    np.testing.assert_array_equal(labels.data[0][...], expected)
    np.testing.assert_array_equal(labels.data[1], expected[:, ::2, ::2])
    np.testing.assert_array_equal(read_volume(window.path.text()).array[0], expected)
    assert window.hint.text() == f"Done: written to {window.path.text()}."


def test_a_finished_file_is_not_written_over(scene, window, press):
    press()
    press()
    assert "is there already and finished" in window.hint.text()
    assert len(scene.layers) == 2


def test_a_cancelled_run_keeps_what_is_done_and_goes_on_when_pressed_again(
    scene, window, press, models, expected, monkeypatch
):
    monkeypatch.setattr(blocks_work, "MEMORY", 1)  # the narrowest columns: blocks come early
    path = models / "tiny-volume.safetensors"
    slow = Segmenter.load(path, "cpu")
    hook = slow.network.register_forward_pre_hook(lambda *_: time.sleep(0.05))
    session_of(scene).loaded = LoadedModel(path, "cpu", slow, written_at(path))
    window.filled.connect(runner_of(scene).cancel)  # as soon as a block is seen
    press()
    assert "press again to go on" in window.hint.text()
    assert LabelStore(Path(window.path.text())).state["state"] == "unfinished"
    hook.remove()
    window.filled.disconnect(runner_of(scene).cancel)
    press()
    assert window.hint.text().startswith("Done: ")
    assert "Resuming: " in window.hint.text()
    assert [layer.name for layer in scene.layers] == ["scan", "scan tiny-volume"]
    np.testing.assert_array_equal(scene.layers[1].data[1], expected[:, ::2, ::2])


def test_what_cannot_be_done_is_said_before(scene, window):
    window.path.setText("labels.nii.gz")
    assert not window.start.isEnabled()
    assert "ends in .ome.zarr" in window.start.toolTip()
    window.show_image(scene.add_image(np.zeros((4, 4, 4))))
    assert "lies in pieces" in window.start.toolTip()
    session_of(scene).model = None
    assert "No model yet" in window.start.toolTip()


def test_an_image_removed_meanwhile_cannot_be_segmented(scene, window):
    scene.layers.clear()
    assert not window.start.isEnabled()


def test_an_error_is_said_in_the_window(scene, window, press, image_file):
    (image_file / "0" / "c" / "1" / "1" / "1").write_bytes(b"damaged")
    press()
    assert "damaged" in window.hint.text()


def test_all_channels_of_a_file_go_to_a_model_that_takes_them(models, image_file):
    pyramid = open_pyramid(image_file)
    for name in ("tiny-volume", "tiny-brain"):
        card = read_card(models / f"{name}.safetensors")
        assert whole_image(pyramid, card).channel_count == 1


@pytest.mark.parametrize("shape", [(32, 64, 96), (40, 33), (300, 5000, 7000), (9000, 9000, 9000)])
def test_the_coarse_labels_fit_into_memory(shape):
    sizes = [-(-n // step) for n, step in zip(shape, steps(shape), strict=True)]
    assert np.prod(sizes) <= 1 << 26
    assert max(sizes[-2:]) <= 1024
    assert max(steps(shape)) >= 2
