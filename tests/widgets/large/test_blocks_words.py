"""The window for images larger than memory: what it proposes, and says before it is pressed."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import Qt

from napari_medseg.engine.checkpoint import read_card
from napari_medseg.io import open_pyramid
from napari_medseg.progress import Step
from napari_medseg.session import ChosenModel
from napari_medseg.widgets.background import Task
from napari_medseg.widgets.large import blocks_window
from napari_medseg.widgets.large.blocks_window import BlocksWindow
from napari_medseg.widgets.pyramids import pyramid_layers
from napari_medseg.widgets.sessions import runner_of, session_of


def write(path, shape, axes):
    import zarr

    group = zarr.open_group(path, mode="w", zarr_format=3)
    stored = group.create_array("0", shape=shape, dtype="uint8", chunks=(1,) * len(shape))
    stored[...] = np.zeros(shape, np.uint8)
    kinds = {"t": {"type": "time"}}
    space = {"type": "space", "unit": "millimeter"}
    scale = [{"type": "scale", "scale": [1.0] * len(shape)}]
    about = {
        "name": path.name,
        "axes": [{"name": a, **kinds.get(a, space)} for a in axes],
        "datasets": [{"path": "0", "coordinateTransformations": scale}],
    }
    group.attrs["ome"] = {"version": "0.5", "multiscales": [about]}
    return path


@pytest.fixture
def scene():
    return ViewerModel()


@pytest.fixture
def window(qtbot, scene, models, tmp_path):
    """A window for a small image in pieces, with a model chosen."""
    path = models / "tiny-volume.safetensors"
    session_of(scene).model = ChosenModel(path, read_card(path))
    made = BlocksWindow(scene)
    qtbot.addWidget(made)
    made.show_image(opened(scene, write(tmp_path / "scan.1.ome.zarr", (2, 3, 4), "zyx")))
    return made


def opened(scene, path):
    ((data, kwargs, _),) = pyramid_layers(open_pyramid(path))
    return scene.add_image(data, **kwargs)


def test_it_says_what_it_will_do_and_proposes_a_file_beside_the_image(window, scene, tmp_path):
    assert window.start.isEnabled(), window.start.toolTip()
    assert window.path.text() == str(tmp_path / "scan tiny-volume.ome.zarr")
    assert window.what.text().startswith("tiny volume segments all of ")
    assert window.hint.text() == ""
    image = scene.layers[0]
    image.name = "thorax"
    assert "all of thorax," in window.what.text()
    session_of(scene).model = None
    assert window.what.text() == ""
    assert (
        window.hint.text()
        == window.start.toolTip()
        == ("No model yet: choose one in the Model panel.")
    )
    window.show_image(image)
    assert Path(window.path.text()).name == "scan labels.ome.zarr"


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("a.ome.zarr", True),
        (" a.ZARR ", True),
        ("a.nii.gz", False),
        ("", False),
        ("a.zarr.gz", False),
    ],
)
def test_the_name_of_the_file_says_its_format(window, name, fits):
    window.path.setText(name)
    assert window.start.isEnabled() == fits
    assert window.hint.text() == ("" if fits else "Give the file a name that ends in .ome.zarr.")


def test_images_over_time_are_left_to_the_command_line(window, scene, tmp_path):
    image = opened(scene, write(tmp_path / "film.ome.zarr", (2, 2, 3, 4), "tzyx"))
    window.show_image(image)
    assert not window.start.isEnabled()
    assert "from the command line" in window.start.toolTip()


def test_another_place_is_chosen_and_no_answer_leaves_the_one_there_is(
    window, tmp_path, qtbot, monkeypatch
):
    asked, answers = [], [None, tmp_path / "elsewhere.ome.zarr"]
    monkeypatch.setattr(blocks_window, "ask_path", lambda *a: asked.append(a[2]) or answers.pop(0))
    before = window.path.text()
    qtbot.mouseClick(window.choose, Qt.MouseButton.LeftButton)
    assert window.path.text() == before
    qtbot.mouseClick(window.choose, Qt.MouseButton.LeftButton)
    assert window.path.text() == str(tmp_path / "elsewhere.ome.zarr")
    assert asked == ["scan tiny-volume"] * 2


def test_while_another_run_goes_nothing_can_be_changed_and_its_end_is_not_taken_for_ours(
    window, scene, qtbot
):
    runner, pause = runner_of(scene), threading.Event()

    def wait(report):
        while not pause.wait(0.01):
            report(Step(0, 0, "step"))

    runner.start(Task(wait), "Segment: other")
    assert not window.start.isEnabled()
    assert "A run is going" in window.start.toolTip()
    assert not window.path.isEnabled()
    assert not window.choose.isEnabled()
    runner.cancel()
    qtbot.waitUntil(lambda: not runner.busy)
    assert window.start.isEnabled()
    assert "Cancelled" not in window.hint.text()
    assert window.path.isEnabled()


def test_a_note_of_a_run_goes_when_another_file_is_named(window):
    window._say("done: written to x.", "resuming: 3 of 4 blocks were there")
    assert window.hint.text() == "Done: written to x.\nResuming: 3 of 4 blocks were there"
    window.path.setText("other.ome.zarr")
    assert window.hint.text() == ""
