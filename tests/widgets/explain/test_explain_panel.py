"""The Explain panel worked as a person does: choose, show, point, read, compare, save."""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QTableWidget

from napari_medseg.engine.checkpoint import save_checkpoint
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.widgets.explain.panel import ExplainPanel
from napari_medseg.widgets.layers import is_map
from napari_medseg.widgets.model_choice import model_choice_of


def click_at(panel, voxel):
    """Click on a voxel of the image, as the canvas tells it."""
    image = panel.subject.image
    panel.questions.clicks._pointing.pointed.emit(tuple(image.data_to_world(voxel)))


def test_a_layer_is_picked_and_its_map_lies_over_the_image(qtbot, picture, panel_of, settle, maps):
    panel = panel_of(picture)
    parts = panel.parts
    assert parts.layers.name is not None
    selected, centre = picture.layers.selection.active, tuple(picture.scene.camera.center)
    parts.layers.choose("enc3")
    qtbot.mouseClick(parts.show, Qt.MouseButton.LeftButton)
    assert parts.show.text() == "Stop"
    settle(panel)
    [layer] = maps(picture)
    assert layer.name == "case · enc3 energy"
    stride = layer.scale[0]
    assert stride == 4  # of the third stage
    np.testing.assert_allclose(layer.data_to_world((0, 0)), [(stride - 1) / 2] * 2)
    assert picture.layers.selection.active is selected
    assert tuple(picture.scene.camera.center) == centre
    parts.layers.choose("enc4")  # follows, in the same layer
    settle(panel)
    assert maps(picture) == [layer]
    assert (layer.name, layer.scale[0]) == ("case · enc4 energy", 8)
    layer.opacity, layer.colormap, layer.contrast_limits = 0.2, "green", (0, 1e-3)
    qtbot.mouseClick(parts.maps.default, Qt.MouseButton.LeftButton)
    assert (layer.opacity, layer.colormap.name) == (0.6, "magma")
    assert parts.maps.opacity.value() == 60


def test_the_maps_of_a_stack_are_browsed_and_a_colour_picture_has_its_own_layer(
    picture, panel_of, settle, maps
):
    panel = panel_of(picture)
    parts = panel.parts
    parts.entries.choose("features")
    parts.show.click()
    settle(panel)
    [layer] = maps(picture)
    first, said = layer.data.copy(), parts.maps.says.whole()
    parts.maps.which.setValue(1)
    assert maps(picture) == [layer]
    assert not np.array_equal(layer.data, first)
    assert parts.maps.says.whole() != said
    assert parts.maps.number.text() == f"2/{len(parts.maps.overlay.values)}"
    parts.entries.choose("pca")
    settle(panel)
    [colours] = maps(picture)
    assert colours is not layer
    assert colours.rgb
    parts.entries.choose("energy")
    settle(panel)
    assert maps(picture) == [layer]  # the one from before, not a third
    assert len([one for one in picture.layers if is_map(one)]) == 2


def test_what_a_model_lacks_is_grey_and_says_why(picture, panel_of):
    panel = panel_of(picture)
    rows = {row.data(0, Qt.ItemDataRole.UserRole): row for row in panel.parts.entries.items()}
    assert rows["splines"].isDisabled()
    assert "GLAD-Net" in rows["splines"].toolTip(0)
    assert "single channel" in rows["channels"].toolTip(0)
    panel.parts.entries.choose("splines")
    assert panel.parts.entries.entry.key == "energy"
    panel.parts.entries.choose("uncertainty")
    assert not panel.parts.layers.isEnabled()
    assert not panel.parts.value.isEnabled()
    panel.parts.entries.choose("grad_cam")
    assert panel.parts.layers.isEnabled()
    assert panel.parts.value.currentText() == "anterior"


