"""Segmenting in the viewer, with the clicks a person makes."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image, Labels
from qtpy.QtCore import Qt

from napari_medseg.widgets.volumes import KEY


def test_from_image_to_labels_in_the_right_place(
    viewer, workbench, choose_model, press_segment, volume_values
):
    image = viewer.add_image(
        volume_values,
        name="case_017",
        scale=(2, 0.5, 0.5),
        translate=(-30, 4, 7),
        units="mm",
        axis_labels=("z", "y", "x"),
    )
    choose_model(workbench, "tiny-volume")
    press_segment(workbench)

    labels = viewer.layers[1]
    assert isinstance(labels, Labels)
    assert labels.name == "case_017 · tiny-volume"
    assert labels.data.shape == image.data.shape
    np.testing.assert_allclose(labels.scale, image.scale)
    np.testing.assert_allclose(labels.translate, image.translate)
    assert labels.units == image.units
    assert labels.axis_labels == image.axis_labels
    assert list(labels.features["name"]) == ["background", "anterior", "posterior"]
    np.testing.assert_allclose(labels.get_color(1)[:3], [0xE6 / 255, 0x9F / 255, 0], atol=0.01)
    provenance = labels.metadata[KEY]["provenance"]
    assert provenance["model"] == "tiny-volume"
    assert provenance["image"] == "case_017"


def test_the_layer_holds_what_the_engine_answers(
    viewer, workbench, models, choose_model, press_segment, volume_values
):
    from napari_medseg.engine.segmenter import Segmenter
    from napari_medseg.volume import Volume

    viewer.add_image(volume_values, scale=(2, 0.5, 0.5), units="mm")
    choose_model(workbench, "tiny-volume")
    press_segment(workbench)
    segmenter = Segmenter.load(models / "tiny-volume.safetensors")
    expected = segmenter.segment(Volume(volume_values[None], (2.0, 0.5, 0.5))).labels
    np.testing.assert_array_equal(viewer.layers[1].data, expected)


def test_a_run_moves_nothing(viewer, workbench, choose_model, press_segment, volume_values):
    below = viewer.add_image(volume_values, name="below")
    viewer.add_image(volume_values, name="above")
    viewer.layers.selection.active = below
    viewer.dims.set_current_step(0, 3)
    viewer.scene.camera.zoom, viewer.scene.camera.center = 3.0, (0, 11, 12)
    choose_model(workbench, "tiny-volume")
    press_segment(workbench)
    assert [layer.name for layer in viewer.layers] == ["below", "below · tiny-volume", "above"]
    assert viewer.layers.selection.active is below
    assert viewer.dims.current_step[0] == 3
    assert viewer.scene.camera.zoom == 3.0
    np.testing.assert_allclose(viewer.scene.camera.center[-2:], (11, 12))


def test_a_second_run_updates_the_layer_as_one_undo_step(
    viewer, workbench, choose_model, press_segment, volume_values
):
    viewer.add_image(volume_values, name="case")
    choose_model(workbench, "tiny-volume")
    press_segment(workbench)
    labels = viewer.layers[1]
    first = labels.data.copy()
    viewer.layers[0].data = np.ascontiguousarray(volume_values[::-1])
    press_segment(workbench)
    assert len(viewer.layers) == 2
    assert (labels.data != first).any()
    labels.undo()
    np.testing.assert_array_equal(labels.data, first)


def test_what_a_person_painted_is_never_overwritten(
    viewer, workbench, choose_model, press_segment, volume_values
):
    viewer.add_image(volume_values, name="case")
    choose_model(workbench, "tiny-volume")
    press_segment(workbench)
    labels = viewer.layers[1]
    labels.paint((8, 20, 20), 1 if labels.data[8, 20, 20] != 1 else 2)
    painted = labels.data.copy()
    press_segment(workbench)
    assert len(viewer.layers) == 2
    np.testing.assert_array_equal(labels.data, painted)


def test_cancel_midway_leaves_the_layers_alone(
    qtbot, viewer, workbench, choose_model, press_segment
):
    viewer.add_image(np.random.default_rng(0).random((80, 80, 80), np.float32), name="big")
    choose_model(workbench, "tiny-volume")
    workbench.segment.form.config = workbench.segment.form.config.replace(overlap=0.9)
    steps = []
    workbench.runner.progressed.connect(steps.append)
    press_segment(workbench, wait=False)
    assert not workbench.segment.segment.isEnabled()
    assert "run is going" in workbench.segment.segment.toolTip()
    qtbot.waitUntil(lambda: any(s.done for s in steps), timeout=30000)
    ended = []
    workbench.runner.ended.connect(ended.append)
    qtbot.mouseClick(workbench.run_bar.cancel, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not workbench.runner.busy, timeout=10000)
    assert ended == ["cancelled"]
    assert steps[-1].done < steps[-1].total
    assert [layer.name for layer in viewer.layers] == ["big"]
    assert workbench.segment.segment.isEnabled()
    assert "Cancelled" in workbench.run_bar.text.whole()


def test_an_error_is_a_sentence_and_the_next_run_works(
    viewer, workbench, notices, choose_model, press_segment, volume_values
):
    bad = viewer.add_image(np.full((16, 30, 28), np.nan, np.float32), name="empty scan")
    choose_model(workbench, "tiny-volume")
    press_segment(workbench)
    assert [layer.name for layer in viewer.layers] == ["empty scan"]
    assert notices[-1].severity.value == "error"
    assert "empty scan" in notices[-1].message
    assert "Traceback" not in notices[-1].message
    assert [text for text, _ in notices[-1].actions] == ["Details"]
    assert notices[-1].source == "MedSeg"
    assert "Failed" in workbench.run_bar.text.whole()
    assert "empty scan" in workbench.segment.hint.text()
    bad.data = volume_values.astype(np.float32)
    press_segment(workbench)
    assert len(viewer.layers) == 2
    assert "empty scan" not in workbench.segment.hint.text()


def test_a_model_file_that_is_gone_is_said(
    viewer, workbench, models, notices, choose_model, press_segment, volume_values
):
    viewer.add_image(volume_values)
    choose_model(workbench, "tiny-volume")
    (models / "tiny-volume.safetensors").unlink()
    press_segment(workbench)
    assert len(viewer.layers) == 1
    assert "tiny-volume.safetensors" in notices[-1].message


def test_a_colour_image_gives_labels_of_its_pixels(viewer, workbench, choose_model, press_segment):
    pixels = np.random.default_rng(0).integers(0, 255, (40, 50, 3)).astype(np.uint8)
    viewer.add_image(pixels, name="photo", rgb=True)
    choose_model(workbench, "tiny-colour")
    press_segment(workbench)
    assert viewer.layers[1].data.shape == (40, 50)
    assert len(workbench.segment.images.fields) == 1


def test_a_2d_model_goes_through_a_volume(
    viewer, workbench, choose_model, press_segment, volume_values
):
    viewer.add_image(volume_values, scale=(3, 1, 1), units="mm")
    choose_model(workbench, "tiny-grey")
    press_segment(workbench)
    assert viewer.layers[1].data.shape == volume_values.shape


def test_only_the_shown_time_step_is_segmented(
    viewer, workbench, choose_model, press_segment, volume_values
):
    series = np.stack([volume_values, volume_values[::-1], volume_values])
    viewer.add_image(series, name="film", scale=(5, 2, 1, 1))
    viewer.dims.set_current_step(0, 1)
    choose_model(workbench, "tiny-volume")
    press_segment(workbench)
    labels = viewer.layers[1]
    assert labels.data.shape == (1, *volume_values.shape)
    np.testing.assert_allclose(labels.translate, (5, 0, 0, 0))
    assert labels.name == "film · tiny-volume · 1"


def test_channels_are_found_by_name_and_must_lie_on_one_grid(
    viewer, workbench, notices, choose_model, press_segment, volume_values
):
    viewer.add_image(volume_values, name="case · T1")
    flair = viewer.add_image(volume_values, name="case · FLAIR")
    choose_model(workbench, "tiny-brain")
    assert [f.currentText() for f in workbench.segment.images.fields] == [
        "case · FLAIR",
        "case · T1",
    ]
    press_segment(workbench)
    assert viewer.layers[-1].name == "case · FLAIR · tiny-brain"
    flair.data = volume_values[:10]
    press_segment(workbench)
    assert "same size" in notices[-1].message


def test_probabilities_come_as_hidden_image_layers(
    viewer, workbench, choose_model, press_segment, volume_values
):
    viewer.add_image(volume_values, name="case")
    choose_model(workbench, "tiny-volume")
    for name in ("probabilities", "uncertainty"):
        workbench.segment.form.findChild(object, name).setChecked(True)
    press_segment(workbench)
    names = [layer.name for layer in viewer.layers]
    assert {f"case · tiny-volume · likely {n}" for n in ("anterior", "posterior")} < set(names)
    unsure = viewer.layers["case · tiny-volume · unsure"]
    assert isinstance(unsure, Image)
    assert not unsure.visible
    assert 0 <= unsure.data.min() <= unsure.data.max() <= 1
    assert workbench.segment.images.fields[0].count() == 1  # maps are no images to segment


@pytest.mark.parametrize("gone", ["hidden", "deleted"])
def test_closing_the_workbench_while_it_runs(qtbot, viewer, workbench, choose_model, gone):
    viewer.add_image(np.random.default_rng(0).random((80, 80, 80), np.float32), name="big")
    choose_model(workbench, "tiny-volume")
    workbench.segment.form.config = workbench.segment.form.config.replace(overlap=0.9)
    runner = workbench.runner
    steps = []
    runner.progressed.connect(steps.append)
    qtbot.mouseClick(workbench.segment.segment, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: any(s.done for s in steps), timeout=30000)
    if gone == "hidden":
        workbench.parent().hide()
        assert runner.busy
        runner.cancel()
    else:
        viewer.window.remove_dock_widget(workbench)
        workbench.deleteLater()
    qtbot.waitUntil(lambda: not runner.busy, timeout=10000)
    assert [layer.name for layer in viewer.layers] == ["big"]


def test_closing_the_viewer_while_it_runs(qtbot, viewer, workbench, choose_model):
    viewer.add_image(np.random.default_rng(0).random((80, 80, 80), np.float32), name="big")
    choose_model(workbench, "tiny-volume")
    workbench.segment.form.config = workbench.segment.form.config.replace(overlap=0.9)
    runner = workbench.runner
    steps = []
    runner.progressed.connect(steps.append)
    qtbot.mouseClick(workbench.segment.segment, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: any(s.done for s in steps), timeout=30000)
    viewer.close()
    qtbot.waitUntil(lambda: not runner.busy, timeout=10000)


def test_an_image_removed_while_it_is_segmented_keeps_its_answer(
    viewer, workbench, choose_model, press_segment, qtbot, volume_values
):
    image = viewer.add_image(volume_values, name="case", scale=(2, 1, 1))
    choose_model(workbench, "tiny-volume")
    press_segment(workbench, wait=False)
    viewer.layers.remove(image)
    qtbot.waitUntil(lambda: not workbench.runner.busy, timeout=30000)
    assert [layer.name for layer in viewer.layers] == ["case · tiny-volume"]
    np.testing.assert_allclose(viewer.layers[0].scale, (2, 1, 1))
