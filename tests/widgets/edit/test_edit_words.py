"""What the Edit panel offers and why it does not: each part by itself, without a window."""

from __future__ import annotations

import dask.array
import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels
from qtpy.QtCore import Qt

from napari_medseg.editing.tools import TOOLS
from napari_medseg.widgets.edit.fields import at_least_a_voxel, with_free_value
from napari_medseg.widgets.edit.layer_row import LayerRow
from napari_medseg.widgets.edit.new_labels import add_labels
from napari_medseg.widgets.edit.obstacle import (
    FIX_TIPS,
    Fix,
    Shown,
    no_class,
    no_labels,
    no_part,
    why_not_tool,
)
from napari_medseg.widgets.edit.tool_grid import GROUPS, ToolGrid
from napari_medseg.widgets.edit.tool_pane import ToolPane
from napari_medseg.widgets.edit.version import version_of
from napari_medseg.widgets.edit.where_row import SCOPES, WhereRow
from napari_medseg.widgets.layers import apply_edit, same_place
from napari_medseg.widgets.scopes import Scope

NAMES = list(TOOLS)
FULL = {"volume": True, "image": True, "flat": True, "slice": True}


@pytest.mark.parametrize("name", NAMES)
def test_where_all_is_there_no_tool_is_grey_and_what_it_needs_is_said_where_it_is_not(name):
    tool = TOOLS[name]
    assert why_not_tool(tool, Shown(**FULL)) == ""
    for missing, needs, words in (
        ("volume", {"volume", "slice"}, "these labels are a 2D image"),
        ("image", {"image"}, "no image lies on these labels"),
        ("flat", {"slice", "points"}, "go back to the 2D view"),
        ("slice", {"slice"}, "outside of these labels"),
    ):
        reason = why_not_tool(tool, Shown(**{**FULL, missing: False}))
        assert (words in reason) == bool(tool.needs & needs), missing
        assert bool(reason) == bool(tool.needs & needs)
        assert not reason.endswith(".")  # it is a tooltip


def test_nothing_to_edit_is_said_with_the_way_out():
    viewer = ViewerModel()
    assert no_labels(viewer, None).reason.startswith("No image yet")
    assert no_labels(viewer, None).fix is Fix.NONE
    viewer.add_image(np.zeros((4, 5, 6)), name="ct")
    found = no_labels(viewer, None)
    assert (found.fix, "on ct" in found.reason) == (Fix.LABELS, True)
    layer = viewer.add_labels(np.ones((4, 5, 6), np.uint8))
    assert no_labels(viewer, layer) is None
    lazy = viewer.add_labels(dask.array.zeros((4, 5, 6), dtype=np.uint8))
    reason = no_labels(viewer, lazy).reason
    assert reason[0].isupper()
    assert reason.endswith(".")
    assert not reason.endswith("..")
    keep = TOOLS["keep_largest"]
    assert no_part(viewer, layer, keep, Scope.WHOLE) is None
    assert no_part(viewer, layer, keep, Scope.BOX).fix is Fix.DRAW
    assert no_part(viewer, layer, TOOLS["clear_inside"], Scope.WHOLE).fix is Fix.DRAW
    viewer.add_shapes([[[0, 1, 1], [0, 1, 4], [0, 3, 4], [0, 3, 1]]])
    assert no_part(viewer, layer, keep, Scope.BOX) is None
    assert all(FIX_TIPS[fix] for fix in Fix if fix is not Fix.NONE)


def test_the_background_and_a_locked_class_are_no_class_to_work_on():
    keep = TOOLS["keep_largest"]
    assert no_class(keep, 1, frozenset()) is None
    assert "class 0 is the background" in no_class(keep, 0, frozenset()).reason
    assert "open its lock" in no_class(keep, 2, frozenset({2})).reason
    for tool in (t for t in TOOLS.values() if t.any_label):
        assert no_class(tool, 0, frozenset({0, 2})) is None


