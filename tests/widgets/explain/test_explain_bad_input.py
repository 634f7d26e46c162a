"""What cannot be shown: why, in words, and the button that leads on."""

from __future__ import annotations

import os

import dask.array
import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_medseg.engine.checkpoint import save_checkpoint
from napari_medseg.engine.segmenter import Segmenter
from napari_medseg.explain import capture, passing
from napari_medseg.networks import create_network
from napari_medseg.widgets.explain.layout import BOXED, EVERYWHERE
from napari_medseg.widgets.explain.work import Asked, shown


def test_maps_that_are_too_large_say_so_and_a_smaller_layer_is_one_click_away(
    qtbot, picture, panel_of, settle, maps, monkeypatch, notices
):
    panel = panel_of(picture)
    parts = panel.parts
    allowed, errors = [0], []  # bytes
    for module in (capture, passing):
        monkeypatch.setattr(module, "room", lambda limit=None: allowed[0])
    panel.asking.failed.connect(lambda _wish, error: errors.append(error))
    parts.layers.choose("enc1")
    qtbot.mouseClick(parts.show, Qt.MouseButton.LeftButton)
    settle(panel)
    assert "the maps of enc1 take" in parts.hint.text().lower()
    assert "may be used; choose" in parts.hint.text()
    assert not parts.fix.isVisible()  # no layer is small enough
    allowed[0] = errors[0].needed * 2 // 3  # for the next one, which has half the size
    parts.show.click()
    settle(panel)
    assert notices[-1].message == parts.hint.text()
    assert maps(picture) == []
    assert parts.fix.isVisible()
    instead = parts.fix.text().split()[1]
    assert parts.fix.text() == f"Show {instead} instead"
    qtbot.mouseClick(parts.fix, Qt.MouseButton.LeftButton)
    settle(panel)
    assert [layer.name for layer in maps(picture)] == [f"case · {instead} energy"]
    assert parts.layers.name == instead
    assert not parts.fix.isVisible()


def test_a_layer_of_another_model_is_refused_with_near_names(picture, panel_of):
    panel = panel_of(picture)
    about = panel.subject.about()
    with pytest.raises(ValueError, match=r"there is no layer 'enc33'.*enc3"):
        shown(about.ground, about.at, Asked("energy", "enc33"), None)


def test_a_model_file_that_was_replaced_is_listed_anew(picture, panel_of, settle, models, maps):
    panel = panel_of(picture)
    parts, path = panel.parts, models / "tiny-grey.safetensors"
    parts.live.setChecked(False)
    parts.layers.choose("enc5")
    card = Segmenter.load(path, device="cpu").card
    network = create_network("gladnet", spatial_dims=2, in_channels=1, num_classes=2, width=8)
    other = card.replace(architecture="gladnet", config=network.config.to_dict())
    save_checkpoint(path, network, other)
    os.utime(path, ns=(1, 1))
    parts.show.click()
    settle(panel)
    assert "There is no layer 'enc5'" in parts.hint.text()
    assert maps(picture) == []
    assert parts.layers.name != "enc5"  # what it has now
    parts.show.click()
    settle(panel)
    assert [layer.name for layer in maps(picture)] == [f"case · {parts.layers.name} energy"]


def test_only_a_drawn_box_is_looked_at_and_without_one_it_is_offered(
    qtbot, picture, panel_of, settle, maps
):
    panel = panel_of(picture)
    parts, [image] = panel.parts, picture.layers
    parts.part.setCurrentIndex(BOXED)
    parts.show.click()
    assert "No box lies on this image" in parts.hint.text()
    assert parts.fix.text() == "Draw a box"
    qtbot.mouseClick(parts.fix, Qt.MouseButton.LeftButton)
    box = picture.layers.selection.active
    assert box.mode == "add_rectangle"
    assert not parts.fix.isVisible()
    box.add(np.array([[24, 8], [24, 19], [35, 19], [35, 8]]))
    for key in ("energy", "uncertainty"):
        parts.entries.choose(key)
        parts.show.click()
        settle(panel)
        [layer] = maps(picture)
        ends = np.array([np.zeros(2), np.array(layer.data.shape) - 1])
        low, high = (image.world_to_data(layer.data_to_world(end)) for end in ends)
        assert (low >= (22, 6)).all()
        assert (high <= (37, 21)).all()


def test_slices_of_another_plane_than_the_model_goes_through_are_said(volume, panel_of, settle):
    panel = panel_of(volume)
    panel.parts.show.click()
    settle(panel)
    assert panel.parts.hint.text() == ""
    volume.dims.order = (2, 0, 1)
    settle(panel)
    panel.refresh()
    assert "slices of another plane" in panel.parts.hint.text()


def test_an_image_larger_than_the_memory_is_not_read(volume, panel_of):
    panel = panel_of(volume, "tiny-volume")
    slices = dask.array.zeros((1 << 28, 32, 32), np.float32, chunks=(1 << 24, 32, 32))
    large = volume.add_image(slices, name="huge", contrast_limits=(0, 1), multiscale=False)
    assert panel.subject.image is large
    assert "'huge' needs about" in panel.parts.hint.text()
    assert "save a part of it" in panel.parts.hint.text()
    assert not panel.parts.show.isEnabled()


def test_all_windows_of_the_run_are_shown_blended(volume, panel_of, settle, maps):
    panel = panel_of(volume, "tiny-volume")
    parts = panel.parts
    parts.entries.choose("uncertainty")
    parts.show.click()
    settle(panel)
    [layer] = maps(volume)
    assert layer.data.shape[1:] != (34, 36)  # one window of 32 x 32 pixels
    parts.part.setCurrentIndex(EVERYWHERE)
    parts.part.activated.emit(EVERYWHERE)
    settle(panel)
    assert layer.data.shape == (20, 34, 36)
