"""The afternoon of a person, with real clicks and keys in a shown window."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image, Labels
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from napari_medseg.widgets.volumes import KEY


def click(qtbot, widget, where=None):
    point = widget.rect().center() if where is None else where
    QTest.mouseClick(
        widget, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(point)
    )
    qtbot.wait(1)


def go_to(qtbot, workbench, title):
    bar = workbench.tabs.tabBar()
    index = [bar.tabText(i) for i in range(bar.count())].index(title)
    click(qtbot, bar, bar.tabRect(index).center())
    assert workbench.tabs.currentIndex() == index


def click_model(qtbot, workbench, name):
    """Go to the Model tab and click a model in the list."""
    go_to(qtbot, workbench, "Model")
    rows = workbench.models.list
    [row] = [i for i in range(rows.count()) if rows.item(i).text().startswith(name)]
    rows.scrollToItem(rows.item(row))
    click(qtbot, rows.viewport(), rows.visualItemRect(rows.item(row)).center())
    assert workbench.session.model.card.name == name


def press(qtbot, workbench, *, wait=True):
    go_to(qtbot, workbench, "Segment")
    button = workbench.segment.segment
    assert button.isEnabled(), button.toolTip()
    click(qtbot, button)
    assert workbench.runner.busy
    if wait:
        qtbot.waitUntil(lambda: not workbench.runner.busy)


def undo(viewer, layer):
    """Select a layer and press Ctrl+Z on the canvas."""
    viewer.layers.selection.active = layer
    canvas = viewer.window._qt_viewer.canvas.native
    QTest.keyClick(canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)


def answers(viewer):
    """Return the label layers a run made; the sample has exact ones of its own."""
    labels = [layer for layer in viewer.layers if isinstance(layer, Labels)]
    return [layer for layer in labels if "provenance" in layer.metadata.get(KEY, {})]


def drawn_at(viewer, layer):
    """Return where on the canvas, in world coordinates, the picture changes with `layer`."""
    pictures = []
    for visible in (False, True):
        layer.visible = visible
        pictures.append(viewer.screenshot(canvas_only=True, flash=False).astype(int))
    rows, columns = np.nonzero(np.abs(pictures[1] - pictures[0]).sum(-1) > 30)
    middle = np.asarray(pictures[0].shape[:2]) / 2
    camera = viewer.scene.camera
    spot = np.stack([rows + 0.5, columns + 0.5], -1)
    return (spot - middle) / camera.zoom + np.asarray(camera.center)[-2:]


@pytest.fixture
def window(make_napari_viewer, open_workbench):
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1366, 768)
    viewer.open_sample("napari-medseg", "hippocampus")
    return viewer, open_workbench(viewer)


def test_from_the_sample_to_labels_that_can_be_undone(qtbot, window):
    viewer, workbench = window
    click_model(qtbot, workbench, "tiny-volume")
    press(qtbot, workbench)
    [image] = [layer for layer in viewer.layers if isinstance(layer, Image)]
    [labels] = answers(viewer)
    np.testing.assert_allclose(labels.extent.world, image.extent.world)
    assert labels.units == image.units
    assert labels.data.any()

    z = int(np.count_nonzero(labels.data, axis=(1, 2)).argmax())
    viewer.dims.set_current_step(0, z)
    seen = drawn_at(viewer, labels)
    inside = np.argwhere(labels.data[z]) * labels.scale[1:] + labels.translate[1:]
    pixel = 2 / viewer.scene.camera.zoom
    np.testing.assert_allclose(seen.min(0), (inside - labels.scale[1:] / 2).min(0), atol=pixel)
    np.testing.assert_allclose(seen.max(0), (inside + labels.scale[1:] / 2).max(0), atol=pixel)

    undo(viewer, labels)
    assert not labels.data.any()
    labels.redo()
    assert labels.data.any()


def test_a_cancelled_second_run_changes_nothing(qtbot, window, monkeypatch):
    viewer, workbench = window
    click_model(qtbot, workbench, "tiny-volume")
    press(qtbot, workbench)
    [labels] = answers(viewer)
    before, history = labels.data.copy(), len(labels._undo_history)
    press(qtbot, workbench, wait=False)
    assert not workbench.segment.segment.isEnabled()
    click(qtbot, workbench.run_bar.cancel)
    qtbot.waitUntil(lambda: not workbench.runner.busy)
    assert "Cancelled" in workbench.run_bar.text.whole()
    np.testing.assert_array_equal(labels.data, before)
    assert len(labels._undo_history) == history
    assert answers(viewer) == [labels]
    assert workbench.segment.segment.isEnabled()


def test_an_error_is_said_and_the_next_run_goes_well(qtbot, window, models, notices):
    viewer, workbench = window
    click_model(qtbot, workbench, "tiny-volume")
    whole = (models / "tiny-volume.safetensors").read_bytes()
    (models / "tiny-volume.safetensors").write_bytes(whole[: len(whole) // 2])
    workbench.segment.refresh()
    if workbench.segment.segment.isEnabled():  # else the panel has seen it already
        click(qtbot, workbench.segment.segment)
        qtbot.waitUntil(lambda: not workbench.runner.busy)
    assert not answers(viewer)
    said = [workbench.segment.hint.text(), *(str(n.message) for n in notices)]
    assert any("damaged" in words for words in said), said
    (models / "tiny-volume.safetensors").write_bytes(whole)
    click_model(qtbot, workbench, "tiny-grey")
    click_model(qtbot, workbench, "tiny-volume")
    press(qtbot, workbench)
    assert len(answers(viewer)) == 1


def test_closing_the_viewer_while_it_computes_ends_the_run(qtbot, window):
    viewer, workbench = window
    click_model(qtbot, workbench, "tiny-volume")
    runner = workbench.runner
    press(qtbot, workbench, wait=False)
    viewer.close()
    qtbot.waitUntil(lambda: not runner.busy)


def test_two_viewers_do_not_mix(qtbot, window, make_napari_viewer, open_workbench):
    viewer, workbench = window
    other = make_napari_viewer(show=True)
    picture = np.random.default_rng(0).integers(0, 255, (48, 40, 3), np.uint8)
    other.add_image(picture, name="photograph", rgb=True)
    beside = open_workbench(other)
    click_model(qtbot, workbench, "tiny-volume")
    click_model(qtbot, beside, "tiny-colour")
    press(qtbot, workbench, wait=False)
    assert not beside.runner.busy
    press(qtbot, beside, wait=False)
    qtbot.waitUntil(lambda: not (workbench.runner.busy or beside.runner.busy))
    [first], [second] = answers(viewer), answers(other)
    assert first.ndim == 3
    assert second.ndim == 2
    assert workbench.session.model.card.name == "tiny-volume"
    assert beside.session.model.card.name == "tiny-colour"