@pytest.mark.parametrize(
    ("spacing", "radius"), [((0.4, 0.4), 1.0), ((5.0, 3.2, 3.2), 3.5), ((9.0, 2.0, 2.0), 2.0)]
)
def test_a_radius_reaches_a_voxel_in_halves_of_a_mm_and_a_larger_one_stays(spacing, radius):
    grow = TOOLS["grow"].options(radius=1.0)
    assert at_least_a_voxel(grow, spacing).radius == radius
    large = grow.replace(radius=20.0)
    assert at_least_a_voxel(large, spacing) is large
    other = TOOLS["keep_largest"].options()
    assert at_least_a_voxel(other, spacing) is other


def test_the_next_free_class_is_free_in_the_table_as_well_as_in_the_voxels():
    options = next(t.options() for t in TOOLS.values() if getattr(t.options(), "value", None) == 0)
    assert with_free_value(options, {1: "liver", 7: "not painted yet"}).value == 8
    assert with_free_value(options, {}).value == 1
    assert with_free_value(options.replace(value=3), {1: "liver"}).value == 3


def test_a_layer_that_is_chosen_stays_so_when_others_come_and_go(qtbot):
    row = LayerRow("Layer", "tip", none="these labels")
    qtbot.addWidget(row)
    first, second = (Labels(np.zeros((2, 2), int), name=name) for name in "ab")
    told = []
    row.changed.connect(lambda: told.append(row.layer))
    row.offer([first, second])
    assert (row.layer, row.is_choice, told) == (None, True, [])
    row.field.setCurrentIndex(2)
    assert told == [second]
    row.offer([second])
    assert (row.layer, row.field.currentText()) == (second, "b")
    second.name = "renamed"
    row.offer([second])
    assert row.field.currentText() == "renamed"
    row.offer([first])
    assert row.layer is None
    assert row.field.currentText() == "these labels"
    assert told == [second]  # a person chose nothing else
    must = LayerRow("Image", "tip")
    qtbot.addWidget(must)
    must.offer([first])
    assert (must.layer, must.is_choice) == (first, False)


def test_a_version_changes_with_every_step_and_new_array_and_with_nothing_else():
    layer, seen = Labels(np.zeros((4, 6, 6), np.uint8)), []

    def is_new():
        found = version_of(layer)
        new = not seen or found != seen[-1]
        seen.append(found)
        return new

    assert is_new()
    layer.selected_label, layer.opacity, layer.name = 3, 0.2, "other"
    assert not is_new()
    apply_edit(layer, np.ones((1, 2, 2), np.uint8), "Brush", box=np.s_[0:1, 0:2, 0:2])
    assert is_new()
    layer.undo()
    assert is_new()
    layer.redo()
    assert is_new()
    layer.data = layer.data.copy()
    assert is_new()
    assert not is_new()


@pytest.mark.parametrize("kind", ["plain", "rgb", "pyramid"])
def test_new_labels_lie_voxel_by_voxel_on_their_image_and_move_nothing(kind):
    viewer = ViewerModel()
    values = np.zeros((8, 10, 3 if kind == "rgb" else 12))
    data = [values, values[::2, ::2, ::2]] if kind == "pyramid" else values
    place = (2, 3) if kind == "rgb" else (4, 2, 3)
    image = viewer.add_image(data, rgb=kind == "rgb", scale=place, multiscale=kind == "pyramid")
    viewer.add_image(np.zeros((3, 3)), name="over it")
    steps, centre = viewer.dims.current_step, viewer.scene.camera.center
    layer = add_labels(viewer, image)
    assert layer.data.shape == ((8, 10) if kind == "rgb" else (8, 10, 12))
    assert not layer.data.any()
    assert same_place(layer, image)
    assert viewer.layers.index(layer) == 1  # just above its image
    assert viewer.layers.selection.active is layer
    assert (viewer.dims.current_step, viewer.scene.camera.center) == (steps, centre)


