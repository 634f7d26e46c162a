"""Labels and images that do not suit: the tool works, or one sentence says why not."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels

from napari_medseg.editing.tools import TOOLS
from napari_medseg.widgets.classes.class_list import classes_of
from napari_medseg.widgets.classes.stored import set_locked
from napari_medseg.widgets.layers import history
from napari_medseg.widgets.scopes import Scope


@pytest.fixture
def bare():
    return ViewerModel()


def show(panel_of, viewer, labels=None, **how):
    layer = None
    if labels is not None:
        layer = viewer.add_labels(labels, name="mask", **how)
        layer.selected_label = 1
    return panel_of(viewer), layer


def grow(qtbot, panel, radius=1.5):
    panel.tools.buttons["grow"].click()
    form = panel.pane.form(TOOLS["grow"])
    form.config = form.config.replace(radius=radius)
    panel.apply.click()
    qtbot.waitUntil(lambda: not panel.work.run.busy)
    return panel.hint.text()


def square(shape, value=1, dtype=np.uint8):
    labels = np.zeros(shape, dtype)
    labels[(..., slice(4, 8), slice(4, 8))] = value
    return labels


def test_without_an_image_one_is_asked_for(panel_of, bare):
    panel, _ = show(panel_of, bare)
    assert panel.hint.text().startswith("No image yet")
    assert not panel.apply.isEnabled()
    assert not panel.tools.buttons["grow"].isEnabled()
    assert panel.tools.buttons["grow"].toolTip() == panel.hint.text()


@pytest.mark.parametrize("kind", ["volume", "colour", "movie", "pyramid"])
def test_new_labels_lie_on_the_image_and_can_be_painted(panel_of, bare, click, qtbot, kind):
    place = {"scale": (0.5, 0.5), "translate": (3, 4), "units": "mm"}
    if kind == "volume":
        place = {"scale": (2, 0.5, 0.5), "units": "mm"}
        image = bare.add_image(np.zeros((5, 20, 24)), **place)
    elif kind == "colour":
        image = bare.add_image(np.zeros((20, 24, 3), np.uint8), rgb=True, **place)
    elif kind == "movie":
        image = bare.add_image(np.zeros((3, 5, 20, 24)))
    else:
        image = bare.add_image([np.zeros((20, 24)), np.zeros((10, 12))], multiscale=True, **place)
    panel, _ = show(panel_of, bare)
    assert "No labels yet" in panel.hint.text()
    click(panel.fix)
    layer = bare.layers.selection.active
    assert isinstance(layer, Labels)
    np.testing.assert_allclose(layer.extent.world, image.extent.world)
    assert panel.classes.layer is layer
    assert [c.value for c in classes_of(layer)] == [1]
    layer.paint((*bare.dims.current_step[:-2], 10, 10), 1)
    assert "voxels changed" in grow(qtbot, panel, 3.0)
    assert not panel.fix.isVisible()


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
def test_every_kind_of_whole_number_works(qtbot, panel_of, bare, dtype):
    panel, layer = show(panel_of, bare, square((12, 12), dtype=dtype))
    assert "voxels changed" in grow(qtbot, panel)
    assert layer.data.dtype == dtype


def test_negative_labels_stay_as_they_are(qtbot, panel_of, bare):
    labels = square((12, 12), dtype=np.int32)
    labels[0] = -3
    panel, layer = show(panel_of, bare, labels)
    grow(qtbot, panel, 9.0)
    assert (layer.data[0] == -3).all()


def test_a_class_that_fills_everything_has_nothing_to_grow_into(qtbot, panel_of, bare):
    panel, layer = show(panel_of, bare, np.ones((6, 12, 12), np.uint8))
    assert "nothing to change" in grow(qtbot, panel)
    assert history(layer) == []


def test_an_empty_class_is_said(qtbot, panel_of, bare):
    panel, layer = show(panel_of, bare, square((12, 12), 2))
    assert "no voxels here" in grow(qtbot, panel)
    assert history(layer) == []


def test_the_background_is_no_class(panel_of, bare):
    panel, layer = show(panel_of, bare, square((12, 12)))
    layer.selected_label = 0
    panel.tools.buttons["grow"].click()
    assert not panel.apply.isEnabled()
    assert "Choose a class" in panel.hint.text()


def test_a_locked_class_is_said_and_never_changed(qtbot, panel_of, bare):
    labels = square((12, 12))
    labels[4:8, 8] = 2
    panel, layer = show(panel_of, bare, labels.copy())
    set_locked(layer, 2, True)
    form = panel.pane.form(TOOLS["grow"])
    form.config = form.config.replace(overwrite=True)
    assert "voxels changed" in grow(qtbot, panel)
    np.testing.assert_array_equal(layer.data == 2, labels == 2)
    layer.selected_label = 2
    qtbot.waitUntil(lambda: "locked" in panel.hint.text())
    assert not panel.apply.isEnabled()
    set_locked(layer, 2, False)
    qtbot.waitUntil(panel.apply.isEnabled)


@pytest.mark.parametrize("kind", ["lazy", "several resolutions", "not writeable"])
def test_labels_that_cannot_be_edited_are_named(panel_of, bare, kind):
    labels, how = square((4, 12, 12)), {}
    if kind == "lazy":
        import dask.array

        labels = dask.array.from_array(labels)
    elif kind == "several resolutions":
        labels, how = [labels, labels[:, ::2, ::2]], {"multiscale": True}
    else:
        labels.flags.writeable = False
    panel, _ = show(panel_of, bare, labels, **how)
    assert "'mask'" in panel.hint.text()
    assert not panel.apply.isEnabled()
    assert not panel.tools.buttons["fill_holes"].isEnabled()
    panel.work.press("fill_holes")
    assert panel.work.tool is None


def test_a_2d_image_has_no_tools_between_slices(panel_of, bare):
    panel, _ = show(panel_of, bare, square((12, 12)))
    for name in ("interpolate", "copy_next"):
        button = panel.tools.buttons[name]
        assert not button.isEnabled()
        assert "2D image" in button.toolTip()
    panel.where.part.setCurrentIndex(0)
    assert panel.where.part.itemText(0) == "Whole image"
    assert not panel.where.part.model().item(1).isEnabled()


def test_tools_by_grey_value_want_an_image_on_the_same_grid(panel_of, bare):
    bare.add_image(np.zeros((12, 13)))
    bare.add_image(np.zeros((12, 12)), translate=(40, 0))
    panel, _ = show(panel_of, bare, square((12, 12)))
    button = panel.tools.buttons["threshold"]
    assert not button.isEnabled()
    assert "no image lies on these labels" in button.toolTip()
    assert not panel.brush.tick.isEnabled()


@pytest.mark.parametrize("kind", ["nan", "one grey", "float"])
def test_images_of_every_kind_can_be_thresholded(qtbot, panel_of, bare, kind):
    values = np.random.default_rng(0).random((12, 12))
    if kind == "nan":
        values[0] = np.nan
    elif kind == "one grey":
        values[:] = 7
    bare.add_image(values, contrast_limits=(0, 1))
    panel, layer = show(panel_of, bare, np.zeros((12, 12), np.uint8))
    panel.tools.buttons["threshold"].click()
    if kind == "one grey":
        assert "all of one grey" in panel.hint.text()
    panel.apply.click()
    qtbot.waitUntil(lambda: not panel.work.run.busy)
    assert panel.hint.text()
    if kind != "one grey":
        assert len(history(layer)) == 1


def test_the_box_is_offered_to_be_drawn(qtbot, panel_of, bare, click):
    panel, layer = show(panel_of, bare, square((12, 12)))
    panel.tools.buttons["grow"].click()
    panel.where.choose(Scope.BOX)
    assert "No box lies on mask" in panel.hint.text()
    click(panel.fix)
    shapes = bare.layers.selection.active
    assert shapes.mode == "add_rectangle"
    shapes.add_rectangles([np.array([(1, 1), (1, 9), (9, 9), (9, 1)], float)])
    qtbot.waitUntil(panel.apply.isEnabled)
    assert panel.classes.layer is layer  # the box is selected, the labels are still worked on


def test_of_a_movie_the_shown_step_is_edited_and_undone(qtbot, panel_of, bare):
    panel, layer = show(panel_of, bare, square((3, 5, 12, 12)))
    bare.dims.set_current_step(0, 1)
    before = layer.data.copy()
    assert "voxels changed" in grow(qtbot, panel)
    changed = (layer.data != before).any(axis=(1, 2, 3))
    assert changed.tolist() == [False, True, False]
    layer.undo()
    np.testing.assert_array_equal(layer.data, before)


def test_layers_that_come_and_go_are_followed(qtbot, panel_of, bare):
    panel, layer = show(panel_of, bare, square((12, 12)))
    panel.tools.buttons["grow"].click()
    bare.layers.remove(layer)
    assert panel.work.tool is None
    assert "No image yet" in panel.hint.text()
    bare.add_labels(square((12, 12)), name="next").selected_label = 1
    assert "voxels changed" in grow(qtbot, panel)


def test_all_classes_are_grown_at_once_where_a_tool_can(qtbot, panel_of, bare):
    labels = square((20, 20))
    labels[12:15, 12:15] = 2
    panel, layer = show(panel_of, bare, labels.copy())
    panel.where.classes.setCurrentIndex(1)
    assert grow(qtbot, panel).startswith("Grow: all")
    for value in (1, 2):
        assert (layer.data == value).sum() > (labels == value).sum()
    assert len(history(layer)) == 1
    one = next(t for t in TOOLS.values() if not (t.all_labels or t.any_label or t.needs))
    panel.tools.buttons[one.name].click()
    assert not panel.where.classes.model().item(1).isEnabled()