def test_a_2d_model_follows_the_slices_of_a_volume(volume, panel_of, settle, maps):
    panel = panel_of(volume)
    panel.parts.show.click()
    settle(panel)
    [layer] = maps(volume)
    slices = volume.dims.nsteps[0]
    assert layer.data.shape[0] == 1
    assert layer.data_to_world((0, 0, 0))[0] == 14  # the eighth slice, 2 mm each
    before = layer.data.copy()
    volume.dims.set_current_step(0, 11)
    settle(panel)
    assert layer.data_to_world((0, 0, 0))[0] == 22
    assert not np.array_equal(layer.data, before)
    assert volume.dims.current_step[0] == 11
    assert volume.dims.nsteps[0] == slices
    panel.parts.live.setChecked(False)
    volume.dims.set_current_step(0, 3)
    settle(panel)
    assert layer.data_to_world((0, 0, 0))[0] == 22


def test_a_3d_model_is_asked_again_only_where_it_has_not_looked(volume, panel_of, settle, maps):
    panel = panel_of(volume, "tiny-volume")
    slices = volume.dims.nsteps
    panel.parts.entries.choose("uncertainty")
    panel.parts.show.click()
    settle(panel)
    [layer] = maps(volume)
    data = layer.data
    volume.dims.set_current_step(0, 9)
    settle(panel)
    assert layer.data is data
    assert volume.dims.nsteps == slices
    assert volume.dims.current_step[0] == 9


def test_a_click_says_why_a_voxel_got_its_label(qtbot, picture, panel_of, settle, maps):
    panel = panel_of(picture)
    parts = panel.parts
    parts.tabs.choose(1)
    qtbot.mouseClick(parts.why, Qt.MouseButton.LeftButton)
    assert "Click on a voxel" in parts.hint.text()
    click_at(panel, (20, 60))
    assert "outside of the image" in parts.hint.text()
    click_at(panel, (20, 11))
    settle(panel)
    said = parts.reasons.words()
    assert "Voxel 20, 11" in said
    assert "Probability of each class" in said
    assert maps(picture) == []  # shown by a click
    [first, *_] = [b for b in parts.reasons.findChildren(type(parts.point)) if "Show" in b.text()]
    first.click()
    [layer] = maps(picture)
    assert layer.visible
    click_at(panel, (5, 6))
    settle(panel)
    assert "Voxel 5, 6" in parts.reasons.words()
    assert "Voxel 20, 11" not in parts.reasons.words()
    panel.questions.clicks._pointing.left.emit()  # Escape
    assert not parts.why.isChecked()
    assert not panel.questions.clicks.on


def test_a_click_moves_what_is_about_one_voxel(picture, panel_of, settle, maps):
    panel = panel_of(picture)
    parts = panel.parts
    parts.entries.choose("receptive_field")
    assert "about one voxel" in parts.hint.text()
    parts.point.click()
    for voxel in ((4, 5), (30, 28)):
        click_at(panel, voxel)
        settle(panel)
        [layer] = maps(picture)
        away = np.abs(np.array(np.unravel_index(layer.data.argmax(), layer.data.shape)) - voxel)
        assert away.max() <= 4
    picture.dims.ndisplay = 3
    click_at(panel, (4, 5))
    assert "2D view" in parts.hint.text()
    parts.entries.choose("occlusion")
    picture.dims.ndisplay = 2
    click_at(panel, (4, 5))
    assert "press Show" in parts.hint.text()  # takes long: it waits
    assert not panel.asking.busy


def test_evidence_is_asked_where_the_labels_have_the_class(picture, panel_of, settle, maps):
    panel = panel_of(picture)
    parts = panel.parts
    parts.entries.choose("grad_cam")
    parts.where.setCurrentIndex(2)
    parts.show.click()
    assert "No labels lie on this image" in parts.hint.text()
    labels = np.zeros((41, 35), np.uint8)
    labels[4:12, 4:12] = 1
    picture.add_labels(labels)
    parts.show.click()
    settle(panel)
    assert len(maps(picture)) == 1