def test_the_tools_lie_in_five_groups_and_the_grey_ones_say_why(qtbot):
    grid = ToolGrid(TOOLS)
    qtbot.addWidget(grid)
    grid.show()
    assert set(grid.buttons) == set(TOOLS)
    assert all(TOOLS[name].group in GROUPS for name in TOOLS)
    assert grid.buttons["fill_holes"].text() == "Fill holes [H]"
    chosen = []
    grid.chosen.connect(chosen.append)
    for _ in range(2):  # the second press leaves the tool
        qtbot.mouseClick(grid.buttons["keep_largest"], Qt.MouseButton.LeftButton)
    assert chosen == ["keep_largest", ""]
    grid.show_reasons({"fill_holes": "no labels yet"})
    assert grid.buttons["fill_holes"].toolTip() == "no labels yet"
    qtbot.mouseClick(grid.buttons["fill_holes"], Qt.MouseButton.LeftButton)
    assert len(chosen) == 2
    grid.show_reasons({})
    assert grid.buttons["fill_holes"].toolTip() == TOOLS["fill_holes"].tip
    grid.show_chosen("split")
    assert grid.groups["split"].isChecked()  # its group is opened
    assert [n for n, b in grid.buttons.items() if b.isChecked()] == ["split"]
    heights = set()
    for group in GROUPS:
        qtbot.mouseClick(grid.groups[group], Qt.MouseButton.LeftButton)
        heights.add(grid._pages.height())
        assert sum(button.isVisible() for button in grid.buttons.values()) == sum(
            tool.group == group for tool in TOOLS.values()
        )
    assert min(heights) >= 3 * 27  # so that what is below hardly moves


def test_each_tool_keeps_its_options_and_shows_only_what_it_reads(qtbot):
    pane = ToolPane()
    qtbot.addWidget(pane)
    pane.show()
    assert pane.about.text().startswith("Choose a tool")
    images = [Image(np.zeros((4, 4)), name=name) for name in "ab"]
    others = [Labels(np.zeros((4, 4), int), name="theirs")]
    for name in NAMES:
        tool = TOOLS[name]
        pane.show_tool(tool)
        pane.show_layers(images, others, {1: "liver"})
        assert pane.about.text() == f"{tool.tip.rstrip('.')}."
        assert pane.image.isVisible() == ("image" in tool.needs)
        assert pane.clicks_row.isVisible() == ("points" in tool.needs)
        assert (pane.chosen_image is None) == ("image" not in tool.needs)
        assert isinstance(pane.options, tool.options)
    pane.show_tool(TOOLS["grow"])
    pane.form(TOOLS["grow"]).config = pane.options.replace(radius=7.5)
    pane.show_tool(TOOLS["shrink"])
    assert pane.options.radius != 7.5
    pane.show_tool(TOOLS["grow"])
    assert pane.options.radius == 7.5
    pane.show_clicks(0)
    assert not pane.clear.isEnabled()
    pane.show_clicks(2)
    assert (pane.clicks.text(), pane.clear.isEnabled()) == ("2 clicked", True)


def test_a_part_that_is_not_there_is_grey_with_its_reason_and_a_picture_has_no_slices(qtbot):
    viewer = ViewerModel()
    row = WhereRow(viewer)
    qtbot.addWidget(row)
    volume = viewer.add_labels(np.ones((4, 8, 8), np.uint8))
    picture = Labels(np.ones((8, 8), np.uint8))

    def enabled(scope):
        return row.part.model().item(SCOPES.index(scope)).isEnabled()

    def tip(scope):
        return row.part.itemData(SCOPES.index(scope), Qt.ItemDataRole.ToolTipRole)

    row.show_for(volume, TOOLS["keep_largest"])
    assert enabled(Scope.WHOLE)
    assert enabled(Scope.SLICE)
    row.choose(Scope.SLICE)
    row.show_for(volume, TOOLS["interpolate"])
    assert not enabled(Scope.SLICE)
    assert "works from slice to slice" in tip(Scope.SLICE)
    row.show_for(picture, TOOLS["keep_largest"])
    assert row.scope is Scope.WHOLE
    whole = next(t for t in TOOLS.values() if t.any_label)
    row.show_for(volume, whole)
    assert not row.classes.isEnabled()
    assert row.classes.toolTip() == f"“{whole.title}” works on all classes at once"
    row.show_for(None, None)
    assert row.classes.isEnabled()
    assert not row.every_label