def test_numbers_stand_below_and_no_map_is_shown(picture, panel_of, settle, maps):
    panel = panel_of(picture)
    parts = panel.parts
    for key, words in (("redundancy", "channels"), ("frequencies", "fine detail")):
        parts.entries.choose(key)
        parts.show.click()
        settle(panel)
        assert words in parts.numbers.words()
        assert maps(picture) == []


def test_two_models_are_compared(picture, panel_of, settle, models, maps):
    panel = panel_of(picture)
    parts = panel.parts
    assert not parts.compare.isEnabled()
    assert "No other model" in parts.compare.toolTip()
    old = Segmenter.load(models / "tiny-grey.safetensors", device="cpu")
    for parameter in old.network.head.parameters():
        parameter.data.neg_()
    save_checkpoint(models / "earlier.safetensors", old.network, old.card)
    model_choice_of(picture).refresh()
    assert parts.other.count() == 1
    parts.compare.click()
    settle(panel)
    assert "before and after" in parts.differences.words()
    [layer] = maps(picture)
    assert layer.name == "case · change of probability"
    assert np.abs(layer.data).max() > 0
    how = dataclasses.replace(old.card.preprocessing, clip=(60.0, 140.0), window=(48, 48))
    unlike = dataclasses.replace(old.card, name="unlike", title="unlike", preprocessing=how)
    save_checkpoint(models / "unlike.safetensors", old.network, unlike)
    model_choice_of(picture).refresh()
    parts.other.setCurrentIndex(parts.other.findText("unlike"))
    parts.compare.click()
    settle(panel)
    assert "in its own way" in parts.differences.words()
    np.testing.assert_allclose(layer.data_to_world((0, 0)), (0, 0), atol=0.5)


def test_stop_ends_it_and_an_error_is_said_in_words(
    qtbot, picture, panel_of, settle, slow, notices, maps
):
    panel = panel_of(picture)
    gate = slow()
    panel.parts.show.click()
    qtbot.waitUntil(gate.begun.is_set)
    panel.parts.show.click()
    settle(panel)
    assert maps(picture) == []
    assert panel.parts.show.text() == "Show"
    error = OSError("there is not enough memory to look at so much at once; look at a window")
    slow(error).gate.set()
    panel.parts.show.click()
    settle(panel)
    assert "not enough memory" in panel.parts.hint.text()
    assert "not enough memory" in notices[-1].message


def test_without_image_or_model_it_says_what_is_missing(qtbot, models):
    from napari.components import ViewerModel

    panel = ExplainPanel(ViewerModel())
    qtbot.addWidget(panel)
    panel.show()
    assert "No image yet" in panel.parts.hint.text()
    assert panel.parts.fix.text() == "Open a sample"
    assert not panel.parts.show.isEnabled()
    assert "No image yet" in panel.parts.why.toolTip()


def test_why_says_what_the_model_it_was_made_from_said(picture, panel_of, settle, models):
    old = Segmenter.load(models / "tiny-grey.safetensors", device="cpu")
    digest = hashlib.sha256((models / "tiny-grey.safetensors").read_bytes()).hexdigest()
    for parameter in old.network.head.parameters():
        parameter.data.neg_()
    card = dataclasses.replace(old.card, name="tuned", title="tuned", parent=digest)
    save_checkpoint(models / "tuned.safetensors", old.network, card)
    model_choice_of(picture).refresh()
    panel = panel_of(picture, "tuned")
    panel.parts.why.click()
    click_at(panel, (20, 11))
    settle(panel)
    [table] = panel.parts.reasons.findChildren(QTableWidget)
    titles = [table.horizontalHeaderItem(i).text() for i in range(table.columnCount())]
    assert titles == ["class", "tiny grey", "tuned", "change"]
    assert any(float(table.item(row, 3).text()) != 0 for row in range(table.rowCount()))
